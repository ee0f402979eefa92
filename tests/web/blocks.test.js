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
