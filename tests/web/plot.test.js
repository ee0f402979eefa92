// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { valuesAt } from "../../assets/web/plot.js";

test("only lines that have a value at an x are told there", () => {
  const series = [
    { name: "near", x: [0, 1, 4], y: [9, 5, 0] },
    { name: "elsewhere", x: [1, 4], y: [7, 1] },
    { name: "alone", x: [2], y: [3] },
  ];
  assert.deepEqual(valuesAt(series, 0.2), { x: 0, values: [["near", 9]] });
  const both = [
    ["near", 5],
    ["elsewhere", 7],
  ];
  assert.deepEqual(valuesAt(series, 1.3), { x: 1, values: both });
  assert.deepEqual(valuesAt(series, 2.4), { x: 2, values: [["alone", 3]] });
  assert.deepEqual(valuesAt([], 1), { x: 0, values: [] });
});
