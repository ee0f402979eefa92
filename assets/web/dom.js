// @ts-check
/** Small helpers to build and change elements; everything shown goes in as text, never as HTML. */

/** @typedef {Node | string | number | null | undefined | false} Child */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} [properties]  `on…` are listeners, `style` an object or string,
 *   what is false or null is left out.
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  give(made, properties);
  fill(made, ...children);
  return made;
}

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [properties]
 * @param {...Child} children
 * @returns {SVGElement}
 */
export function s(tag, properties = {}, ...children) {
  const made = /** @type {SVGElement} */ (document.createElementNS(SVG, tag));
  give(made, properties);
  fill(made, ...children);
  return made;
}

/**
 * Replaces what an element holds.
 * @param {Element | DocumentFragment} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  const kept = children.filter((child) => child !== null && child !== undefined && child !== false);
  element.replaceChildren(...kept.map((child) => (child instanceof Node ? child : String(child))));
}

/**
 * Replaces what an element holds, and leaves the focus on what stands where the focus was.
 * @param {Element} element
 * @param {...Child} children
 */
export function refill(element, ...children) {
  const root = /** @type {Document | ShadowRoot} */ (element.getRootNode());
  const focused = root.activeElement;
  const places = () => [...element.querySelectorAll("button, select, input, summary, [tabindex]")];
  const at = focused && element.contains(focused) ? places().indexOf(focused) : -1;
  fill(element, ...children);
  const place = places()[at];
  if (place instanceof HTMLElement || place instanceof SVGElement) place.focus();
}

/**
 * Writes a text only where it differs, so that nothing is laid out anew for nothing.
 * @param {Element} element
 * @param {string} text
 */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {Element} element
 * @param {Record<string, unknown>} properties
 */
function give(element, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) {
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else if (name === "style" && typeof value === "object") {
      const style = /** @type {ElementCSSInlineStyle & Element} */ (element).style;
      for (const [key, of] of Object.entries(value)) style.setProperty(key, String(of));
    } else if (element instanceof HTMLElement && name in element && typeof value !== "string") {
      Reflect.set(element, name, value);
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
}

/**
 * An icon of 20 x 20, drawn in lines of the text's colour.
 * @param {keyof typeof ICONS} name
 * @returns {SVGElement}
 */
export function icon(name) {
  return s(
    "svg",
    { viewBox: "0 0 20 20", class: "icon", "aria-hidden": "true" },
    s("path", { d: ICONS[name] }),
  );
}

export const ICONS = {
  down: "M5.5 8 10 12.5 14.5 8",
  plus: "M10 4.5v11M4.5 10h11",
  minus: "M4.5 10h11",
  close: "M5.5 5.5l9 9M14.5 5.5l-9 9",
  whole: "M4 8V4h4M16 8V4h-4M4 12v4h4M16 12v4h-4",
  upload: "M10 13.5V4M6 7.5 10 3.5l4 4M4 13v3.5h12V13",
  camera: "M3 6.5h3.2L7.5 4.5h5l1.3 2H17v9.5H3ZM10 13.6a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6Z",
  paste: "M7 4.5H4.5V17h11V4.5H13M7 3h6v3H7Z",
  pixel: "M10 2.5v4M10 13.5v4M2.5 10h4M13.5 10h4M10 10h.01",
  pin: "M10 17.500c-1-3-5-5.500-5-9.500a5 5 0 0 1 10 0c0 4-4 6.500-5 9.500ZM10 8h.01",
  segment: "M4 12.5c0-5 3-8.5 7-8.5s6 3 5 6.5-2 5.5-6 5.5-6-.5-6-3.500Z",
  class:
    "M3.5 7a3.5 3.5 0 1 0 7 0 3.5 3.5 0 0 0-7 0ZM11.5 13.500a2.7 2.7 0 1 0 5.4 0 2.7 2.7 0 0 0-5.4 0ZM6 14.500a1.5 1.5 0 1 0 3 0 1.5 1.5 0 0 0-3 0Z",
  brush:
    "M16.5 3.5 9 11M8.5 10.500c-2 0-3 1.2-3 3 0 1.3-.7 2.2-2 2.5 2.5 1.2 7.5.8 7.5-3 0-1.5-1-2.5-2.5-2.500Z",
  split: "M10 3v14M3.5 5h13v10h-13ZM6.5 8 5 10l1.5 2M13.5 8 15 10l-1.5 2",
  take: "M10 3.500V13M6 9.500l4 4 4-4M4 16.500h12",
  sliders:
    "M3.5 6h7M14.5 6h2M3.5 14h2M9.5 14h7M10.5 6a2 2 0 1 0 4 0 2 2 0 0 0-4 0ZM5.5 14a2 2 0 1 0 4 0 2 2 0 0 0-4 0Z",
  eye: "M2.5 10S5 5 10 5s7.5 5 7.5 5-2.5 5-7.5 5-7.5-5-7.5-5ZM10 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z",
  link: "M8.5 11.500a3 3 0 0 0 4.3 0l2.7-2.700a3 3 0 0 0-4.3-4.300l-1 1M11.5 8.500a3 3 0 0 0-4.3 0l-2.7 2.700a3 3 0 0 0 4.3 4.300l1-1",
  theme:
    "M10 3.500a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM10 3.500v13M10 6.500h5.400M10 10h6.500M10 13.500h5.400",
  check: "M4.5 10.5 8.5 14.5 15.5 6",
};
