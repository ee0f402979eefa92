// @ts-check
/** The right column's head: one sentence on the pixel, its likeliest classes, and the layer's answer. */

import { fill, h, refill, write } from "./dom.js";
import { faithfulBadge } from "./faithful.js";
import { choiceIn, confidenceAt, kindOf, labelAt } from "./layers.js";
import { plots } from "./plot.js";
import { probeOf } from "./selection.js";
import { isWhole } from "./whole.js";
import { digits, percent, times } from "./words.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./source.js").NumberInfo} NumberInfo
 * @typedef {import("./source.js").Layer} Layer
 * @typedef {import("./geometry.js").Point} Point
 */

/** Milliseconds the pointer rests before all classes of a pixel are asked for. */
const REST = 140;
const BARS = 5;

/**
 * The sentence and the bars of the pixel looked at.
 * @param {Bench} bench
 * @returns {HTMLElement}
 */
export function pixelAnswer(bench) {
  const { say } = bench;
  const canAsk = bench.catalog.layers.some(({ against }) => against);
  const sentence = h("h2", { class: "sentence" });
  const where = h("p", { class: "where" });
  const bars = h("div", { class: "bars" });
  const hint = h("p", { class: "hint" });
  const live = h("p", { class: "unseen", role: "status", "aria-live": "polite" });
  const element = h(
    "section",
    { class: "card answer", "data-part": "answer" },
    sentence,
    where,
    bars,
    hint,
    live,
  );

  /** @type {{key: string, all: Float32Array | null}} */
  let known = { key: "", all: null };
  /** @type {AbortController | null} */
  let asking = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resting;

  /** @param {Point} at */
  function ask(at) {
    const { picture } = bench.state;
    if (!picture) return;
    const key = `${picture.key} ${at.x},${at.y}`;
    if (key === known.key) return;
    known = { key, all: null };
    clearTimeout(resting);
    asking?.abort();
    const controller = new AbortController();
    asking = controller;
    const go = async () => {
      try {
        const all = await bench.source.probabilities(picture, at.x, at.y, {
          signal: controller.signal,
        });
        if (known.key === key) known = { key, all };
        update();
      } catch {
        // What is known without is shown; a new place asks anew.
      }
    };
    resting = setTimeout(go, bench.state.place ? 0 : REST);
  }

  function update() {
    const { picture, place, against } = bench.state;
    if (!picture) return;
    const at = probeOf(bench.state);
    const whole = isWhole(picture);
    ask(whole ? { x: 0, y: 0 } : at); // which hovering does not move
    const label = labelAt(picture, at);
    const ranked = rankedOf(known.all, label, confidenceAt(picture, at));
    const [first, second] = ranked;
    if (!first) return;
    const name = bench.className(picture, first.index);
    const values = { first: name, share: percent(first.share) };
    const next = second && known.all ? bench.className(picture, second.index) : "";
    const key = !next ? "answer.one" : first.share < 0.5 ? "answer.unsure" : "answer.two";
    const words = say(key, { ...values, second: next, other: percent(second?.share ?? 0) });
    write(sentence, words);
    const here = say(place ? "answer.locked" : "answer.free", { x: at.x, y: at.y });
    write(where, whole ? `${say("answer.whole")} ${here}` : here);
    refill(
      bars,
      ...ranked.slice(0, BARS).map(({ index, share }) =>
        h(
          "button",
          {
            type: "button",
            class: "bar",
            "data-class": String(index),
            "aria-pressed": String(index === against),
            disabled: !canAsk || index === first.index,
            title:
              !canAsk || index === first.index
                ? ""
                : say("answer.rather", { first: name, second: bench.className(picture, index) }),
            onclick: () => rather(index),
          },
          h("i", { class: "swatch", style: { background: bench.classColor(picture, index) } }),
          h("span", { class: "name" }, bench.className(picture, index)),
          h(
            "span",
            { class: "track" },
            h("span", {
              class: "filled",
              style: {
                width: `${100 * share}%`,
                background: bench.classColor(picture, index),
              },
            }),
          ),
          h("span", { class: "value" }, percent(share)),
        ),
      ),
    );
    element.classList.toggle("waiting", !known.all);
    hint.hidden = !canAsk;
    write(
      hint,
      against === null
        ? say("answer.hint")
        : say("answer.rather.on", {
            first: name,
            second: bench.className(picture, against),
          }),
    );
    if (place && known.all) write(live, `${words} ${say("answer.locked", { x: at.x, y: at.y })}`);
  }

  /**
   * Asks why the first class rather than this one; a second press asks plainly again.
   * @param {number} index
   */
  function rather(index) {
    const { state, catalog } = bench;
    const against = state.against === index ? null : index;
    const now = kindOf(bench, state.layer);
    const why = catalog.layers.find((kind) => kind.group === "why" && kind.against && kind.live);
    const layer = now?.against || !why ? state.layer : why.id;
    bench.set({ against, layer: against === null ? state.layer : layer, place: probeOf(state) });
  }

  bench.store.listen((_, changed) => {
    if (
      ["picture", "place", "hover", "against", "ownColors"].some((key) =>
        changed.has(/** @type {"place"} */ (key)),
      )
    )
      update();
  });
  update();
  return element;
}

/**
 * @param {Float32Array | null} all
 * @param {number} label
 * @param {number} sure
 * @returns {{index: number, share: number}[]}
 */
function rankedOf(all, label, sure) {
  if (!all) return [{ index: label, share: sure }];
  return Array.from(all, (share, index) => ({ index, share })).sort((a, b) => b.share - a.share);
}

/**
 * What the layer says of the place: rows at once, others as soon as they are answered.
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
        numbersTable(bench, rowNumbersInfo(bench, numbers, stage.kind)),
        h("p", { class: "misleads" }, say(`rows.${stage.kind}.misleads`)),
      ];
    },
  };
}

/**
 * @param {Bench} bench
 * @param {ReturnType<typeof import("./rows.js").rowNumbers>} numbers
 * @param {"local" | "global"} kind
 * @returns {NumberInfo[]}
 */
function rowNumbersInfo(bench, numbers, kind) {
  const { say } = bench;
  /** @type {(key: string, value: number, unit: string, first?: boolean) => NumberInfo} */
  const info = (key, value, unit, first = false) => ({
    name: say(`number.${key}`),
    value: unit === "%" ? 100 * value : value,
    error: null,
    unit,
    help: say(`number.${key}.help`),
    first,
  });
  const found = [
    info("distance", numbers.distance_picture_px, "px", true),
    info("even", numbers.uniform_distance_picture_px, "px", true),
    info("entropy", numbers.entropy, "", true),
    info("near", numbers.mass_5x5, "%", kind === "global"),
    info("near3", numbers.mass_3x3, "%"),
    info("near7", numbers.mass_7x7, "%"),
    info("keys", numbers.keys, ""),
    info("effective", numbers.effective_keys, ""),
    info("input", numbers.distance_input_px, "px"),
  ];
  if (numbers.padding_mass > 0) found.push(info("padding", numbers.padding_mass, "%", true));
  return found;
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

/**
 * The first few numbers, the others behind "all numbers".
 * @param {Bench} bench
 * @param {NumberInfo[]} numbers
 */
export function numbersTable(bench, numbers) {
  const known = numbers.filter(({ value }) => value !== null && !Number.isNaN(value));
  const marked = known.filter((each) => each.first);
  const first = marked.length ? marked : known.slice(0, 4);
  const rest = numbers.filter((each) => !first.includes(each));
  const list = (/** @type {NumberInfo[]} */ some) =>
    h(
      "dl",
      { class: "numbers" },
      ...some.map(({ name, value, error, unit, help }) =>
        h(
          "div",
          { title: help },
          h("dt", {}, name),
          h(
            "dd",
            {},
            typeof value === "number" ? digits(value) : (value ?? "–"),
            error !== null && ` ± ${digits(error)}`,
            unit && h("small", {}, ` ${unit}`),
          ),
        ),
      ),
    );
  const element = h("div", {});
  fill(
    element,
    first.length > 0 && list(first),
    rest.length > 0 &&
      h(
        "details",
        { class: "all" },
        h("summary", {}, bench.say("numbers.all", { count: rest.length })),
        list(rest),
      ),
  );
  return element;
}
