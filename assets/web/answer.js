// @ts-check
/** The right column's head: one sentence on the pixel, and its likeliest classes. */

import { h, refill, write } from "./dom.js";
import { confidenceAt, kindOf, labelAt } from "./layers.js";
import { pinButton } from "./pin_table.js";
import { probeOf } from "./selection.js";
import { isWhole } from "./whole.js";
import { percent } from "./words.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./geometry.js").Point} Point
 */

/** Milliseconds the pointer rests before all classes of a pixel are asked for. */
const REST = 140;
const BARS = 5;
/** Of classes that no pixel has: a colour would look for its like on the picture. */
const ABSENT = "#8c8c8c";

/**
 * The sentence and the bars of the pixel looked at.
 * @param {Bench} bench
 * @returns {HTMLElement}
 */
export function pixelAnswer(bench) {
  const { say } = bench;
  const canAsk = bench.catalog.layers.some(({ against }) => against);
  const sentence = h("h2", { class: "sentence" });
  const where = h("p", { class: "where" });
  const bars = h("div", { class: "bars" });
  const hint = h("p", { class: "hint" });
  const live = h("p", { class: "unseen", role: "status", "aria-live": "polite" });
  const element = h(
    "section",
    { class: "card answer", "data-part": "answer" },
    sentence,
    h("div", { class: "where-line" }, where, pinButton(bench)),
    bars,
    hint,
    live,
  );

  /** @type {{key: string, all: Float32Array | null}} */
  let known = { key: "", all: null };
  /** @type {AbortController | null} */
  let asking = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resting;

  /** @param {Point} at */
  function ask(at) {
    const { picture } = bench.state;
    if (!picture) return;
    const key = `${picture.key} ${at.x},${at.y}`;
    if (key === known.key) return;
    known = { key, all: null };
    clearTimeout(resting);
    asking?.abort();
    const controller = new AbortController();
    asking = controller;
    const go = async () => {
      try {
        const all = await bench.source.probabilities(picture, at.x, at.y, {
          signal: controller.signal,
        });
        if (known.key === key) known = { key, all };
        update();
      } catch {
        // What is known without is shown; a new place asks anew.
      }
    };
    resting = setTimeout(go, bench.state.place ? 0 : REST);
  }

  function update() {
    const { picture, place, against } = bench.state;
    if (!picture) return;
    const at = probeOf(bench.state);
    const whole = isWhole(picture);
    ask(whole ? { x: 0, y: 0 } : at); // which hovering does not move
    const label = labelAt(picture, at);
    const ranked = rankedOf(known.all, label, confidenceAt(picture, at));
    const [first, second] = ranked;
    if (!first) return;
    const name = bench.className(picture, first.index);
    const values = { first: name, share: percent(first.share) };
    const next = second && known.all ? bench.className(picture, second.index) : "";
    const key = !next ? "answer.one" : first.share < 0.5 ? "answer.unsure" : "answer.two";
    const words = say(key, { ...values, second: next, other: percent(second?.share ?? 0) });
    write(sentence, words);
    const here = say(place ? "answer.locked" : "answer.free", { x: at.x, y: at.y });
    write(where, whole ? `${say("answer.whole")} ${here}` : here);
    /** @param {number} index */
    const colour = (index) =>
      bench.state.ownColors || picture.classes[index]?.share
        ? bench.classColor(picture, index)
        : ABSENT;
    refill(
      bars,
      ...ranked.slice(0, BARS).map(({ index, share }) =>
        h(
          "button",
          {
            type: "button",
            class: "bar",
            "data-class": String(index),
            "aria-pressed": String(index === against),
            disabled: !canAsk || index === first.index,
            title:
              !canAsk || index === first.index
                ? ""
                : say("answer.rather", { first: name, second: bench.className(picture, index) }),
            onclick: () => rather(index),
          },
          h("i", { class: "swatch", style: { background: colour(index) } }),
          h("span", { class: "name" }, bench.className(picture, index)),
          h(
            "span",
            { class: "track" },
            h("span", {
              class: "filled",
              style: {
                width: `${100 * share}%`,
                background: colour(index),
              },
            }),
          ),
          h("span", { class: "value" }, percent(share)),
        ),
      ),
    );
    element.classList.toggle("waiting", !known.all);
    hint.hidden = !canAsk;
    write(
      hint,
      against === null
        ? say("answer.hint")
        : say("answer.rather.on", {
            first: name,
            second: bench.className(picture, against),
          }),
    );
    if (place && known.all) write(live, `${words} ${say("answer.locked", { x: at.x, y: at.y })}`);
  }

  /**
   * Asks why the first class rather than this one; a second press asks plainly again.
   * @param {number} index
   */
  function rather(index) {
    const { state, catalog } = bench;
    const against = state.against === index ? null : index;
    const now = kindOf(bench, state.layer);
    const why = catalog.layers.find((kind) => kind.group === "why" && kind.against && kind.live);
    const layer = now?.against || !why ? state.layer : why.id;
    bench.set({ against, layer: against === null ? state.layer : layer, place: probeOf(state) });
  }

  bench.store.listen((_, changed) => {
    if (
      ["picture", "place", "hover", "against", "ownColors"].some((key) =>
        changed.has(/** @type {"place"} */ (key)),
      )
    )
      update();
  });
  update();
  return element;
}

/**
 * @param {Float32Array | null} all
 * @param {number} label
 * @param {number} sure
 * @returns {{index: number, share: number}[]}
 */
function rankedOf(all, label, sure) {
  if (!all) return [{ index: label, share: sure }];
  return Array.from(all, (share, index) => ({ index, share })).sort((a, b) => b.share - a.share);
}
