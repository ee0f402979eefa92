// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as rest } from "node:timers/promises";

import { Slot } from "../../assets/web/asks.js";

const kind = /** @type {any} */ ({ id: "hide", live: true });
const picture = /** @type {any} */ ({ key: "k" });
const at = (/** @type {number} */ x) => /** @type {any} */ ({ layer: "hide", x, y: 0 });

test("a live layer is asked for at once, and of several wishes in a row only the last", async () => {
  /** @type {number[]} */
  const asked = [];
  const source = /** @type {any} */ ({
    layer: async (/** @type {any} */ _, /** @type {any} */ ask) => {
      asked.push(ask.x);
      return { id: "hide" };
    },
  });
  const slot = new Slot(source, () => {}, new Map());
  slot.want(picture, at(1), kind);
  await rest(30);
  assert.deepEqual(asked, [1]);
  for (const x of [2, 3, 4]) slot.want(picture, at(x), kind);
  await rest(30);
  assert.deepEqual(asked, [1]);
  await rest(150);
  assert.deepEqual(asked, [1, 4]);
});
