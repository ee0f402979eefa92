// @ts-check
/** Pictures and what one pass of the network left of each; kept in the worker, the latest few. */

import { labelPicture, logitsAt, softmax } from "./label.js";
import { PhotoError } from "./photo.js";
import { preprocess } from "./resize.js";

/**
 * @typedef {import("./engine.js").Engine} Engine
 * @typedef {import("./engine.js").Steering} Steering
 * @typedef {import("./engine.js").Tensors} Tensors
 * @typedef {import("./label.js").Logits} Logits
 * @typedef {import("./live_facts.js").Facts} Facts
 * @typedef {import("./resize.js").Pixels} Pixels
 * @typedef {import("./source.js").Block} Block
 * @typedef {import("./source.js").Setting} Setting
 *
 * @typedef {object} Input  What the network sees of a picture.
 * @property {Float32Array} input  (3, height, width).
 * @property {number} height
 * @property {number} width
 *
 * @typedef {object} Pass
 * @property {Pixels} pixels
 * @property {Input} seen
 * @property {number} [shortSide]  If not the model's own.
 * @property {Uint8Array} labels  (height, width) of the picture.
 * @property {(number | null)[]} windows  Of the blocks of stage 3.
 * @property {Tensors} outputs  All but the logits.
 * @property {Logits} logits
 */

/** Each holds up to 30 MB. */
const MOST_KEPT = 4;

/**
 * The windows of the blocks of stage 3 in a reach; null is the whole map.
 * @param {Setting} setting
 * @param {Facts["model"]} model
 * @returns {(number | null)[]}
 */
export function windowsOf({ reach, windowSize }, model) {
  return Array.from({ length: model.depths[2] }, (_, block) => {
    const staysGlobal = reach === "hybrid" && (block + 1) % model.hybridPeriod === 0;
    return reach === "global" || staysGlobal ? null : windowSize;
  });
}

export class Passes {
  /** @type {Map<string, Pass>} */
  #kept = new Map();

  /** @param {Engine} engine */
  constructor(engine) {
    this.engine = engine;
  }

  /**
   * Label a picture, and keep what its rows are made of under a new key.
   * @param {Pixels} pixels
   * @param {Setting} setting
   * @param {AbortSignal} [signal]  Of one that nobody waits for any more nothing is kept.
   */
  async label(pixels, setting, signal) {
    const started = performance.now();
    const { model } = this.engine.facts;
    const seen = this.see(pixels, setting.shortSide);
    const windows = windowsOf(setting, model);
    const { logits: scores, ...outputs } = await this.run(seen, { windows });
    const logits = logitsOf(scores, seen);
    const { width, height } = pixels;
    const maps = labelPicture(logits, height, width);
    // Lets the word to stop come in: what is not wanted must not push out what is shown.
    await new Promise((resolve) => setTimeout(resolve));
    signal?.throwIfAborted();
    const { labels } = maps;
    const { shortSide } = setting;
    const pass = { pixels, seen, shortSide, windows, outputs, labels, logits };
    const key = crypto.randomUUID();
    this.#kept.set(key, pass);
    const oldest = this.#kept.keys().next().value;
    if (this.#kept.size > MOST_KEPT && oldest) this.#kept.delete(oldest);
    const size = { width, height, seenWidth: seen.width, seenHeight: seen.height };
    return { key, ...size, windows, ...maps, seconds: (performance.now() - started) / 1000 };
  }

  /**
   * @param {Pixels} pixels
   * @param {number} [shortSide]
   * @returns {Input}
   */
  see(pixels, shortSide) {
    const { model } = this.engine.facts;
    return preprocess(pixels, shortSide ?? model.shortSide, model.sizeDivisor, model);
  }

  /**
   * @param {Input} seen
   * @param {Steering} steering
   * @param {string[]} [outputs]
   */
  run({ input, height, width }, steering, outputs) {
    return this.engine.run(input, height, width, steering, outputs);
  }

  /**
   * @param {string} key
   * @returns {Pass}
   */
  get(key) {
    const pass = this.#kept.get(key);
    if (!pass) throw new PhotoError("gone");
    // Asked about now, so the last to be dropped.
    this.#kept.delete(key);
    this.#kept.set(key, pass);
    return pass;
  }

  /**
   * What the rows of a block are made of.
   * @param {string} key
   * @param {number} stage
   * @param {number} block
   * @returns {Promise<Block>}
   */
  async block(key, stage, block) {
    const { outputs, seen, windows } = this.get(key);
    /** @param {string} name */
    const part = (name) => outputs[`stage${stage}.block${block}.${name}`];
    const { model } = this.engine.facts;
    const [rows, columns] = [seen.height, seen.width].map((side) =>
      Math.floor(side / model.strides[stage - 1]),
    );
    if (stage <= 2) {
      const parts = { values: part("values"), kernel: part("kernel"), mix: part("mix") };
      const norms = await this.engine.norms(parts);
      return { kind: "local", stage, block, rows, columns, norms, kernel: sizes(parts.kernel) };
    }
    const query = part("query");
    const [heads, , headSize] = query.dims;
    const place = { stage, block, rows, columns, heads, headSize };
    const window = stage === 3 ? windows[block] : null;
    const paddingKey = part("padding_key").data;
    return { kind: "global", ...place, window, q: query.data, k: part("key").data, paddingKey };
  }

  /**
   * Probabilities of all classes at a pixel.
   * @param {string} key
   * @param {number} x
   * @param {number} y
   */
  probabilities(key, x, y) {
    const { logits, pixels } = this.get(key);
    return softmax(logitsAt(logits, pixels.height, pixels.width, x, y));
  }
}

/**
 * @param {{data: Float32Array, dims: readonly number[]}} tensor
 * @param {Input} seen
 * @returns {Logits}
 */
export function logitsOf({ data, dims }, { height, width }) {
  const [, classes, rows, columns] = dims;
  return { data, classes, rows, columns, networkHeight: height, networkWidth: width };
}

/**
 * The mean over channels of the size of a kernel (25, C), at each place.
 * @param {{data: Float32Array, dims: readonly number[]}} kernel
 */
function sizes({ data, dims: [places, channels] }) {
  return Float32Array.from({ length: places }, (_, place) => {
    const taps = data.subarray(place * channels, (place + 1) * channels);
    return taps.reduce((sum, tap) => sum + Math.abs(tap), 0) / channels;
  });
}
