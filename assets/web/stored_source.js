// @ts-check
/**
 * A source that computes nothing: one picture, as it was labelled, with all that the file it is in
 * holds. A report mounts the workbench with it; `analysis/report/stored.py` says what it keeps.
 */

import { fileOf, KINDS } from "./browser_files.js";
import { readFrame } from "./frames.js";
import { logitsAt, softmax } from "./label.js";
import { SourceError } from "./source.js";
import { wordsOf } from "./words.js";

/**
 * @typedef {import("./source.js").Block} Block
 * @typedef {import("./source.js").Catalog} Catalog
 * @typedef {import("./source.js").Picture} Picture
 * @typedef {import("./source.js").Source} Source
 * @typedef {import("./frames.js").Frame} Frame
 */

/** @implements {Source} */
export class StoredSource {
  /** @type {import("./words.js").Say} */
  #say = (key) => key;
  /** @type {Promise<Picture> | undefined} */
  #picture;
  /** @type {Promise<{logits: import("./label.js").Logits, indices: number[]}> | undefined} */
  #logits;

  /**
   * @param {string} language
   * @returns {Promise<Catalog>}
   */
  async catalog(language) {
    this.#say = (await wordsOf(language)).say;
    const { setting, model, classes } = await this.open();
    const { reach, windowSize } = setting;
    return {
      models: [
        {
          ...this.#modelWords(model, classes.length),
          task: model.task,
          available: true,
          missing: "",
          reach,
          windowSize,
          reaches: [reach],
          shortSides: [],
        },
      ],
      layers: [],
      examples: [],
      first: { ...setting, example: "" },
      alone: true,
      takeAway: { labels: KINDS, class: KINDS, layers: [] },
      fileBytes: 0,
    };
  }

  /** @returns {Promise<Picture>} */
  open() {
    this.#picture ??= readPart("picture").then(({ facts, arrays }) => {
      const known = /** @type {Picture} */ ({ ...facts, ...arrays });
      const photo = /** @type {HTMLImageElement} */ (document.getElementById("photo"));
      const { model, classes } = known;
      return {
        ...known,
        key: "stored",
        example: null,
        image: photo.src,
        model: { ...model, ...this.#modelWords(model, classes.length) },
        seconds: 0,
      };
    });
    return this.#picture;
  }

  /** @returns {Promise<Picture>} */
  relabel() {
    return this.#refuse();
  }

  /**
   * @param {Picture} _
   * @param {number} stage
   * @param {number} block
   * @returns {Promise<Block>}
   */
  async block(_, stage, block) {
    const name = `${stage}/${block}`;
    if (!holds(name)) throw new SourceError(this.#say("report.left-out"));
    const { facts, arrays } = await readPart(name);
    const { normsScale, qScale, kScale, ...rest } = arrays;
    if (facts.kind === "local") {
      const norms = decoded(arrays.norms, normsScale, 1);
      return /** @type {Block} */ ({ ...facts, ...rest, norms });
    }
    const q = decoded(arrays.q, qScale, facts.headSize);
    const k = decoded(arrays.k, kScale, facts.headSize);
    return /** @type {Block} */ ({ ...facts, ...rest, q, k });
  }

  /**
   * @param {Picture} picture
   * @param {number} x
   * @param {number} y
   * @returns {Promise<Float32Array>}
   */
  async probabilities({ width, height, classes }, x, y) {
    this.#logits ??= readPart("logits").then(({ facts, arrays }) => logitsOf(facts, arrays.depth));
    const { logits, indices } = await this.#logits;
    const found = softmax(logitsAt(logits, height, width, x, y));
    const all = new Float32Array(classes.length);
    indices.forEach((index, at) => {
      all[index] = found[at];
    });
    return all;
  }

  /** @returns {Promise<import("./source.js").Layer>} */
  layer() {
    return this.#refuse();
  }

  /**
   * @param {Picture} picture
   * @param {import("./source.js").Ask | null} ask
   * @param {import("./source.js").TakeAwayKind} kind
   * @returns {Promise<Blob>}
   */
  async takeAway(picture, ask, kind) {
    return ask ? this.#refuse() : fileOf(picture, null, kind);
  }

  /** @returns {Promise<never>} */
  async #refuse() {
    throw new SourceError(this.#say("report.needs-app"));
  }

  /**
   * @param {{name: string, trained: boolean}} model
   * @param {number} classes
   */
  #modelWords({ name, trained }, classes) {
    const title = this.#say("live.model", { name });
    const knows = trained ? this.#say("live.knows.classes", { classes }) : "";
    return { name, title, knows };
  }
}

/** @param {string} name */
const partOf = (name) => document.querySelector(`script[data-frame="${name}"]`);

/** @param {string} name */
const holds = (name) => partOf(name) !== null;

/**
 * @param {string} name
 * @returns {Promise<Frame>}
 */
async function readPart(name) {
  const text = atob(partOf(name)?.textContent ?? "");
  const packed = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const [frame] = readFrame(bytes, 0);
  if (!frame) throw new Error(`The part ${name} of this file is damaged.`);
  return frame;
}

/**
 * Vectors from their codes: scales repeat after `run` values each, and from the first one again.
 * @param {Int16Array} codes
 * @param {Float32Array} scales
 * @param {number} run
 * @returns {Float32Array}
 */
export function decoded(codes, scales, run) {
  return Float32Array.from(codes, (code, at) => {
    const scale = scales[Math.floor(at / run) % scales.length];
    return code * /** @type {number} */ (scale);
  });
}

/**
 * @param {Record<string, any>} facts
 * @param {Uint16Array} depth
 */
function logitsOf({ step, indices, ...grid }, depth) {
  const data = Float32Array.from(depth, (each) => -step * each);
  const logits = /** @type {import("./label.js").Logits} */ ({
    ...grid,
    data,
    classes: indices.length + 1,
  });
  return { logits, indices: /** @type {number[]} */ (indices) };
}
