// @ts-check
/** The picture: one pane or two, zoom, divider, brush, marks, and the value under the pointer. */

import { Brush } from "./brush.js";
import { fill, h, icon, write } from "./dom.js";
import { bounded, fit, pixelUnder, segmentAt, WHOLE, zoomedAt } from "./geometry.js";
import { askOf, kindOf, labelAt, paintingOf, readAt } from "./layers.js";
import { shared } from "./palette.js";
import { borderOf, Pane } from "./pane.js";
import { pointing } from "./pointing.js";
import { homeOf } from "./selection.js";
import { isWhole, regionsOf } from "./whole.js";
import { percent } from "./words.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./source.js").Picture} Picture
 * @typedef {import("./source.js").Scale} Scale
 * @typedef {import("./layers.js").Painting} Painting
 * @typedef {import("./selection.js").Shown} Shown
 * @typedef {import("./geometry.js").Point} Point
 *
 * @typedef {object} Side  What one side shows.
 * @property {Picture} picture
 * @property {Shown} shown
 * @property {Painting | null} painting
 * @property {Scale | null} scale
 * @property {string} title
 */

const REGION_ICONS = /** @type {const} */ (["pixel", "segment", "class", "mask"]);

export class View {
  /**
   * @param {Bench} bench
   * @param {() => void} stop  Stops labelling.
   */
  constructor(bench, stop) {
    this.bench = bench;
    const { say } = bench;
    this.panes = [new Pane(bench), new Pane(bench)];
    this.brush = new Brush(bench, this.panes);
    this.tip = h("div", { class: "tip", hidden: true });
    this.divider = h(
      "div",
      {
        class: "divider",
        role: "slider",
        tabindex: "0",
        "aria-label": say("view.divider"),
        "aria-valuemin": "0",
        "aria-valuemax": "100",
        onkeydown: (/** @type {KeyboardEvent} */ event) => {
          const step = { ArrowLeft: -0.02, ArrowRight: 0.02 }[event.key];
          if (step) {
            event.preventDefault();
            event.stopPropagation();
            bench.set({ divider: Math.min(0.98, Math.max(0.02, bench.state.divider + step)) });
          }
        },
      },
      h("span", {}, icon("split")),
    );
    this.regions = h(
      "div",
      { class: "float regions", role: "group", "aria-label": say("region.about") },
      ...REGION_ICONS.map((region) =>
        h(
          "button",
          {
            type: "button",
            "data-region": region,
            title: say(`region.${region}.help`),
            onclick: () => bench.set({ region }),
          },
          icon(region === "mask" ? "brush" : region),
          h("span", {}, say(`region.${region}`)),
        ),
      ),
      this.brush.tools,
    );
    this.zooms = h(
      "div",
      { class: "float zooms", role: "group", "aria-label": say("view.zoom") },
      this.#tool("minus", "view.out", () => this.zoomBy(1 / 1.6)),
      h("output", { class: "factor", title: say("view.zoom") }),
      this.#tool("plus", "view.in", () => this.zoomBy(1.6)),
      this.#tool("whole", "view.whole", () => bench.set({ zoom: { ...WHOLE } })),
    );
    this.doing = h("span", {}, say("view.labelling"));
    this.busy = h(
      "div",
      { class: "busy", role: "status", hidden: true },
      this.doing,
      h(
        "button",
        { type: "button", "data-part": "stop-labelling", onclick: stop },
        say("ask.stop"),
      ),
    );
    this.stage = h(
      "div",
      {
        class: "stage",
        tabindex: "0",
        role: "application",
        "aria-roledescription": say("view.picture"),
        "aria-label": say("view.keys"),
        "data-part": "stage",
      },
      ...this.panes.map((pane) => pane.element),
      this.divider,
      this.tip,
    );
    this.element = h("div", { class: "view" }, this.stage, this.regions, this.zooms, this.busy);
    /** @type {Side[]} */
    this.sides = [];
    /** @type {{key: unknown[], path: string}} */
    this.region = { key: [], path: "" };
    pointing(this);
    new ResizeObserver(() => this.update()).observe(this.stage);
    bench.store.listen(() => this.update());
    bench.arrive(() => this.update());
  }

  /** The size of one pane. */
  get frame() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    const { beside, compare } = this.bench.state;
    return { width: Math.max(1, beside && compare ? width / 2 - 1 : width), height: height || 1 };
  }

  /** @param {number} factor */
  zoomBy(factor, at = { x: this.frame.width / 2, y: this.frame.height / 2 }) {
    const { picture, zoom } = this.bench.state;
    if (!picture) return;
    this.bench.set({ zoom: zoomedAt(this.frame, picture, zoom, factor, at) });
  }

  /**
   * The pixel under the pointer, and the point within its pane.
   * @param {{clientX: number, clientY: number}} event
   */
  under(event) {
    const { picture, zoom, beside, compare } = this.bench.state;
    const box = this.stage.getBoundingClientRect();
    const frame = this.frame;
    let x = event.clientX - box.left - this.stage.clientLeft;
    const second = Boolean(compare && beside && x > frame.width);
    if (second) x -= frame.width + 2;
    const at = { x, y: event.clientY - box.top - this.stage.clientTop };
    if (!picture) return { at, pixel: null, inside: false, second };
    const fitted = fit(frame, picture, zoom);
    const u = (at.x - fitted.left) / fitted.scale / picture.width;
    const v = (at.y - fitted.top) / fitted.scale / picture.height;
    const inside = u >= 0 && u < 1 && v >= 0 && v < 1;
    return { at, pixel: pixelUnder(fitted, picture, at), inside, second };
  }

  /** What each side shows, left first. */
  #sides() {
    const { bench } = this;
    const { state } = bench;
    const { picture, compare, other } = state;
    if (!picture) return [];
    /** @type {(of: Picture, shown: Shown, slot: 0 | 1, title: string) => Side} */
    const side = (of, shown, slot, title) => {
      const ask = askOf(bench, state, shown);
      bench.slots[slot].want(of, ask, ask && kindOf(bench, ask.layer));
      const painting = paintingOf(bench, state, shown, of, bench.slots[slot]);
      return { picture: of, shown, painting, scale: null, title };
    };
    const now = bench.settingTitle(picture.setting);
    if (!compare) {
      bench.slots[1].want(null, null, null);
      return [side(picture, state, 0, "")];
    }
    if (compare.kind === "setting") {
      const left = side(picture, state, 0, now);
      const title = bench.settingTitle(compare.setting);
      if (!other) bench.slots[1].want(null, null, null);
      return other ? [left, side(other, state, 1, title)] : [left];
    }
    if (compare.kind === "photo") bench.slots[1].want(null, null, null);
    const held = compare.kind === "held" ? compare.shown : { ...state, layer: "photo" };
    const names = [held, state].map((shown) => bench.layerTitle(picture, shown));
    return [side(picture, held, 1, names[0] ?? ""), side(picture, state, 0, names[1] ?? "")];
  }

  update() {
    const { bench } = this;
    const { state } = bench;
    const { picture, compare, beside, zoom } = state;
    if (!picture) return;
    this.sides = this.#sides();
    const [left, right] = this.sides;
    if (left?.painting && right?.painting) {
      const scale = shared(left.painting.scale, right.painting.scale);
      left.scale = scale;
      right.scale = scale;
    }
    const two = Boolean(compare && right);
    this.stage.style.setProperty("--ratio", String(picture.width / picture.height));
    this.stage.classList.toggle("two", two);
    this.stage.classList.toggle("beside", Boolean(two && beside));
    this.stage.classList.toggle("zoomed", zoom.scale > 1);
    this.stage.classList.toggle("brushing", state.region === "mask");
    this.divider.hidden = !two || beside;
    const frame = this.frame;
    const fitted = fit(frame, picture, bounded(frame, picture, zoom));
    const path = this.#regionPath();
    this.panes.forEach((pane, at) => {
      const side = this.sides[at];
      pane.element.hidden = !side;
      if (!side) return;
      pane.show(side.picture);
      pane.place(fitted);
      pane.paint(side.picture, side.painting, side.scale, state.opacity);
      pane.outline(side.painting, path);
      pane.mark(this.#marked(), state.pins, side.painting);
      write(pane.title, two ? side.title : "");
    });
    if (two && !beside) {
      const at = `${100 * state.divider}%`;
      this.stage.style.setProperty("--divider", at);
      this.divider.setAttribute("aria-valuenow", String(Math.round(100 * state.divider)));
    }
    const factor = this.zooms.querySelector("output");
    if (factor)
      write(factor, `${zoom.scale < 9.95 ? zoom.scale.toFixed(1) : Math.round(zoom.scale)}×`);
    const kind = kindOf(bench, state.layer);
    const asked = kind && regionsOf(picture, kind);
    const about = isWhole(picture) && !asked?.includes(state.region) ? asked?.[0] : state.region;
    for (const button of this.regions.querySelectorAll("[data-region]")) {
      const region = /** @type {import("./source.js").Region} */ (
        button.getAttribute("data-region")
      );
      button.setAttribute("aria-pressed", String(region === about));
      button.toggleAttribute("disabled", asked !== null && !asked.includes(region));
    }
    const choice = this.bench.catalog.layers.some(({ regions }) => regions.length > 1);
    this.regions.hidden = !choice || (isWhole(picture) && (asked?.length ?? 0) < 2);
    this.brush.update();
    this.busy.hidden = bench.waiting === 0;
    write(this.doing, this.#progress());
    this.stage.setAttribute("aria-busy", String(bench.waiting > 0));
    this.#tip();
  }

  #progress() {
    const { progress, say } = this.bench;
    if (!progress) return say("view.labelling");
    const { ahead, words, done, total } = progress;
    if (ahead > 0) return say("ask.ahead", { ahead });
    const share = total > 1 ? ` ${percent(done / total)}` : "";
    return `${words ?? say("view.labelling")}${share}`;
  }

  /** @returns {import("./pane.js").Marked} */
  #marked() {
    const { place, hover, picture } = this.bench.state;
    if (place) return { at: place, kind: "locked" };
    return hover ? { at: hover, kind: "hover" } : { at: homeOf(picture), kind: "home" };
  }

  /** The outline of what a question is about, once a place is marked. */
  #regionPath() {
    const { picture, place, region, mask, layer } = this.bench.state;
    if (!picture) return "";
    const kind = kindOf(this.bench, layer);
    const asked = kind ? regionsOf(picture, kind).includes(region) : region !== "segment";
    const wanted = asked && (region === "mask" ? mask : place);
    const key = [picture, place, region, mask, Boolean(wanted)];
    if (key.every((each, at) => each === this.region.key[at])) return this.region.path;
    let path = "";
    if (wanted && region === "mask" && mask) path = borderOf(mask, picture.width, picture.height);
    else if (wanted && place && region === "segment") {
      path = borderOf(segmentAt(picture.labels, picture, place), picture.width, picture.height);
    } else if (wanted && place && region === "class") {
      const label = labelAt(picture, place);
      const all = Uint8Array.from(picture.labels, (each) => (each === label ? 1 : 0));
      path = borderOf(all, picture.width, picture.height);
    }
    this.region = { key, path };
    return path;
  }

  /** Says the class and the layer's value under the pointer, beside it. */
  #tip() {
    const { bench } = this;
    const { hover, picture } = bench.state;
    const at = this.pointer;
    if (!hover || !picture || !at) {
      this.tip.hidden = true;
      return;
    }
    const values = this.sides.map(
      (side) => readAt(bench, side.picture, side.painting, hover).words,
    );
    const label = labelAt(picture, hover);
    const swatch = h("i", {
      class: "swatch",
      style: { background: bench.classColor(picture, label) },
    });
    const labels = this.sides[0]?.painting?.kind === "labels";
    const first = labels ? (values[0] ?? "") : bench.className(picture, label);
    const rest = (labels ? values.slice(1) : values).filter(Boolean);
    // The class of a whole picture is not that of the place.
    const named = isWhole(picture) ? [] : [swatch, h("b", {}, first)];
    fill(this.tip, ...named, ...rest.map((words) => h("span", {}, words)));
    this.tip.hidden = !named.length && !rest.length;
    const frame = this.stage.getBoundingClientRect();
    const right = at.x > frame.width - 220;
    const low = at.y > frame.height - 60;
    this.tip.style.transform = `translate(${at.x + (right ? -14 : 14)}px, ${at.y + (low ? -40 : 16)}px) translateX(${right ? "-100%" : "0"})`;
  }

  /** Where the pointer is, within the stage. */
  /** @type {Point | null} */
  pointer = null;

  /**
   * @param {keyof typeof import("./dom.js").ICONS} name
   * @param {string} key
   * @param {() => void} does
   */
  #tool(name, key, does) {
    const words = this.bench.say(key);
    return h(
      "button",
      { type: "button", title: words, "aria-label": words, onclick: does },
      icon(name),
    );
  }
}
