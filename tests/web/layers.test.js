// @ts-check
import assert from "node:assert/strict";
import test from "node:test";

import { askOf, isLayer, paintingOf } from "../../assets/web/layers.js";
import { beginning } from "../../assets/web/selection.js";

const scale = { kind: "sequential", low: 0, high: 1, unit: "", words: "" };
const hide = {
  id: "hide",
  parameters: [],
  regions: ["segment", "mask"],
  against: false,
};
const bench = /** @type {any} */ ({ catalog: { layers: [hide] } });
const picture = /** @type {any} */ ({ key: "k", width: 6, height: 4, model: { task: "segment" } });

/** @param {number} value */
function answer(value) {
  const map = Float32Array.of(value);
  return {
    id: "hide",
    kind: "map",
    map,
    rows: 1,
    columns: 1,
    tokenWidth: 6,
    tokenHeight: 4,
    scale,
  };
}

/** @param {object} slot */
function painted(slot) {
  const state = { ...beginning(), picture, layer: "hide" };
  const full = { picture, status: "running", layer: null, stale: null, partial: null, ...slot };
  return paintingOf(bench, state, state, picture, /** @type {any} */ (full));
}

test("an answer that says less than the last one will is shown, rather than that of another place", () => {
  const found = painted({ stale: answer(1), partial: { done: 1, total: 3, layer: answer(2) } });
  assert.deepEqual(Array.from(found?.values ?? []), [2]);
  assert.equal(found?.stale, false);
  const last = painted({ layer: answer(3), status: "done" });
  assert.deepEqual([...Array.from(last?.values ?? []), last?.stale], [3, false]);
  assert.equal(painted({ stale: answer(1) })?.stale, true);
});

test("a map on its way lies where its tokens say", () => {
  const map = new Float32Array(4);
  const sides = { rows: 2, columns: 2, tokenWidth: 3.5, tokenHeight: 2.25 };
  const found = painted({ partial: { done: 1, total: 3, map, scale, ...sides } });
  assert.deepEqual([found?.tokenWidth, found?.tokenHeight], [3.5, 2.25]);
});

test("a painted region is packed once, however often the pointer moves", () => {
  const mask = new Uint8Array(24).fill(1);
  const state = { ...beginning(), picture, layer: "hide", region: /** @type {const} */ ("mask") };
  const [first, second] = [1, 2].map((x) =>
    askOf(bench, { ...state, mask, hover: { x, y: 0 } }, state),
  );
  assert.ok(first?.mask);
  assert.equal(first.mask, second?.mask);
  const other = askOf(bench, { ...state, mask: mask.slice().fill(0, 8) }, state);
  assert.notDeepEqual(other?.mask, first.mask);
});

test("there are our own layers and those of the catalog, and no others", () => {
  assert.ok(isLayer(bench, "labels"));
  assert.ok(isLayer(bench, "hide"));
  assert.ok(!isLayer(bench, "nothing"));
});
