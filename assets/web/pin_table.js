// @ts-check
/** The button that pins a place, and the pins side by side: class, the layer's value, the stages. */

import { csvOf, short } from "./csv.js";
import { h, icon, refill, write } from "./dom.js";
import { choiceIn, confidenceAt, labelAt, readAt } from "./layers.js";
import { MOST_PINS, pinOf, withPin } from "./pins.js";
import { probeOf } from "./selection.js";
import { fileName, save } from "./take_away.js";
import { isWhole } from "./whole.js";
import { digits, percent } from "./words.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./pins.js").Pin} Pin
 * @typedef {import("./source.js").Picture} Picture
 * @typedef {import("./source.js").StageInfo} StageInfo
 * @typedef {ReturnType<typeof import("./rows.js").rowNumbers>} Numbers
 * @typedef {import("./view.js").View} View
 */

/**
 * Pins the place that answers are about.
 * @param {Bench} bench
 */
export function pinHere(bench) {
  const { state } = bench;
  if (state.picture) bench.set({ pins: withPin(state.pins, probeOf(state)) });
}

/**
 * @param {Bench} bench
 * @returns {HTMLElement}
 */
export function pinButton(bench) {
  const { say } = bench;
  const words = h("span", {});
  const button = h(
    "button",
    { type: "button", class: "badge", "data-part": "pin", onclick: () => pinHere(bench) },
    icon("pin"),
    words,
  );
  const said = h("span", { class: "unseen", role: "status" });

  function update() {
    const { pins } = bench.state;
    const here = pinOf(pins, probeOf(bench.state));
    const full = pins.length >= MOST_PINS;
    write(words, here ? say("pin.here", here) : say("pin"));
    write(said, here ? say("pin.here", here) : "");
    button.title = full && !here ? say("pin.full", { most: MOST_PINS }) : say("pin.help");
    button.setAttribute("aria-disabled", String(Boolean(here) || full));
  }
  bench.store.listen(update);
  update();
  return h("span", { class: "pin-here" }, button, said);
}

/**
 * @param {Bench} bench
 * @param {View} view
 * @returns {HTMLElement}
 */
export function pinTable(bench, view) {
  const { say } = bench;
  const body = h("div", {
    class: "scroll",
    tabindex: "0",
    role: "group",
    "aria-label": say("pins"),
  });
  const element = h(
    "section",
    { class: "card pins", "data-part": "pins", "aria-label": say("pins"), hidden: true },
    h(
      "div",
      { class: "card-head" },
      h("h3", {}, say("pins")),
      tool("pins.table", () => take(bench, view, numbers)),
      tool("pins.clear", () => bench.set({ pins: [] })),
    ),
    body,
    h("p", { class: "hint" }, say("pins.hint")),
  );
  /** Numbers of rows, by picture, block and place: the pointer moves far oftener than they change. */
  /** @type {Map<string, Numbers>} */
  const known = new Map();
  let drawn = "";

  /**
   * @param {string} key
   * @param {() => void} does
   */
  function tool(key, does) {
    const name = key.split(".")[1];
    return h(
      "button",
      {
        type: "button",
        class: "badge",
        "data-pins": name,
        title: say(`${key}.help`),
        onclick: does,
      },
      say(key),
    );
  }

  /**
   * What a stage used for a pin; null while its block is not here, and where it has no rows.
   * @param {Picture} picture
   * @param {StageInfo} stage
   * @param {Pin} pin
   */
  function numbers(picture, stage, pin) {
    const choice = choiceIn(picture, bench.state, stage.stage);
    const key = [picture.key, stage.stage, choice.block, choice.head, pin.x, pin.y].join(" ");
    const found = known.get(key) ?? bench.blocks.numbers(picture, stage, choice, pin);
    if (found) known.set(key, found);
    return found;
  }

  /**
   * @param {Picture} picture
   * @param {Pin} pin
   */
  function cells(picture, pin) {
    const pictures = isWhole(picture) ? [] : [...new Set(view.sides.map((side) => side.picture))];
    const classes = pictures.map((each) => {
      const name = bench.className(each, labelAt(each, pin));
      return `${name} ${percent(confidenceAt(each, pin))}`;
    });
    const values = maps(view).map(
      (side) => readAt(bench, side.picture, side.painting, pin).words || "…",
    );
    const far = picture.stages.map((stage) => {
      const found = numbers(picture, stage, pin);
      return found ? digits(found.distance_picture_px) : stage.pruned ? "–" : "…";
    });
    return { classes, values, far };
  }

  function update() {
    const { picture, pins, place } = bench.state;
    element.hidden = !picture || !pins.length;
    if (!picture || !pins.length) {
      known.clear();
      drawn = "";
      return;
    }
    const rows = pins.map((pin) => ({ pin, ...cells(picture, pin) }));
    const titles = maps(view).map((side) => bench.layerTitle(side.picture, side.shown));
    const heads = [...new Set(titles)];
    const here = place && pinOf(pins, place)?.letter;
    const key = JSON.stringify([rows, heads, here]);
    if (key === drawn) return;
    drawn = key;
    const [first] = rows;
    const named = first && first.classes.length > 0;
    refill(
      body,
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", { scope: "col", rowspan: "2" }, h("span", { class: "unseen" }, say("pin"))),
            named && h("th", { scope: "col", rowspan: "2" }, say("layer.class")),
            heads.length > 0 && h("th", { scope: "col", rowspan: "2" }, heads.join(" | ")),
            h("th", { scope: "colgroup", colspan: String(picture.stages.length) }, say("pins.far")),
            h("td", { rowspan: "2" }),
          ),
          h(
            "tr",
            {},
            ...picture.stages.map(({ stage }) =>
              h("th", { scope: "col", title: say("stage.number", { stage }) }, String(stage)),
            ),
          ),
        ),
        h(
          "tbody",
          {},
          ...rows.map(({ pin, classes, values, far }) =>
            h(
              "tr",
              { "data-pin": pin.letter },
              h(
                "th",
                { scope: "row" },
                h(
                  "button",
                  {
                    type: "button",
                    class: "round",
                    "aria-pressed": String(pin.letter === here),
                    "aria-label": say("pin.go", { ...pin }),
                    title: say("pin.go", { ...pin }),
                    onclick: () => bench.set({ place: { x: pin.x, y: pin.y } }),
                  },
                  pin.letter,
                ),
              ),
              named && h("td", {}, ...classes.map((each) => h("div", {}, each))),
              heads.length > 0 && h("td", {}, values.join(" | ")),
              ...far.map((each) => h("td", {}, each)),
              h(
                "td",
                {},
                h(
                  "button",
                  {
                    type: "button",
                    class: "round",
                    "aria-label": say("pin.remove", { ...pin }),
                    title: say("pin.remove", { ...pin }),
                    onclick: () =>
                      bench.set({ pins: bench.state.pins.filter((each) => each !== pin) }),
                  },
                  icon("close"),
                ),
              ),
            ),
          ),
        ),
      ),
    );
  }
  bench.store.listen(update);
  bench.arrive(update);
  update();
  return element;
}

/**
 * The sides that show a map, whose value at a place can be said.
 * @param {View} view
 */
function maps(view) {
  return view.sides.filter(({ painting }) => painting?.kind === "map");
}

/**
 * Saves all numbers of the pins, a row each.
 * @param {Bench} bench
 * @param {View} view
 * @param {(picture: Picture, stage: StageInfo, pin: Pin) => Numbers | null} numbers
 */
function take(bench, view, numbers) {
  const { picture, pins } = bench.state;
  if (!picture) return;
  const [side] = maps(view);
  const ofStage = ["block", "head", "distance px", "even distance px", "evenness"];
  const head = ["pin", "x", "y", "class", "confidence", "layer", "value", "unit"];
  const rows = pins.map((pin) => {
    const value = side ? readAt(bench, picture, side.painting, pin).value : null;
    const layer = side
      ? [side.shown.layer, value ?? "", side.painting?.scale.unit ?? ""]
      : ["", "", ""];
    const name = picture.classes[labelAt(picture, pin)]?.name ?? "";
    const stages = picture.stages.flatMap((stage) => {
      const found = numbers(picture, stage, pin);
      const { block, head: which } = choiceIn(picture, bench.state, stage.stage);
      if (!found) return ofStage.map(() => "");
      const { distance_picture_px: far, uniform_distance_picture_px: even, entropy } = found;
      return [block, which ?? "mean", short(far), short(even), short(entropy)];
    });
    return [pin.letter, pin.x, pin.y, name, short(confidenceAt(picture, pin)), ...layer, ...stages];
  });
  const stages = picture.stages.flatMap(({ stage }) =>
    ofStage.map((each) => `stage ${stage} ${each}`),
  );
  const table = csvOf([[...head, ...stages], ...rows]);
  save(new Blob([table], { type: "text/csv" }), `${fileName(bench)}-pins.csv`);
}
