// @ts-check
/**
 * What is looked at, in one place: picture, pixel or region, layer, comparison. Every part of the
 * workbench reads it and changes it by `set`; nothing else holds any of it. The link to "exactly
 * this" is made of it.
 */

import { pinsFrom, pinsText } from "./pins.js";

/**
 * @typedef {import("./source.js").Picture} Picture
 * @typedef {import("./source.js").Setting} Setting
 * @typedef {import("./source.js").Region} Region
 * @typedef {import("./geometry.js").Point} Point
 * @typedef {import("./geometry.js").Zoom} Zoom
 *
 * @typedef {{block: number, head: number | null}} Choice  A block and a head of a stage.
 * @typedef {Record<string, string | number | boolean | null>} Values
 *
 * @typedef {object} Shown  A layer: one of our own (labels, confidence, entropy, margin, rows, photo)
 *   or one that has to be asked for, by the id of its kind.
 * @property {string} layer
 * @property {number} stage  Whose rows, 1 to 4.
 * @property {Record<number, Choice>} choices
 * @property {Record<string, Values>} parameters  Of layers that are asked for, by id.
 * @property {number | null} against
 *
 * @typedef {{kind: "setting", setting: Setting} | {kind: "held", shown: Shown} | {kind: "photo"}} Comparison
 *
 * @typedef {Shown & {
 *   picture: Picture | null,
 *   setting: Setting | null,
 *   place: Point | null,
 *   pins: import("./pins.js").Pin[],
 *   hover: Point | null,
 *   region: Region,
 *   mask: Uint8Array | null,
 *   compare: Comparison | null,
 *   other: Picture | null,
 *   beside: boolean,
 *   divider: number,
 *   opacity: number,
 *   isolated: number | null,
 *   ownColors: boolean,
 *   zoom: Zoom,
 * }} State
 */

/** @type {import("./source.js").Reach[]} */
export const REACHES = ["global", "hybrid", "window"];

/** What a model is first asked with, whatever the one before was. */
export const TRAINED = { untrained: false, shortSide: undefined };

/** @type {Region[]} */
const REGIONS = ["pixel", "segment", "class", "mask"];

/** @returns {State} */
export function beginning() {
  return {
    picture: null,
    setting: null,
    place: null,
    pins: [],
    hover: null,
    region: "segment",
    mask: null,
    layer: "labels",
    stage: 3,
    choices: {},
    parameters: {},
    against: null,
    compare: null,
    other: null,
    beside: false,
    divider: 0.5,
    opacity: 0.6,
    isolated: null,
    ownColors: false,
    zoom: { scale: 1, x: 0.5, y: 0.5 },
  };
}

/** One state, and who wants to know when it changes. */
export class Store {
  /** @param {State} state */
  constructor(state = beginning()) {
    this.state = state;
    /** @type {Set<(state: State, changed: Set<keyof State>) => void>} */
    this.listeners = new Set();
  }

  /**
   * Changes what differs and tells everybody what did.
   * @param {Partial<State>} patch
   */
  set(patch) {
    /** @type {Set<keyof State>} */
    const changed = new Set();
    for (const key of /** @type {(keyof State)[]} */ (Object.keys(patch))) {
      if (!same(this.state[key], patch[key])) changed.add(key);
    }
    if (!changed.size) return;
    this.state = { ...this.state, ...patch };
    for (const listener of [...this.listeners]) listener(this.state, changed);
  }

  /**
   * @param {(state: State, changed: Set<keyof State>) => void} listener
   * @returns {() => void} stops it
   */
  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/**
 * A new picture: the place asked about goes, since it belongs to the old one, and so does what was
 * marked on it. Blocks and heads stay where the new model has them.
 * @param {State} state
 * @param {Picture} picture
 * @param {boolean} samePicture  Whether it is the same one in another setting.
 * @returns {Partial<State>}
 */
export function openedWith(state, picture, samePicture) {
  const before = state.picture;
  /** @type {Record<number, Choice>} */
  const choices = {};
  for (const stage of picture.stages) {
    const held = state.choices[stage.stage] ?? { block: stage.depth - 1, head: null };
    const head = held.head !== null && held.head < stage.heads ? held.head : null;
    choices[stage.stage] = { block: Math.min(held.block, stage.depth - 1), head };
  }
  /** @type {Partial<State>} */
  const patch = { picture, setting: picture.setting, choices, hover: null };
  if (!samePicture) {
    const zoom = { scale: 1, x: 0.5, y: 0.5 };
    Object.assign(patch, { place: null, pins: [], mask: null, zoom, compare: null, other: null });
    if (state.region === "mask") patch.region = "segment";
  }
  if (!samePicture || before?.setting.model !== picture.setting.model) {
    Object.assign(patch, { against: null, isolated: null });
  }
  return patch;
}

/**
 * The place answers are about: what is marked; else where the pointer is; else a place of interest.
 * @param {State} state
 * @returns {Point}
 */
export function probeOf(state) {
  return state.place ?? state.hover ?? homeOf(state.picture);
}

/**
 * The place questions are asked about, which hovering does not move.
 * @param {State} state
 * @returns {Point}
 */
export function askedOf(state) {
  return state.place ?? homeOf(state.picture);
}

/**
 * Where one looks first: a little left of and above the middle.
 * @param {Picture | null} picture
 * @returns {Point}
 */
export function homeOf(picture) {
  if (!picture) return { x: 0, y: 0 };
  return { x: Math.floor(picture.width * 0.42), y: Math.floor(picture.height * 0.46) };
}

/**
 * The query of a link to exactly this; empty for a picture or a model that nobody else has.
 * @param {State} state
 * @returns {string}
 */
export function queryOf(state) {
  const { picture, setting } = state;
  if (!picture?.example || !setting) return "";
  const compared = state.compare?.kind === "setting" ? state.compare.setting : setting;
  if (isOwn(setting) || isOwn(compared)) return "";
  const query = new URLSearchParams({
    example: picture.example,
    model: setting.model,
    reach: setting.reach,
    window: String(setting.windowSize),
  });
  if (setting.untrained) query.set("untrained", "1");
  if (setting.shortSide) query.set("short", String(setting.shortSide));
  if (state.place) {
    query.set("x", String(state.place.x));
    query.set("y", String(state.place.y));
  }
  if (state.pins.length) query.set("pins", pinsText(state.pins));
  if (state.region !== "segment" && state.region !== "mask") query.set("region", state.region);
  query.set("layer", state.layer);
  if (state.layer === "rows") {
    const choice = state.choices[state.stage];
    query.set("stage", String(state.stage));
    if (choice) query.set("block", String(choice.block));
    if (choice && choice.head !== null) query.set("head", String(choice.head));
  }
  for (const [name, value] of Object.entries(state.parameters[state.layer] ?? {})) {
    if (value !== null) query.set(`p.${name}`, String(value));
  }
  if (state.against !== null) query.set("against", String(state.against));
  if (state.compare?.kind === "setting") {
    const { model, reach, windowSize, untrained, shortSide } = state.compare.setting;
    query.set("with", [model, reach, windowSize, untrained ? 1 : 0, shortSide ?? ""].join(","));
  }
  return `?${query}`;
}

/**
 * Whether it asks a checkpoint of the visitor's own, which whoever knows its name can ask.
 * @param {Setting} setting
 */
function isOwn({ model }) {
  return model.startsWith("own:");
}

/**
 * What a link says, as far as it says anything that makes sense; the picture is not checked here.
 * @param {string} search
 * @returns {{example: string | null, setting: Partial<Setting>, patch: Partial<State>}}
 */
export function readQuery(search) {
  const query = new URLSearchParams(search);
  const whole = (/** @type {string} */ name) => {
    const text = query.get(name);
    return text !== null && /^\d{1,6}$/.test(text) ? Number(text) : null;
  };
  /** @type {Partial<Setting>} */
  const setting = {};
  const model = query.get("model");
  if (model) setting.model = model;
  const reach = reachOf(query.get("reach"));
  if (reach) setting.reach = reach;
  const windowSize = whole("window");
  if (windowSize) setting.windowSize = windowSize;
  if (query.get("untrained") === "1") setting.untrained = true;
  const shortSide = whole("short");
  if (shortSide) setting.shortSide = shortSide;

  /** @type {Partial<State>} */
  const patch = {};
  const [x, y] = [whole("x"), whole("y")];
  if (x !== null && y !== null) patch.place = { x, y };
  const pins = query.get("pins");
  if (pins) patch.pins = pinsFrom(pins);
  const region = REGIONS.find((name) => name === query.get("region") && name !== "mask");
  if (region) patch.region = region;
  const layer = query.get("layer");
  if (layer) {
    patch.layer = layer;
    /** @type {Values} */
    const values = {};
    for (const [name, text] of query) if (name.startsWith("p.")) values[name.slice(2)] = text;
    if (Object.keys(values).length) patch.parameters = { [layer]: values };
  }
  const stage = whole("stage");
  if (stage !== null && stage >= 1 && stage <= 4) {
    patch.stage = stage;
    patch.choices = { [stage]: { block: whole("block") ?? 0, head: whole("head") } };
  }
  patch.against = whole("against");
  const [with_ = "", far, side, random, short] = query.get("with")?.split(",") ?? [];
  const otherReach = reachOf(far);
  if (with_ && otherReach) {
    const windowSize = Number(side) || 8;
    /** @type {Setting} */
    const other = { model: with_, reach: otherReach, windowSize, untrained: random === "1" };
    if (Number(short)) other.shortSide = Number(short);
    patch.compare = { kind: "setting", setting: other };
  }
  return { example: query.get("example"), setting, patch };
}

/** @param {string | null | undefined} name */
const reachOf = (name) => REACHES.find((each) => each === name);

/**
 * @param {unknown} one
 * @param {unknown} other
 * @returns {boolean}
 */
function same(one, other) {
  if (Object.is(one, other)) return true;
  if (!isPlain(one) || !isPlain(other)) return false;
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length && keys.every((key) => same(one[key], other[key]))
  );
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isPlain(value) {
  return typeof value === "object" && value !== null && value.constructor === Object;
}
