// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  attendedClasses,
  attentionRow,
  contributionRow,
  rowNumbers,
} from "../../assets/web/rows.js";

/** @type {import("../../assets/web/source.js").StageInfo} */
const stage = {
  stage: 3,
  stride: 16,
  rows: 5,
  columns: 6,
  tokenWidth: 20,
  tokenHeight: 24,
  depth: 1,
  heads: 2,
  windows: [4],
  kind: "global",
};

/**
 * Queries of zero attend evenly, whatever the keys.
 * @param {number | null} window
 * @returns {import("../../assets/web/source.js").GlobalBlock}
 */
function evenBlock(window) {
  const k = Float32Array.from({ length: 2 * 30 * 3 }, (_, each) => (each % 7) - 3);
  const q = new Float32Array(k.length);
  const shape = { stage: 3, block: 0, heads: 2, headSize: 3, rows: 5, columns: 6, window };
  return { kind: "global", ...shape, q, k, paddingKey: new Float32Array(6).fill(2) };
}

/** @returns {import("../../assets/web/source.js").LocalBlock} */
function silentBlock() {
  const norms = new Float32Array(25 * 30);
  const kernel = new Float32Array(25);
  return { kind: "local", stage: 1, block: 0, rows: 5, columns: 6, norms, kernel };
}

test("even attention has the numbers of equal weights, and entropy 1", () => {
  const numbers = rowNumbers(attentionRow(evenBlock(null), [2, 3]), stage, null);
  assert.ok(Math.abs(numbers.entropy - 1) < 1e-12);
  assert.ok(Math.abs(numbers.effective_keys - 30) < 1e-9);
  const ratio = numbers.distance_picture_px / numbers.uniform_distance_picture_px;
  assert.ok(Math.abs(ratio - 1) < 1e-12);
  assert.equal(numbers.padding_mass, 0);
});

test("padding of a window takes its part of the softmax, one key for every token it fills", () => {
  const row = attentionRow(evenBlock(4), [4, 5]); // 1 x 2 tokens of a window of 16
  assert.deepEqual([row.rows, row.columns, row.padding], [1, 2, 14]);
  assert.deepEqual([...row.paddingMass], [14 / 16, 14 / 16]);
  assert.deepEqual([...row.weight], [1 / 16, 1 / 16, 1 / 16, 1 / 16]);
});

test("a row of one key has no entropy to speak of", () => {
  const numbers = rowNumbers(attentionRow(evenBlock(1), [2, 3]), stage, 0);
  assert.ok(Number.isNaN(numbers.entropy));
  assert.equal(numbers.effective_keys, 1);
});

test("a convolution that adds nothing falls on no class", () => {
  const tokens = { classes: [3], share: new Float32Array(30).fill(1) };
  const row = contributionRow(silentBlock(), [0, 0]);
  assert.deepEqual([row.rows, row.columns], [3, 3]);
  assert.equal(attendedClasses(row, tokens, stage, null), null);
});
