// @ts-check
/** Curves of an answer, drawn from its data: legible on a phone and in the dark, values on hover. */

import { h, s, write } from "./dom.js";
import { niceStep } from "./palette.js";
import { digits } from "./words.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./source.js").Plot} Plot
 * @typedef {import("./source.js").Series} Series
 */

const WIDE = 360;
const TALL = 200;
const EDGE = { left: 44, right: 8, top: 10, bottom: 34 };
const COLORS = [
  "var(--series-1)",
  "var(--series-2)",
  "var(--series-3)",
  "var(--series-4)",
  "var(--series-5)",
  "var(--quiet)",
];

/**
 * @param {Bench} bench
 * @param {Plot[]} all
 */
export function plots(bench, all) {
  return all.map((plot) => drawn(bench, plot));
}

/**
 * The values over x that there are, near to the one pointed at. Lines need not have the same x.
 * @param {Series[]} series
 * @param {number} wanted
 * @returns {{x: number, values: [string, number][]}}
 */
export function valuesAt(series, wanted) {
  const [x] = series
    .flatMap((each) => each.x)
    .sort((one, other) => Math.abs(one - wanted) - Math.abs(other - wanted));
  const values = series.flatMap(({ name, x: xs, y }) =>
    xs.flatMap((each, at) => (each === x ? [/** @type {[string, number]} */ ([name, y[at]])] : [])),
  );
  return { x: x ?? 0, values };
}

/**
 * @param {Bench} bench
 * @param {Plot} plot
 */
function drawn(bench, plot) {
  const xs = plot.series.flatMap(({ x }) => x).filter(Number.isFinite);
  const ys = plot.series
    .flatMap(({ y, low = [], high = [] }) => [...y, ...low, ...high])
    .filter(Number.isFinite);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [low, high] = [Math.min(0, ...ys), Math.max(...ys)];
  const across = (/** @type {number} */ x) =>
    EDGE.left + ((x - left) / (right - left || 1)) * (WIDE - EDGE.left - EDGE.right);
  const up = (/** @type {number} */ y) =>
    TALL - EDGE.bottom - ((y - low) / (high - low || 1)) * (TALL - EDGE.top - EDGE.bottom);
  const line = (/** @type {number[]} */ x, /** @type {number[]} */ y) =>
    x
      .map((each, at) => `${at ? "L" : "M"}${across(each).toFixed(1)} ${up(y[at] ?? 0).toFixed(1)}`)
      .join("");
  const said = h(
    "p",
    { class: "hint plot-value" },
    plot.xTitle ? `${plot.yTitle} / ${plot.xTitle}` : plot.yTitle,
  );
  const rule = s("path", { class: "rule", d: "" });
  const graph = s(
    "svg",
    { viewBox: `0 0 ${WIDE} ${TALL}`, class: "plot", role: "img", "aria-label": plot.title },
    ...steps(low, high).flatMap((y) => [
      s("path", { class: "grid", d: `M${EDGE.left} ${up(y)}H${WIDE - EDGE.right}` }),
      s("text", { x: EDGE.left - 6, y: up(y) + 4, "text-anchor": "end" }, digits(y)),
    ]),
    ...steps(left, right).map((x) =>
      s("text", { x: across(x), y: TALL - EDGE.bottom + 16, "text-anchor": "middle" }, digits(x)),
    ),
    s(
      "text",
      { x: (EDGE.left + WIDE) / 2, y: TALL - 3, "text-anchor": "middle", class: "axis" },
      plot.xTitle,
    ),
    ...plot.series.flatMap((each, at) => {
      const color = COLORS[at % COLORS.length];
      const band =
        each.low && each.high
          ? `${line(each.x, each.low)}${line([...each.x].reverse(), [...each.high].reverse()).replace("M", "L")}Z`
          : "";
      return [
        band && s("path", { d: band, fill: color, class: "band" }),
        s("path", { d: line(each.x, each.y), stroke: color, class: "curve" }),
        each.x.length === 1 &&
          s("circle", { cx: across(each.x[0] ?? 0), cy: up(each.y[0] ?? 0), r: 3, fill: color }),
      ];
    }),
    rule,
  );
  graph.addEventListener("pointermove", (event) => {
    const box = graph.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * WIDE;
    const part = (at - EDGE.left) / (WIDE - EDGE.left - EDGE.right);
    const { x, values } = valuesAt(plot.series, left + part * (right - left));
    rule.setAttribute("d", `M${across(x)} ${EDGE.top}V${TALL - EDGE.bottom}`);
    const told = values.map(([name, y]) => `${name} ${digits(y)}`).join(bench.say("comma"));
    write(said, `${plot.xTitle} ${digits(x)}: ${told}`);
  });
  return h(
    "figure",
    { class: "plot-of" },
    h("figcaption", {}, plot.title),
    graph,
    h(
      "ul",
      { class: "keys" },
      ...plot.series.map((each, at) =>
        h("li", {}, h("i", { style: { background: COLORS[at % COLORS.length] } }), each.name),
      ),
    ),
    said,
  );
}

/**
 * @param {number} low
 * @param {number} high
 */
function steps(low, high) {
  if (!(high > low)) return [low];
  const step = niceStep((high - low) / 4);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-6; at += step) {
    found.push(Number(at.toPrecision(10)));
  }
  return found;
}
