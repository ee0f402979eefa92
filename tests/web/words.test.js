import assert from "node:assert/strict";
import { test } from "node:test";
import { digits, percent, times } from "../../assets/web/words.js";

test("counts are whole, measures have three digits that count, and nothing is no number", () => {
  const told = [3, 0, -2, 1024, 2.7149, 0.0449, 12.34, 123.4, -0.5, 2e5, 1e-5];
  const wanted = "3 0 −2 1024 2.71 0.0449 12.3 123 −0.500 2.0e5 1.0e−5".split(" ");
  assert.deepEqual(told.map(digits), wanted);
  assert.deepEqual([null, undefined, NaN, Infinity].map(digits), ["–", "–", "–", "–"]);
});

test("shares are percent, small ones with a decimal, and what is above 0 is never 0", () => {
  assert.deepEqual([0, 0.0004, 0.002, 0.012, 0.0994, 0.0996, 1].map(percent).map(plain), [
    "0.0 %",
    "< 0.1 %",
    "0.2 %",
    "1.2 %",
    "9.9 %",
    "10 %",
    "100 %",
  ]);
  assert.equal(percent(NaN), "–");
});

test("ratios have two decimals up to ten", () => {
  assert.deepEqual([0.5, 9.949, 12.3, NaN].map(times), ["0.50", "9.95", "12", "–"]);
});

/** @param {string} text */
function plain(text) {
  return text.replaceAll("\u00a0", " ");
}
