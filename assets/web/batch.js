// @ts-check
/** Several photos at once: labelled one after the other, each failure its own, one table of shares. */

import { csvOf, short } from "./csv.js";
import { sentenceOf } from "./pictures.js";
import { SourceError } from "./source.js";
import { thumbnailOf } from "./thumbnail.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./source.js").Known} Known
 * @typedef {import("./source.js").Picture} Picture
 * @typedef {import("./source.js").Setting} Setting
 *
 * @typedef {object} Item  One photo; `problem` is the sentence of a failure.
 * @property {File} file
 * @property {"waiting" | "working" | "done" | "failed"} state
 * @property {HTMLCanvasElement | null} thumbnail
 * @property {Known | null} known  What is kept of its labels: all but their maps.
 * @property {string} problem
 */

export const MOST_PHOTOS = 40;

export class Batch {
  /**
   * @param {Bench} bench
   * @param {import("./pictures.js").Pictures} pictures
   */
  constructor(bench, pictures) {
    this.bench = bench;
    this.pictures = pictures;
    /** @type {Item[]} */
    this.items = [];
    /** Files that are not among them. */
    this.left = 0;
    /** What all are labelled with. */
    /** @type {Setting | null} */
    this.setting = null;
    /** @type {AbortController | null} */
    this.running = null;
    /** Whether the next one is shown on the workbench: nobody has chosen one yet. */
    this.toShow = false;
  }

  /**
   * Labels these photos instead of those before.
   * @param {File[]} files
   */
  async start(files) {
    this.clear();
    this.items = files.slice(0, MOST_PHOTOS).map(begun);
    this.left = files.length - this.items.length;
    this.toShow = true;
    await this.again();
  }

  /** Labels all anew with what the picture shown is labelled with. */
  async again() {
    const files = this.items.map(({ file }) => file);
    this.clear();
    this.items = files.map(begun);
    this.setting = this.bench.state.setting;
    await this.goOn();
  }

  /** Labels those that are not labelled yet. */
  async goOn() {
    const controller = new AbortController();
    this.running = controller;
    for (const item of this.items) {
      if (item.state !== "waiting") continue;
      const picture = await this.#label(item, { signal: controller.signal });
      if (this.running !== controller) return;
      if (!picture) continue;
      if (this.toShow) await this.pictures.show(async () => picture);
      this.toShow = false;
    }
    this.running = null;
    this.bench.tell();
  }

  /** Stops labelling; what is labelled stays, and the others can be labelled later. */
  stop() {
    this.running?.abort();
    this.running = null;
    this.bench.tell();
  }

  /** Lets go of all photos. */
  clear() {
    this.stop();
    for (const item of this.items) this.#forget(item);
    this.items = [];
  }

  /**
   * Shows a photo on the workbench: labelled again, if its labels are no longer kept.
   * @param {Item} item
   */
  choose(item) {
    this.toShow = false;
    return this.pictures.show(async (watch) => {
      const { setting } = this;
      if (item.known && setting) {
        try {
          const picture = await this.bench.source.relabel(item.known, setting, watch);
          item.known = { ...item.known, key: picture.key };
          return picture;
        } catch (error) {
          if (!(error instanceof SourceError)) throw error;
          this.#forget(item);
        }
      }
      const picture = await this.#label(item, watch);
      if (!picture) throw new SourceError(item.problem);
      return picture;
    });
  }

  /** @param {Item} item */
  #forget(item) {
    if (!item.known) return;
    const { image } = item.known;
    item.known = null;
    this.bench.held.delete(image);
    this.bench.letGo(image);
  }

  /**
   * @param {Item} item
   * @param {import("./source.js").Watch} watch
   * @returns {Promise<Picture | null>} null where it failed or was stopped
   */
  async #label(item, watch) {
    const { bench, setting } = this;
    if (!setting) return null;
    item.state = "working";
    bench.tell();
    try {
      const { fileBytes } = bench.catalog;
      if (item.file.size > fileBytes) {
        const size = Math.round(fileBytes / 2 ** 20);
        throw new SourceError(bench.say("picture.large", { size }));
      }
      const picture = await bench.source.open(item.file, setting, watch);
      const { labels, confidence, entropy, margin, ...known } = picture;
      bench.held.add(picture.image);
      item.thumbnail = await thumbnailOf(picture);
      Object.assign(item, { known, state: "done" });
      return picture;
    } catch (error) {
      const stopped = watch.signal?.aborted;
      item.state = stopped ? "waiting" : "failed";
      item.problem = stopped ? "" : sentenceOf(error);
      return null;
    } finally {
      bench.tell();
    }
  }
}

/**
 * @param {File} file
 * @returns {Item}
 */
function begun(file) {
  return { file, state: "waiting", thumbnail: null, known: null, problem: "" };
}

/**
 * The shares of all classes in all photos, as CSV, or of a model that names a picture as a
 * whole, that class and its probability: a row per photo, and where it has no labels, why not.
 * @param {Pick<Item, "file" | "known" | "problem">[]} items
 * @returns {string}
 */
export function tableOf(items) {
  const first = items.find(({ known }) => known)?.known;
  const whole = first?.model.task === "classify";
  const shares = first?.classes.map(({ name }) => `share of ${name}`) ?? [];
  const told = whole ? ["class", "probability"] : shares;
  const head = ["file", "width", "height", "model", "reach", "window", "problem"];
  const rows = items.map(({ file, known, problem }) => {
    if (!known) return [file.name, "", "", "", "", "", problem, ...told.map(() => "")];
    const { width, height, model, setting, classes } = known;
    const window = setting.reach === "global" ? "" : setting.windowSize;
    const named = classes.find(({ share }) => share > 0);
    const values = whole
      ? [named?.name ?? "", short(named?.meanConfidence ?? 0)]
      : classes.map(({ share }) => short(share));
    return [file.name, width, height, model.title, setting.reach, window, "", ...values];
  });
  return csvOf([[...head, ...told], ...rows]);
}
