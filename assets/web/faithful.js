// @ts-check
/** The badge beside a map of why: it opens the check whether that map is faithful. */

import { h } from "./dom.js";
import { kindOf } from "./layers.js";

const CHECK = "faithfulness";

/**
 * @param {import("./bench.js").Bench} bench
 * @param {import("./source.js").LayerKind} kind  Of the layer that is shown.
 * @returns {import("./dom.js").Child}  Nothing where the map is none of a score, or nobody can check it.
 */
export function faithfulBadge(bench, kind) {
  const { say, state } = bench;
  const scored = kind.parameters.some(({ name }) => name === "score");
  if (kind.group !== "why" || !scored || !kindOf(bench, CHECK)) return null;
  const check = { ...state.parameters[CHECK], methods: kind.id };
  return h(
    "button",
    {
      type: "button",
      class: "badge",
      "data-part": "faithful",
      title: say("faithful.help"),
      onclick: () =>
        bench.set({ layer: CHECK, parameters: { ...state.parameters, [CHECK]: check } }),
    },
    say("faithful"),
  );
}
