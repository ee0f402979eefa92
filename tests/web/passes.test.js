// @ts-check
import assert from "node:assert/strict";
import test from "node:test";

import { Passes } from "../../assets/web/passes.js";

const model = {
  depths: [1, 1, 2, 1],
  hybridPeriod: 4,
  shortSide: 32,
  sizeDivisor: 32,
  mean: [0, 0, 0],
  std: [1, 1, 1],
};
const scores = { data: new Float32Array(2 * 8 * 8).fill(1, 0, 64), dims: [1, 2, 8, 8] };
const engine = /** @type {any} */ ({ facts: { model }, run: async () => ({ logits: scores }) });
const pixels = { data: new Uint8ClampedArray(4 * 32 * 32), width: 32, height: 32 };
const setting = { model: "nano", reach: /** @type {const} */ ("global"), windowSize: 8 };

test("labellings that nobody waits for any more do not push out what is shown", async () => {
  const passes = new Passes(engine);
  const shown = await passes.label(/** @type {any} */ (pixels), setting);
  for (let turn = 0; turn < 6; turn++) {
    const controller = new AbortController();
    const left = passes.label(/** @type {any} */ (pixels), setting, controller.signal);
    controller.abort();
    await assert.rejects(left);
  }
  assert.ok(passes.get(shown.key));
  for (let turn = 0; turn < 6; turn++) await passes.label(/** @type {any} */ (pixels), setting);
  assert.throws(() => passes.get(shown.key)); // those that are wanted do
});
