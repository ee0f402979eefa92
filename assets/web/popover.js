// @ts-check
/** Menus that hang below their button; Escape or a press beside them closes them. */

import { fill, h } from "./dom.js";

let count = 0;

/**
 * @param {HTMLButtonElement} button
 * @param {(close: () => void) => import("./dom.js").Child[]} make  Called each time it opens.
 * @param {{label: string, end?: boolean, wide?: boolean}} options  `end` lines up the right sides.
 * @returns {HTMLElement} to be put beside the button
 */
export function menu(button, make, { label, end = false, wide = false }) {
  count += 1;
  const panel = h("div", {
    class: `menu${wide ? " wide" : ""}`,
    id: `menu-${count}`,
    role: "dialog",
    "aria-label": label,
    popover: "auto",
  });
  button.setAttribute("aria-haspopup", "dialog");
  button.setAttribute("aria-expanded", "false");
  button.popoverTargetElement = panel;
  const close = () => panel.hidePopover();
  panel.addEventListener("beforetoggle", (event) => {
    const opens = /** @type {ToggleEvent} */ (event).newState === "open";
    button.setAttribute("aria-expanded", String(opens));
    if (!opens) return;
    fill(panel, ...make(close));
  });
  panel.addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState !== "open") {
      // Back to where it was opened from, unless something else has taken the focus.
      const root = /** @type {ShadowRoot} */ (button.getRootNode());
      if (!root.activeElement || panel.contains(root.activeElement)) button.focus();
      return;
    }
    place(panel, button, end);
    const chosen = panel.querySelector("[aria-current=true], [aria-checked=true]");
    const first = chosen ?? panel.querySelector("button:not(:disabled), input, select, a[href]");
    if (first instanceof HTMLElement) first.focus({ preventScroll: true });
  });
  return panel;
}

/**
 * @param {HTMLElement} panel
 * @param {HTMLElement} button
 * @param {boolean} end
 */
function place(panel, button, end) {
  const box = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = panel;
  const left = end ? box.right - width : box.left;
  const room = document.documentElement.clientWidth - width - 8;
  const below = box.bottom + 6;
  const top = below + height > innerHeight - 8 ? Math.max(8, innerHeight - height - 8) : below;
  panel.style.left = `${Math.max(8, Math.min(left, room))}px`;
  panel.style.top = `${top}px`;
}
