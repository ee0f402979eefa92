// @ts-check
/**
 * A guided tour: each step sets what the page shows and says what is to be seen there. Numbers in its
 * words are read from what is on the screen, and it ends with a picture the model gets wrong.
 */

import { fill, h, icon } from "./dom.js";
import { choiceIn } from "./layers.js";
import { digits, percent, times } from "./words.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./selection.js").State} State
 *
 * @typedef {object} Step
 * @property {string} key  Of its words.
 * @property {string} example
 * @property {import("./source.js").Reach} reach
 * @property {Partial<State>} patch
 * @property {import("./source.js").Group} [group]  Shows the first live layer of this group.
 */

const PAGODA = "china_summer_palace";
const CAT = "chelsea_cat";
const ROOF = { x: 262, y: 98 };
const TOWER = { x: 225, y: 205 };

/** @type {Step[]} */
const STEPS = [
  { key: "labels", example: PAGODA, reach: "global", patch: { layer: "labels", place: null } },
  {
    key: "local",
    example: PAGODA,
    reach: "global",
    patch: { layer: "rows", stage: 1, place: ROOF },
  },
  {
    key: "global",
    example: PAGODA,
    reach: "global",
    patch: { layer: "rows", stage: 3, place: TOWER },
  },
  {
    key: "window",
    example: PAGODA,
    reach: "window",
    patch: { layer: "rows", stage: 3, place: TOWER },
  },
  { key: "field", example: PAGODA, reach: "global", patch: { place: TOWER }, group: "field" },
  { key: "why", example: PAGODA, reach: "global", patch: { place: TOWER }, group: "why" },
  { key: "wrong", example: CAT, reach: "global", patch: { layer: "labels", place: null } },
];

/**
 * @param {Bench} bench
 * @param {import("./pictures.js").Pictures} pictures
 * @returns {{button: HTMLElement, element: HTMLElement}}
 */
export function tour(bench, pictures) {
  const { say, catalog } = bench;
  const named = (/** @type {string} */ start) =>
    catalog.examples.find(({ name }) => name.startsWith(start))?.name;
  const live = (/** @type {Step} */ step) =>
    catalog.layers.find((kind) => kind.group === step.group && kind.live);
  const steps = STEPS.filter((step) => named(step.example) && (!step.group || live(step)));
  let at = -1;
  const words = h("p", { role: "status" });
  const back = h(
    "button",
    { type: "button", class: "quiet", onclick: () => go(at - 1) },
    say("tour.back"),
  );
  const next = h(
    "button",
    { type: "button", class: "primary", onclick: () => go(at + 1) },
    say("tour.next"),
  );
  const element = h(
    "section",
    { class: "tour", hidden: true, "aria-label": say("tour"), "data-part": "tour" },
    words,
    h(
      "div",
      { class: "tour-buttons" },
      back,
      next,
      h(
        "button",
        {
          type: "button",
          class: "quiet",
          "aria-label": say("tour.end"),
          title: say("tour.end"),
          onclick: end,
        },
        icon("close"),
      ),
    ),
  );
  const button = h(
    "button",
    { type: "button", class: "quiet", "data-part": "tour-start", onclick: () => go(0) },
    say("tour"),
  );

  function end() {
    at = -1;
    element.hidden = true;
  }

  /** @param {number} to */
  async function go(to) {
    const step = steps[to];
    if (!step) return end();
    at = to;
    element.hidden = false;
    back.disabled = at === 0;
    next.textContent = say(at === steps.length - 1 ? "tour.done" : "tour.next");
    const { picture } = bench.state;
    const name = named(step.example);
    if (picture?.example !== name && name) await pictures.open({ example: name });
    if (bench.state.setting?.reach !== step.reach) await pictures.relabel({ reach: step.reach });
    if (at !== to) return;
    const layer = live(step)?.id;
    pictures.against(null);
    bench.set({ ...step.patch, ...(layer ? { layer } : {}), isolated: null });
    told();
  }

  /** Says the step, with what is on the screen now. */
  function told() {
    const step = steps[at];
    const { state } = bench;
    const { picture } = state;
    // Not before the picture it speaks of is here.
    if (!step || picture?.example !== named(step.example)) return;
    if (!picture || picture.setting.reach !== step.reach) return;
    const [first, second] = [...picture.classes].sort((one, other) => other.share - one.share);
    /** @type {Record<string, string | number>} */
    const values = {
      first: first ? bench.className(picture, first.index) : "",
      share: percent(first?.share ?? 0),
      second: second ? bench.className(picture, second.index) : "",
      other: percent(second?.share ?? 0),
      distance: "…",
      times: "…",
    };
    if (state.layer === "rows" && state.place) {
      const choice = choiceIn(picture, state, state.stage);
      const numbers = bench.blocks.reading(picture, state.stage, choice, state.place)?.numbers;
      if (numbers) {
        const far = numbers.distance_picture_px;
        values.distance = digits(far);
        values.times = times(far / numbers.uniform_distance_picture_px);
      }
    }
    const title = `${at + 1} / ${steps.length} · ${say(`tour.${step.key}`)}`;
    fill(words, h("b", {}, title), " ", say(`tour.${step.key}.says`, values));
  }
  bench.arrive(() => at >= 0 && told());
  return { button, element };
}
