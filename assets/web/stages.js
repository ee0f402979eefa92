// @ts-check
/** Four tiles, one per stage: what it used for the pixel, how far that is, and on which classes. */

import { fill, h, write } from "./dom.js";
import { KEPT, lookInto, looksInto } from "./kept.js";
import { choiceIn, kindOf } from "./layers.js";
import { RATIO } from "./palette.js";
import { paintMap } from "./pane.js";
import { probeOf } from "./selection.js";
import { isWhole } from "./whole.js";
import { digits, percent, times } from "./words.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./blocks.js").Reading} Reading
 */

const TAPS = 5;

/**
 * @param {Bench} bench
 * @returns {HTMLElement}
 */
export function stages(bench) {
  const tiles = [1, 2, 3, 4].map((stage) => new Tile(bench, stage));
  const update = () => {
    for (const tile of tiles) tile.update();
  };
  bench.store.listen((_, changed) => {
    const keys = /** @type {const} */ ([
      "picture",
      "place",
      "hover",
      "choices",
      "layer",
      "stage",
      "parameters",
      "ownColors",
    ]);
    if (keys.some((key) => changed.has(key))) update();
  });
  bench.arrive(update);
  update();
  return h(
    "section",
    { class: "card", "aria-label": bench.say("stages") },
    h(
      "div",
      { class: "card-head" },
      h("h3", {}, bench.say("stages")),
      h("small", {}, bench.say("stages.help")),
    ),
    h("div", { class: "tiles" }, ...tiles.map((tile) => tile.element)),
  );
}

class Tile {
  /**
   * @param {Bench} bench
   * @param {number} number
   */
  constructor(bench, number) {
    this.bench = bench;
    this.number = number;
    const { say } = bench;
    this.kind = h("small", {});
    this.photo = h("div", { class: "photo" });
    this.canvas = h("canvas", { class: "pixelated" });
    this.frame = h("i", { class: "frame" });
    this.window = h("i", { class: "frame window" });
    this.map = h("span", { class: "map" }, this.photo, this.canvas, this.window, this.frame);
    this.far = h("b", {});
    this.even = h("span", {});
    this.bar = h("span", { class: "mix" });
    this.mix = h("span", { class: "mix-words" });
    this.element = h(
      "button",
      {
        type: "button",
        class: "tile",
        "data-stage": String(number),
        onclick: () => bench.set(lookInto(bench.state, number)),
      },
      h(
        "span",
        { class: "tile-head" },
        h("b", {}, say("stage.number", { stage: number })),
        this.kind,
      ),
      this.map,
      h("span", { class: "far" }, this.far, this.even),
      this.bar,
      this.mix,
    );
    /** @type {Reading | null | undefined} */
    this.drawn = undefined;
  }

  update() {
    const { bench, number } = this;
    const { state, say } = bench;
    const { picture } = state;
    const info = picture?.stages.find((each) => each.stage === number);
    this.element.hidden = !info;
    if (!picture || !info) return;
    this.element.disabled = info.pruned === true && !kindOf(bench, KEPT);
    const choice = choiceIn(picture, state, number);
    this.element.setAttribute("aria-pressed", String(looksInto(state, number)));
    const at = probeOf(state);
    const found = info.pruned ? null : bench.blocks.reading(picture, number, choice, at);
    const failure = info.pruned
      ? say(this.element.disabled ? "report.pruned" : "kept.says")
      : bench.blocks.failure(picture, number, choice.block);
    const whose =
      choice.head === null ? say("head.mean") : say("head.number", { head: choice.head });
    const block = say("block.number", { block: choice.block });
    const kind = info.kind === "local" ? `${say("local")} · ${block}` : `${block} · ${whose}`;
    write(this.kind, info.pruned ? say("kept") : kind);
    this.element.classList.toggle("coming", !found);
    this.element.classList.toggle("pruned", info.pruned === true);
    // Never the numbers of another picture: what is not here is said to be on its way.
    this.element.dataset.of = found ? `${picture.key} ${found.row.token}` : "";
    if (!found) {
      this.drawn = null;
      this.canvas.width = 0;
      this.photo.style.backgroundImage = "";
      write(this.far, info.pruned ? "" : failure ? "–" : "…");
      write(this.even, failure);
      this.element.setAttribute(
        "aria-label",
        [say("stage.number", { stage: number }), failure].join(say("comma")),
      );
      this.element.title = "";
      fill(this.bar);
      write(this.mix, "");
      return;
    }
    const { distance_picture_px: far, uniform_distance_picture_px: even } = found.numbers;
    write(this.far, `${digits(far)} px`);
    write(this.even, say("times.of.even", { times: times(far / even) }));
    if (found !== this.drawn) {
      this.drawn = found;
      if (info.kind === "local") this.#local(found);
      else this.#global(found);
    }
    const told = isWhole(picture) ? [] : (found.attended?.classes ?? []); // all of it is one class
    this.bar.hidden = isWhole(picture);
    const classes = told.filter(({ share }) => share > 0.004);
    const names = classes.map(
      ({ index, share }) => `${bench.className(picture, index)} ${percent(share)}`,
    );
    fill(
      this.bar,
      ...classes.map(({ index, share }) =>
        h("i", { style: { flex: `${share} 0 0`, background: bench.classColor(picture, index) } }),
      ),
    );
    write(this.mix, names.slice(0, 2).join(say("comma")));
    this.element.title = names.join(say("comma"));
    const said = [
      say("stage.number", { stage: number }),
      this.far.textContent,
      this.even.textContent,
    ];
    this.element.setAttribute("aria-label", [...said, ...names.slice(0, 3)].join(say("comma")));
  }

  /**
   * The 25 neighbours, magnified, over the part of the photo that they are.
   * @param {Reading} found
   */
  #local({ stage, times, row }) {
    const picture = /** @type {import("./source.js").Picture} */ (this.bench.state.picture);
    const [top, left] = [row.token[0] - 2, row.token[1] - 2];
    const values = Float32Array.from({ length: TAPS ** 2 }, (_, at) => {
      const [y, x] = [top + Math.floor(at / TAPS), left + (at % TAPS)];
      const inside = y >= 0 && x >= 0 && y < stage.rows && x < stage.columns;
      return inside ? (times[y * stage.columns + x] ?? Number.NaN) : Number.NaN;
    });
    this.#paint(values, TAPS, TAPS);
    this.map.style.setProperty("--ratio", String(stage.tokenWidth / stage.tokenHeight));
    const wide = picture.width / (TAPS * stage.tokenWidth);
    const tall = picture.height / (TAPS * stage.tokenHeight);
    const { style } = this.photo;
    style.backgroundImage = `url("${picture.image}")`;
    style.backgroundSize = `${100 * wide}% ${100 * tall}%`;
    style.backgroundPosition = `${part(left * stage.tokenWidth, picture.width, wide)}% ${part(top * stage.tokenHeight, picture.height, tall)}%`;
    put(this.frame, 2 / TAPS, 2 / TAPS, 1 / TAPS, 1 / TAPS);
    this.window.hidden = true;
  }

  /** @param {Reading} found */
  #global({ stage, times, row }) {
    const picture = /** @type {import("./source.js").Picture} */ (this.bench.state.picture);
    this.#paint(times, stage.rows, stage.columns);
    this.map.style.setProperty("--ratio", String(picture.width / picture.height));
    const { style } = this.photo;
    style.backgroundImage = `url("${picture.image}")`;
    style.backgroundSize = "100% 100%";
    const [wide, tall] = [stage.tokenWidth / picture.width, stage.tokenHeight / picture.height];
    this.canvas.style.width = `${100 * stage.columns * wide}%`;
    this.canvas.style.height = `${100 * stage.rows * tall}%`;
    put(this.frame, row.token[1] * wide, row.token[0] * tall, wide, tall);
    this.window.hidden = row.rows === stage.rows && row.columns === stage.columns;
    put(this.window, row.left * wide, row.top * tall, row.columns * wide, row.rows * tall);
  }

  /**
   * @param {Float32Array} values
   * @param {number} rows
   * @param {number} columns
   */
  #paint(values, rows, columns) {
    const scale = { kind: /** @type {const} */ ("ratio"), ...RATIO, unit: "", words: "" };
    paintMap(
      this.canvas,
      {
        kind: "map",
        values,
        rows,
        columns,
        tokenWidth: 1,
        tokenHeight: 1,
        scale,
        boxes: [],
        query: null,
        stale: false,
        format: digits,
      },
      scale,
    );
  }
}

/**
 * The background-position, in percent, that shows a picture from `start` on when it is `zoom` times
 * as large as its box.
 * @param {number} start
 * @param {number} side
 * @param {number} zoom
 */
function part(start, side, zoom) {
  return zoom === 1 ? 0 : (100 * (start / side) * zoom) / (zoom - 1);
}

/**
 * @param {HTMLElement} element
 * @param {number} left
 * @param {number} top
 * @param {number} width
 * @param {number} height
 */
function put(element, left, top, width, height) {
  Object.assign(element.style, {
    left: `${100 * left}%`,
    top: `${100 * top}%`,
    width: `${100 * width}%`,
    height: `${100 * height}%`,
  });
}
