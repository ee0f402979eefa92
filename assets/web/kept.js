// @ts-check
/**
 * Stages whose blocks prune tokens (Light models): no rows can be told of them, so where the page
 * leads to a stage it shows which tokens were kept.
 */

import { choose } from "./choose.js";
import { h } from "./dom.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./source.js").Picture} Picture
 * @typedef {import("./selection.js").Shown} Shown
 */

/** The layer that shows them. */
export const KEPT = "kept";

/**
 * What to select to look into a stage of a picture.
 * @param {Shown & {picture: Picture | null}} shown
 * @param {number} stage
 * @returns {Partial<Shown>}
 */
export function lookInto(shown, stage) {
  const info = stageOf(shown.picture, stage);
  if (!info?.pruned) return { layer: "rows", stage };
  const block = keptStage(shown) === stage ? (shown.parameters[KEPT]?.block ?? null) : null;
  const there = block !== null && Number(block) < info.depth ? block : null;
  return { layer: KEPT, parameters: withKept(shown, stage, there) };
}

/**
 * @param {Shown} shown
 * @param {number} stage
 * @param {import("./selection.js").Values[string]} block  Null: all of them together.
 */
function withKept(shown, stage, block) {
  return { ...shown.parameters, [KEPT]: { stage, block } };
}

/**
 * Whether what is shown looks into a stage.
 * @param {Shown} shown
 * @param {number} stage
 */
export function looksInto(shown, stage) {
  if (shown.layer === KEPT) return keptStage(shown) === stage;
  return shown.layer === "rows" && shown.stage === stage;
}

/**
 * @param {Picture | null} picture
 * @param {number} stage
 */
function stageOf(picture, stage) {
  return picture?.stages.find((each) => each.stage === stage);
}

/** @param {Shown} shown */
export function keptStage(shown) {
  return Number(shown.parameters[KEPT]?.stage ?? 3);
}

/**
 * Which block's tokens are shown: all blocks together, or one.
 * @param {Bench} bench
 * @param {Shown} shown
 * @returns {import("./dom.js").Child[]}
 */
export function keptOptions(bench, shown) {
  const { say, state } = bench;
  const stage = keptStage(shown);
  const info = stageOf(state.picture, stage);
  const one = shown.parameters[KEPT]?.block ?? null;
  const blocks = Array.from(
    { length: info?.depth ?? 0 },
    (_, block) =>
      /** @type {[number, string, string]} */ ([
        block,
        String(block),
        say("block.number", { block }),
      ]),
  );
  const pick = (/** @type {unknown} */ block) =>
    bench.set({ parameters: withKept(shown, stage, /** @type {number | null} */ (block)) });
  return [
    h("span", { class: "label", title: say("block.help") }, say("block")),
    choose(
      say("block"),
      [[null, say("kept.all"), say("kept.all.help")], ...blocks],
      one === null ? null : Number(one),
      pick,
    ),
  ];
}
