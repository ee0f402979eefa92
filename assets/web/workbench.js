// @ts-check
/** The workbench: one picture, always in view, and every answer a layer on it. */

import { pixelAnswer } from "./answer.js";
import { Batch } from "./batch.js";
import { batchStrip } from "./batch_strip.js";
import { Bench } from "./bench.js";
import { styleOf } from "./beside.js";
import { depth } from "./depth.js";
import { fill, h } from "./dom.js";
import { Film } from "./film.js";
import { filmPanel } from "./film_panel.js";
import { opener, takeFiles } from "./given.js";
import { layerBar } from "./layer_bar.js";
import { Pictures } from "./pictures.js";
import { pinTable } from "./pin_table.js";
import { layerAnswer } from "./result.js";
import { scaleBar } from "./scale_bar.js";
import { readQuery, Store } from "./selection.js";
import { stages } from "./stages.js";
import { followTheme } from "./theme.js";
import { top } from "./top.js";
import { tour } from "./tour.js";
import { View } from "./view.js";
import { wordsOf } from "./words.js";

/**
 * @typedef {import("./source.js").Source} Source
 * @typedef {import("./source.js").Picture} Picture
 * @typedef {import("./selection.js").State} State
 *
 * @typedef {object} Options
 * @property {string} [language]  For example "zh-CN"; that of the browser if left out.
 * @property {string} [query]  What a link says; `location.search` if left out.
 * @property {(state: State) => void} [selected]  Told when picture, place or layer change.
 * @property {(language: string) => void} [spoken]  Told when another language is chosen.
 */

const STYLES = ["tokens", "page", "top", "batch", "view", "bar", "side"];

/**
 * Puts the workbench into an element and opens the first picture.
 * @param {HTMLElement} host
 * @param {Source} source
 * @param {Options} [options]
 * @returns {Promise<{
 *   store: Store,
 *   open: (what: Blob | {example: string}) => Promise<void>,
 *   relabel: (setting: Partial<import("./source.js").Setting>) => Promise<void>,
 *   follow: (key: string, setting: import("./source.js").Setting) => Promise<void>,
 *   catalog: () => import("./source.js").Catalog,
 *   slot: () => import("./asks.js").Slot,
 *   speak: (language: string) => Promise<void>,
 * }>}
 */
export async function mount(host, source, options = {}) {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const store = new Store();
  const styles = STYLES.map((name) => styleOf(`${name}.css`));
  const page = h("div", { class: "workbench" });
  fill(root, ...styles, page);
  followTheme(host);
  await Promise.all(
    styles
      .filter((style) => style.matches("link"))
      .map((link) => new Promise((done) => Object.assign(link, { onload: done, onerror: done }))),
  );

  let wished = options.language ?? navigator.language;
  const words = await wordsOf(wished);
  const catalog = await source.catalog(words.language);
  const bench = new Bench(source, store, catalog, words);
  const pictures = new Pictures(bench);
  const batch = new Batch(bench, pictures);
  const film = new Film(bench);
  const open = opener(pictures, batch, film);

  /** Builds all parts in the language of the bench, around what is selected already. */
  function show() {
    host.lang = bench.language;
    build(page, bench, pictures, { batch, film, open }, (to) => {
      options.spoken?.(to);
      speak(to);
    });
    store.listen((state, changed) => {
      host.dataset.shown = state.picture?.key ?? "";
      if (TOLD.some((key) => changed.has(key))) options.selected?.(state);
    });
  }

  /**
   * Says everything in another language; the one wished for last wins.
   * @param {string} language
   */
  async function speak(language) {
    wished = language;
    const words = await wordsOf(language);
    const catalog = await source.catalog(words.language);
    if (wished !== language) return;
    bench.speak(catalog, words);
    show();
  }

  show();
  if (!catalog.alone) takeFiles(host, open);
  const wanted = readQuery(options.query ?? location.search);
  const { example: opening, ...first } = catalog.first;
  const example = catalog.examples.find(({ name }) => name === wanted.example)?.name;
  store.set({ setting: { ...first, ...wanted.setting } });
  await pictures.open({ example: example ?? opening }, example ? wanted.patch : {});
  if (!store.state.picture) {
    // A link to what is not there: the page opens as ever, and says what was wrong.
    const { problem } = bench;
    store.set({ setting: first });
    await pictures.open({ example: opening });
    if (store.state.picture) bench.problem = problem;
    bench.tell();
  }
  const { compare } = store.state;
  if (compare?.kind === "setting") pictures.compare(compare.setting);
  return {
    store,
    open: (what) => pictures.open(what),
    relabel: (setting) => pictures.relabel(setting),
    follow: (key, setting) => pictures.follow(key, setting),
    catalog: () => bench.catalog,
    slot: () => bench.slots[0],
    speak,
  };
}

/** @type {(keyof State)[]} */
const TOLD = ["picture", "place", "region", "layer", "stage", "choices"];

/**
 * @param {HTMLElement} page
 * @param {Bench} bench
 * @param {Pictures} pictures
 * @param {{batch: Batch, film: Film, open: (files: File[]) => void}} given  What takes files.
 * @param {(language: string) => void} speak
 */
function build(page, bench, pictures, { batch, film, open }, speak) {
  const view = new View(bench, () => pictures.stop());
  const message = h("div", { class: "message", role: "alert" });
  const notices = h("div", { class: "notices" });
  const credit = h("p", { class: "credit" });
  const tell = () => {
    const { picture } = bench.state;
    message.hidden = !bench.problem;
    message.textContent = bench.problem;
    const said = picture?.notices ?? [];
    notices.hidden = !said.length;
    fill(notices, ...said.map((notice) => h("p", {}, bench.spoken(notice))));
    credit.textContent = picture
      ? [
          picture.credit && bench.say("credit", { credit: picture.credit }),
          picture.seconds > 0 && bench.say("took", { seconds: picture.seconds.toFixed(2) }),
        ]
          .filter(Boolean)
          .join(" · ")
      : "";
  };
  const guide = tour(bench, pictures);
  fill(
    page,
    top(bench, pictures, open, guide.button, speak),
    guide.element,
    batchStrip(batch),
    filmPanel(film),
    message,
    notices,
    h(
      "div",
      { class: "columns" },
      h(
        "main",
        { class: "left" },
        layerBar(bench, pictures, view),
        view.element,
        scaleBar(bench, view),
        credit,
      ),
      h(
        "aside",
        { class: "right" },
        pixelAnswer(bench),
        layerAnswer(bench),
        pinTable(bench, view),
        stages(bench),
        depth(bench),
      ),
    ),
  );
  bench.store.listen((_, changed) => changed.has("picture") && tell());
  bench.arrive(tell);
  tell();
  view.update();
}
