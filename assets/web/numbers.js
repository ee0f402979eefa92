// @ts-check
/** Numbers with their names, errors and units: the first few, the others behind "all numbers". */

import { fill, h } from "./dom.js";
import { digits } from "./words.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./source.js").NumberInfo} NumberInfo
 */

/**
 * The numbers of a row, with what each means.
 * @param {Bench} bench
 * @param {ReturnType<typeof import("./rows.js").rowNumbers>} numbers
 * @param {"local" | "global"} kind
 * @returns {NumberInfo[]}
 */
export function ofRow(bench, numbers, kind) {
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
