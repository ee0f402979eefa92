// @ts-check
/** A film, labelled frame by frame while the page goes on; the last one given counts. */

import { sentenceOf } from "./pictures.js";

/** @typedef {import("./source.js").LabelledFilm} LabelledFilm */

const ENDING = /\.(mp4|m4v|mov|webm|mkv|avi|3gp)$/i;

/** @param {File} file */
export function isFilm({ type, name }) {
  return type.startsWith("video/") || ENDING.test(name);
}

export class Film {
  /** @param {import("./bench.js").Bench} bench */
  constructor(bench) {
    this.bench = bench;
    /** @type {File | null} */
    this.file = null;
    /** @type {AbortController | null} */
    this.running = null;
    /** When the first frame was labelled, and how far it is. */
    this.began = 0;
    /** @type {import("./source.js").Partial | null} */
    this.progress = null;
    /** Address of the frame that was labelled last. */
    this.preview = "";
    /** @type {(LabelledFilm & {address: string}) | null} */
    this.labelled = null;
    this.problem = "";
  }

  /** @param {File} file */
  async start(file) {
    this.clear();
    const { bench } = this;
    const { fileBytes } = bench.catalog;
    const setting = bench.state.setting;
    this.file = file;
    if (!bench.source.film) this.problem = bench.say("film.app");
    else if (file.size > fileBytes) {
      this.problem = bench.say("picture.large", { size: Math.round(fileBytes / 2 ** 20) });
    }
    if (this.problem || !setting) return bench.tell();
    const controller = new AbortController();
    this.running = controller;
    bench.tell();
    try {
      const { signal } = controller;
      const onPartial = (/** @type {import("./source.js").Partial} */ partial) => {
        if (this.running === controller) this.#come(partial);
      };
      const labelled = await bench.source.film?.(file, setting, { signal, onPartial });
      if (this.running !== controller || !labelled) return;
      this.labelled = { ...labelled, address: URL.createObjectURL(labelled.film) };
    } catch (error) {
      if (this.running !== controller) return;
      this.problem = sentenceOf(error);
    }
    this.running = null;
    bench.tell();
  }

  /** Ends the work, or closes what came of it. */
  clear() {
    this.running?.abort();
    URL.revokeObjectURL(this.preview);
    if (this.labelled) URL.revokeObjectURL(this.labelled.address);
    const { bench } = this;
    Object.assign(this, new Film(bench));
    bench.tell();
  }

  /** @param {import("./source.js").Partial} partial */
  #come(partial) {
    if (partial.done === 1) this.began = performance.now();
    this.progress = partial;
    if (partial.preview) {
      URL.revokeObjectURL(this.preview);
      const jpeg = /** @type {BlobPart} */ (partial.preview);
      this.preview = URL.createObjectURL(new Blob([jpeg], { type: "image/jpeg" }));
    }
    this.bench.tell();
  }

  /** Seconds that are left, once a few frames tell; null before. */
  get left() {
    const { done = 0, total = 0 } = this.progress ?? {};
    if (done < 4) return null;
    return ((performance.now() - this.began) / (done - 1) / 1000) * (total - done);
  }
}
