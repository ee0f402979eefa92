// @ts-check
/** The classes of the labels that are shown, by area, each to be seen alone. */

import { h, refill } from "./dom.js";
import { percent } from "./words.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./view.js").Side} Side
 */

/**
 * @param {Bench} bench
 * @param {import("./view.js").View} view
 * @returns {HTMLElement}
 */
export function legend(bench, view) {
  const { say } = bench;
  const element = h("div", { class: "legend", role: "group", "aria-label": say("legend") });
  let drawn = "";

  function update() {
    const { picture, isolated, ownColors } = bench.state;
    const sides = picture ? view.sides.filter((side) => isOf(picture, side)) : [];
    element.hidden = !sides.length;
    if (!picture || !sides.length) return;
    const areas = sides.map(sharesOf);
    const rows = rowsOf(areas);
    const key = JSON.stringify([picture.key, rows, isolated, ownColors]);
    if (key === drawn) return;
    drawn = key;
    const [side] = sides;
    const asLabelled = side?.painting?.values === picture.labels;
    refill(
      element,
      ...rows.map(({ index, shares }) => {
        const sure = percent(picture.classes[index]?.meanConfidence ?? 0);
        return h(
          "button",
          {
            type: "button",
            class: "class",
            "data-class": String(index),
            "aria-pressed": String(index === isolated),
            title:
              asLabelled && shares[0]
                ? say("legend.class", { sure, index })
                : say("legend.alone", { index }),
            onclick: () => bench.set({ isolated: index === bench.state.isolated ? null : index }),
          },
          h("i", { class: "swatch", style: { background: bench.classColor(picture, index) } }),
          bench.className(picture, index),
          h("small", {}, shares.map(percent).join(" | ")),
        );
      }),
    );
  }
  bench.store.listen(update);
  bench.arrive(update);
  update();
  return element;
}

/**
 * Whether a side shows labels of the picture's own classes.
 * @param {import("./source.js").Picture} picture
 * @param {Side} side
 */
function isOf({ classes }, side) {
  const others = side.picture.classes;
  const alike = classes.every(({ name }, index) => name === others[index]?.name);
  return side.painting?.kind === "labels" && alike;
}

/**
 * The classes of one or two labellings with their shares in each, the largest first.
 * @param {Map<number, number>[]} areas
 * @returns {{index: number, shares: number[]}[]}
 */
export function rowsOf(areas) {
  const present = new Set(areas.flatMap((each) => [...each.keys()]));
  const rows = [...present].map((index) => ({
    index,
    shares: areas.map((each) => each.get(index) ?? 0),
  }));
  const most = (/** @type {{shares: number[]}} */ row) => Math.max(...row.shares);
  return rows.sort((one, other) => most(other) - most(one));
}

/** By what is painted, which is never written to again. */
/** @type {WeakMap<object, Map<number, number>>} */
const counted = new WeakMap();

/**
 * The part of the picture that each class has in what is painted.
 * @param {Pick<Side, "painting">} side
 */
export function sharesOf({ painting }) {
  const values = painting?.values ?? [];
  const known = counted.get(values);
  if (known) return known;
  /** @type {Map<number, number>} */
  const shares = new Map();
  for (let at = 0; at < values.length; at++) {
    const label = values[at] ?? 0;
    shares.set(label, (shares.get(label) ?? 0) + 1);
  }
  for (const [label, count] of shares) shares.set(label, count / values.length);
  counted.set(values, shares);
  return shares;
}
