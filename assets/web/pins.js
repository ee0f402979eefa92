// @ts-check
/** Places of the picture that are kept beside the marked one, each with a letter. */

/**
 * @typedef {import("./geometry.js").Fit} Fit
 * @typedef {import("./geometry.js").Point} Point
 *
 * @typedef {Point & {letter: string}} Pin
 */

const LETTERS = "ABCDEFGH";

/** How many places can be kept. */
export const MOST_PINS = LETTERS.length;

/** CSS pixels from the pixel to the middle of the letter, and the radius around it. */
const REACH = 16;
const RADIUS = 9;

/**
 * The pin of a pixel, if it has one.
 * @param {Pin[]} pins
 * @param {Point} at
 */
export function pinOf(pins, { x, y }) {
  return pins.find((pin) => pin.x === x && pin.y === y);
}

/**
 * The pins with one more, under the first letter that is free; the same where there is one already, or
 * no letter left.
 * @param {Pin[]} pins
 * @param {Point} at
 * @returns {Pin[]}
 */
export function withPin(pins, at) {
  const letter = [...LETTERS].find((each) => pins.every((pin) => pin.letter !== each));
  if (!letter || pinOf(pins, at)) return pins;
  return sorted([...pins, { letter, x: at.x, y: at.y }]);
}

/** @param {Pin[]} pins */
function sorted(pins) {
  return pins.sort((one, other) => (one.letter < other.letter ? -1 : 1));
}

/**
 * The pins as a link says them.
 * @param {Pin[]} pins
 */
export function pinsText(pins) {
  return pins.map(({ letter, x, y }) => `${letter}${x}.${y}`).join("-");
}

/**
 * What a link says of pins, as far as it makes sense: each letter and each place once.
 * @param {string} text
 * @returns {Pin[]}
 */
export function pinsFrom(text) {
  /** @type {Pin[]} */
  const pins = [];
  for (const part of text.split("-")) {
    const [, letter = "", x, y] = /^([A-H])(\d{1,6})\.(\d{1,6})$/.exec(part) ?? [];
    const pin = { letter, x: Number(x), y: Number(y) };
    if (letter && !pinOf(pins, pin) && pins.every((each) => each.letter !== letter)) pins.push(pin);
  }
  return sorted(pins);
}

/**
 * Where a pin is drawn over its pane: the middle of its pixel and of its letter, which is above the
 * pixel unless that would be outside.
 * @param {Fit} fitted
 * @param {Point} at
 */
export function drawnAt(fitted, at) {
  const x = fitted.left + (at.x + 0.5) * fitted.scale;
  const y = fitted.top + (at.y + 0.5) * fitted.scale;
  const up = y >= REACH + RADIUS;
  return { x, y, letter: up ? y - REACH : y + REACH, up };
}

/**
 * The pin whose letter is under a point of the pane; of several the one drawn last.
 * @param {Pin[]} pins
 * @param {Fit} fitted
 * @param {Point} point
 */
export function pinUnder(pins, fitted, point) {
  return pins.findLast((pin) => {
    const { x, letter } = drawnAt(fitted, pin);
    return Math.hypot(point.x - x, point.y - letter) <= RADIUS;
  });
}
