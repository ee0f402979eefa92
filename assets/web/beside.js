// @ts-check
/**
 * Styles and words, which lie beside the modules; a page that is a file of its own carries them in
 * itself, since it can ask nobody.
 */

import { h } from "./dom.js";

/**
 * @param {string} name  Of the file.
 * @returns {string | null} what the page carries of this name
 */
const carried = (name) =>
  document.querySelector(`script[data-file="${name}"]`)?.textContent ?? null;

/**
 * A style sheet, to be put where it is to hold.
 * @param {string} name
 */
export function styleOf(name) {
  const text = carried(name);
  if (text !== null) return h("style", {}, text);
  return h("link", { rel: "stylesheet", href: new URL(name, import.meta.url).href });
}

/**
 * @param {string} name
 * @returns {Promise<any>}
 */
export async function jsonOf(name) {
  const text = carried(name);
  if (text !== null) return JSON.parse(text);
  return (await fetch(new URL(name, import.meta.url))).json();
}
