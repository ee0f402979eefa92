import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameReader, readFrame } from "../../assets/web/frames.js";
import { lastFrame } from "../../assets/web/server_source.js";
import { SourceError } from "../../assets/web/source.js";

/** @typedef {{dtype: string, values: number[]}} Given */

/** @type {Record<string, any>} */
const TYPED = { "<f4": Float32Array, "|u1": Uint8Array, "<u2": Uint16Array, "<i4": Int32Array };

/**
 * Writes a frame as `ui/web/frames.py` does.
 *
 * @param {object} facts
 * @param {Record<string, Given>} arrays
 */
function written(facts, arrays = {}) {
  /** @type {Record<string, object>} */
  const described = {};
  const parts = [];
  let offset = 0;
  for (const [name, { dtype, values }] of Object.entries(arrays)) {
    const data = new Uint8Array(TYPED[dtype].from(values).buffer);
    described[name] = { dtype, shape: [values.length], offset };
    const padded = new Uint8Array(8 * Math.ceil(data.length / 8));
    padded.set(data);
    parts.push(padded);
    offset += padded.length;
  }
  let header = JSON.stringify({ ...facts, arrays: described, bytes: offset });
  let length = new TextEncoder().encode(header).length;
  header += " ".repeat((8 - ((4 + length) % 8)) % 8);
  length = new TextEncoder().encode(header).length;
  const bytes = new Uint8Array(4 + length + offset);
  new DataView(bytes.buffer).setUint32(0, length, true);
  bytes.set(new TextEncoder().encode(header), 4);
  let at = 4 + length;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** @type {[Record<string, any>, Record<string, Given>][]} */
const FRAMES = [
  [{ partial: true, done: 1, words: "先" }, {}],
  [{ n: 3 }, { map: { dtype: "<f4", values: [0.5, -2, NaN] }, b: { dtype: "|u1", values: [255] } }],
  [
    { empty: [] },
    { l: { dtype: "<u2", values: [65535, 1, 2, 3, 4] }, i: { dtype: "<i4", values: [-7] } },
  ],
  [{ none: null }, { nothing: { dtype: "<f4", values: [] } }],
];

test("what was written is read, wherever the stream is cut", () => {
  const whole = FRAMES.map(([facts, arrays]) => written(facts, arrays));
  const bytes = Uint8Array.from(whole.flatMap((frame) => [...frame]));
  for (const step of [1, 2, 3, 5, 7, 8, 13, 64, bytes.length]) {
    const reader = new FrameReader();
    /** @type {import("../../assets/web/frames.js").Frame[]} */
    const found = [];
    for (let at = 0; at < bytes.length; at += step)
      found.push(...reader.push(bytes.slice(at, at + step)));
    assert.equal(found.length, FRAMES.length);
    found.forEach((frame, index) => {
      const [facts, arrays] = FRAMES[index];
      assert.deepEqual(frame.facts, facts);
      for (const [name, { dtype, values }] of Object.entries(arrays)) {
        assert.ok(frame.arrays[name] instanceof TYPED[dtype]);
        assert.deepEqual([...frame.arrays[name]], values);
      }
    });
  }
});

test("a frame that is not all there is none", () => {
  const bytes = written(...FRAMES[1]);
  for (let length = 0; length < bytes.length; length++) {
    assert.equal(readFrame(bytes.subarray(0, length), 0)[0], null);
  }
});

test("an array of an unknown kind is refused", () => {
  const bytes = written({ n: 1 }, { map: { dtype: "<f4", values: [1] } });
  const text = new TextDecoder().decode(bytes).replace("<f4", "<f8");
  assert.throws(() => readFrame(new TextEncoder().encode(text), 0));
});

/** @param {Uint8Array[]} parts */
function stream(...parts) {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
}

test("partial frames are told, the last one is the answer, and the rest is left", async () => {
  /** @type {object[]} */
  const told = [];
  const parts = FRAMES.map(([facts, arrays]) => written(facts, arrays));
  const frame = await lastFrame(stream(...parts), (partial) => told.push(partial));
  assert.deepEqual(told, [{ done: 1, words: "先" }]);
  assert.equal(frame.facts.n, 3);
});

test("an error is a sentence, and so is an answer that breaks off", async () => {
  const failed = lastFrame(stream(written({ error: "No." })));
  await assert.rejects(failed, (error) => {
    assert.ok(error instanceof SourceError);
    assert.equal(error.sentence, "No.");
    return true;
  });
  const cut = written(...FRAMES[1]).slice(0, 20);
  await assert.rejects(lastFrame(stream(cut)), SourceError);
});
