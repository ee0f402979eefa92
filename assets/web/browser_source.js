// @ts-check
/**
 * A source whose answers the browser computes, in a worker: nothing of a picture leaves the machine.
 * The live edition mounts the workbench with it.
 */

import { keyOf } from "./asks.js";
import { fileOf, KINDS } from "./browser_files.js";
import { Calls, Failure } from "./calls.js";
import { fallScale, layerOf } from "./finding_words.js";
import { layersOf } from "./live_layers.js";
import { checkFile, checkSize, MAX_FILE_BYTES, PhotoError } from "./photo.js";
import { REACHES } from "./selection.js";
import { SourceError } from "./source.js";
import { named, wordsOf } from "./words.js";

/**
 * @typedef {import("./live_facts.js").Facts} Facts
 * @typedef {import("./source.js").Block} Block
 * @typedef {import("./source.js").Catalog} Catalog
 * @typedef {import("./source.js").Layer} Layer
 * @typedef {import("./source.js").Partial} Partial
 * @typedef {import("./source.js").Picture} Picture
 * @typedef {import("./source.js").Setting} Setting
 * @typedef {import("./source.js").Source} Source
 * @typedef {import("./source.js").Stop} Stop
 * @typedef {import("./words.js").Say} Say
 *
 * @typedef {{title: string, alt: string, credit: string, example: string | null, image: string}} Subject
 */

const MOST_LAYERS = 4;

/** Larger ones take seconds in a browser. */
const SHORT_SIDES = [256, 384, 512];

/** @implements {Source} */
export class BrowserSource {
  /** @type {{say: Say, has: (key: string) => boolean}} */
  #words = { say: (key) => key, has: () => false };
  #language = "";
  /** The latest answers, so that taking one away asks nothing anew. */
  /** @type {Map<string, import("./finding_words.js").Found>} */
  #layers = new Map();
  #calls;

  /**
   * @param {Facts} facts
   * @param {string} base  Address of the folder.
   * @param {number} threads
   */
  constructor(facts, base, threads) {
    this.facts = facts;
    this.base = base;
    const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.#calls = new Calls(worker);
    /** @type {(done: number, total: number) => void} */
    this.progress = () => {};
    /** Ends when the network can be asked. */
    this.loaded = this.#calls.ask(
      "load",
      { facts, base, threads },
      { onPartial: ({ done, total }) => this.progress(done, total) },
    );
    // Whoever opens a picture is told of a failure; nobody need wait for this.
    this.loaded.catch(() => {});
  }

  /**
   * @param {string} language
   * @returns {Promise<Catalog>}
   */
  async catalog(language) {
    this.#language = language;
    const words = await wordsOf(language);
    const { say } = words;
    if (this.#language === language) {
      this.#words = words;
      this.#layers.clear(); // their words are of another language
    }
    const { model, examples } = this.facts;
    const { name, reach, windowSize, shortSide } = model;
    return {
      models: [
        {
          ...this.#modelWords(),
          available: true,
          missing: "",
          reach,
          windowSize,
          reaches: REACHES,
          shortSides: [shortSide, ...SHORT_SIDES.filter((side) => side !== shortSide)],
        },
      ],
      layers: layersOf(this.facts, say),
      examples: examples.map(({ file, thumbnail, ...example }) => ({
        ...example,
        title: named(words, `example.${example.name}`, example.title),
        alt: named(words, `example.${example.name}.alt`, example.alt),
        thumbnail: new URL(thumbnail, this.base).href,
      })),
      first: { model: name, reach, windowSize, example: examples[0].name },
      elsewhere: this.facts.withApp.map((title) => named(words, `method.${title}`, title)),
      takeAway: { labels: KINDS, layers: KINDS },
      fileBytes: MAX_FILE_BYTES,
    };
  }

  /**
   * @param {Blob | {example: string}} what
   * @param {Setting} setting
   * @param {Stop & {onPartial?: (partial: Partial) => void}} [stop]
   * @returns {Promise<Picture>}
   */
  async open(what, setting, stop = {}) {
    if (!(what instanceof Blob)) {
      const found = this.facts.examples.find(({ name }) => name === what.example);
      if (!found) throw new SourceError(this.#words.say("live.photo.gone"));
      const { title, alt, credit, name, file } = found;
      const image = new URL(file, this.base).href;
      const subject = { title, alt, credit, example: name, image };
      return this.#picture(subject, "open", { file: image, setting }, stop);
    }
    const image = URL.createObjectURL(what);
    try {
      await this.#checked(what, image);
      const title = what instanceof File ? what.name : "";
      const subject = { title, alt: "", credit: "", example: null, image };
      return await this.#picture(subject, "open", { file: what, setting }, stop);
    } catch (error) {
      URL.revokeObjectURL(image);
      throw error;
    }
  }

  /**
   * @param {import("./source.js").Known} picture
   * @param {Setting} setting
   * @param {Stop} [stop]
   * @returns {Promise<Picture>}
   */
  relabel(picture, setting, stop = {}) {
    return this.#picture(picture, "relabel", { key: picture.key, setting }, stop);
  }

  /**
   * @param {Picture} picture
   * @param {number} stage
   * @param {number} block
   * @param {Stop} [stop]
   * @returns {Promise<Block>}
   */
  block(picture, stage, block, stop = {}) {
    return this.#ask("block", { key: picture.key, stage, block }, stop);
  }

  /**
   * @param {Picture} picture
   * @param {number} x
   * @param {number} y
   * @param {Stop} [stop]
   * @returns {Promise<Float32Array>}
   */
  probabilities(picture, x, y, stop = {}) {
    return this.#ask("probabilities", { key: picture.key, x, y }, stop);
  }

  /**
   * @param {Picture} picture
   * @param {import("./source.js").Ask} ask
   * @param {Stop & {onPartial?: (partial: Partial) => void}} [stop]
   * @returns {Promise<import("./finding_words.js").Found>}
   */
  async layer(picture, ask, { signal, onPartial } = {}) {
    const started = performance.now();
    const finding = await this.#ask(
      "layer",
      { key: picture.key, ask },
      { signal, onPartial: onPartial && ((step) => onPartial(this.#partial(step))) },
    );
    const seconds = (performance.now() - started) / 1000;
    const layer = layerOf(finding, picture, ask, this.#words.say, seconds);
    this.#layers.set(keyOf(picture, ask), layer);
    const oldest = this.#layers.keys().next().value;
    if (this.#layers.size > MOST_LAYERS && oldest) this.#layers.delete(oldest);
    return layer;
  }

  /**
   * @param {Picture} picture
   * @param {import("./source.js").Ask | null} ask
   * @param {import("./source.js").TakeAwayKind} kind
   * @param {Stop} [stop]
   */
  async takeAway(picture, ask, kind, stop = {}) {
    const known = ask && this.#layers.get(keyOf(picture, ask));
    const layer = ask && (known ?? (await this.layer(picture, ask, stop)));
    return fileOf(picture, layer, kind);
  }

  /**
   * @param {Partial} step
   * @returns {Partial}
   */
  #partial(step) {
    if (!step.map) return step;
    const most = step.map.reduce((high, value) => Math.max(high, Math.abs(value) || 0), 0);
    return { ...step, scale: fallScale(most, this.#words.say) };
  }

  /**
   * @param {Subject} subject
   * @param {"open" | "relabel"} call
   * @param {{setting: Setting, [name: string]: unknown}} given
   * @param {Stop & {onPartial?: (partial: Partial) => void}} stop
   * @returns {Promise<Picture>}
   */
  async #picture(subject, call, given, stop) {
    const { windows, seenWidth, seenHeight, found, ...maps } = await this.#ask(call, given, stop);
    const { title, alt, credit, example, image } = subject;
    const { name, title: modelTitle, knows, trained } = this.#modelWords();
    return {
      ...maps,
      title,
      alt,
      credit,
      example,
      image,
      classes: classesOf(this.facts, found),
      stages: stagesOf(this.facts, maps, { width: seenWidth, height: seenHeight }, windows),
      setting: given.setting,
      model: { name, title: modelTitle, knows, trained },
      notices: [],
    };
  }

  #modelWords() {
    const { name, accuracy, classes } = this.facts.model;
    const percent = accuracy === null ? "" : Math.round(100 * accuracy);
    const knows = accuracy === null ? "live.knows.classes" : "live.knows";
    return {
      name,
      title: this.#words.say("live.model", { name }),
      knows: this.#words.say(knows, { classes: classes.length, percent }),
      trained: true,
    };
  }

  /**
   * Refuse what cannot be a picture, before it is decoded.
   * @param {Blob} file
   * @param {string} address
   */
  async #checked(file, address) {
    try {
      await checkFile(file);
      const image = new Image();
      image.src = address;
      // Knowing the size needs no decoding.
      await new Promise((resolve, reject) => {
        image.onload = resolve;
        image.onerror = () => reject(new PhotoError("damaged"));
      });
      checkSize(image.naturalWidth, image.naturalHeight);
    } catch (error) {
      throw this.#told(error);
    }
  }

  /**
   * @param {string} call
   * @param {object} given
   * @param {Stop & {onPartial?: (partial: Partial) => void}} stop
   */
  async #ask(call, given, { signal, onPartial }) {
    try {
      return await this.#calls.ask(call, given, {
        signal,
        onPartial: (partial) =>
          onPartial?.({
            ahead: 0,
            ...(call === "layer" ? {} : { words: this.#words.say("live.loading") }),
            ...partial,
          }),
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw this.#told(error);
    }
  }

  /** @param {unknown} error */
  #told(error) {
    if (error instanceof SourceError) return error;
    const known = error instanceof PhotoError || error instanceof Failure;
    const reason = known ? error.reason : "failed";
    return new SourceError(this.#words.say(`live.photo.${reason}`));
  }
}

/**
 * @param {Facts} facts
 * @param {{index: number, share: number, meanConfidence: number}[]} found
 * @returns {import("./source.js").ClassInfo[]}
 */
function classesOf({ model, safeColors }, found) {
  const bySize = [...found].sort((one, other) => other.share - one.share);
  const ranks = new Map(bySize.map((each, rank) => [each.index, { rank, ...each }]));
  return model.classes.map((name, index) => {
    const { rank, share, meanConfidence } = ranks.get(index) ?? {
      rank: bySize.length,
      share: 0,
      meanConfidence: 0,
    };
    const color = model.colors[index];
    return { index, name, color, safeColor: safeColors[rank], share, meanConfidence };
  });
}

/**
 * Where the tokens of the stages lie on the picture.
 * @param {Facts} facts
 * @param {{width: number, height: number}} picture
 * @param {{width: number, height: number}} seen  By the network.
 * @param {(number | null)[]} windows  Of the blocks of stage 3.
 * @returns {import("./source.js").StageInfo[]}
 */
function stagesOf({ model }, picture, seen, windows) {
  return model.strides.map((stride, index) => {
    const depth = model.depths[index];
    return {
      stage: index + 1,
      stride,
      rows: Math.floor(seen.height / stride),
      columns: Math.floor(seen.width / stride),
      tokenWidth: (stride * picture.width) / seen.width,
      tokenHeight: (stride * picture.height) / seen.height,
      depth,
      heads: model.heads[index],
      windows: index === 2 ? windows : Array(depth).fill(null),
      kind: index < 2 ? "local" : "global",
    };
  });
}
