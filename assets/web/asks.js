// @ts-check
/**
 * Layers that have to be computed. A live one is asked for by itself as soon as the selection rests,
 * and one the selection has left is aborted; others wait for a button. What was answered is kept, so
 * that going back is free.
 */

import { SourceError } from "./source.js";

/**
 * @typedef {import("./source.js").Source} Source
 * @typedef {import("./source.js").Picture} Picture
 * @typedef {import("./source.js").Ask} Ask
 * @typedef {import("./source.js").Layer} Layer
 * @typedef {import("./source.js").LayerKind} LayerKind
 * @typedef {import("./source.js").Partial} PartialLayer
 *
 * @typedef {"none" | "offered" | "running" | "done" | "failed"} Status
 */

/** Milliseconds the selection has to rest. */
const REST = 90;
const MOST_KEPT = 60;

/** One place for an answer: each side of a comparison has its own. */
export class Slot {
  /**
   * @param {Source} source
   * @param {() => void} changed
   * @param {Map<string, Layer>} kept  What was answered already.
   */
  constructor(source, changed, kept) {
    this.source = source;
    this.changed = changed;
    this.kept = kept;
    this.key = "";
    /** @type {Status} */
    this.status = "none";
    /** @type {Picture | null} */
    this.picture = null;
    /** @type {Ask | null} */
    this.ask = null;
    /** @type {LayerKind | null} */
    this.kind = null;
    /** @type {Layer | null} */
    this.layer = null;
    /** The last answer of this layer for this picture, while a new one is on its way. */
    /** @type {Layer | null} */
    this.stale = null;
    /** @type {PartialLayer | null} */
    this.partial = null;
    this.sentence = "";
    this.started = 0;
    /** When a live layer was last wished for. */
    this.wished = Number.NEGATIVE_INFINITY;
    /** @type {AbortController | null} */
    this.controller = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /**
   * Says what is wanted; nothing happens if it is what was wanted before.
   * @param {Picture | null} picture
   * @param {Ask | null} ask
   * @param {LayerKind | null} kind
   */
  want(picture, ask, kind) {
    const key = picture && ask && kind ? keyOf(picture, ask) : "";
    if (key === this.key) return;
    const sameKind = picture?.key === this.picture?.key && ask?.layer === this.ask?.layer;
    this.stale = sameKind ? (this.layer ?? this.stale) : null;
    this.#abort();
    Object.assign(this, { key, picture, ask, kind, layer: null, partial: null, sentence: "" });
    const known = this.kept.get(key);
    if (!key) this.status = "none";
    else if (known) {
      this.layer = known;
      this.status = "done";
    } else if (kind?.live) {
      this.status = "running";
      this.started = performance.now();
      // The first wish starts at once; those that follow it closely wait until there are no more.
      const follows = this.started - this.wished < REST;
      this.wished = this.started;
      this.timer = setTimeout(() => this.start(), follows ? REST : 0);
    } else this.status = "offered";
    this.changed();
  }

  /** Asks for it now. */
  async start() {
    const { picture, ask, key } = this;
    if (!picture || !ask) return;
    this.#abort();
    const controller = new AbortController();
    this.controller = controller;
    Object.assign(this, { status: "running", partial: null, sentence: "" });
    this.started = performance.now();
    this.changed();
    try {
      const layer = await this.source.layer(picture, ask, {
        signal: controller.signal,
        onPartial: (partial) => {
          if (this.controller !== controller) return;
          // A message without a map or an answer leaves those there were.
          this.partial = { ...this.partial, ...partial };
          this.changed();
        },
      });
      if (this.controller !== controller) return;
      remember(this.kept, key, layer);
      Object.assign(this, { layer, status: "done", partial: null });
    } catch (error) {
      if (this.controller !== controller) return;
      this.status = "failed";
      this.partial = null;
      this.sentence = error instanceof SourceError ? error.sentence : String(error);
    }
    this.controller = null;
    this.changed();
  }

  /** Stops a running one; it can be asked for again. */
  stop() {
    this.#abort();
    this.partial = null;
    this.status = this.ask ? "offered" : "none";
    this.changed();
  }

  #abort() {
    clearTimeout(this.timer);
    const { controller } = this;
    this.controller = null;
    controller?.abort();
  }
}

/**
 * @param {Picture} picture
 * @param {Ask} ask
 */
export function keyOf(picture, ask) {
  const { mask, ...rest } = ask;
  return `${picture.key} ${JSON.stringify(rest)} ${mask ? digest(mask) : ""}`;
}

/** Of masks, which are never written to again. */
/** @type {WeakMap<Uint8Array, number>} */
const digests = new WeakMap();

/** @param {Uint8Array} mask */
function digest(mask) {
  const known = digests.get(mask);
  if (known !== undefined) return known;
  let sum = 2166136261;
  for (const byte of mask) sum = Math.imul(sum ^ byte, 16777619);
  digests.set(mask, sum >>> 0);
  return sum >>> 0;
}

/**
 * @param {Map<string, Layer>} kept
 * @param {string} key
 * @param {Layer} layer
 */
function remember(kept, key, layer) {
  kept.delete(key);
  kept.set(key, layer);
  const oldest = kept.keys().next().value;
  if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
}
