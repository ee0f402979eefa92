// @ts-check
/** The layers that the browser can compute by itself: what passes forward alone can find. */

/**
 * @typedef {import("./source.js").LayerKind} LayerKind
 * @typedef {import("./source.js").Parameter} Parameter
 * @typedef {import("./words.js").Say} Say
 * @typedef {import("./live_facts.js").Facts} Facts
 */

/** What a pass at the model's own size takes on a laptop, in seconds; layers count passes. */
const PASS = 0.3;

/**
 * @param {Facts} facts
 * @param {Say} say
 * @returns {LayerKind[]}
 */
export function layersOf({ model }, say) {
  /**
   * @param {string} name
   * @param {Pick<Parameter, "kind"> & globalThis.Partial<Parameter>} rest
   * @returns {Parameter}
   */
  const parameter = (name, rest) => ({
    name,
    title: say(`live.parameter.${name}`),
    help: say(`live.parameter.${name}.help`),
    choices: null,
    default: null,
    optional: true,
    ...rest,
  });
  const fill = { kind: /** @type {const} */ ("str"), choices: ["blur", "mean"], default: "blur" };
  const place = /** @type {LayerKind["regions"]} */ (["segment", "pixel", "class", "mask"]);
  const heads = Math.max(...model.heads);
  const depth = Math.max(...model.depths.slice(2));
  const passes = model.depths[2] * model.heads[2] + model.depths[3] * model.heads[3];
  /**
   * @param {string} id
   * @param {Omit<LayerKind, "id" | "title" | "help" | "against"> & {against?: boolean}} rest
   * @returns {LayerKind}
   */
  const kind = (id, rest) => ({
    id,
    title: say(`live.${id}`),
    help: say(`live.${id}.help`),
    against: false,
    ...rest,
  });
  return [
    kind("occlusion", {
      group: "why",
      parameters: [parameter("baseline", fill), parameter("window_px", { kind: "int", low: 8 })],
      regions: place,
      live: false,
      seconds: 350 * PASS,
      against: true,
    }),
    kind("hide", {
      group: "whatif",
      parameters: [parameter("fill", fill), parameter("size", { kind: "int", low: 1 })],
      regions: place,
      live: true,
      seconds: 7 * PASS,
    }),
    kind("silence-head", {
      group: "whatif",
      parameters: [
        parameter("stage", { kind: "int", choices: [3, 4], default: 3, optional: false }),
        parameter("block", { kind: "int", default: 0, optional: false, low: 0, high: depth - 1 }),
        parameter("head", { kind: "int", default: 0, optional: false, low: 0, high: heads - 1 }),
      ],
      regions: ["pixel"],
      live: true,
      seconds: PASS,
    }),
    kind("head-sweep", {
      group: "whatif",
      parameters: [],
      regions: place,
      live: false,
      seconds: passes * PASS,
    }),
  ];
}
