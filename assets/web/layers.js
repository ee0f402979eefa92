// @ts-check
/** What a layer looks like on the picture: from the selection to what is painted, and said of it. */

import { packed } from "./geometry.js";
import { RATIO } from "./palette.js";
import { askedOf, probeOf } from "./selection.js";
import { isWhole, regionsOf } from "./whole.js";
import { digits, percent, times } from "./words.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./source.js").Picture} Picture
 * @typedef {import("./source.js").Ask} Ask
 * @typedef {import("./source.js").Layer} Layer
 * @typedef {import("./source.js").LayerKind} LayerKind
 * @typedef {import("./source.js").Scale} Scale
 * @typedef {import("./source.js").Box} Box
 * @typedef {import("./selection.js").Shown} Shown
 * @typedef {import("./selection.js").State} State
 * @typedef {import("./asks.js").Slot} Slot
 * @typedef {import("./geometry.js").Point} Point
 *
 * @typedef {object} Painting
 * @property {"labels" | "map" | "photo"} kind
 * @property {ArrayLike<number> | null} values  rows x columns; null if there is nothing but boxes.
 * @property {number} rows
 * @property {number} columns
 * @property {number} tokenWidth  Pixels of the picture per value.
 * @property {number} tokenHeight
 * @property {Scale} scale
 * @property {Box[]} boxes
 * @property {Box | null} query  The token asked about.
 * @property {boolean} stale  Of the place asked about before; a new one is on its way.
 * @property {(value: number) => string} format
 */

/** Layers that need no asking, in the order of the bar. */
export const OWN = /** @type {const} */ (["labels", "confidence", "entropy", "margin", "rows"]);

/**
 * The kind of a layer that has to be asked for, or null for our own.
 * @param {Bench} bench
 * @param {string} layer
 * @returns {LayerKind | null}
 */
export function kindOf(bench, layer) {
  return bench.catalog.layers.find((kind) => kind.id === layer) ?? null;
}

/**
 * Whether there is such a layer here.
 * @param {Bench} bench
 * @param {string} layer
 */
export function isLayer(bench, layer) {
  return OWN.some((own) => own === layer) || kindOf(bench, layer) !== null;
}

/**
 * What the layer asks, if it has to be asked for.
 * @param {Bench} bench
 * @param {State} state
 * @param {Shown} shown
 * @returns {Ask | null}
 */
export function askOf(bench, state, shown) {
  const kind = kindOf(bench, shown.layer);
  if (!kind || !state.picture) return null;
  const at = askedOf(state);
  const regions = regionsOf(state.picture, kind);
  const region = regions.includes(state.region) ? state.region : (regions[0] ?? "pixel");
  const given = shown.parameters[kind.id] ?? {};
  /** @type {Ask} */
  const ask = { layer: kind.id, x: at.x, y: at.y, region, parameters: {} };
  const meant = placeMeant(state.picture, shown, kind);
  for (const parameter of kind.parameters) {
    const { name } = parameter;
    ask.parameters[name] = valueFor(parameter, given[name] ?? meant[name]);
  }
  if (region === "mask") {
    if (!state.mask) ask.region = isWhole(state.picture) ? "pixel" : "segment";
    else ask.mask = packedOnce(state.mask);
  }
  if (kind.against && shown.against !== null) ask.against = shown.against;
  return ask;
}

/** Packed regions by what was painted: the pointer moves far oftener than the brush. */
/** @type {WeakMap<Uint8Array, Uint8Array>} */
const packedMasks = new WeakMap();

/** @param {Uint8Array} mask */
function packedOnce(mask) {
  const bits = packedMasks.get(mask) ?? packed(mask);
  packedMasks.set(mask, bits);
  return bits;
}

/**
 * The block and head a question about one head means unless told otherwise: those looked at last.
 * @param {Picture} picture
 * @param {Shown} shown
 * @param {LayerKind} kind
 * @returns {Record<string, number>}
 */
export function placeMeant(picture, shown, kind) {
  if (!kind.parameters.some(({ name }) => name === "head")) return {};
  const stage = Math.max(3, shown.stage);
  const { block, head } = choiceIn(picture, shown, stage);
  return { stage, block, head: head ?? 0 };
}

/**
 * What is to be taken away: the layer's own question; of our own rows, that of the registry.
 * @param {Bench} bench
 * @param {State} state
 * @returns {Ask | null} null for the labels
 */
export function takenOf(bench, state) {
  const kind = kindOf(bench, "row");
  if (state.layer !== "rows" || !kind || !state.picture) return askOf(bench, state, state);
  const { block, head } = choiceIn(state.picture, state, state.stage);
  const parameters = { row: { stage: state.stage, block, head } };
  return askOf(bench, state, { ...state, layer: "row", parameters });
}

/**
 * A value as a parameter takes it; links and forms give texts.
 * @param {import("./source.js").Parameter} parameter
 * @param {unknown} value
 */
export function valueFor(parameter, value) {
  if (value === undefined || value === "") return parameter.default;
  if (value === null) return parameter.optional ? null : parameter.default;
  if (parameter.choices) {
    const found = parameter.choices.find((choice) => String(choice) === String(value));
    return found ?? parameter.default;
  }
  if (parameter.kind === "bool") return value === true || value === "true";
  if (parameter.kind === "str") return String(value);
  const number = Number(value);
  if (!Number.isFinite(number)) return parameter.default;
  return parameter.kind === "int" ? Math.round(number) : number;
}

/**
 * What is painted over a picture; null while it is not here yet.
 * @param {Bench} bench
 * @param {State} state
 * @param {Shown} shown
 * @param {Picture} picture
 * @param {Slot} slot
 * @returns {Painting | null}
 */
export function paintingOf(bench, state, shown, picture, slot) {
  switch (shown.layer) {
    case "photo":
      return blank(picture, "photo");
    case "labels":
      if (isWhole(picture)) return blank(picture, "photo");
      return { ...blank(picture, "labels"), values: picture.labels };
    case "confidence":
    case "entropy":
    case "margin":
      return certainty(bench, picture, shown.layer);
    case "rows":
      return rows(bench, state, shown, picture);
    default:
      return answered(picture, slot);
  }
}

/**
 * @param {Picture} picture
 * @param {Painting["kind"]} kind
 * @returns {Painting}
 */
function blank(picture, kind) {
  return {
    kind,
    values: null,
    rows: picture.height,
    columns: picture.width,
    tokenWidth: 1,
    tokenHeight: 1,
    scale: { kind: "categorical", low: 0, high: 1, unit: "", words: "" },
    boxes: [],
    query: null,
    stale: false,
    format: () => "",
  };
}

/**
 * @param {Bench} bench
 * @param {Picture} picture
 * @param {"confidence" | "entropy" | "margin"} name
 * @returns {Painting}
 */
function certainty(bench, picture, name) {
  return {
    ...blank(picture, "map"),
    values: picture[name],
    rows: picture.mapHeight,
    columns: picture.mapWidth,
    tokenWidth: picture.width / picture.mapWidth,
    tokenHeight: picture.height / picture.mapHeight,
    scale: { kind: "sequential", low: 0, high: 100, unit: "%", words: bench.say(`${name}.scale`) },
    format: (value) => `${value} %`,
  };
}

/**
 * @param {Bench} bench
 * @param {State} state
 * @param {Shown} shown
 * @param {Picture} picture
 * @returns {Painting | null}
 */
function rows(bench, state, shown, picture) {
  const stage = picture.stages.find((each) => each.stage === shown.stage);
  const choice = choiceIn(picture, shown, shown.stage);
  const found = bench.blocks.reading(picture, shown.stage, choice, probeOf(state));
  if (!found || !stage) return null;
  const { row } = found;
  const local = row.rows < stage.rows || row.columns < stage.columns;
  return {
    ...blank(picture, "map"),
    values: found.times,
    rows: stage.rows,
    columns: stage.columns,
    tokenWidth: stage.tokenWidth,
    tokenHeight: stage.tokenHeight,
    scale: {
      kind: "ratio",
      ...RATIO,
      unit: bench.say("times.even"),
      words: bench.say("rows.scale"),
    },
    boxes: local ? [boxOf(stage, row.left, row.top, row.columns, row.rows)] : [],
    query: boxOf(stage, row.token[1], row.token[0], 1, 1),
    format: (value) => `${times(value)}×`,
  };
}

/**
 * The block and head of a stage, as far as this picture's model has them.
 * @param {Picture} picture
 * @param {Shown} shown
 * @param {number} stage
 */
export function choiceIn(picture, shown, stage) {
  const info = picture.stages.find((each) => each.stage === stage);
  const { block, head } = shown.choices[stage] ?? { block: Number.POSITIVE_INFINITY, head: null };
  const last = (info?.depth ?? 1) - 1;
  const kept = head !== null && info?.kind === "global" && head < info.heads ? head : null;
  return { block: Math.min(block, last), head: kept };
}

/**
 * @param {import("./source.js").StageInfo} stage
 * @param {number} column
 * @param {number} row
 * @param {number} columns
 * @param {number} rows
 * @returns {Box}
 */
function boxOf(stage, column, row, columns, rows) {
  const [wide, tall] = [stage.tokenWidth, stage.tokenHeight];
  return {
    left: column * wide,
    top: row * tall,
    right: (column + columns) * wide,
    bottom: (row + rows) * tall,
    name: "",
  };
}

/**
 * @param {Picture} picture
 * @param {Slot} slot
 * @returns {Painting | null}
 */
function answered(picture, slot) {
  if (slot.picture?.key !== picture.key) return null;
  const part = slot.partial;
  if (slot.status === "running" && part?.map && part.rows && part.columns && part.scale) {
    return {
      ...blank(picture, "map"),
      values: part.map,
      rows: part.rows,
      columns: part.columns,
      tokenWidth: part.tokenWidth ?? picture.width / part.columns,
      tokenHeight: part.tokenHeight ?? picture.height / part.rows,
      scale: part.scale,
      format: formatOf(part.scale),
    };
  }
  const layer = slot.layer ?? part?.layer ?? slot.stale;
  if (!layer) return null;
  return { ...paintingOfLayer(picture, layer), stale: layer === slot.stale };
}

/**
 * @param {Picture} picture
 * @param {Layer} layer
 * @returns {Painting}
 */
function paintingOfLayer(picture, layer) {
  if (layer.kind === "labels" && isWhole(picture)) return blank(picture, "photo");
  const found = blank(picture, layer.kind === "labels" ? "labels" : "map");
  if (layer.map) {
    Object.assign(found, {
      values: layer.map,
      rows: layer.rows,
      columns: layer.columns,
      tokenWidth: layer.tokenWidth,
      tokenHeight: layer.tokenHeight,
    });
  } else found.kind = "photo";
  return { ...found, scale: layer.scale, boxes: layer.boxes ?? [], format: formatOf(layer.scale) };
}

/**
 * @param {Scale} scale
 * @returns {(value: number) => string}
 */
function formatOf(scale) {
  if (scale.kind === "ratio") return (value) => `${times(value)}×`;
  return (value) => `${digits(value)} ${scale.unit.length <= 3 ? scale.unit : ""}`.trim();
}

/**
 * What a painting says at a pixel of the picture: its value, and the class for labels.
 * @param {Bench} bench
 * @param {Picture} picture
 * @param {Painting | null} painting
 * @param {Point} at
 * @returns {{words: string, value: number | null}}
 */
export function readAt(bench, picture, painting, at) {
  if (!painting?.values || painting.stale) return { words: "", value: null };
  const column = Math.floor((at.x + 0.5) / painting.tokenWidth);
  const row = Math.floor((at.y + 0.5) / painting.tokenHeight);
  if (column >= painting.columns || row >= painting.rows) return { words: "", value: null };
  const value = painting.values[row * painting.columns + column] ?? Number.NaN;
  if (painting.kind === "labels") {
    const sure = confidenceAt(picture, at);
    return { words: `${bench.className(picture, value)} ${percent(sure)}`, value: null };
  }
  return Number.isNaN(value)
    ? { words: "", value: null }
    : { words: painting.format(value), value };
}

/**
 * @param {Picture} picture
 * @param {Point} at
 * @returns {number} 0 to 1
 */
export function confidenceAt(picture, at) {
  const x = Math.floor(((at.x + 0.5) * picture.mapWidth) / picture.width);
  const y = Math.floor(((at.y + 0.5) * picture.mapHeight) / picture.height);
  return (picture.confidence[y * picture.mapWidth + x] ?? 0) / 100;
}

/**
 * @param {Picture} picture
 * @param {Point} at
 */
export const labelAt = (picture, at) => picture.labels[at.y * picture.width + at.x] ?? 0;
