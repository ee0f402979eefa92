// @ts-check
/** What the shown layer says of the place: of rows at once, of others as soon as they are answered. */

import { h, refill } from "./dom.js";
import { faithfulBadge } from "./faithful.js";
import { choiceIn, kindOf } from "./layers.js";
import { numbersTable, ofRow } from "./numbers.js";
import { plots } from "./plot.js";
import { probeOf } from "./selection.js";
import { isWhole } from "./whole.js";
import { digits, percent, times } from "./words.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./source.js").Layer} Layer
 */

/**
 * @param {Bench} bench
 * @returns {HTMLElement}
 */
export function layerAnswer(bench) {
  const element = h("section", { class: "card result", "data-part": "result", hidden: true });
  let shown = "";

  function update() {
    const { layer, picture } = bench.state;
    const kind = kindOf(bench, layer);
    const rows = layer === "rows";
    element.hidden = !picture || (!kind && !rows);
    if (element.hidden || !picture) {
      shown = "";
      return;
    }
    const children = kind ? asked(bench) : rowsSaid(bench);
    const key = children.key;
    if (key === shown) return;
    shown = key;
    refill(element, ...children.parts());
  }
  bench.store.listen(update);
  bench.arrive(update);
  update();
  return element;
}

/**
 * @param {Bench} bench
 * @returns {{key: string, parts: () => import("./dom.js").Child[]}}
 */
function rowsSaid(bench) {
  const { say, state } = bench;
  const picture = /** @type {import("./source.js").Picture} */ (state.picture);
  const at = probeOf(state);
  const choice = choiceIn(picture, state, state.stage);
  const found = bench.blocks.reading(picture, state.stage, choice, at);
  const failure = bench.blocks.failure(picture, state.stage, choice.block);
  const info = picture.stages.find((each) => each.stage === state.stage);
  const title = bench.placeTitle(state.stage, choice.block, choice.head, info?.kind);
  const key = `rows ${picture.key} ${title} ${found?.row.token ?? failure}`;
  return {
    key,
    parts: () => {
      if (!found) {
        const again = () => bench.blocks.again(picture, state.stage, choice.block);
        return [
          head(bench, title, ""),
          h("p", { class: failure ? "problem" : "" }, failure || say("rows.coming")),
          failure && h("button", { type: "button", onclick: again }, say("ask.again")),
        ];
      }
      const { numbers, attended, stage } = found;
      const classes = (attended?.classes ?? []).filter(({ share }) => share >= 0.005).slice(0, 3);
      const list = classes
        .map(({ index, share }) => `${bench.className(picture, index)} ${percent(share)}`)
        .join(say("comma"));
      const values = {
        classes: list || "–",
        distance: digits(numbers.distance_picture_px),
        times: times(numbers.distance_picture_px / numbers.uniform_distance_picture_px),
      };
      const says = isWhole(picture) ? "rows.says" : `rows.${stage.kind}.says`;
      return [
        head(bench, title, "exact"),
        h("p", { class: "says" }, say(says, values)),
        numbersTable(bench, ofRow(bench, numbers, stage.kind)),
        h("p", { class: "misleads" }, say(`rows.${stage.kind}.misleads`)),
      ];
    },
  };
}

/**
 * @param {Bench} bench
 * @returns {{key: string, parts: () => import("./dom.js").Child[]}}
 */
function asked(bench) {
  const { say } = bench;
  const [slot, second] = bench.slots;
  const { kind, partial } = slot;
  const also = bench.state.compare && second.layer ? second.layer : null;
  const progress = partial
    ? `${partial.done} ${partial.total} ${partial.ahead} ${partial.layer?.sentence}`
    : "";
  const key = [slot.key, slot.status, progress, slot.sentence, second.key, second.status].join(" ");
  return {
    key,
    parts: () => {
      if (!kind) return [];
      const { layer } = slot;
      /** @type {import("./dom.js").Child[]} */
      const parts = [
        head(bench, kind.title, (layer ?? partial?.layer)?.grade ?? "", faithfulBadge(bench, kind)),
      ];
      if (slot.status === "offered") {
        parts.push(
          h("p", {}, kind.help),
          h(
            "button",
            {
              type: "button",
              class: "primary",
              "data-part": "start",
              onclick: () => startBoth(bench),
            },
            say("ask.start", { seconds: secondsWords(kind.seconds) }),
          ),
        );
      } else if (slot.status === "running") {
        const { done = 0, total = 0, ahead = 0 } = partial ?? {};
        const words =
          ahead > 0 ? say("ask.ahead", { ahead }) : (partial?.words ?? say("ask.running"));
        parts.push(h("p", { role: "status" }, words));
        if (total > 1)
          parts.push(h("progress", { max: total, value: done, "aria-label": say("ask.running") }));
        if (!kind.live) {
          parts.push(
            h(
              "button",
              { type: "button", "data-part": "stop", onclick: () => stopBoth(bench) },
              say("ask.stop"),
            ),
          );
        }
        if (partial?.layer) parts.push(...said(bench, partial.layer, null));
      } else if (slot.status === "failed") {
        parts.push(
          h("p", { class: "problem", role: "alert" }, slot.sentence),
          h("button", { type: "button", onclick: () => slot.start() }, say("ask.again")),
        );
      } else if (layer) parts.push(...said(bench, layer, also));
      return parts;
    },
  };
}

/** @param {Bench} bench */
function startBoth(bench) {
  for (const slot of bench.slots) if (slot.status === "offered") slot.start();
}

/** @param {Bench} bench */
function stopBoth(bench) {
  for (const slot of bench.slots) if (slot.status === "running") slot.stop();
}

/** @param {number} seconds */
function secondsWords(seconds) {
  return seconds < 9.5
    ? String(Math.max(1, Math.round(seconds)))
    : String(5 * Math.round(seconds / 5));
}

/**
 * @param {Bench} bench
 * @param {Layer} layer
 * @param {Layer | null} also  The same on the other side of a comparison.
 */
function said(bench, layer, also) {
  const { say } = bench;
  const { seconds } = layer;
  return [
    h("p", { class: "says" }, layer.sentence),
    also && h("p", { class: "says other" }, `${say("compare.other")} ${also.sentence}`),
    layer.scale.words && h("p", { class: "hint" }, layer.scale.words),
    ...plots(bench, layer.plots ?? []),
    numbersTable(bench, layer.numbers),
    ...(layer.tables ?? []).map((table) =>
      h(
        "details",
        { class: "all" },
        h("summary", {}, table.title),
        h(
          "div",
          { class: "scroll", tabindex: "0", role: "group", "aria-label": table.title },
          h(
            "table",
            {},
            h("thead", {}, h("tr", {}, ...table.head.map((each) => h("th", {}, each)))),
            h(
              "tbody",
              {},
              ...table.rows.map((row) =>
                h("tr", {}, ...row.map((each) => h("td", {}, String(each)))),
              ),
            ),
          ),
        ),
      ),
    ),
    layer.misleads && h("p", { class: "misleads" }, layer.misleads),
    seconds !== null &&
      h(
        "p",
        { class: "took" },
        say("ask.took", { seconds: seconds.toFixed(seconds < 0.095 ? 2 : 1) }),
      ),
  ];
}

/**
 * @param {Bench} bench
 * @param {string} title
 * @param {string} grade
 * @param {import("./dom.js").Child} [badge]
 */
function head(bench, title, grade, badge) {
  const { say } = bench;
  return h(
    "div",
    { class: "card-head" },
    h("h3", {}, title),
    badge,
    grade &&
      h(
        "span",
        { class: `grade ${grade}`, title: say(`grade.${grade}.help`) },
        say(`grade.${grade}`),
      ),
  );
}
