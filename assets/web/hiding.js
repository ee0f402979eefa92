// @ts-check
/**
 * Hide a region of the picture, and the same elsewhere: `analysis/interventions/picture.py` and
 * `elsewhere.py`. No fill is neutral, so what hiding does stands beside what hiding as much of the
 * picture elsewhere does.
 */

import { blurPixels } from "./blur.js";

/**
 * @typedef {import("./resize.js").Pixels} Pixels
 * @typedef {"blur" | "mean"} Fill
 *
 * @typedef {object} Elsewhere
 * @property {Uint8Array[]} regions  Of the same shape, (height, width).
 * @property {number} overlap  Share of the region that the nearest of them covers too.
 */

/** Standard deviation of the blur, as a share of the picture's short side. */
const BLUR = 0.05;
/** Beyond it the blur is made at a lower resolution, which shows no difference. */
const MOST_SIGMA = 40;
/** Sizes that differ by no more than this factor are as large as each other. */
export const AS_LARGE = 1.25;
const DRAWS = 6;
const TRIES = 300;

/**
 * What is shown where the picture is hidden, everywhere: (height, width, 3).
 * @param {Pixels} picture
 * @param {Fill} fill
 * @returns {Uint8Array}
 */
export function filling(picture, fill) {
  return fill === "mean" ? meanColor(picture) : blurred(picture);
}

/** @param {Pixels} picture */
function meanColor({ data, width, height, channels }) {
  const sums = [0, 0, 0];
  for (let at = 0; at < width * height * channels; at += channels) {
    for (let each = 0; each < 3; each++) sums[each] += data[at + each];
  }
  const mean = sums.map((sum) => Math.round(sum / (width * height)));
  const filled = new Uint8Array(width * height * 3);
  for (let at = 0; at < filled.length; at += 3) filled.set(mean, at);
  return filled;
}

/** @param {Pixels} picture */
function blurred(picture) {
  const { data, width, height } = picture;
  const sigma = BLUR * Math.min(width, height);
  const factor = Math.ceil(sigma / MOST_SIGMA);
  const small = factor === 1 ? picture : shrunk(picture, factor);
  const area = { left: 0, top: 0, right: small.width, bottom: small.height };
  const made = blurPixels(small.data, small, sigma / factor, area);
  if (factor === 1) return made;
  const filled = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    const line = Math.min(Math.floor(y / factor), small.height - 1) * small.width;
    for (let x = 0; x < width; x++, at += 3) {
      const from = 3 * (line + Math.min(Math.floor(x / factor), small.width - 1));
      for (let each = 0; each < 3; each++) filled[at + each] = made[from + each];
    }
  }
  return data.length ? filled : made;
}

/**
 * Means of squares of `factor` pixels.
 * @param {Pixels} picture
 * @param {number} factor
 * @returns {Pixels}
 */
function shrunk({ data, width, height, channels }, factor) {
  const [rows, columns] = [Math.floor(height / factor), Math.floor(width / factor)];
  const small = new Uint8Array(rows * columns * 3);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const sums = [0, 0, 0];
      for (let y = row * factor; y < (row + 1) * factor; y++) {
        for (let x = column * factor; x < (column + 1) * factor; x++) {
          const at = (y * width + x) * channels;
          for (let each = 0; each < 3; each++) sums[each] += data[at + each];
        }
      }
      const means = sums.map((sum) => Math.round(sum / factor ** 2));
      small.set(means, 3 * (row * columns + column));
    }
  }
  return { data: small, width: columns, height: rows, channels: 3 };
}

/**
 * The picture with a region hidden.
 * @param {Pixels} picture
 * @param {Uint8Array} region
 * @param {Uint8Array} filled
 * @returns {Pixels}
 */
export function hide({ data, width, height, channels }, region, filled) {
  const hidden = new Uint8Array(width * height * 3);
  for (let pixel = 0; pixel < region.length; pixel++) {
    const [source, at] = region[pixel] ? [filled, 3 * pixel] : [data, channels * pixel];
    for (let each = 0; each < 3; each++) hidden[3 * pixel + each] = source[at + each];
  }
  return { data: hidden, width, height, channels: 3 };
}

/**
 * By how much the filling differs from the picture at each pixel, squared.
 * @param {Pixels} picture
 * @param {Uint8Array} filled
 */
export function changes({ data, channels }, filled) {
  return Float64Array.from({ length: filled.length / 3 }, (_, pixel) => {
    let sum = 0;
    for (let each = 0; each < 3; each++) {
      sum += (data[channels * pixel + each] - filled[3 * pixel + each]) ** 2;
    }
    return sum;
  });
}

/**
 * Length of the change in a region.
 * @param {Float64Array} change
 * @param {Uint8Array} region
 */
export function sizeOf(change, region) {
  let sum = 0;
  for (let pixel = 0; pixel < region.length; pixel++) if (region[pixel]) sum += change[pixel];
  return Math.sqrt(sum);
}

/**
 * Length of what differs from the picture's mean colour.
 * @param {Pixels} picture
 */
export function contrastOf({ data, width, height, channels }) {
  const [sums, squares] = [
    [0, 0, 0],
    [0, 0, 0],
  ];
  const pixels = width * height;
  for (let at = 0; at < pixels * channels; at += channels) {
    for (let each = 0; each < 3; each++) {
      sums[each] += data[at + each];
      squares[each] += data[at + each] ** 2;
    }
  }
  const total = sums.reduce((all, sum, each) => all + squares[each] - sum ** 2 / pixels, 0);
  return Math.max(Math.sqrt(total), 1);
}

/**
 * Up to `DRAWS` random places for a region that do not touch it and change as much; what leaves one
 * side comes in at the opposite one. Where every place overlaps it, the one that does least.
 * @param {Uint8Array} region
 * @param {number} width
 * @param {number} height
 * @param {Float64Array} change
 * @returns {Elsewhere}
 */
export function elsewhere(region, width, height, change) {
  /** @type {number[]} */
  const pixels = [];
  for (let pixel = 0; pixel < region.length; pixel++) if (region[pixel]) pixels.push(pixel);
  const own = sizeOf(change, region);
  const random = numbersFrom(0);
  /** @type {{down: number, across: number, off: number}[]} */
  const apart = [];
  let least = { down: 0, across: 0, shared: pixels.length };
  for (let tried = 0; tried < TRIES; tried++) {
    const [down, across] = [Math.floor(random() * height), Math.floor(random() * width)];
    let [shared, sum] = [0, 0];
    for (const pixel of pixels) {
      const there = movedPixel(pixel, down, across, width, height);
      shared += region[there];
      sum += change[there];
      if (shared > least.shared) break;
    }
    if (shared < least.shared) least = { down, across, shared };
    if (shared > 0) continue;
    apart.push({
      down,
      across,
      off: Math.abs(Math.log(Math.max(Math.sqrt(sum), 1e-9 * own) / own)),
    });
    if (apart.filter(({ off }) => off <= Math.log(AS_LARGE)).length === DRAWS) break;
  }
  const near = apart.filter(({ off }) => off <= Math.log(AS_LARGE));
  const chosen = near.length ? near : apart.sort((one, other) => one.off - other.off);
  const places = apart.length ? chosen.slice(0, DRAWS) : [least];
  const regions = places.map(({ down, across }) => {
    const moved = new Uint8Array(region.length);
    for (const pixel of pixels) moved[movedPixel(pixel, down, across, width, height)] = 1;
    return moved;
  });
  return { regions, overlap: apart.length ? 0 : least.shared / pixels.length };
}

/**
 * @param {number} pixel
 * @param {number} down
 * @param {number} across
 * @param {number} width
 * @param {number} height
 */
function movedPixel(pixel, down, across, width, height) {
  const row = (Math.floor(pixel / width) + down) % height;
  return row * width + (((pixel % width) + across) % width);
}

/**
 * Numbers from 0 to 1 that are the same every time (Marsaglia's xorshift with 32 bits, 2003).
 * @param {number} seed
 */
function numbersFrom(seed) {
  let state = seed ^ 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
