// @ts-check
/** Opening and labelling pictures: the last wish wins, and a failure leaves everything as it was. */

import { fitting } from "./fitting.js";
import { isLayer } from "./layers.js";
import { homeOf, openedWith } from "./selection.js";
import { SourceError } from "./source.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./source.js").Picture} Picture
 * @typedef {import("./source.js").Setting} Setting
 */

export class Pictures {
  /** @param {Bench} bench */
  constructor(bench) {
    this.bench = bench;
    /** @type {AbortController | null} */
    this.opening = null;
    /** @type {AbortController | null} */
    this.comparing = null;
  }

  /**
   * @param {Blob | {example: string}} what
   * @param {Partial<import("./selection.js").State>} [then]  What to change once it is there.
   */
  async open(what, then = {}) {
    const { bench } = this;
    const { first, fileBytes } = bench.catalog;
    if (what instanceof Blob && what.size > fileBytes) {
      return this.#tell(bench.say("picture.large", { size: Math.round(fileBytes / 2 ** 20) }));
    }
    const { example: _, ...opening } = first;
    const setting = bench.state.setting ?? opening;
    await this.#make((watch) => bench.source.open(what, setting, watch), false, then);
  }

  /**
   * Shows another picture that something else has labelled, or labels now.
   * @param {(watch: import("./source.js").Watch) => Promise<Picture>} make
   */
  async show(make) {
    await this.#make(make, false);
  }

  /** @param {Partial<Setting>} change */
  async relabel(change) {
    const { picture, setting } = this.bench.state;
    if (!picture || !setting) return;
    const wanted = { ...setting, ...change };
    await this.#make((watch) => this.bench.source.relabel(picture, wanted, watch), true);
  }

  /**
   * Shows the same picture as something else has labelled it, in a setting with nothing left out.
   * @param {string} key  Of that result.
   * @param {Setting} setting
   */
  async follow(key, setting) {
    const { picture } = this.bench.state;
    if (!picture) return;
    const there = { ...picture, key };
    await this.#make((watch) => this.bench.source.relabel(there, setting, watch), true);
  }

  /**
   * Shows the same picture labelled in another setting beside this one.
   * @param {Setting} setting
   */
  async compare(setting) {
    const { bench } = this;
    const { picture } = bench.state;
    if (!picture) return;
    this.against({ kind: "setting", setting });
    const controller = new AbortController();
    this.comparing = controller;
    bench.waiting += 1;
    bench.tell();
    try {
      const other = await bench.source.relabel(picture, setting, this.#watch(controller));
      if (bench.state.picture === picture && !controller.signal.aborted) bench.set({ other });
    } catch (error) {
      if (controller.signal.aborted) return;
      this.against(null);
      this.#tell(sentenceOf(error));
    } finally {
      bench.waiting -= 1;
      bench.progress = null;
      bench.tell();
    }
  }

  /**
   * Changes what stands beside the picture, or ends that; what was on its way there stops.
   * @param {import("./selection.js").Comparison | null} compare
   */
  against(compare) {
    this.comparing?.abort();
    this.bench.set({ compare, other: null });
  }

  /** A picture from the clipboard, where the browser lets a page read it. */
  async pasteFromClipboard() {
    const { say } = this.bench;
    try {
      for (const item of await navigator.clipboard.read()) {
        const type = item.types.find((each) => each.startsWith("image/"));
        if (type) return await this.open(await item.getType(type));
      }
      this.#tell(say("picture.no-paste"));
    } catch {
      this.#tell(say("picture.press-paste"));
    }
  }

  /**
   * @param {(watch: import("./source.js").Watch) => Promise<Picture>} make
   * @param {boolean} same  Whether it is of the same picture.
   * @param {Partial<import("./selection.js").State>} [then]
   */
  async #make(make, same, then = {}) {
    const { bench } = this;
    this.opening?.abort();
    const controller = new AbortController();
    this.opening = controller;
    bench.waiting += 1;
    this.#tell("");
    try {
      const picture = await make(this.#watch(controller));
      if (this.opening !== controller) {
        if (!same) bench.letGo(picture.image);
        return;
      }
      if (!same) this.comparing?.abort();
      const { compare, picture: before } = bench.state;
      const wanted = {
        ...openedWith(bench.state, picture, same),
        ...checked(bench, picture, then),
      };
      bench.set({ ...wanted, ...fitting({ ...bench.state, ...wanted }, picture) });
      bench.blocks.keep([picture]);
      if (before && before.image !== picture.image) bench.letGo(before.image);
      if (compare?.kind === "setting" && bench.state.compare) this.compare(compare.setting);
    } catch (error) {
      if (controller.signal.aborted || this.opening !== controller) return;
      this.#tell(sentenceOf(error));
    } finally {
      bench.waiting -= 1;
      bench.progress = null;
      bench.tell();
    }
  }

  /** Stops labelling; what was shown stays. */
  stop() {
    this.opening?.abort();
    this.comparing?.abort();
    const { compare, other } = this.bench.state;
    if (!other && compare?.kind === "setting") this.against(null);
  }

  /**
   * @param {AbortController} controller
   * @returns {import("./source.js").Watch}
   */
  #watch(controller) {
    return {
      signal: controller.signal,
      onPartial: (partial) => {
        this.bench.progress = partial;
        this.bench.tell();
      },
    };
  }

  /** @param {string} sentence */
  #tell(sentence) {
    this.bench.problem = sentence;
    this.bench.tell();
  }
}

/**
 * A link without what is not there: a place outside of the picture, a layer nobody computes here.
 * @param {Bench} bench
 * @param {Picture} picture
 * @param {Partial<import("./selection.js").State>} patch
 */
function checked(bench, picture, patch) {
  const { layer, parameters, ...kept } = patch;
  if (layer && isLayer(bench, layer)) Object.assign(kept, { layer }, parameters && { parameters });
  const { place, pins } = kept;
  const inside = (/** @type {{x: number, y: number}} */ at) =>
    at.x < picture.width && at.y < picture.height;
  if (place && !inside(place)) kept.place = homeOf(picture);
  if (pins) kept.pins = pins.filter(inside);
  return kept;
}

/** @param {unknown} error */
export function sentenceOf(error) {
  return error instanceof SourceError ? error.sentence : String(error);
}
