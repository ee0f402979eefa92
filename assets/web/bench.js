// @ts-check
/** What every part of the workbench is given: the store, the source, the words, the colours. */

import { Slot } from "./asks.js";
import { Blocks } from "./blocks.js";
import { rgb } from "./palette.js";
import { named } from "./words.js";

/**
 * @typedef {import("./source.js").Picture} Picture
 * @typedef {import("./source.js").Setting} Setting
 *
 * @typedef {{say: import("./words.js").Say, has: (key: string) => boolean, language: string}} Words
 */

export class Bench {
  /**
   * @param {import("./source.js").Source} source
   * @param {import("./selection.js").Store} store
   * @param {import("./source.js").Catalog} catalog
   * @param {Words} words
   */
  constructor(source, store, catalog, words) {
    this.source = source;
    this.store = store;
    this.catalog = catalog;
    this.words = words;
    /** Answers that came, by what was asked. */
    /** @type {Map<string, import("./source.js").Layer>} */
    this.kept = new Map();
    /** @type {Set<() => void>} */
    this.listeners = new Set();
    const arrived = () => this.tell();
    this.blocks = new Blocks(source, arrived);
    /** Answers for the left and the right side of the picture. */
    this.slots = /** @type {[Slot, Slot]} */ ([
      new Slot(source, arrived, this.kept),
      new Slot(source, arrived, this.kept),
    ]);
    /** Checkpoints of the visitor's own. */
    /** @type {import("./source.js").ModelInfo[]} */
    this.own = [];
    /** Addresses of photos that will be shown again. */
    /** @type {Set<string>} */
    this.held = new Set();
    /** What went wrong last, in one sentence, or "". */
    this.problem = "";
    /** Pictures being labelled, and how far the last one is. */
    this.waiting = 0;
    /** @type {import("./source.js").Partial | null} */
    this.progress = null;
    /** @type {ReturnType<typeof setTimeout> | number} */
    this.telling = 0;
  }

  get state() {
    return this.store.state;
  }

  get say() {
    return this.words.say;
  }

  get language() {
    return this.words.language;
  }

  /**
   * Goes on in another language, for parts that are made anew: what is selected, opened or on its way
   * to be labelled stays; questions and answers, which are in the old one, go.
   * @param {import("./source.js").Catalog} catalog
   * @param {Words} words
   */
  speak(catalog, words) {
    this.store.listeners.clear();
    this.listeners.clear();
    this.kept.clear();
    for (const slot of this.slots) slot.want(null, null, null);
    this.problem = "";
    this.catalog = catalog;
    this.words = words;
  }

  /**
   * Frees the memory of a photo that is no longer shown, unless it will be.
   * @param {string} image  Its address.
   */
  letGo(image) {
    if (!this.held.has(image) && this.state.picture?.image !== image) URL.revokeObjectURL(image);
  }

  /** All models that there are to choose from, the visitor's own last. */
  get models() {
    const own = this.own.map((each) => {
      const said = each.spoken?.[this.language] ?? {};
      const { title, knows } = each;
      return { ...each, title: said[title] ?? title, knows: said[knows] ?? knows };
    });
    return [...this.catalog.models, ...own];
  }

  /**
   * A sentence that came with the picture, in the page's language where that has it.
   * @param {string} sentence
   * @returns {string}
   */
  spoken(sentence) {
    return this.state.picture?.spoken?.[this.language]?.[sentence] ?? sentence;
  }

  /**
   * Changes the selection.
   * @param {Partial<import("./selection.js").State>} patch
   */
  set(patch) {
    this.store.set(patch);
  }

  /**
   * Calls `listener` when an answer or a block has come: once per frame at most.
   * @param {() => void} listener
   */
  arrive(listener) {
    this.listeners.add(listener);
  }

  /** Tells that something came. */
  tell() {
    if (this.telling) return;
    this.telling = setTimeout(() => {
      this.telling = 0;
      for (const listener of [...this.listeners]) listener();
    }, 8);
  }

  /**
   * The name of a class, in the page's language where that has one.
   * @param {Picture} picture
   * @param {number} index
   */
  className(picture, index) {
    return this.nameOf(picture.classes[index]?.name ?? String(index));
  }

  /**
   * The name that a data set gives a class, in the page's language where that has one.
   * @param {string} name
   */
  nameOf(name) {
    return named(this.words, `class.${name}`, name);
  }

  /**
   * The colour of a class: told apart with any colour vision, unless the data set's own are wanted.
   * Those of the first picture, so that two labellings of it agree.
   * @param {Picture} picture
   * @param {number} index
   * @returns {string}
   */
  classColor(picture, index) {
    const first = this.state.picture;
    const own = picture.classes[index];
    if (this.state.ownColors || !first) return own?.color ?? "#888888";
    const named = first.classes.find((each) => each.name === own?.name);
    if (named && named.share > 0) return named.safeColor;
    return own?.color ?? "#888888"; // the easy ones are given away
  }

  /**
   * @param {Picture} picture
   * @returns {import("./palette.js").Color[]}
   */
  classColors(picture) {
    return picture.classes.map((each) => rgb(this.classColor(picture, each.index)));
  }

  /**
   * @param {Setting} setting
   * @returns {string}
   */
  settingTitle(setting) {
    const model = this.models.find((each) => each.name === setting.model);
    const reach = this.say(`reach.${setting.reach}`);
    const window = setting.reach === "global" ? "" : ` ${setting.windowSize}`;
    const untrained = setting.untrained ? ` · ${this.say("untrained")}` : "";
    const side = setting.shortSide;
    const short = side ? ` · ${this.say("short.side", { side })}` : "";
    return `${model?.title ?? setting.model} · ${reach}${window}${short}${untrained}`;
  }

  /**
   * @param {Picture} picture
   * @param {import("./selection.js").Shown} shown
   * @returns {string}
   */
  layerTitle(picture, shown) {
    const kind = this.catalog.layers.find((each) => each.id === shown.layer);
    if (kind) return kind.title;
    if (shown.layer !== "rows") return this.say(`layer.${shown.layer}`);
    const info = picture.stages.find((each) => each.stage === shown.stage);
    const choice = shown.choices[shown.stage];
    return this.placeTitle(shown.stage, choice?.block ?? 0, choice?.head ?? null, info?.kind);
  }

  /**
   * @param {number} stage
   * @param {number} block
   * @param {number | null} head
   * @param {"local" | "global"} [kind]
   * @returns {string}
   */
  placeTitle(stage, block, head, kind = "global") {
    const whose = head === null ? this.say("head.mean") : this.say("head.number", { head });
    const parts = [this.say("stage.number", { stage }), this.say("block.number", { block })];
    return (kind === "local" ? parts : [...parts, whose]).join(" · ");
  }
}
