// @ts-check
/**
 * The colours of maps and classes: cividis for how much, RdBu for which way, white at nothing. Both
 * are told apart with any colour vision, and are those of the figures that are taken away.
 */

/** @typedef {import("./source.js").Scale} Scale */
/** @typedef {[red: number, green: number, blue: number]} Color  0 to 255. */

const CIVIDIS = read(
  "00224e 002554 00285b 002b62 002e6a 003070 053371 123570 1a386f 213b6e 273e6e 2d416d 32436d " +
    "36466c 3b496c 3f4c6c 434e6c 47516c 4b546c 4f576c 535a6d 565c6d 5a5f6e 5e626e 61656f 656870 " +
    "686a71 6c6d72 6f7073 727374 767676 797977 7d7c78 807f78 848279 888578 8c8878 908b78 938e78 " +
    "979177 9b9476 9f9775 a39a74 a79d73 aba072 afa471 b4a76f b8aa6e bcae6c c0b16a c4b468 c8b866 " +
    "cdbb63 d1bf61 d5c25e dac65b dec958 e2cd54 e7d150 ebd44b f0d846 f5dc41 f9e03a fee434 fee838 " +
    "",
);
const RED_BLUE = read(
  "053061 2065ab 4393c3 90c4dd d1e5f0 f7f7f7 fddbc7 f3a481 d6604d b1182b 67001f",
);

/** Rows of attention are drawn as times the even weight, from a sixteenth to sixteen times. */
export const RATIO = /** @type {const} */ ({ low: 1 / 16, high: 16 });

/**
 * Where a value stands between the ends of its scale, 0 to 1; NaN stays NaN.
 * @param {Scale} scale
 * @param {number} value
 * @returns {number}
 */
export function positionOn(scale, value) {
  const { low, high } = scale;
  if (Number.isNaN(value)) return Number.NaN;
  const part =
    scale.kind === "ratio"
      ? Math.log(Math.max(value, low) / low) / Math.log(high / low)
      : (value - low) / (high - low || 1);
  return Math.min(1, Math.max(0, part));
}

/**
 * @param {Scale["kind"]} kind
 * @param {number} position  0 to 1.
 * @returns {Color}
 */
export function colorAt(kind, position) {
  const stops = kind === "diverging" ? RED_BLUE : CIVIDIS;
  const at = Math.min(1, Math.max(0, position)) * (stops.length - 1);
  const before = Math.min(Math.floor(at), stops.length - 2);
  const [from, to] = [stops[before], stops[before + 1]];
  if (!from || !to) return [0, 0, 0];
  const mix = (/** @type {0 | 1 | 2} */ part) =>
    Math.round(from[part] + (to[part] - from[part]) * (at - before));
  return [mix(0), mix(1), mix(2)];
}

/**
 * A scale as a CSS gradient from left to right.
 * @param {Scale["kind"]} kind
 */
export function gradient(kind) {
  const steps = Array.from({ length: 17 }, (_, at) => css(colorAt(kind, at / 16)));
  return `linear-gradient(90deg, ${steps.join(", ")})`;
}

/**
 * One scale for two maps that stand beside each other; null where they cannot share one.
 * @param {Scale} one
 * @param {Scale} other
 * @returns {Scale | null}
 */
export function shared(one, other) {
  if (one.kind !== other.kind || one.unit !== other.unit) return null;
  const low = Math.min(one.low, other.low);
  const high = Math.max(one.high, other.high);
  return { ...one, low, high };
}

/**
 * Round places for the ticks of a colour bar, with the ends.
 * @param {Scale} scale
 * @returns {number[]}
 */
export function ticks(scale) {
  const { low, high, kind } = scale;
  if (kind === "ratio") return [1 / 16, 1 / 4, 1, 4, 16].filter((at) => at >= low && at <= high);
  if (kind === "diverging") return [low, 0, high];
  const step = niceStep((high - low) / 4);
  const first = Math.ceil(low / step - 1e-9) * step;
  const found = [];
  for (let at = first; at <= high + step * 1e-6; at += step) found.push(Number(at.toPrecision(12)));
  return found;
}

/**
 * @param {number} about
 */
export function niceStep(about) {
  const size = 10 ** Math.floor(Math.log10(about || 1));
  return ([1, 2, 2.5, 5, 10].find((step) => step * size >= about * 0.999) ?? 10) * size;
}

/** @param {Color} color */
export const css = (color) => `rgb(${color.join(" ")})`;

/**
 * @param {string} hex  "#rrggbb"
 * @returns {Color}
 */
export function rgb(hex) {
  const number = Number.parseInt(hex.replace("#", ""), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

/** @param {string} hexes */
function read(hexes) {
  return hexes.trim().split(/\s+/).map(rgb);
}
