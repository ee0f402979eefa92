// @ts-check
import assert from "node:assert/strict";
import test from "node:test";

import { rowsOf, sharesOf } from "../../assets/web/legend.js";

const labels = (/** @type {number[]} */ values) =>
  sharesOf(/** @type {any} */ ({ painting: { values: Uint8Array.from(values) } }));

test("shares are those of what is painted, the largest of any side first", () => {
  const before = labels([3, 3, 3, 1]);
  const after = labels([1, 1, 7, 7]);
  assert.deepEqual(rowsOf([before]), [
    { index: 3, shares: [0.75] },
    { index: 1, shares: [0.25] },
  ]);
  assert.deepEqual(rowsOf([before, after]), [
    { index: 3, shares: [0.75, 0] },
    { index: 1, shares: [0.25, 0.5] },
    { index: 7, shares: [0, 0.5] },
  ]);
});
