// @ts-check
/** "Your checkpoint …": a box that takes a file of weights and, beside itself, tells what is amiss. */

import { fill, h, icon } from "./dom.js";
import { sentenceOf } from "./pictures.js";
import { SourceError } from "./source.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./source.js").ModelInfo} ModelInfo
 */

/**
 * The box is part of a menu; the menu closes once the model is there, and opens again to tell why not.
 * @param {Bench} bench
 * @param {(model: ModelInfo) => void} use  What to do with the model.
 * @returns {HTMLElement | null} null where no checkpoint can be taken
 */
export function checkpointBox(bench, use) {
  const { say, source } = bench;
  if (!source.addModel) return null;
  const size = Math.floor(bench.catalog.fileBytes / 2 ** 20);
  const told = h("div", { class: "own-told", role: "alert" });
  const input = h("input", {
    type: "file",
    accept: ".pth,.pt,.safetensors",
    class: "unseen",
    tabindex: "-1",
    "aria-label": say("model.own"),
    onchange: () => {
      const file = input.files?.[0];
      input.value = "";
      if (file) take(file);
    },
  });
  const choose = h(
    "button",
    { type: "button", class: "action", "data-part": "own", onclick: () => input.click() },
    icon("upload"),
    say("model.own"),
  );
  const box = h(
    "div",
    { class: "own" },
    choose,
    input,
    h("p", { class: "hint" }, say("model.own.help", { size })),
    told,
  );
  const panel = () => /** @type {HTMLElement | null} */ (box.closest("[popover]"));

  /** @param {File} file */
  async function take(file) {
    const { name } = file;
    if (file.size > bench.catalog.fileBytes) {
      fill(told, h("p", { class: "problem" }, say("model.own.large", { name, size })));
      return;
    }
    const controller = new AbortController();
    const stop = h(
      "button",
      { type: "button", class: "quiet", onclick: () => controller.abort() },
      say("ask.stop"),
    );
    fill(told, h("p", { class: "own-doing" }, say("model.own.reading", { name }), stop));
    choose.disabled = true;
    try {
      const model = await source.addModel?.(file, { signal: controller.signal });
      fill(told);
      if (!model) return;
      bench.own.push(model);
      panel()?.hidePopover();
      use(model);
    } catch (error) {
      fill(told, ...(controller.signal.aborted ? [] : problem(bench, error)));
      if (!panel()?.matches(":popover-open")) panel()?.showPopover();
    } finally {
      choose.disabled = false;
    }
  }

  return box;
}

/**
 * @param {Bench} bench
 * @param {unknown} error
 * @returns {HTMLElement[]}
 */
function problem({ say }, error) {
  const keys = error instanceof SourceError ? Object.entries(error.keys) : [];
  return [
    h("p", { class: "problem" }, sentenceOf(error)),
    ...keys
      .filter(([, names]) => names.length)
      .map(([kind, names]) =>
        h(
          "details",
          { open: true, "data-keys": kind },
          h("summary", {}, say(`model.own.${kind}`, { count: names.length })),
          h("ul", {}, ...names.map((name) => h("li", {}, name))),
        ),
      ),
  ];
}
