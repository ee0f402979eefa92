// @ts-check
/** A region painted by hand: strokes on the picture, kept as one mask of its pixels. */

import { h, icon } from "./dom.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./geometry.js").Point} Point
 */

export class Brush {
  /**
   * @param {Bench} bench
   * @param {import("./pane.js").Pane[]} panes
   */
  constructor(bench, panes) {
    this.bench = bench;
    this.panes = panes;
    /** @type {Uint8Array | null} */
    this.stroke = null;
    /** @type {Point} */
    this.last = { x: 0, y: 0 };
    this.size = 0.04; // of the picture's long side
    const { say } = bench;
    const clear = say("brush.clear");
    this.tools = h(
      "span",
      { class: "brush-tools", hidden: true },
      h("input", {
        type: "range",
        min: "0.01",
        max: "0.15",
        step: "0.005",
        value: String(this.size),
        "aria-label": say("brush.size"),
        title: say("brush.size"),
        oninput: (/** @type {Event} */ event) => {
          this.size = Number(/** @type {HTMLInputElement} */ (event.target).value);
        },
      }),
      h(
        "button",
        {
          type: "button",
          title: clear,
          "aria-label": clear,
          onclick: () => bench.set({ mask: null }),
        },
        icon("close"),
      ),
    );
  }

  update() {
    this.tools.hidden = this.bench.state.region !== "mask";
    if (!this.stroke) this.#paint(null);
  }

  /** @param {Point} at */
  begin(at) {
    const { picture, mask } = this.bench.state;
    if (!picture) return;
    this.stroke = mask ? Uint8Array.from(mask) : new Uint8Array(picture.width * picture.height);
    this.last = at;
    this.go(at);
  }

  /** @param {Point} at */
  go(at) {
    const { picture } = this.bench.state;
    if (!this.stroke || !picture) return;
    const { width, height } = picture;
    const radius = Math.max(1, (this.size * Math.max(width, height)) / 2);
    const far = Math.hypot(at.x - this.last.x, at.y - this.last.y);
    const steps = Math.max(1, Math.ceil(far / (radius / 2)));
    for (let step = 1; step <= steps; step++) {
      const x = this.last.x + ((at.x - this.last.x) * step) / steps;
      const y = this.last.y + ((at.y - this.last.y) * step) / steps;
      dab(this.stroke, width, height, x, y, radius);
    }
    this.last = at;
    this.#paint(this.stroke);
  }

  /** @returns {boolean} whether there was a stroke */
  end() {
    if (!this.stroke) return false;
    const mask = this.stroke;
    this.stroke = null;
    this.bench.set({ mask, place: this.#middle(mask) });
    return true;
  }

  cancel() {
    this.stroke = null;
    this.#paint(null);
  }

  /**
   * The painted pixel nearest to the mean of all: the place that stands for the region.
   * @param {Uint8Array} mask
   * @returns {Point}
   */
  #middle(mask) {
    const width = this.bench.state.picture?.width ?? 1;
    let [count, left, top] = [0, 0, 0];
    mask.forEach((on, at) => {
      if (!on) return;
      count += 1;
      left += at % width;
      top += Math.floor(at / width);
    });
    const mean = { x: left / count, y: top / count };
    let best = { x: 0, y: 0 };
    let nearest = Number.POSITIVE_INFINITY;
    mask.forEach((on, at) => {
      if (!on) return;
      const [x, y] = [at % width, Math.floor(at / width)];
      const far = (x - mean.x) ** 2 + (y - mean.y) ** 2;
      if (far < nearest) [nearest, best] = [far, { x, y }];
    });
    return best;
  }

  /**
   * Shows the stroke while it is drawn; afterwards its outline does.
   * @param {Uint8Array | null} mask
   */
  #paint(mask) {
    const { picture } = this.bench.state;
    for (const { brush } of this.panes) {
      brush.hidden = !mask;
      if (!mask || !picture) continue;
      const shrink = Math.min(1, 800 / Math.max(picture.width, picture.height));
      brush.width = Math.max(1, Math.round(picture.width * shrink));
      brush.height = Math.max(1, Math.round(picture.height * shrink));
      const context = brush.getContext("2d");
      if (!context) continue;
      const image = context.createImageData(brush.width, brush.height);
      for (let y = 0, at = 0; y < brush.height; y++) {
        const line = Math.floor(y / shrink) * picture.width;
        for (let x = 0; x < brush.width; x++, at++) {
          if (mask[line + Math.floor(x / shrink)]) image.data.set([255, 209, 102, 170], 4 * at);
        }
      }
      context.putImageData(image, 0, 0);
    }
  }
}

/**
 * Paints a disc into a mask.
 * @param {Uint8Array} mask
 * @param {number} width
 * @param {number} height
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 */
export function dab(mask, width, height, x, y, radius) {
  const [top, bottom] = [Math.max(0, Math.ceil(y - radius)), Math.min(height - 1, y + radius)];
  for (let row = top; row <= bottom; row++) {
    const half = Math.sqrt(Math.max(0, radius ** 2 - (row - y) ** 2));
    const from = Math.max(0, Math.ceil(x - half));
    const to = Math.min(width - 1, Math.floor(x + half));
    if (from <= to) mask.fill(1, row * width + from, row * width + to + 1);
  }
}
