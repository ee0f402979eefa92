// @ts-check
/** A source whose answers a server computes: the addresses of `ui/web/addresses.py`. */

import { FrameReader } from "./frames.js";
import { SourceError } from "./source.js";

/**
 * @typedef {import("./source.js").Catalog} Catalog
 * @typedef {import("./source.js").Picture} Picture
 * @typedef {import("./source.js").Setting} Setting
 * @typedef {import("./source.js").Block} Block
 * @typedef {import("./source.js").Stop} Stop
 * @typedef {import("./source.js").Partial} Partial
 * @typedef {import("./source.js").Ask} Ask
 * @typedef {import("./source.js").Source} Source
 * @typedef {import("./source.js").Layer} Layer
 * @typedef {import("./frames.js").Frame} Frame
 */

const UNREACHABLE = "The server cannot be reached: check the connection and try again.";
const BROKEN = "The answer of the server broke off: please try again.";

/** @implements {Source} */
export class ServerSource {
  #api;
  #language = "";
  // Behind a proxy many visitors have one address: their questions take turns by page.
  #session = [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16))
    .join("");

  /** @param {string} [base]  Where the addresses are; beside this module, unless told otherwise. */
  constructor(base = new URL("api/", import.meta.url).href) {
    this.#api = base;
  }

  /**
   * @param {string} language
   * @returns {Promise<Catalog>}
   */
  async catalog(language) {
    this.#language = language;
    const query = new URLSearchParams({ language });
    const { facts } = await this.#ask(`catalog?${query}`);
    return /** @type {Catalog} */ (facts);
  }

  /**
   * @param {Blob | {example: string}} what
   * @param {Setting} setting
   * @param {Stop & {onPartial?: (partial: Partial) => void}} [stop]
   * @returns {Promise<Picture>}
   */
  async open(what, setting, stop = {}) {
    const body = new FormData();
    body.set("setting", JSON.stringify(setting));
    if (what instanceof Blob) body.set("file", what);
    else body.set("example", what.example);
    const { facts, arrays } = await this.#ask("open", { method: "POST", body, ...stop });
    const { image, ...maps } = arrays;
    const url = URL.createObjectURL(new Blob([image], { type: "image/jpeg" }));
    return /** @type {Picture} */ ({ ...facts, ...maps, image: url });
  }

  /**
   * @param {import("./source.js").Known} picture
   * @param {Setting} setting
   * @param {Stop & {onPartial?: (partial: Partial) => void}} [stop]
   * @returns {Promise<Picture>}
   */
  async relabel(picture, setting, stop = {}) {
    const body = JSON.stringify({ key: picture.key, setting });
    const { facts, arrays } = await this.#ask("relabel", { method: "POST", body, ...stop });
    return /** @type {Picture} */ ({ ...facts, ...arrays, image: picture.image });
  }

  /**
   * @param {Picture} picture
   * @param {number} stage
   * @param {number} block
   * @param {Stop} [stop]
   * @returns {Promise<Block>}
   */
  async block(picture, stage, block, stop = {}) {
    const { facts, arrays } = await this.#ask(`${picture.key}/block/${stage}/${block}`, stop);
    return /** @type {Block} */ ({ ...facts, ...arrays });
  }

  /**
   * @param {Picture} picture
   * @param {number} x
   * @param {number} y
   * @param {Stop} [stop]
   * @returns {Promise<Float32Array>}
   */
  async probabilities(picture, x, y, stop = {}) {
    const { arrays } = await this.#ask(`${picture.key}/probabilities?x=${x}&y=${y}`, stop);
    return arrays.probabilities;
  }

  /**
   * @param {Picture} picture
   * @param {Ask} ask
   * @param {Stop & {onPartial?: (partial: Partial) => void}} [stop]
   * @returns {Promise<Layer>}
   */
  async layer(picture, ask, stop = {}) {
    const asked = { method: "POST", body: JSON.stringify(written(ask)), ...stop };
    const query = new URLSearchParams({ language: this.#language });
    const { facts, arrays } = await this.#ask(`${picture.key}/layer?${query}`, asked);
    return /** @type {Layer} */ ({ ...facts, ...arrays });
  }

  /**
   * @param {Picture} picture
   * @param {Ask | null} ask
   * @param {import("./source.js").TakeAwayKind} kind
   * @param {Stop} [stop]
   * @returns {Promise<Blob>}
   */
  async takeAway(picture, ask, kind, stop = {}) {
    const body = JSON.stringify({ kind, ask: ask && written(ask) });
    const asked = { method: "POST", body, ...stop };
    const { facts, arrays } = await this.#ask(`${picture.key}/take-away`, asked);
    return new Blob([arrays.file], { type: facts.type });
  }

  /**
   * @param {File} file
   * @param {Setting} setting
   * @param {import("./source.js").Watch} [watch]
   * @returns {Promise<import("./source.js").LabelledFilm>}
   */
  async film(file, setting, watch = {}) {
    const body = new FormData();
    body.set("setting", JSON.stringify(setting));
    body.set("file", file);
    const { facts, arrays } = await this.#ask("film", { method: "POST", body, ...watch });
    const { seconds, classes, notices, spoken } = facts;
    const film = new Blob([arrays.film], { type: "video/webm" });
    const table = new Blob([arrays.table], { type: "text/csv" });
    return { film, table, seconds, classes, notices, spoken };
  }

  /**
   * @param {File} file
   * @param {Stop & {onPartial?: (partial: Partial) => void}} [stop]
   * @returns {Promise<import("./source.js").ModelInfo>}
   */
  async addModel(file, stop = {}) {
    const body = new FormData();
    body.set("file", file);
    const { facts } = await this.#ask("checkpoint", { method: "POST", body, ...stop });
    return /** @type {import("./source.js").ModelInfo} */ (facts);
  }

  /**
   * @param {string} path
   * @param {RequestInit & {onPartial?: (partial: Partial) => void}} [options]
   * @returns {Promise<Frame>}
   */
  async #ask(path, { onPartial, ...options } = {}) {
    let answer;
    try {
      answer = await fetch(this.#api + path, {
        ...options,
        headers: { "x-lens-session": this.#session },
      });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new SourceError(UNREACHABLE);
    }
    if (!answer.ok || !answer.body) throw new SourceError(await sentenceOf(answer));
    return await lastFrame(answer.body, onPartial, options.signal ?? undefined);
  }
}

/**
 * @param {ReadableStream<Uint8Array>} body
 * @param {(partial: Partial) => void} [onPartial]
 * @param {AbortSignal} [signal]
 * @returns {Promise<Frame>}
 */
export async function lastFrame(body, onPartial, signal) {
  const reader = body.getReader();
  const frames = new FrameReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new SourceError(BROKEN);
      for (const frame of frames.push(value)) {
        const { error, keys } = frame.facts;
        if (error) throw new SourceError(error, keys);
        if (!frame.facts.partial) return frame;
        onPartial?.(partialOf(frame));
      }
    }
  } catch (error) {
    if (error instanceof SourceError || signal?.aborted) throw error;
    throw new SourceError(BROKEN);
  } finally {
    reader.cancel().catch(() => {});
  }
}

/**
 * @param {Frame} frame
 * @returns {Partial}
 */
function partialOf({ facts, arrays }) {
  const { partial, layer, ...known } = facts;
  if (layer) return /** @type {Partial} */ ({ ...known, layer: { ...layer, ...arrays } });
  return /** @type {Partial} */ ({ ...known, ...arrays });
}

/**
 * An ask as JSON has it: its mask in base64.
 *
 * @param {Ask} ask
 */
function written({ mask, ...ask }) {
  if (!mask) return ask;
  let text = "";
  for (const byte of mask) text += String.fromCharCode(byte);
  return { ...ask, mask: btoa(text) };
}

/**
 * @param {Response} answer
 * @returns {Promise<string>}
 */
async function sentenceOf(answer) {
  try {
    const { detail } = await answer.json();
    if (typeof detail === "string") return detail;
  } catch {
    // not an answer of this server: a proxy's, perhaps
  }
  return UNREACHABLE;
}
