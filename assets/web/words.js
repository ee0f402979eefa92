// @ts-check
/**
 * Every sentence of the workbench, by key: one file per language in `words/`, English where a
 * language lacks one. `{name}` in a sentence stands for what is put in.
 */

import { jsonOf } from "./beside.js";

/** The languages there are, as they call themselves. */
export const LANGUAGES = /** @type {const} */ ({ en: "English", zh: "中文" });

/** @typedef {(key: string, values?: Record<string, string | number>) => string} Say */

/**
 * @param {string} language  For example "zh-CN"; of one that is not there, English is said.
 * @returns {Promise<{language: keyof typeof LANGUAGES, say: Say, has: (key: string) => boolean}>}
 */
export async function wordsOf(language) {
  const short = language.toLowerCase().split("-")[0] ?? "en";
  const chosen = /** @type {keyof typeof LANGUAGES} */ (short in LANGUAGES ? short : "en");
  const [english, own] = await Promise.all([read("en"), chosen === "en" ? {} : read(chosen)]);
  return { language: chosen, ...sayer(english, own) };
}

/**
 * @param {Record<string, string>} english
 * @param {Record<string, string>} own
 */
export function sayer(english, own) {
  /** @type {Say} */
  const say = (key, values = {}) =>
    (own[key] ?? english[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) =>
      name in values ? String(values[name]) : whole,
    );
  return { say, has: (/** @type {string} */ key) => key in own || key in english };
}

/**
 * A name that came from elsewhere in English, in the page's language where that has it under `key`.
 * @param {{say: Say, has: (key: string) => boolean}} words
 * @param {string} key
 * @param {string} name
 */
export const named = ({ say, has }, key, name) => (has(key) ? say(key) : name);

/**
 * @param {string} language
 * @returns {Promise<Record<string, string>>}
 */
const read = (language) => jsonOf(`words/${language}.json`);

/**
 * A share as people say it: whole percents, tenths below ten.
 * @param {number} share  0 to 1.
 * @returns {string}
 */
export function percent(share) {
  if (!Number.isFinite(share)) return "–";
  const hundredth = 100 * share;
  if (hundredth > 0 && hundredth < 0.05) return "< 0.1\u00a0%";
  return `${hundredth.toFixed(hundredth < 9.95 ? 1 : 0)}\u00a0%`;
}

/**
 * How many times as much, as people say it.
 * @param {number} ratio
 * @returns {string}
 */
export function times(ratio) {
  return Number.isFinite(ratio) ? ratio.toFixed(ratio < 9.95 ? 2 : 0) : "–";
}

/**
 * A number with three digits that count, or whole, and no exponent where none is needed.
 * @param {number | null | undefined} value
 * @returns {string}
 */
export function digits(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size < 1e5 && Number.isInteger(value)) return String(value).replace("-", "−"); // a count
  if (size >= 1e5 || size < 1e-4)
    return value.toExponential(1).replace("e+", "e").replace("-", "−");
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(size)));
  return value.toFixed(Math.min(decimals, 6)).replace("-", "−");
}
