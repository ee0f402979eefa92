// @ts-check
/**
 * The models to choose from: those that can be had, the visitor's own, and those whose weights are
 * elsewhere, which can be looked into with random ones.
 */

import { h } from "./dom.js";
import { TRAINED } from "./selection.js";

/**
 * @typedef {import("./source.js").ModelInfo} ModelInfo
 *
 * @param {import("./bench.js").Bench} bench
 * @param {import("./pictures.js").Pictures} pictures
 * @param {HTMLElement | null} own  The box for a checkpoint.
 * @param {() => void} close
 * @returns {import("./dom.js").Child[]}
 */
export function modelRows(bench, pictures, own, close) {
  const { say } = bench;
  const now = bench.state.setting;
  const current = bench.models.find((each) => each.name === now?.model);
  const random = h("input", {
    type: "checkbox",
    "data-part": "random",
    // A model that has weights of its own here is left with them, however it came to random ones.
    checked: now?.untrained === true && current?.available === false,
    onchange: () => update(),
  });
  /** @type {[HTMLElement, ModelInfo][]} */
  const rows = [];
  /** @param {ModelInfo} each */
  const row = (each) => {
    const made = h(
      "button",
      {
        type: "button",
        class: "model",
        "data-model": each.name,
        onclick: () => {
          close();
          const { name: model, reach, windowSize } = each;
          pictures.relabel({ model, ...TRAINED, reach, windowSize, untrained: random.checked });
        },
      },
      h("b", {}, each.title),
      h("span", {}, each.knows),
      each.missing && h("small", {}, each.missing),
    );
    rows.push([made, each]);
    return made;
  };
  function update() {
    for (const [made, each] of rows) {
      made.toggleAttribute("disabled", !each.available && !random.checked);
      const shown = each.name === now?.model && random.checked === (now?.untrained === true);
      made.setAttribute("aria-current", String(shown));
    }
  }
  const ready = bench.models.filter((each) => each.available);
  const missing = bench.models.filter((each) => !each.available);
  const classifiers = ready.filter((each) => each.task === "classify");
  const parts = [
    ...ready.filter((each) => each.task !== "classify").map(row),
    classifiers.length > 0 && h("h3", {}, say("model.classifiers")),
    ...classifiers.map(row),
    own,
    missing.length > 0 && h("h3", {}, say("model.missing")),
    missing.length > 0 && h("label", { class: "field check random" }, random, say("model.random")),
    ...missing.map(row),
  ];
  update();
  return parts;
}
