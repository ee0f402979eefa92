// @ts-check
import assert from "node:assert/strict";
import test from "node:test";

import {
  drawnAt,
  MOST_PINS,
  pinsFrom,
  pinsText,
  pinUnder,
  withPin,
} from "../../assets/web/pins.js";
import { beginning, openedWith, queryOf, readQuery } from "../../assets/web/selection.js";

/** @typedef {import("../../assets/web/pins.js").Pin} Pin */

/** @param {number} count */
function some(count) {
  /** @type {Pin[]} */
  let pins = [];
  for (let at = 0; at < count; at++) pins = withPin(pins, { x: at, y: 2 * at });
  return pins;
}

const letters = (/** @type {Pin[]} */ pins) => pins.map(({ letter }) => letter).join("");

test("a pin takes the first free letter, and no place has two", () => {
  const three = some(3);
  assert.equal(letters(three), "ABC");
  const gap = three.filter(({ letter }) => letter !== "B");
  const filled = withPin(gap, { x: 50, y: 60 });
  assert.equal(letters(filled), "ABC");
  assert.deepEqual(filled[1], { letter: "B", x: 50, y: 60 });
  assert.equal(withPin(three, { x: 2, y: 4 }), three);
});

test("no more pins than letters, and the last one stays", () => {
  const all = some(MOST_PINS);
  assert.equal(letters(all), "ABCDEFGH");
  assert.equal(withPin(all, { x: 99, y: 99 }), all);
});

test("a link keeps pins, and nonsense in it is left out", () => {
  const pins = some(3).filter(({ letter }) => letter !== "A");
  assert.deepEqual(pinsFrom(pinsText(pins)), pins);
  assert.deepEqual(pinsFrom("A1.2-A3.4-C1.2-I5.6-Bx.1-D-1.2-E12345678.1"), [
    { letter: "A", x: 1, y: 2 },
  ]);
  const setting = { model: "nano", reach: /** @type {const} */ ("global"), windowSize: 8 };
  const picture = /** @type {any} */ ({ example: "a.jpg", width: 9, height: 9, stages: [] });
  const query = queryOf({ ...beginning(), picture, setting, pins });
  assert.deepEqual(readQuery(query).patch.pins, pins);
  assert.equal(readQuery("?pins=").patch.pins, undefined);
});

test("pins belong to their picture, in whatever setting it is labelled", () => {
  const setting = { model: "nano", reach: /** @type {const} */ ("global"), windowSize: 8 };
  const picture = /** @type {any} */ ({ example: "a.jpg", stages: [], setting });
  const state = { ...beginning(), picture, setting, pins: some(2) };
  const other = /** @type {any} */ ({ ...picture, setting: { ...setting, model: "xxs" } });
  assert.deepEqual({ ...state, ...openedWith(state, other, true) }.pins, state.pins);
  assert.deepEqual({ ...state, ...openedWith(state, picture, false) }.pins, []);
});

test("a letter stands above its pixel, or below where there is no room, and is found there", () => {
  const fitted = { left: 10, top: 20, scale: 2 };
  const low = { letter: "A", x: 40, y: 30 };
  const high = { letter: "B", x: 40, y: 0 };
  assert.deepEqual(drawnAt(fitted, low), { x: 91, y: 81, letter: 65, up: true });
  assert.deepEqual(drawnAt(fitted, high), { x: 91, y: 21, letter: 37, up: false });
  assert.equal(pinUnder([low, high], fitted, { x: 95, y: 60 }), low);
  assert.equal(pinUnder([low, high], fitted, { x: 91, y: 81 }), undefined); // the pixel itself
  assert.equal(pinUnder([low, { ...low, letter: "C" }], fitted, { x: 91, y: 65 })?.letter, "C");
});
