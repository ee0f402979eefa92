// @ts-check
import assert from "node:assert/strict";
import test from "node:test";

import {
  askOf,
  choiceIn,
  confidenceAt,
  placeMeant,
  readAt,
  valueFor,
} from "../../assets/web/layers.js";
import { beginning } from "../../assets/web/selection.js";

const stages = [1, 2, 3, 4].map((stage) => ({
  stage,
  depth: 2 + stage,
  heads: stage > 2 ? 4 : 1,
  kind: stage > 2 ? "global" : "local",
}));
const picture = /** @type {any} */ ({
  key: "k",
  width: 8,
  height: 4,
  mapWidth: 2,
  mapHeight: 2,
  confidence: Uint8Array.of(10, 20, 30, 40),
  labels: new Uint8Array(32).fill(1),
  classes: [{ name: "sky" }, { name: "tree" }],
  stages,
  model: { task: "segment" },
});
const words = { say: (/** @type {string} */ key) => key, className: () => "tree" };

/** @param {object} changes */
const painting = (changes = {}) =>
  /** @type {any} */ ({
    kind: "map",
    values: Float32Array.of(1, 2, 3, 4, 5, Number.NaN),
    rows: 2,
    columns: 3,
    tokenWidth: 2.5,
    tokenHeight: 2,
    stale: false,
    format: String,
    ...changes,
  });

test("a value is that of the token over the middle of the pixel, and none is beyond the map", () => {
  const at = (/** @type {number} */ x, /** @type {number} */ y, changes = {}) =>
    readAt(/** @type {any} */ (words), picture, painting(changes), { x, y }).value;
  assert.deepEqual([at(0, 0), at(1, 1), at(2, 0), at(4, 0), at(6, 0)], [1, 1, 2, 2, 3]);
  assert.deepEqual([at(0, 2), at(3, 3), at(6, 3)], [4, 5, null]); // nothing is known of the last
  assert.deepEqual([at(7, 0), at(0, 3, { tokenHeight: 1 })], [null, null]);
  assert.equal(at(0, 0, { stale: true }), null); // of another place
});

test("confidence is read where the pixel lies on its smaller map", () => {
  const at = (/** @type {number} */ x, /** @type {number} */ y) => confidenceAt(picture, { x, y });
  assert.deepEqual([at(0, 0), at(3, 1), at(4, 1), at(0, 2), at(7, 3)], [0.1, 0.1, 0.2, 0.3, 0.4]);
});

test("a head that a stage has not got is the mean, a block its last", () => {
  const choices = { 1: { block: 9, head: 0 }, 3: { block: 1, head: 4 }, 4: { block: 6, head: 3 } };
  const shown = { ...beginning(), choices };
  assert.deepEqual(choiceIn(picture, shown, 1), { block: 2, head: null });
  assert.deepEqual(choiceIn(picture, shown, 2), { block: 3, head: null });
  assert.deepEqual(choiceIn(picture, shown, 3), { block: 1, head: null });
  assert.deepEqual(choiceIn(picture, shown, 4), { block: 5, head: 3 });
});

test("one head means the one looked at last, of a stage that has heads", () => {
  const kind = /** @type {any} */ ({ parameters: [{ name: "head" }] });
  const choices = { 3: { block: 1, head: 2 }, 4: { block: 0, head: null } };
  const meant = (/** @type {number} */ stage) =>
    placeMeant(picture, { ...beginning(), choices, stage }, kind);
  assert.deepEqual(meant(1), { stage: 3, block: 1, head: 2 });
  assert.deepEqual(meant(4), { stage: 4, block: 0, head: 0 });
  assert.deepEqual(placeMeant(picture, beginning(), { ...kind, parameters: [] }), {});
});

test("texts of forms and links become what a parameter takes, and nonsense its default", () => {
  const parameter = (/** @type {string} */ kind, more = {}) =>
    /** @type {any} */ ({ kind, default: 5, choices: null, optional: false, ...more });
  assert.equal(valueFor(parameter("int"), "7.6"), 8);
  assert.equal(valueFor(parameter("float"), "7.6"), 7.6);
  assert.equal(valueFor(parameter("int"), "many"), 5);
  assert.equal(valueFor(parameter("int"), ""), 5);
  assert.equal(valueFor(parameter("int"), undefined), 5);
  assert.equal(valueFor(parameter("int"), null), 5);
  assert.equal(valueFor(parameter("int", { optional: true }), null), null);
  assert.equal(valueFor(parameter("bool"), "true"), true);
  assert.equal(valueFor(parameter("bool"), "false"), false);
  assert.equal(valueFor(parameter("str", { choices: ["a", "b"], default: "a" }), "b"), "b");
  assert.equal(valueFor(parameter("str", { choices: ["a", "b"], default: "a" }), "c"), "a");
  assert.equal(valueFor(parameter("int", { choices: [1, 2], default: 1 }), "2"), 2);
});

test("a question is asked about a region it can be about, and of a rival only if it can be", () => {
  const kind = { id: "why", parameters: [], regions: ["pixel", "class"], against: false };
  const bench = (/** @type {object} */ changes = {}) =>
    /** @type {any} */ ({ catalog: { layers: [{ ...kind, ...changes }] } });
  const state = { ...beginning(), picture, layer: "why", against: 1, hover: { x: 7, y: 3 } };
  const ask = askOf(bench(), state, state);
  assert.equal(ask?.region, "pixel"); // the segment is not one of its regions
  assert.equal(ask?.against, undefined);
  assert.deepEqual([ask?.x, ask?.y], [3, 1]); // hovering asks nothing
  assert.equal(askOf(bench({ against: true }), state, state)?.against, 1);
  const inClass = { ...state, region: /** @type {const} */ ("class"), place: { x: 5, y: 2 } };
  const asked = askOf(bench(), inClass, inClass);
  assert.deepEqual([asked?.region, asked?.x, asked?.y], ["class", 5, 2]);
});
