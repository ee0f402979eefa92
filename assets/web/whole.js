// @ts-check
/** Pictures that a classifier names whole: what the page leaves out, and asks, of them. */

/**
 * @typedef {import("./source.js").Picture} Picture
 * @typedef {import("./source.js").LayerKind} LayerKind
 * @typedef {import("./source.js").Region} Region
 */

/** Layers that tell pixels apart by class or certainty; here all are alike. */
export const OF_PIXELS = ["confidence", "entropy", "margin"];

/**
 * Whether the model names the whole picture, not its pixels.
 * @param {Picture | null} picture
 */
export function isWhole(picture) {
  return picture?.model.task === "classify";
}

/**
 * What a layer can be about. All of a picture that is named whole is one segment of one class: to
 * hide that would hide everything, and any other question is about it anyway.
 * @param {Picture | null} picture
 * @param {LayerKind} kind
 * @returns {Region[]}
 */
export function regionsOf(picture, kind) {
  if (!isWhole(picture)) return kind.regions;
  if (kind.group !== "whatif") return kind.regions.slice(0, 1);
  return kind.regions.filter((region) => region === "pixel" || region === "mask");
}
