// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as rest } from "node:timers/promises";

import { keyOf, Slot } from "../../assets/web/asks.js";

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

/** A source whose answers come when they are let go; `asked` are the places in turn. */
function held() {
  /** @type {((layer: any) => void)[]} */
  const answers = [];
  const source = /** @type {any} */ ({
    layer: () => new Promise((resolve) => answers.push(resolve)),
  });
  return { source, answers };
}

test("an answer of a place that was left is not taken for the new one", async () => {
  const { source, answers } = held();
  const kept = new Map();
  const slot = new Slot(source, () => {}, kept);
  slot.want(picture, at(1), { ...kind, live: false });
  slot.start();
  slot.want(picture, at(2), { ...kind, live: false });
  slot.start();
  answers[0]?.({ id: "first" });
  await rest(0);
  assert.deepEqual([...kept], []);
  answers[1]?.({ id: "second" });
  await rest(0);
  assert.equal(slot.layer?.id, "second");
  assert.equal(kept.size, 1);
});

test("going back is free, and the last answer stays for the same picture only", async () => {
  const { source, answers } = held();
  const slot = new Slot(source, () => {}, new Map());
  const asked = { ...kind, live: false };
  for (const [number, x] of [1, 2, 3, 4].entries()) {
    slot.want(picture, at(x), asked);
    slot.start();
    answers[number]?.({ id: String(x) });
    await rest(0);
  }
  slot.want(picture, at(1), asked);
  assert.deepEqual([slot.status, slot.layer?.id], ["done", "1"]);
  slot.want(picture, at(5), asked);
  assert.equal(slot.stale?.id, "1");
  slot.want(/** @type {any} */ ({ key: "other" }), at(5), asked);
  assert.equal(slot.stale, null);
});

test("two painted regions are two questions", () => {
  const painted = (/** @type {number} */ byte) => ({ ...at(1), mask: Uint8Array.of(byte, 0) });
  assert.notEqual(keyOf(picture, painted(1)), keyOf(picture, painted(2)));
  assert.equal(keyOf(picture, painted(1)), keyOf(picture, painted(1)));
});
