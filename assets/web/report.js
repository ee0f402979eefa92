// @ts-check
/** Starts a report: the workbench on what its file holds, see `analysis/report/page.py`. */

import { StoredSource } from "./stored_source.js";
import { wordsOf } from "./words.js";
import { mount } from "./workbench.js";

/**
 * Says what stands around the workbench in a language.
 * @param {string} language
 */
async function speak(language) {
  const words = await wordsOf(language);
  document.documentElement.lang = words.language;
  for (const each of /** @type {NodeListOf<HTMLElement>} */ (
    document.querySelectorAll("[data-say]")
  )) {
    each.textContent = words.say(each.dataset.say ?? "");
  }
}

await speak(navigator.language);
const host = /** @type {HTMLElement} */ (document.querySelector("#workbench .lens-workbench"));
const bench = await mount(host, new StoredSource(), { spoken: speak });
Object.assign(host, { bench });
document.documentElement.dataset.ready = "yes";
