// @ts-check
import assert from "node:assert/strict";
import test from "node:test";

import { Blocks } from "../../assets/web/blocks.js";

const MEGABYTES = 2 ** 20;
const picture = /** @type {any} */ ({
  key: "k",
  stages: [
    { stage: 3, depth: 5 },
    { stage: 4, depth: 3 },
  ],
});

/** A source whose blocks are large; `asked` counts how often each was asked for. */
function large() {
  /** @type {Record<string, number>} */
  const asked = {};
  const size = { byteLength: 30 * MEGABYTES };
  const source = /** @type {any} */ ({
    block: async (
      /** @type {any} */ _,
      /** @type {number} */ stage,
      /** @type {number} */ block,
    ) => {
      const name = `${stage}/${block}`;
      asked[name] = (asked[name] ?? 0) + 1;
      if (name === "4/1") throw new Error("gone");
      return { kind: "global", q: size, k: size };
    },
  });
  return { source, asked };
}

/** Lets what has come be taken. */
const soon = () => new Promise((resolve) => setTimeout(resolve));

test("all blocks are asked for once each, though they do not all find room", async () => {
  const { source, asked } = large();
  const blocks = new Blocks(source, () => blocks.loadNext(picture));
  blocks.loadNext(picture);
  for (let turn = 0; turn < 50; turn++) await soon();
  assert.deepEqual(Object.values(asked), Array(8).fill(1));
  assert.ok(!blocks.has(picture, 3, 0)); // dropped for want of room
});

test("one block is on its way at a time, and one that was dropped is had by looking at it", async () => {
  const { source, asked } = large();
  const blocks = new Blocks(source, () => {});
  blocks.loadNext(picture);
  blocks.loadNext(picture);
  assert.deepEqual(asked, { "3/0": 1 });
  for (let turn = 0; turn < 8; turn++) {
    await soon();
    blocks.loadNext(picture);
  }
  await soon();
  assert.equal(blocks.get(picture, 3, 0), null);
  await soon();
  assert.ok(blocks.get(picture, 3, 0));
  assert.equal(asked["3/0"], 2);
});

test("stages that prune have no rows to load, and of pictures that have gone nothing is kept", async () => {
  const { source, asked } = large();
  const stages = [
    { stage: 1, depth: 1 },
    { stage: 3, depth: 2, pruned: true },
  ];
  const light = /** @type {any} */ ({ key: "l", stages });
  const blocks = new Blocks(source, () => blocks.loadNext(light));
  blocks.loadNext(light);
  for (let turn = 0; turn < 5; turn++) await soon();
  assert.deepEqual(asked, { "1/0": 1 });
  blocks.keep([light]);
  assert.ok(blocks.has(light, 1, 0));
  blocks.keep([picture]);
  assert.ok(!blocks.has(light, 1, 0));
});

test("a row is told as times the even weight of all its keys, padding included, and of no other token", () => {
  // Two tokens of a window of two, the third in a window that padding fills.
  const stage = {
    stage: 3,
    kind: "global",
    depth: 1,
    rows: 1,
    columns: 3,
    heads: 1,
    tokenWidth: 4,
    tokenHeight: 4,
    stride: 16,
  };
  const shown = /** @type {any} */ ({
    key: "w",
    width: 12,
    stages: [stage],
    labels: new Uint8Array(48),
  });
  const block = {
    kind: "global",
    heads: 1,
    headSize: 1,
    rows: 1,
    columns: 3,
    window: 2,
    q: new Float32Array(3),
    k: new Float32Array(3),
    paddingKey: new Float32Array(1),
  };
  const blocks = new Blocks(/** @type {any} */ ({}), () => {});
  blocks.held.set("w/3/0", /** @type {any} */ (block));
  const choice = { block: 0, head: null };
  const first = blocks.reading(shown, 3, choice, { x: 1, y: 1 });
  assert.deepEqual([...(first?.times ?? [])], [1, 1, Number.NaN]);
  const last = blocks.reading(shown, 3, choice, { x: 9, y: 1 });
  assert.deepEqual([...(last?.times ?? [])], [Number.NaN, Number.NaN, 1]);
});
