// @ts-check
/**
 * Every block and head of the network at the pixel, from first to last: a dot per head, a line
 * through their means, a dash where equal weights would be. A dot names itself, and a click makes it
 * the layer.
 */

import { choose } from "./choose.js";
import { h, refill, s, write } from "./dom.js";
import { niceStep } from "./palette.js";
import { probeOf } from "./selection.js";
import { digits, percent, times } from "./words.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./source.js").StageInfo} StageInfo
 * @typedef {ReturnType<typeof import("./rows.js").rowNumbers>} Numbers
 * @typedef {"distance" | "entropy" | "near"} Measure
 *
 * @typedef {object} Dot
 * @property {StageInfo} stage
 * @property {number} block
 * @property {number | null} head
 * @property {Numbers} numbers
 */

const WIDE = 380;
const TALL = 150;
const EDGE = { left: 34, right: 6, top: 8, bottom: 22 };
/** Blocks are loaded by themselves up to this many bytes in all; beyond, when they are asked for. */
const MOST_BYTES = 24 * 2 ** 20;

/** @type {Record<Measure, (numbers: Numbers) => number>} */
const VALUES = {
  distance: (numbers) => numbers.distance_picture_px,
  entropy: (numbers) => numbers.entropy,
  near: (numbers) => 100 * numbers.mass_5x5,
};

/**
 * @param {Bench} bench
 * @returns {HTMLElement}
 */
export function depth(bench) {
  const { say } = bench;
  /** @type {Measure} */
  let measure = "distance";
  const said = h("p", { class: "hint", role: "status" });
  const graph = h("div", { class: "depth" });
  const load = h(
    "button",
    { type: "button", hidden: true, onclick: () => loadAll() },
    say("depth.load"),
  );
  const measures = h("div", {});
  let wanted = "";
  let due = 0;
  /** Whether a dot waits for its block: else nothing that comes changes anything here. */
  let missing = true;

  function chooser() {
    refill(
      measures,
      choose(
        say("depth.measure"),
        /** @type {[Measure, string, string][]} */ (
          ["distance", "entropy", "near"].map((name) => [
            name,
            say(`depth.${name}`),
            say(`number.${name}.help`),
          ])
        ),
        measure,
        (to) => {
          measure = /** @type {Measure} */ (to);
          chooser();
          draw();
        },
      ),
    );
  }

  function loadAll() {
    const { picture } = bench.state;
    if (!picture) return;
    wanted = picture.key;
    bench.blocks.loadNext(picture);
  }

  function soon() {
    if (due) return;
    due = requestAnimationFrame(() => {
      due = 0;
      draw();
    });
  }

  function draw() {
    const { picture } = bench.state;
    if (!picture) return;
    const at = probeOf(bench.state);
    missing = false;
    /** @type {Dot[]} */
    const dots = [];
    for (const stage of picture.stages) {
      if (stage.pruned) continue; // its blocks have no rows
      for (let block = 0; block < stage.depth; block++) {
        const heads = stage.kind === "local" ? [null] : [...Array(stage.heads).keys(), null];
        for (const head of heads) {
          const numbers = bench.blocks.numbers(picture, stage, { block, head }, at);
          if (numbers) dots.push({ stage, block, head, numbers });
          else missing = true;
        }
      }
    }
    if (wanted !== picture.key && bytesOf(picture.stages) <= MOST_BYTES) wanted = picture.key;
    // A picture that is being labelled comes first.
    if (wanted === picture.key && missing && !bench.waiting) bench.blocks.loadNext(picture);
    load.hidden = !missing || wanted === picture.key;
    refill(graph, graphOf(dots));
  }

  /** @param {Dot[]} dots */
  function graphOf(dots) {
    const { picture } = bench.state;
    const all = picture?.stages ?? [];
    const count = all.reduce((sum, stage) => sum + stage.depth, 0) + 0.6 * (all.length - 1);
    const step = (WIDE - EDGE.left - EDGE.right) / Math.max(1, count);
    /** @type {Map<number, number>} */
    const starts = new Map();
    let from = EDGE.left;
    for (const stage of all) {
      starts.set(stage.stage, from);
      from += (stage.depth + 0.6) * step;
    }
    const measured = VALUES[measure];
    const value = (/** @type {Dot} */ dot) => measured(dot.numbers);
    const even = (/** @type {Dot} */ dot) =>
      measure === "distance" ? dot.numbers.uniform_distance_picture_px : null;
    const high =
      measure === "entropy"
        ? 1
        : measure === "near"
          ? 100
          : Math.max(
              1,
              ...dots.flatMap((dot) => [value(dot), even(dot) ?? 0]).filter(Number.isFinite),
            );
    const up = (/** @type {number} */ y) =>
      TALL - EDGE.bottom - (y / high) * (TALL - EDGE.top - EDGE.bottom);
    const across = (/** @type {Dot} */ { stage, block }) =>
      (starts.get(stage.stage) ?? 0) + (block + 0.5) * step;
    const rules = [0, 0.5, 1].map((part) => {
      const tick = measure === "distance" ? niceStep(high / 2) * part * 2 : high * part;
      return tick <= high ? tick : null;
    });
    const heads = dots.filter((dot) => dot.head !== null || dot.stage.kind === "local");
    const means = dots.filter((dot) => dot.head === null);
    const { layer, stage: now, choices } = bench.state;
    return s(
      "svg",
      { viewBox: `0 0 ${WIDE} ${TALL}`, role: "group", "aria-label": say("depth") },
      ...rules.flatMap((tick) =>
        tick === null
          ? []
          : [
              s("path", { class: "grid", d: `M${EDGE.left} ${up(tick)}H${WIDE - EDGE.right}` }),
              s("text", { x: EDGE.left - 5, y: up(tick) + 4, "text-anchor": "end" }, digits(tick)),
            ],
      ),
      ...all.map((stage) =>
        s(
          "text",
          {
            x: (starts.get(stage.stage) ?? 0) + (stage.depth * step) / 2,
            y: TALL - 6,
            "text-anchor": "middle",
          },
          say("stage.number", { stage: stage.stage }),
        ),
      ),
      ...means.map((dot) => {
        const y = even(dot);
        if (y === null || !Number.isFinite(y)) return null;
        return s("path", {
          class: "even",
          d: `M${across(dot) - step * 0.4} ${up(y)}h${step * 0.8}`,
        });
      }),
      ...all.map((stage) => {
        const line = means.filter((dot) => dot.stage === stage && Number.isFinite(value(dot)));
        const d = line
          .map((dot, at) => `${at ? "L" : "M"}${across(dot)} ${up(value(dot))}`)
          .join("");
        return s("path", { class: "mean", d });
      }),
      ...heads
        .filter((dot) => Number.isFinite(value(dot)))
        .map((dot) => {
          const { stage, block, head } = dot;
          const chosen = choices[stage.stage];
          const on =
            layer === "rows" &&
            now === stage.stage &&
            chosen?.block === block &&
            (chosen.head === head || chosen.head === null);
          const words = wordsOf(dot);
          return s(
            "circle",
            {
              cx: across(dot),
              cy: up(value(dot)),
              r: Math.min(4.5, Math.max(2.5, step / 3.2)),
              class: `dot${on ? " on" : ""}${stage.kind === "local" ? " local" : ""}`,
              role: "button",
              tabindex: dot === heads[0] ? "0" : "-1",
              "aria-label": words,
              "data-place": `${stage.stage}.${block}.${head ?? "mean"}`,
              onclick: () => go(dot),
              onpointerenter: () => write(said, words),
              onfocus: () => write(said, words),
              onkeydown: (/** @type {KeyboardEvent} */ event) => walk(event, dot),
            },
            s("title", {}, words),
          );
        }),
    );
  }

  /** @param {Dot} dot */
  function wordsOf({ stage, block, head, numbers }) {
    return say("depth.says", {
      place: bench.placeTitle(stage.stage, block, head, stage.kind),
      distance: digits(numbers.distance_picture_px),
      times: times(numbers.distance_picture_px / numbers.uniform_distance_picture_px),
      entropy: numbers.entropy.toFixed(2),
      near: percent(numbers.mass_5x5),
    });
  }

  /** @param {Dot} dot */
  function go({ stage, block, head }) {
    const choices = { ...bench.state.choices, [stage.stage]: { block, head } };
    bench.set({ layer: "rows", stage: stage.stage, choices });
  }

  /**
   * @param {KeyboardEvent} event
   * @param {Dot} dot
   */
  function walk(event, dot) {
    const circles = /** @type {SVGElement[]} */ ([...graph.querySelectorAll("circle")]);
    const at = circles.indexOf(/** @type {SVGElement} */ (event.currentTarget));
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step) circles[at + step]?.focus();
    else if (event.key === "Enter" || event.key === " ") go(dot);
    else return;
    event.preventDefault();
  }

  bench.store.listen((_, changed) => {
    const keys = /** @type {const} */ (["picture", "place", "hover", "layer", "stage", "choices"]);
    if (changed.has("picture")) write(said, say("depth.hint"));
    if (keys.some((key) => changed.has(key))) soon();
  });
  bench.arrive(() => missing && soon());
  write(said, say("depth.hint"));
  chooser();
  draw();
  return h(
    "section",
    { class: "card", "data-part": "depth" },
    h("div", { class: "card-head" }, h("h3", {}, say("depth")), measures),
    graph,
    said,
    load,
  );
}

/** @param {StageInfo[]} stages */
function bytesOf(stages) {
  return stages.reduce((sum, { rows, columns, depth: blocks, kind, heads }) => {
    const perToken = kind === "local" ? 25 * 4 : heads * 2 * 64 * 4;
    return sum + rows * columns * blocks * perToken;
  }, 0);
}
