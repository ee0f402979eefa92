// @ts-check
import assert from "node:assert/strict";
import test from "node:test";

import { colorAt, positionOn, rgb, shared, ticks } from "../../assets/web/palette.js";

/** @type {import("../../assets/web/source.js").Scale} */
const ratio = { kind: "ratio", low: 1 / 16, high: 16, unit: "times even weight", words: "" };
/** @type {import("../../assets/web/source.js").Scale} */
const signed = { kind: "diverging", low: -2, high: 2, unit: "nats", words: "" };

test("even weight is in the middle of its scale, and values beyond it stay at its ends", () => {
  assert.equal(positionOn(ratio, 1), 0.5);
  assert.equal(positionOn(ratio, 1000), 1);
  assert.equal(positionOn(ratio, 0), 0);
  assert.ok(Number.isNaN(positionOn(ratio, Number.NaN)));
});

test("equal steps of a ratio are factors, of other scales differences", () => {
  assert.deepEqual(
    [1 / 16, 1 / 4, 1, 4, 16].map((value) => positionOn(ratio, value)),
    [0, 0.25, 0.5, 0.75, 1],
  );
  assert.deepEqual(
    [-2, -1, 0, 1, 2].map((value) => positionOn(signed, value)),
    [0, 0.25, 0.5, 0.75, 1],
  );
});

test("nothing is white on a signed scale, and cividis grows brighter all the way", () => {
  assert.deepEqual(colorAt("diverging", 0.5), [247, 247, 247]);
  let last = -1;
  for (let at = 0; at <= 64; at++) {
    const [red, green, blue] = colorAt("sequential", at / 64);
    const bright = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    assert.ok(bright > last);
    last = bright;
  }
});

test("two maps share a scale that holds both, or none if they count different things", () => {
  const wide = { ...signed, low: -3, high: 3 };
  assert.equal(shared(signed, wide)?.high, 3);
  assert.equal(shared(signed, { ...wide, unit: "%" }), null);
  assert.equal(shared(signed, ratio), null);
});

test("ticks are round, within the scale, and few", () => {
  const found = ticks({ kind: "sequential", low: 0, high: 100, unit: "%", words: "" });
  assert.deepEqual(found, [0, 25, 50, 75, 100]);
  const odd = ticks({ kind: "sequential", low: 0.013, high: 0.094, unit: "", words: "" });
  assert.ok(odd.length >= 3 && odd.length <= 6);
  assert.ok(odd.every((tick) => tick >= 0.013 && tick <= 0.0941));
});

test("a signed scale is marked at its ends and at nothing; a colour is read red first", () => {
  assert.deepEqual(ticks(signed), [-2, 0, 2]);
  assert.deepEqual(rgb("#0180ff"), [1, 128, 255]);
});
