// @ts-check
/** One picture with what lies over it: photo, layer, marks. It draws what it is told. */

import { fill, h, s } from "./dom.js";
import { colorAt, positionOn } from "./palette.js";
import { drawnAt } from "./pins.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./source.js").Picture} Picture
 * @typedef {import("./layers.js").Painting} Painting
 * @typedef {import("./geometry.js").Fit} Fit
 * @typedef {import("./geometry.js").Point} Point
 * @typedef {import("./palette.js").Color} Color
 *
 * @typedef {{at: Point, kind: "locked" | "hover" | "home"}} Marked
 */

/** Sides of what is painted at most, so that large photos stay quick; values are picked. */
const MOST_SIDE = 1600;
const STEPS = 256;
/** From the pixel up to the disc of the letter. */
const PIN = "M0 0C-2-5-9-9-9-16a9 9 0 1 1 18 0C9-9 2-5 0 0Z";
const BOX_COLORS = ["#ffd166", "#4cc9f0", "#ff7aa2", "#90e39a", "#ffffff"];

export class Pane {
  /** @param {Bench} bench */
  constructor(bench) {
    this.bench = bench;
    this.image = h("img", { alt: "", draggable: false });
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.brush = h("canvas", { class: "brush", "aria-hidden": "true" });
    this.world = h("div", { class: "world" }, this.image, this.canvas, this.brush);
    this.lines = s("g", {});
    this.marks = s("g", {});
    this.over = s("svg", { class: "over", "aria-hidden": "true" }, this.lines, this.marks);
    this.title = h("div", { class: "pane-title" });
    this.element = h("div", { class: "pane" }, this.world, this.over, this.title);
    /** @type {unknown[]} */
    this.painted = [];
    /** What the lines are drawn of. */
    this.outlined = "";
    /** @type {Fit} */
    this.fit = { left: 0, top: 0, scale: 1 };
  }

  /** @param {Picture} picture */
  show(picture) {
    if (this.image.getAttribute("src") !== picture.image) this.image.src = picture.image;
    const { examples } = this.bench.catalog;
    this.image.alt = examples.find(({ name }) => name === picture.example)?.alt ?? picture.alt;
    this.world.style.width = `${picture.width}px`;
    this.world.style.height = `${picture.height}px`;
  }

  /** @param {Fit} fit */
  place(fit) {
    this.fit = fit;
    const { left, top, scale } = fit;
    const transform = `translate(${left}px, ${top}px) scale(${scale})`;
    this.world.style.transform = transform;
    this.image.classList.toggle("pixelated", scale > 3);
    this.lines.setAttribute("transform", `translate(${left} ${top}) scale(${scale})`);
  }

  /**
   * @param {Picture} picture
   * @param {Painting | null} painting
   * @param {import("./source.js").Scale | null} scale  Instead of the painting's own.
   * @param {number} opacity
   */
  paint(picture, painting, scale, opacity) {
    const nothing = !painting?.values || painting.kind === "photo";
    this.canvas.hidden = nothing;
    if (!painting || nothing) return;
    const { isolated, ownColors } = this.bench.state;
    const shown = scale ?? painting.scale;
    /** @type {unknown[]} */
    const key = [painting.values, painting.kind, isolated, ownColors, this.bench.state.picture];
    key.push(shown.kind, shown.low, shown.high);
    if (key.some((each, at) => !Object.is(each, this.painted[at]))) {
      this.painted = key;
      if (painting.kind === "labels") {
        paintLabels(this.canvas, painting, this.bench.classColors(picture), isolated);
      } else paintMap(this.canvas, painting, shown);
    }
    const { style } = this.canvas;
    style.width = `${painting.columns * painting.tokenWidth}px`;
    style.height = `${painting.rows * painting.tokenHeight}px`;
    style.opacity = String(painting.stale ? opacity / 2 : opacity);
  }

  /**
   * @param {Painting | null} painting
   * @param {string} outline  A path around the region asked about, in pixels of the picture.
   */
  outline(painting, outline) {
    const boxes = painting?.boxes ?? [];
    const drawn = outline + JSON.stringify([boxes, painting?.query]);
    if (drawn === this.outlined) return;
    this.outlined = drawn;
    const named = boxes.filter((box) => box.name);
    fill(
      this.lines,
      outline && s("path", { d: outline, class: "line shadow" }),
      outline && s("path", { d: outline, class: "line region" }),
      ...boxes.flatMap((box) => [
        rectangle(box, "line shadow"),
        rectangle(
          box,
          "line box",
          box.name ? (BOX_COLORS[named.indexOf(box) % BOX_COLORS.length] ?? "#fff") : "#fff",
        ),
      ]),
      painting?.query && rectangle(painting.query, "line shadow"),
      painting?.query && rectangle(painting.query, "line query"),
    );
  }

  /**
   * @param {Marked} marked
   * @param {import("./pins.js").Pin[]} pins
   * @param {Painting | null} painting
   */
  mark({ at, kind }, pins, painting) {
    const named = (painting?.boxes ?? []).filter((box) => box.name);
    const { x, y } = drawnAt(this.fit, at);
    const parts =
      kind === "locked"
        ? [
            s("circle", { r: 9, class: "mark dark" }),
            s("circle", { r: 9, class: "mark" }),
            s("circle", { r: 2.2, class: "dot" }),
            s("path", { d: "M-15 0h5M10 0h5M0-15v5M0 10v5", class: "mark dark" }),
            s("path", { d: "M-15 0h5M10 0h5M0-15v5M0 10v5", class: "mark" }),
          ]
        : [s("circle", { r: 7, class: "mark dark" }), s("circle", { r: 7, class: `mark ${kind}` })];
    fill(
      this.marks,
      ...named.map((box, at) => {
        const { left, top, scale } = this.fit;
        const x = left + Math.max(0, box.left) * scale + 8;
        const bottom = Math.min(box.bottom, this.bench.state.picture?.height ?? box.bottom);
        const y = top + bottom * scale - 8 - 16 * (named.length - 1 - at);
        const color = BOX_COLORS[at % BOX_COLORS.length];
        const words = box.says ? `${box.name} · ${box.says}` : box.name;
        return s("text", { x, y, class: "box-name", fill: color }, words);
      }),
      s("g", { transform: `translate(${x} ${y})`, "data-mark": kind }, ...parts),
      ...pins.map((pin) => {
        const { x, y, letter, up } = drawnAt(this.fit, pin);
        return s(
          "g",
          { "data-mark": "pin", class: "pin" },
          s("path", { d: PIN, transform: `translate(${x} ${y}) scale(1 ${up ? 1 : -1})` }),
          s("text", { x, y: letter + 4 }, pin.letter),
        );
      }),
    );
  }
}

/**
 * @param {import("./source.js").Box} box
 * @param {string} name
 * @param {string} [color]
 */
function rectangle(box, name, color) {
  return s("rect", {
    x: box.left,
    y: box.top,
    width: box.right - box.left,
    height: box.bottom - box.top,
    class: name,
    ...(color ? { style: { stroke: color } } : {}),
  });
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 */
function blank(canvas, width, height) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser draws no canvas.");
  return { context, image: context.createImageData(width, height) };
}

/**
 * Classes in their colours, with a thin light line between them.
 * @param {HTMLCanvasElement} canvas
 * @param {Painting} painting
 * @param {Color[]} colors
 * @param {number | null} isolated  A class to see alone.
 */
export function paintLabels(canvas, { values, rows, columns }, colors, isolated) {
  if (!values) return;
  const shrink = Math.min(1, MOST_SIDE / Math.max(rows, columns));
  const width = Math.max(1, Math.round(columns * shrink));
  const height = Math.max(1, Math.round(rows * shrink));
  const { context, image } = blank(canvas, width, height);
  const seen = new Uint16Array(width * height);
  for (let y = 0, at = 0; y < height; y++) {
    const line = Math.floor(((y + 0.5) * rows) / height) * columns;
    for (let x = 0; x < width; x++, at++) {
      seen[at] = values[line + Math.floor(((x + 0.5) * columns) / width)] ?? 0;
    }
  }
  const pixels = new Uint32Array(image.data.buffer); // little endian: alpha, blue, green, red
  const table = colors.map(([red, green, blue], index) =>
    isolated !== null && isolated !== index
      ? 0xd8121412
      : ((0xff << 24) | (blue << 16) | (green << 8) | red) >>> 0,
  );
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const label = seen[at] ?? 0;
      const edge =
        (x + 1 < width && seen[at + 1] !== label) || (y + 1 < height && seen[at + width] !== label);
      pixels[at] = edge ? 0xfff4f8f8 : (table[label] ?? 0);
    }
  }
  context.putImageData(image, 0, 0);
  canvas.classList.toggle("pixelated", false);
}

/**
 * Values in the colours of their scale; every value fills its box, and NaN stays clear.
 * @param {HTMLCanvasElement} canvas
 * @param {Painting} painting
 * @param {import("./source.js").Scale} scale
 */
export function paintMap(canvas, { values, rows, columns }, scale) {
  if (!values) return;
  const { context, image } = blank(canvas, columns, rows);
  const table = Array.from({ length: STEPS }, (_, at) => colorAt(scale.kind, at / (STEPS - 1)));
  for (let at = 0; at < rows * columns; at++) {
    const position = positionOn(scale, values[at] ?? Number.NaN);
    if (Number.isNaN(position)) continue;
    const color = table[Math.round(position * (STEPS - 1))];
    if (!color) continue;
    image.data.set(color, 4 * at);
    image.data[4 * at + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  canvas.classList.toggle("pixelated", true);
}

/**
 * The border of a mask as a path, in pixels.
 * @param {Uint8Array} mask
 * @param {number} width
 * @param {number} height
 * @returns {string}
 */
export function borderOf(mask, width, height) {
  /** @type {string[]} */
  const parts = [];
  const inside = (/** @type {number} */ x, /** @type {number} */ y) =>
    x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x] ? 1 : 0;
  for (let y = 0; y <= height; y++) {
    for (let x = 0, from = -1; x <= width; x++) {
      const edge = x < width && inside(x, y) !== inside(x, y - 1);
      if (edge && from < 0) from = x;
      if (!edge && from >= 0) {
        parts.push(`M${from} ${y}H${x}`);
        from = -1;
      }
    }
  }
  for (let x = 0; x <= width; x++) {
    for (let y = 0, from = -1; y <= height; y++) {
      const edge = y < height && inside(x, y) !== inside(x - 1, y);
      if (edge && from < 0) from = y;
      if (!edge && from >= 0) {
        parts.push(`M${x} ${from}V${y}`);
        from = -1;
      }
    }
  }
  return parts.join("");
}
