// @ts-check
/** The bar above the picture: which layer lies on it, and what that layer can be told. */

import { choose, select } from "./choose.js";
import { compareMenu } from "./compare.js";
import { fill, h, icon, refill } from "./dom.js";
import { KEPT, keptOptions, lookInto, looksInto } from "./kept.js";
import { choiceIn, kindOf, placeMeant, valueFor } from "./layers.js";
import { takeAwayMenu } from "./take_away.js";
import { isWhole } from "./whole.js";
import { named } from "./words.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./source.js").LayerKind} LayerKind
 * @typedef {import("./source.js").Parameter} Parameter
 * @typedef {import("./selection.js").State} State
 * @typedef {import("./source.js").Group} Group
 */

const CERTAINTY = ["confidence", "entropy", "margin"];
const GROUPS = /** @type {const} */ (["field", "why", "whatif", "research"]);
/** Parameters that place, picture and layer already answer. */
const ANSWERED = new Set(["x", "y", "region", "label", "against", "mask"]);
const FIRST_PARAMETERS = 3;

/**
 * @param {Bench} bench
 * @param {import("./pictures.js").Pictures} pictures
 * @param {import("./view.js").View} view
 * @returns {HTMLElement}
 */
export function layerBar(bench, pictures, view) {
  const { say } = bench;
  /** The layer of a group that was chosen last. */
  /** @type {Partial<Record<Group | "sure", string>>} */
  const last = {};
  const tabs = h("div", { class: "tabs", role: "group", "aria-label": say("layers") });
  const options = h("div", { class: "options" });
  const compare = h(
    "button",
    { type: "button", class: "quiet", "data-part": "compare" },
    icon("split"),
    h("span", {}, say("compare")),
  );
  const take = h(
    "button",
    { type: "button", class: "quiet", "data-part": "take-away" },
    icon("take"),
    h("span", {}, say("take")),
  );
  const ends = h(
    "div",
    { class: "ends" },
    compare,
    compareMenu(compare, bench, pictures),
    take,
    takeAwayMenu(take, bench, view),
  );

  /** @returns {{id: string, title: string, on: boolean, go: () => void}[]} */
  function entries() {
    const { state } = bench;
    const { layer, picture } = state;
    const group = kindOf(bench, layer)?.group;
    const sure = CERTAINTY.includes(layer) || group === "certainty";
    const go = (/** @type {string} */ to) => () => bench.set({ layer: to });
    const whole = isWhole(picture);
    const title = say(whole ? "layer.class" : "layer.labels");
    const found = [{ id: "labels", title, on: layer === "labels", go: go("labels") }];
    if (!whole) {
      const to = go(last.sure ?? "confidence");
      found.push({ id: "sure", title: say("layer.sure"), on: sure, go: to });
    }
    for (const { stage, pruned } of picture?.stages ?? []) {
      if (pruned && !kindOf(bench, KEPT)) continue;
      found.push({
        id: `stage-${stage}`,
        title: say("stage.number", { stage }),
        on: looksInto(state, stage),
        go: () => bench.set(lookInto(bench.state, stage)),
      });
    }
    for (const name of GROUPS) {
      const kinds = ofGroup(bench, name);
      const first = kinds.find((kind) => kind.live) ?? kinds[0];
      if (!first) continue;
      const to = last[name] ?? first.id;
      found.push({ id: name, title: say(`layer.${name}`), on: group === name, go: go(to) });
    }
    return found;
  }

  function update() {
    const { state } = bench;
    const kind = kindOf(bench, state.layer);
    if (kind) last[kind.group === "certainty" ? "sure" : kind.group] = kind.id;
    else if (CERTAINTY.includes(state.layer)) last.sure = state.layer;
    const made = entries();
    const held = [...tabs.children];
    if (
      held.map((each) => each.getAttribute("data-layer")).join() !== made.map(({ id }) => id).join()
    ) {
      fill(
        tabs,
        ...made.map(({ id, title, go }) =>
          h("button", { type: "button", "data-layer": id, onclick: go }, title),
        ),
      );
    }
    made.forEach(({ on }, at) => {
      const button = tabs.children[at];
      button?.setAttribute("aria-pressed", String(on));
      if (on && button) reveal(tabs, /** @type {HTMLElement} */ (button));
    });
    compare.setAttribute("aria-pressed", String(state.compare !== null));
    refill(options, ...optionsOf(bench, state));
  }
  bench.store.listen((_, changed) => {
    if (RELEVANT.some((key) => changed.has(key))) update();
  });
  update();
  return h(
    "nav",
    { class: "layer-bar", "aria-label": say("layers") },
    h("div", { class: "row" }, tabs, ends),
    options,
  );
}

/** @type {(keyof State)[]} */
const RELEVANT = [
  "picture",
  "layer",
  "stage",
  "choices",
  "parameters",
  "compare",
  "ownColors",
  "beside",
];

/**
 * Scrolls a row of buttons, and nothing else, so that one is in sight.
 * @param {HTMLElement} row
 * @param {HTMLElement} button
 */
function reveal(row, button) {
  const left = button.offsetLeft - row.offsetLeft;
  if (left < row.scrollLeft || left + button.offsetWidth > row.scrollLeft + row.clientWidth) {
    row.scrollLeft = left - 40;
  }
}

/**
 * @param {Bench} bench
 * @param {Group} group
 */
export function ofGroup(bench, group) {
  return bench.catalog.layers.filter((kind) => kind.group === group);
}

/**
 * The second row: what the layer can be told.
 * @param {Bench} bench
 * @param {State} state
 * @returns {import("./dom.js").Child[]}
 */
function optionsOf(bench, state) {
  const { say } = bench;
  const kind = kindOf(bench, state.layer);
  if (state.layer === "labels" && isWhole(state.picture)) {
    return [h("p", { class: "explains" }, say("class.help"))];
  }
  if (state.layer === "labels") {
    return [
      choose(
        say("colors"),
        [
          [false, say("colors.safe"), say("colors.safe.help")],
          [true, say("colors.own"), say("colors.own.help")],
        ],
        state.ownColors,
        (ownColors) => bench.set({ ownColors: Boolean(ownColors) }),
      ),
      h("p", { class: "explains" }, say("labels.help")),
    ];
  }
  if (CERTAINTY.includes(state.layer) || kind?.group === "certainty") {
    const names = [
      ...CERTAINTY.map((name) => [name, say(`layer.${name}`)]),
      ...ofGroup(bench, "certainty").map((each) => [each.id, each.title]),
    ];
    return [
      choose(say("layer.sure"), /** @type {[string, string][]} */ (names), state.layer, (layer) =>
        bench.set({ layer: String(layer) }),
      ),
      h("p", { class: "explains" }, kind ? kind.help : say(`${state.layer}.help`)),
    ];
  }
  if (state.layer === "rows") return rowOptions(bench, state);
  if (!kind) return [];
  if (kind.id === KEPT)
    return [...keptOptions(bench, state), h("p", { class: "explains" }, kind.help)];
  const kinds = ofGroup(bench, kind.group);
  const many = kinds.length > 4;
  const names = kinds.map(
    (each) => /** @type {[string, string, string]} */ ([each.id, each.title, each.help]),
  );
  const pick = (/** @type {unknown} */ layer) => bench.set({ layer: String(layer) });
  const chooser = many
    ? select(say(`layer.${kind.group}`), names, kind.id, pick)
    : choose(say(`layer.${kind.group}`), names, kind.id, pick);
  return [
    kinds.length > 1 && chooser,
    ...parameterOptions(bench, state, kind),
    h("p", { class: "explains" }, kind.help),
    elsewhere(bench),
  ];
}

/**
 * What cannot be asked here, and how it can.
 * @param {Bench} bench
 */
function elsewhere({ say, catalog }) {
  if (!catalog.elsewhere?.length) return false;
  return h(
    "details",
    { class: "explains", "data-part": "elsewhere" },
    h("summary", {}, say("elsewhere")),
    h("p", {}, say("elsewhere.help")),
    h("p", {}, catalog.elsewhere.join(" · ")),
  );
}

/**
 * @param {Bench} bench
 * @param {State} state
 */
function rowOptions(bench, state) {
  const { say } = bench;
  const { picture, stage } = state;
  const info = picture?.stages.find((each) => each.stage === stage);
  if (!picture || !info) return [];
  const choice = choiceIn(picture, state, stage);
  const change = (/** @type {Partial<import("./selection.js").Choice>} */ part) =>
    bench.set({ choices: { ...state.choices, [stage]: { ...choice, ...part } } });
  const blocks = Array.from({ length: info.depth }, (_, block) => {
    const size = info.windows[block];
    const name = size ? say("block.window", { size }) : say("block.number", { block });
    return /** @type {[number, string, string]} */ ([block, String(block), name]);
  });
  const heads = Array.from(
    { length: info.heads },
    (_, head) =>
      /** @type {[number | null, string, string]} */ ([
        head,
        String(head),
        say("head.number", { head }),
      ]),
  );
  return [
    h("span", { class: "label", title: say("block.help") }, say("block")),
    choose(say("block"), blocks, choice.block, (block) => change({ block: Number(block) })),
    info.kind === "global" && h("span", { class: "label", title: say("head.help") }, say("head")),
    info.kind === "global" &&
      choose(
        say("head"),
        [[null, say("mean"), say("head.mean.help")], ...heads],
        choice.head,
        (head) => change({ head: /** @type {number | null} */ (head) }),
      ),
    h("p", { class: "explains" }, say(`rows.${info.kind}.help`)),
  ];
}

/**
 * The first few parameters at once, the rest behind a button.
 * @param {Bench} bench
 * @param {State} state
 * @param {LayerKind} kind
 */
function parameterOptions(bench, state, kind) {
  const { say } = bench;
  const given = state.parameters[kind.id] ?? {};
  const meant = state.picture ? placeMeant(state.picture, state, kind) : {};
  const shown = kind.parameters.filter((each) => !ANSWERED.has(each.name));
  const controls = shown.map((parameter) =>
    control(
      bench,
      parameter,
      valueFor(parameter, given[parameter.name] ?? meant[parameter.name]),
      (value) =>
        bench.set({
          parameters: { ...state.parameters, [kind.id]: { ...given, [parameter.name]: value } },
        }),
    ),
  );
  const rest = controls.slice(FIRST_PARAMETERS);
  if (!rest.length) return controls;
  const open = opened.has(kind.id);
  const details = h(
    "details",
    {
      class: "more",
      open,
      ontoggle: () => (details.open ? opened.add(kind.id) : opened.delete(kind.id)),
    },
    h("summary", {}, icon("sliders"), say("parameters.more", { count: rest.length })),
    h("div", { class: "controls" }, ...rest),
  );
  return [...controls.slice(0, FIRST_PARAMETERS), details];
}

/** Layers whose further parameters are open. */
const opened = new Set();

/**
 * @param {Bench} bench
 * @param {Parameter} parameter
 * @param {string | number | boolean | null} value
 * @param {(value: string | number | boolean | null) => void} change
 */
function control(bench, parameter, value, change) {
  const { title, help } = parameter;
  const { say } = bench;
  if (parameter.kind === "bool") {
    return h(
      "label",
      { class: "field check", title: help },
      h("input", {
        type: "checkbox",
        checked: value === true,
        onchange: (/** @type {Event} */ event) =>
          change(/** @type {HTMLInputElement} */ (event.target).checked),
      }),
      title,
    );
  }
  if (parameter.choices) {
    const choices = parameter.choices.map(
      (each) => /** @type {[unknown, string]} */ ([each, choiceTitle(bench, each)]),
    );
    if (parameter.optional) choices.unshift([null, say("automatic")]);
    return h(
      "label",
      { class: "field", title: help },
      h("span", {}, title),
      select(title, choices, value, (to) => change(/** @type {string | number | null} */ (to))),
    );
  }
  const number = parameter.kind !== "str";
  return h(
    "label",
    { class: "field", title: help },
    h("span", {}, title),
    h("input", {
      type: number ? "number" : "text",
      value: value === null ? "" : String(value),
      placeholder: parameter.optional ? say("automatic") : "",
      step: parameter.kind === "int" ? "1" : "any",
      min: parameter.low,
      max: parameter.high,
      onchange: (/** @type {Event} */ event) => {
        const text = /** @type {HTMLInputElement} */ (event.target).value;
        change(
          text === ""
            ? parameter.optional
              ? null
              : parameter.default
            : number
              ? Number(text)
              : text,
        );
      },
    }),
  );
}

/**
 * @param {Bench} bench
 * @param {unknown} choice
 */
function choiceTitle(bench, choice) {
  return named(bench.words, `choice.${choice}`, String(choice).replaceAll(/[-_]/g, " "));
}
