// @ts-check
/** Starts the live edition: checks the browser, loads the network, mounts the workbench. */

import { BrowserSource } from "./browser_source.js";
import { wordsOf } from "./words.js";
import { mount } from "./workbench.js";

/** @typedef {import("./live_facts.js").Facts} Facts */

/** A function of WebAssembly that returns a vector: valid where SIMD is understood. */
const SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15,
  253, 98, 11,
]);
const MOST_THREADS = 4;

const loading = /** @type {HTMLElement} */ (document.getElementById("loading"));
const notes = /** @type {HTMLElement} */ (document.getElementById("notes"));

/** Half of the cores where the page may have threads; with few of them one thread is faster. */
function threads() {
  const cores = navigator.hardwareConcurrency ?? 1;
  return self.crossOriginIsolated && cores >= 4 ? Math.min(MOST_THREADS, cores >> 1) : 1;
}

async function start() {
  let words = await wordsOf(navigator.language);
  document.documentElement.lang = words.language;
  if (typeof WebAssembly !== "object" || !WebAssembly.validate(SIMD)) {
    loading.textContent = words.say("live.no-simd");
    return;
  }
  const base = new URL("../", import.meta.url).href;
  const facts = /** @type {Facts} */ (await (await fetch(new URL("live.json", base))).json());
  const count = threads();
  document.documentElement.dataset.threads = String(count);
  const source = new BrowserSource(facts, base, count);
  showProgress(source, words.say("live.loading"));
  let kept = false;
  const note = () => {
    const said = ["live.private", kept ? "live.offline" : "live.offline.later"];
    notes.textContent = `${said.map((key) => words.say(key)).join(" ")} `;
    for (const [file, key] of [
      ["NOTICES.md", "live.licences"],
      ["examples/CREDITS.md", "live.credits"],
    ]) {
      const link = document.createElement("a");
      link.href = new URL(file, base).href;
      link.textContent = words.say(key);
      notes.append(link, " ");
    }
  };
  note();
  const host = /** @type {HTMLElement} */ (document.getElementById("workbench"));
  await mount(host, source, {
    spoken: async (language) => {
      words = await wordsOf(language);
      document.documentElement.lang = words.language;
      note();
    },
  });
  document.documentElement.dataset.ready = "yes";
  performance.mark("ready");
  kept = await keep();
  document.documentElement.dataset.offline = kept ? "yes" : "no";
  note();
}

/**
 * @param {BrowserSource} source
 * @param {string} words
 */
function showProgress(source, words) {
  const bar = document.createElement("progress");
  loading.replaceChildren(bar, words);
  source.progress = (done, total) => {
    bar.max = total;
    bar.value = done;
  };
  source.loaded.then(
    () => loading.remove(),
    () => loading.remove(),
  );
}

/** Keep the folder for opening without a network; whether that worked. */
async function keep() {
  if (!("serviceWorker" in navigator)) return false;
  try {
    const base = new URL("../", import.meta.url);
    await navigator.serviceWorker.register(new URL("sw.js", base), { scope: base.href });
    await navigator.serviceWorker.ready;
    return true;
  } catch {
    return false; // private windows and some hosts allow none
  }
}

start().catch((error) => {
  loading.hidden = false;
  loading.textContent = String(error?.sentence ?? error);
});
