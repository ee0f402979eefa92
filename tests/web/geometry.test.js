// @ts-check
import assert from "node:assert/strict";
import test from "node:test";

import {
  bounded,
  clamped,
  fit,
  mostZoom,
  packed,
  pixelUnder,
  segmentAt,
  WHOLE,
  zoomedAt,
} from "../../assets/web/geometry.js";

const frame = { width: 800, height: 500 };
const picture = { width: 640, height: 427 };

test("the whole picture fits its frame, in its middle", () => {
  const { left, top, scale } = fit(frame, picture, WHOLE);
  assert.ok(picture.width * scale <= frame.width + 1e-9);
  assert.ok(picture.height * scale <= frame.height + 1e-9);
  assert.ok(Math.abs(2 * left + picture.width * scale - frame.width) < 1e-9);
  assert.ok(Math.abs(2 * top + picture.height * scale - frame.height) < 1e-9);
});

test("zooming keeps the pixel under the pointer where it is", () => {
  const at = { x: 300, y: 240 };
  let zoom = { ...WHOLE };
  const before = pixelUnder(fit(frame, picture, zoom), picture, at);
  for (let step = 0; step < 6; step++) zoom = zoomedAt(frame, picture, zoom, 1.4, at);
  assert.ok(zoom.scale > 7);
  const after = pixelUnder(fit(frame, picture, zoom), picture, at);
  assert.ok(Math.abs(after.x - before.x) <= 1 && Math.abs(after.y - before.y) <= 1);
});

test("a zoom never shows less picture than it could, nor leaves its bounds", () => {
  const far = bounded(frame, picture, { scale: 1e9, x: 2, y: -1 });
  assert.equal(far.scale, mostZoom(frame, picture));
  const { left, top, scale } = fit(frame, picture, far);
  assert.ok(left <= 1e-6 && left + picture.width * scale >= frame.width - 1e-6);
  assert.ok(top <= 1e-6 && top + picture.height * scale >= frame.height - 1e-6);
  assert.deepEqual(bounded(frame, picture, { scale: 0.1, x: 0, y: 0 }), WHOLE);
});

test("a panorama can be zoomed until it fills its frame", () => {
  const long = { width: 6000, height: 200 };
  const filled = frame.height / long.height / (frame.width / long.width);
  assert.ok(mostZoom(frame, long) > filled);
});

test("a segment hangs together by sides, and does not wrap around the border", () => {
  const labels = [1, 0, 1, 0, 0, 1, 1, 1, 0];
  const found = segmentAt(labels, { width: 3, height: 3 }, { x: 1, y: 0 });
  assert.deepEqual([...found], [0, 1, 0, 1, 1, 0, 0, 0, 0]);
  const low = segmentAt([0, 0, 1, 1, 0, 0], { width: 3, height: 2 }, { x: 0, y: 1 });
  assert.deepEqual([...low], [0, 0, 0, 1, 0, 0]); // the pixel before is at the other border
});

test("bits of a mask are packed as NumPy packs them", () => {
  const mask = Uint8Array.from([1, 0, 0, 0, 0, 0, 1, 1, 1]);
  assert.deepEqual([...packed(mask)], [0b10000011, 0b10000000]);
});

test("a place beside the picture becomes its nearest pixel", () => {
  assert.deepEqual(clamped(picture, 9999, -3.2), { x: 639, y: 0 });
  assert.deepEqual(clamped(picture, 638.6, 12.4), { x: 639, y: 12 });
});
