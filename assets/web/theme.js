// @ts-check
/** Dark or light: as the page around it, or the visitor's system, until a button says otherwise. */

import { h, icon } from "./dom.js";

/**
 * Keeps the workbench as dark as the page: Gradio says so by the class `dark`, anywhere else the body
 * has what was chosen, if anything was.
 * @param {HTMLElement} host
 */
export function followTheme(host) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {
    const { classList } = document.body;
    const framed = document.querySelector(".gradio-container") !== null;
    const chosen = classList.contains("dark") || (!classList.contains("light") && system.matches);
    const dark = framed ? document.querySelector(".dark") !== null : chosen;
    host.classList.toggle("is-dark", dark);
    classList.toggle("is-dark", dark);
  };
  new MutationObserver(follow).observe(document.body, {
    attributes: true,
    attributeFilter: ["class"],
  });
  system.addEventListener("change", follow);
  follow();
}

/**
 * @param {import("./words.js").Say} say
 * @returns {HTMLElement}
 */
export function themeButton(say) {
  const change = () => {
    const { classList } = document.body;
    const dark = !classList.contains("is-dark");
    classList.toggle("dark", dark);
    classList.toggle("light", !dark);
  };
  return h(
    "button",
    {
      type: "button",
      class: "quiet theme",
      "data-part": "theme",
      title: say("theme"),
      "aria-label": say("theme"),
      onclick: change,
    },
    icon("theme"),
  );
}
