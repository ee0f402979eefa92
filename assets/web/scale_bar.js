// @ts-check
/** The one colour bar, with units and the value under the pointer; and how opaque the layer is. */

import { fill, h, write } from "./dom.js";
import { readAt } from "./layers.js";
import { legend } from "./legend.js";
import { gradient, positionOn, ticks } from "./palette.js";
import { digits } from "./words.js";

/** @typedef {import("./bench.js").Bench} Bench */

/**
 * @param {Bench} bench
 * @param {import("./view.js").View} view
 * @returns {HTMLElement}
 */
export function scaleBar(bench, view) {
  const { say } = bench;
  const ramp = h("div", { class: "ramp" }, h("i", { class: "needle", hidden: true }));
  const needle = /** @type {HTMLElement} */ (ramp.firstElementChild);
  const marks = h("div", { class: "ticks" });
  const unit = h("span", { class: "unit" });
  const bar = h("div", { class: "scale" }, h("div", { class: "ramp-box" }, ramp, marks), unit);
  const opacity = h("input", {
    type: "range",
    min: "0",
    max: "1",
    step: "0.01",
    "aria-label": say("opacity"),
    oninput: () => bench.set({ opacity: Number(opacity.value) }),
  });
  const element = h(
    "div",
    { class: "under" },
    bar,
    legend(bench, view),
    h("label", { class: "opacity" }, h("span", {}, say("opacity")), opacity),
  );
  let shown = "";

  function update() {
    const { state } = bench;
    const side = view.sides.find((each) => each.painting?.kind === "map") ?? view.sides[0];
    const painting = side?.painting ?? null;
    const scale = side?.scale ?? painting?.scale;
    const map = painting?.kind === "map" && painting.values !== null && scale !== undefined;
    bar.hidden = !map;
    opacity.value = String(state.opacity);
    if (map && scale) {
      const key = JSON.stringify(scale);
      if (key !== shown) {
        shown = key;
        ramp.style.background = gradient(scale.kind);
        fill(
          marks,
          ...ticks(scale).map((tick) =>
            h(
              "span",
              { style: { left: `${100 * positionOn(scale, tick)}%` } },
              scale.kind === "ratio" ? ratioWords(tick) : tickWords(tick),
            ),
          ),
        );
        write(unit, scale.unit);
        bar.title = scale.words;
      }
      const at =
        state.hover && side ? readAt(bench, side.picture, painting, state.hover).value : null;
      needle.hidden = at === null;
      if (at !== null) needle.style.left = `${100 * positionOn(scale, at)}%`;
    }
  }

  bench.store.listen(update);
  bench.arrive(update);
  update();
  return element;
}

/** @param {number} tick */
function tickWords(tick) {
  return digits(tick)
    .replace(/(\.\d*?)0+$/, "$1")
    .replace(/\.$/, "");
}

/** @param {number} times */
function ratioWords(times) {
  return times < 1 ? `1/${Math.round(1 / times)}` : `${times}×`;
}
