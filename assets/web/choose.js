// @ts-check
/** One of a few: side by side, or in a list. */

import { h } from "./dom.js";

/**
 * A few choices side by side.
 * @param {string} label
 * @param {[value: unknown, title: string, help?: string][]} choices
 * @param {unknown} now
 * @param {(value: unknown) => void} pick
 */
export function choose(label, choices, now, pick) {
  return h(
    "div",
    { class: "segmented", role: "group", "aria-label": label },
    ...choices.map(([value, title, help]) =>
      h(
        "button",
        {
          type: "button",
          "aria-pressed": String(value === now),
          title: help,
          "data-value": String(value),
          onclick: () => pick(value),
        },
        title,
      ),
    ),
  );
}

/**
 * @param {string} label
 * @param {[value: unknown, title: string, help?: string][]} choices
 * @param {unknown} now
 * @param {(value: unknown) => void} pick
 */
export function select(label, choices, now, pick) {
  const made = h(
    "select",
    {
      "aria-label": label,
      onchange: () => pick(choices[made.selectedIndex]?.[0] ?? null),
    },
    ...choices.map(([value, title, help]) =>
      h("option", { selected: value === now, title: help }, title),
    ),
  );
  return made;
}
