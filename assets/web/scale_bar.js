// @ts-check
/** The one colour bar, with units and the value under the pointer; and how opaque the layer is. */

import { fill, h, write } from "./dom.js";
import { readAt } from "./layers.js";
import { gradient, positionOn, ticks } from "./palette.js";
import { digits, percent } from "./words.js";

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
  const legend = h("div", { class: "legend", role: "group", "aria-label": say("legend") });
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
    legend,
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
    legend.hidden = !view.sides.some((each) => each.painting?.kind === "labels");
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

  function classes() {
    const { picture, isolated } = bench.state;
    if (!picture) return;
    const present = picture.classes
      .filter(({ share }) => share > 0)
      .sort((one, other) => other.share - one.share);
    fill(
      legend,
      ...present.map(({ index, share, meanConfidence }) =>
        h(
          "button",
          {
            type: "button",
            class: "class",
            "data-class": String(index),
            "aria-pressed": String(index === isolated),
            title: say("legend.class", { sure: percent(meanConfidence), index }),
            onclick: () => bench.set({ isolated: index === bench.state.isolated ? null : index }),
          },
          h("i", { class: "swatch", style: { background: bench.classColor(picture, index) } }),
          bench.className(picture, index),
          h("small", {}, percent(share)),
        ),
      ),
    );
  }
  bench.store.listen((_, changed) => {
    if (["picture", "ownColors"].some((key) => changed.has(/** @type {"picture"} */ (key))))
      classes();
    if (changed.has("isolated")) {
      for (const each of legend.querySelectorAll("[data-class]")) {
        const on = each.getAttribute("data-class") === String(bench.state.isolated);
        each.setAttribute("aria-pressed", String(on));
      }
    }
    update();
  });
  bench.arrive(update);
  classes();
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
