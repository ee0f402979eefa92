// @ts-check
/**
 * From pixels to the network's input, as `uniformer/preprocess.py` does it: OpenCV's bilinear resize
 * of 8-bit values without antialiasing, twice where sides must be multiples, then normalised.
 *
 * OpenCV (`INTER_LINEAR`, 8 bits) weighs with 11-bit integers; the same integers are used here, so
 * that a network sees the same picture whoever resized it.
 */

/** Bits of a weight. */
const ONE = 2 ** 11;
const MAX_LONG_SIDE = 2048;
const MIN_SIDE = 32;

/**
 * @typedef {object} Normalisation  Of red, green and blue, on the 0 to 255 scale.
 * @property {number[]} mean
 * @property {number[]} std
 *
 * @typedef {object} Pixels  8-bit values (height, width, channels); channels beyond 3 are ignored.
 * @property {Uint8Array | Uint8ClampedArray} data
 * @property {number} width
 * @property {number} height
 * @property {number} channels
 */

/**
 * The [height, width] at which the network sees a picture: its short side is `shortSide`, or its
 * long side 2048, and both are rounded up to multiples of `divisor`.
 * @param {number} height
 * @param {number} width
 * @param {number} shortSide
 * @param {number} divisor
 * @returns {[number, number]}
 */
export function networkSize(height, width, shortSide, divisor) {
  const factor = Math.min(
    MAX_LONG_SIDE / Math.max(height, width),
    shortSide / Math.min(height, width),
  );
  /** @param {number} side */
  const fitted = (side) => {
    const scaled = Math.max(Math.floor(side * factor + 0.5), MIN_SIDE);
    return Math.ceil(scaled / divisor) * divisor;
  };
  return [fitted(height), fitted(width)];
}

/**
 * The network's input (3, height, width) of a picture, and its size.
 * @param {Pixels} picture
 * @param {number} shortSide
 * @param {number} divisor
 * @param {Normalisation} normalisation
 */
export function preprocess(picture, shortSide, divisor, normalisation) {
  let resized = picture;
  for (const multiple of divisor > 1 ? [1, divisor] : [1]) {
    resized = resize(resized, ...networkSize(picture.height, picture.width, shortSide, multiple));
  }
  return { input: normalise(resized, normalisation), height: resized.height, width: resized.width };
}

/**
 * A picture resized to (height, width, 3).
 * @param {Pixels} picture
 * @param {number} height
 * @param {number} width
 * @returns {Pixels}
 */
export function resize(picture, height, width) {
  const across = taps(picture.width, width);
  const down = taps(picture.height, height);
  const last = picture.height - 1;
  const data = new Uint8Array(height * width * 3);
  // Rows of the source, resized along x only, by their index; two are needed at a time.
  const lines = [new Int32Array(width * 3), new Int32Array(width * 3)];
  const held = [-1, -1];
  /** @param {number} row */
  const line = (row) => {
    if (held[row % 2] !== row) {
      resizeLine(picture, row, across, lines[row % 2]);
      held[row % 2] = row;
    }
    return lines[row % 2];
  };
  for (let y = 0; y < height; y++) {
    const upper = line(Math.min(Math.max(down.first[y], 0), last));
    const lower = line(Math.min(Math.max(down.first[y] + 1, 0), last));
    const [above, below] = [down.weight[2 * y], down.weight[2 * y + 1]];
    for (let x = 0, at = y * width * 3; x < width * 3; x++, at++) {
      const sum = ((above * (upper[x] >> 4)) >> 16) + ((below * (lower[x] >> 4)) >> 16);
      data[at] = (sum + 2) >> 2;
    }
  }
  return { data, width, height, channels: 3 };
}

/**
 * For each of `length` outputs the first source and what it and the next one give. Sources may lie
 * one beyond either end: the nearest stands for them.
 * @param {number} sources
 * @param {number} length
 */
function taps(sources, length) {
  const first = new Int32Array(length);
  const weight = new Int32Array(2 * length);
  const scale = 1 / (length / sources);
  for (let each = 0; each < length; each++) {
    const at = Math.fround((each + 0.5) * scale - 0.5);
    const part = Math.fround(at - Math.floor(at));
    first[each] = Math.floor(at);
    weight[2 * each] = toEven(Math.fround(1 - part) * ONE);
    weight[2 * each + 1] = toEven(part * ONE);
  }
  return { first, weight };
}

/**
 * Round half to even, as processors do.
 * @param {number} value
 */
function toEven(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

/**
 * @param {Pixels} picture
 * @param {number} row
 * @param {ReturnType<typeof taps>} across
 * @param {Int32Array} line  What is written: (width, 3) at `ONE` times the scale.
 */
function resizeLine(picture, row, across, line) {
  const { data, width, channels } = picture;
  for (let x = 0, at = 0; at < line.length; x++) {
    const first = across.first[x];
    const here = (row * width + Math.max(first, 0)) * channels;
    const next = (row * width + Math.min(first + 1, width - 1)) * channels;
    const [left, right] = [across.weight[2 * x], across.weight[2 * x + 1]];
    for (let channel = 0; channel < 3; channel++, at++) {
      line[at] = data[here + channel] * left + data[next + channel] * right;
    }
  }
}

/**
 * A picture (height, width, 3) as float32 (3, height, width).
 * @param {Pixels} picture
 * @param {Normalisation} normalisation
 */
function normalise(picture, normalisation) {
  const { data } = picture;
  const size = picture.height * picture.width;
  const input = new Float32Array(3 * size);
  for (let channel = 0; channel < 3; channel++) {
    const mean = Math.fround(normalisation.mean[channel]);
    const inverse = Math.fround(1 / normalisation.std[channel]);
    const value = Float32Array.from(
      { length: 256 },
      (_, level) => Math.fround(level - mean) * inverse,
    );
    for (let pixel = 0; pixel < size; pixel++) {
      input[channel * size + pixel] = value[data[3 * pixel + channel]];
    }
  }
  return input;
}
