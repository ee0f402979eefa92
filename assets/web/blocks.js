// @ts-check
/** Blocks of the pictures that are shown, loaded when first needed, and rows made of them. */

import { attendedClasses, placed, rowNumbers, rowOf, tokenAt, tokenClasses } from "./rows.js";
import { SourceError } from "./source.js";

/**
 * @typedef {import("./source.js").Source} Source
 * @typedef {import("./source.js").Picture} Picture
 * @typedef {import("./source.js").Block} Block
 * @typedef {import("./source.js").StageInfo} StageInfo
 * @typedef {import("./geometry.js").Point} Point
 * @typedef {import("./selection.js").Choice} Choice
 *
 * @typedef {object} Reading  A row and all that is said of it.
 * @property {StageInfo} stage
 * @property {Choice} choice
 * @property {import("./rows.js").Row} row
 * @property {Float32Array} times  (rows, columns) of the stage: weight over even weight; NaN where
 *   the row has no key.
 * @property {ReturnType<typeof rowNumbers>} numbers
 * @property {import("./rows.js").Attended | null} attended  Null where a convolution adds nothing.
 */

const MOST_BYTES = 160 * 2 ** 20;

export class Blocks {
  /**
   * @param {Source} source
   * @param {() => void} changed  Called when a block has come or failed.
   */
  constructor(source, changed) {
    this.source = source;
    this.changed = changed;
    /** @type {Map<string, Block | string | AbortController>} */
    this.held = new Map();
    /** Names of all blocks that were ever asked for, of the pictures that are shown. */
    /** @type {Set<string>} */
    this.asked = new Set();
    /** @type {Map<string, ReturnType<typeof tokenClasses>>} */
    this.classes = new Map();
    /** @type {Map<string, import("./rows.js").Row>} */
    this.rows = new Map();
    /** @type {Map<string, Reading>} */
    this.readings = new Map();
  }

  /**
   * The block, once it is here; asks for it if nobody has.
   * @param {Picture} picture
   * @param {number} stage
   * @param {number} block
   * @returns {Block | null}
   */
  get(picture, stage, block) {
    const name = nameOf(picture, stage, block);
    const held = this.held.get(name);
    if (held === undefined) this.#load(picture, stage, block);
    if (typeof held !== "object" || held instanceof AbortController) return null;
    this.held.delete(name); // to the end: what was used last is dropped last
    this.held.set(name, held);
    return held;
  }

  /**
   * Whether a block is here, without asking for it.
   * @param {Picture} picture
   * @param {number} stage
   * @param {number} block
   */
  has(picture, stage, block) {
    const held = this.held.get(nameOf(picture, stage, block));
    return typeof held === "object" && !(held instanceof AbortController);
  }

  /**
   * Asks for the next block of a picture that nobody has asked for yet, unless one is on its way: one
   * after the other, so that what is looked at never waits behind all of them. One that was dropped
   * for want of room is not asked for again.
   * @param {Picture} picture
   */
  loadNext(picture) {
    for (const held of this.held.values()) if (held instanceof AbortController) return;
    for (const { stage, depth, pruned } of picture.stages) {
      if (pruned) continue; // its blocks have no rows
      for (let block = 0; block < depth; block++) {
        if (this.asked.has(nameOf(picture, stage, block))) continue;
        this.#load(picture, stage, block);
        return;
      }
    }
  }

  /**
   * Why a block did not come, or "".
   * @param {Picture} picture
   * @param {number} stage
   * @param {number} block
   */
  failure(picture, stage, block) {
    const held = this.held.get(nameOf(picture, stage, block));
    return typeof held === "string" ? held : "";
  }

  /**
   * Asks anew for a block that did not come.
   * @param {Picture} picture
   * @param {number} stage
   * @param {number} block
   */
  again(picture, stage, block) {
    if (this.failure(picture, stage, block)) this.held.delete(nameOf(picture, stage, block));
    this.changed();
  }

  /**
   * The row of the token that sees a pixel; null while its block is on its way.
   * @param {Picture} picture
   * @param {number} number  Of the stage.
   * @param {Choice} choice
   * @param {Point} point
   * @returns {Reading | null}
   */
  reading(picture, number, choice, point) {
    const stage = picture.stages.find((each) => each.stage === number);
    const block = this.get(picture, number, choice.block);
    if (!stage || !block) return null;
    const head = stage.kind === "local" ? null : choice.head;
    const row = this.#row(picture, stage, choice.block, block, point);
    const name = `${picture.key}/${number}/${choice.block}/${head}/${row.token}`;
    const known = this.readings.get(name);
    if (known) return known;
    const times = placed(row, stage, head);
    const keys = row.rows * row.columns + row.padding;
    for (let y = 0, at = 0; y < stage.rows; y++) {
      const inRows = y >= row.top && y < row.top + row.rows;
      for (let x = 0; x < stage.columns; x++, at++) {
        const inside = inRows && x >= row.left && x < row.left + row.columns;
        times[at] = inside ? /** @type {number} */ (times[at]) * keys : Number.NaN;
      }
    }
    const reading = {
      stage,
      choice: { block: choice.block, head },
      row,
      times,
      numbers: rowNumbers(row, stage, head),
      attended: attendedClasses(row, this.#classesOf(picture, stage), stage, head),
    };
    remember(this.readings, name, reading, 40);
    return reading;
  }

  /**
   * The numbers of a row alone; null unless its block is here.
   * @param {Picture} picture
   * @param {StageInfo} stage
   * @param {Choice} choice
   * @param {Point} point
   */
  numbers(picture, stage, choice, point) {
    // Not by `get`: what is looked at is dropped last, and not all that is drawn is.
    const block = this.held.get(nameOf(picture, stage.stage, choice.block));
    if (typeof block !== "object" || block instanceof AbortController) return null;
    const row = this.#row(picture, stage, choice.block, block, point);
    return rowNumbers(row, stage, choice.head);
  }

  /**
   * @param {Picture} picture
   * @param {StageInfo} stage
   * @param {number} number
   * @param {Block} block
   * @param {Point} point
   */
  #row(picture, stage, number, block, point) {
    const token = tokenAt(stage, point.x, point.y);
    const name = `${picture.key}/${stage.stage}/${number}/${token}`;
    const row = this.rows.get(name) ?? rowOf(block, token);
    remember(this.rows, name, row, 100);
    return row;
  }

  /**
   * Forgets the blocks of all other pictures, and stops asking for them.
   * @param {Picture[]} pictures
   */
  keep(pictures) {
    const keys = new Set(pictures.map((picture) => picture.key));
    for (const [name, held] of this.held) {
      if (keys.has(name.split("/")[0] ?? "")) continue;
      if (held instanceof AbortController) held.abort();
      this.held.delete(name);
    }
    for (const names of [this.classes, this.asked]) {
      for (const name of names.keys()) {
        if (!keys.has(name.split("/")[0] ?? "")) names.delete(name);
      }
    }
  }

  /**
   * @param {Picture} picture
   * @param {StageInfo} stage
   */
  #classesOf(picture, stage) {
    const name = `${picture.key}/${stage.stage}`;
    const held = this.classes.get(name) ?? tokenClasses(picture.labels, picture.width, stage);
    this.classes.set(name, held);
    return held;
  }

  /**
   * @param {Picture} picture
   * @param {number} stage
   * @param {number} block
   */
  async #load(picture, stage, block) {
    const name = nameOf(picture, stage, block);
    const controller = new AbortController();
    this.held.set(name, controller);
    this.asked.add(name);
    /** @type {Block | string} */
    let found;
    try {
      found = await this.source.block(picture, stage, block, { signal: controller.signal });
    } catch (error) {
      if (controller.signal.aborted) return;
      found = error instanceof SourceError ? error.sentence : String(error);
    }
    if (this.held.get(name) !== controller) return; // its picture has gone
    this.held.set(name, found);
    this.#drop();
    this.changed();
  }

  #drop() {
    let bytes = 0;
    for (const held of this.held.values()) bytes += bytesOf(held);
    for (const [name, held] of this.held) {
      if (bytes <= MOST_BYTES) return;
      if (!bytesOf(held)) continue;
      bytes -= bytesOf(held);
      this.held.delete(name);
    }
  }
}

/**
 * @param {Picture} picture
 * @param {number} stage
 * @param {number} block
 */
const nameOf = (picture, stage, block) => `${picture.key}/${stage}/${block}`;

/** @param {Block | string | AbortController} held */
function bytesOf(held) {
  if (typeof held === "string" || held instanceof AbortController) return 0;
  return held.kind === "local" ? held.norms.byteLength : held.q.byteLength + held.k.byteLength;
}

/**
 * @template Value
 * @param {Map<string, Value>} map
 * @param {string} name
 * @param {Value} value
 * @param {number} most
 */
function remember(map, name, value, most) {
  map.delete(name);
  map.set(name, value);
  const oldest = map.keys().next().value;
  if (map.size > most && oldest !== undefined) map.delete(oldest);
}
