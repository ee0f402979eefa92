// @ts-check
/** The layer nearest to the one shown, where a picture comes by a model that has not got that one. */

import { KEPT, keptStage, lookInto } from "./kept.js";
import { isWhole, OF_PIXELS } from "./whole.js";

/**
 * @param {import("./selection.js").Shown} shown
 * @param {import("./source.js").Picture} picture
 * @returns {Partial<import("./selection.js").Shown>}
 */
export function fitting(shown, picture) {
  if (isWhole(picture) && OF_PIXELS.includes(shown.layer)) return { layer: "labels" };
  if (shown.layer === KEPT) return lookInto({ ...shown, picture }, keptStage(shown));
  if (shown.layer === "rows") return lookInto({ ...shown, picture }, shown.stage);
  return {};
}
