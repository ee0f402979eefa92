// @ts-check
/** Gaussian blur: what a hidden place shows, in the picture as OpenCV and in the input as SciPy do. */

/**
 * @typedef {object} Area  A rectangle of pixels.
 * @property {number} left
 * @property {number} top
 * @property {number} right  One beyond the last column.
 * @property {number} bottom
 */

/** The sum of OpenCV's whole weights. */
const ONE = 256;

/**
 * @param {number} sigma
 * @param {number} radius
 */
function gaussian(sigma, radius) {
  const taps = Float64Array.from({ length: 2 * radius + 1 }, (_, at) =>
    Math.exp(-((at - radius) ** 2) / (2 * sigma ** 2)),
  );
  const total = taps.reduce((sum, tap) => sum + tap, 0);
  return taps.map((tap) => tap / total);
}

/**
 * An input (planes, height, width) blurred with the border repeated (`scipy.ndimage`).
 * @param {Float32Array} input
 * @param {number} height
 * @param {number} width
 * @param {number} sigma
 */
export function blurInput(input, height, width, sigma) {
  const taps = gaussian(sigma, Math.floor(4 * sigma + 0.5));
  const nearest = (/** @type {number} */ at, /** @type {number} */ size) =>
    Math.min(Math.max(at, 0), size - 1);
  const across = new Float32Array(input.length);
  const both = new Float32Array(input.length);
  const planes = input.length / (height * width);
  sweep(input, across, planes * height, width, 1, taps, nearest, (line) => line * width);
  sweep(across, both, planes * width, height, width, taps, nearest, (line) => {
    return Math.floor(line / width) * height * width + (line % width);
  });
  return both;
}

/**
 * Blur the pixels (height, width, channels) of an area, mirrored at the border (`cv2.GaussianBlur`).
 * @param {Uint8Array | Uint8ClampedArray} data
 * @param {{width: number, height: number, channels: number}} size
 * @param {number} sigma
 * @param {Area} area
 * @returns {Uint8Array}  (rows, columns, 3) of the area.
 */
export function blurPixels(data, { width, height, channels }, sigma, area) {
  const taps = wholeTaps(sigma);
  const radius = (taps.length - 1) / 2;
  const [rows, columns] = [area.bottom - area.top, area.right - area.left];
  const blurred = new Uint8Array(rows * columns * 3);
  const line = new Float64Array((columns + 2 * radius) * 3);
  for (let row = 0; row < rows; row++) {
    line.fill(0);
    for (let tap = 0; tap < taps.length; tap++) {
      const source = mirrored(area.top + row + tap - radius, height) * width;
      for (let column = 0; column < columns + 2 * radius; column++) {
        const at = (source + mirrored(area.left + column - radius, width)) * channels;
        for (let each = 0; each < 3; each++) line[3 * column + each] += taps[tap] * data[at + each];
      }
    }
    for (let column = 0; column < columns; column++) {
      for (let each = 0; each < 3; each++) {
        let sum = 0;
        for (let tap = 0; tap < taps.length; tap++)
          sum += taps[tap] * line[3 * (column + tap) + each];
        blurred[(row * columns + column) * 3 + each] = Math.floor(sum / ONE ** 2 + 0.5);
      }
    }
  }
  return blurred;
}

/**
 * OpenCV's kernel for 8-bit pictures: whole parts of `ONE`, what rounding leaves over handed on.
 * @param {number} sigma
 */
function wholeTaps(sigma) {
  const radius = Math.floor((Math.round(6 * sigma + 1) | 1) / 2);
  const taps = gaussian(sigma, radius);
  let [rest, sum] = [0, 0];
  for (let at = 0; at < radius; at++) {
    const wanted = taps[at] * ONE + rest;
    taps[at] = Math.round(wanted);
    taps[2 * radius - at] = taps[at];
    rest = wanted - taps[at];
    sum += 2 * taps[at];
  }
  taps[radius] = ONE - sum;
  return taps;
}

/**
 * Beyond a border comes what lies before it, without the border itself.
 * @param {number} at
 * @param {number} size
 */
function mirrored(at, size) {
  if (size === 1) return 0;
  const period = 2 * (size - 1);
  const within = ((at % period) + period) % period;
  return within < size ? within : period - within;
}

/**
 * @param {Float32Array} from
 * @param {Float32Array} to
 * @param {number} lines
 * @param {number} size
 * @param {number} step
 * @param {Float64Array} taps
 * @param {(at: number, size: number) => number} beyond
 * @param {(line: number) => number} start
 */
function sweep(from, to, lines, size, step, taps, beyond, start) {
  const radius = (taps.length - 1) / 2;
  const padded = new Float64Array(size + 2 * radius);
  for (let line = 0; line < lines; line++) {
    const first = start(line);
    for (let at = 0; at < padded.length; at++) {
      padded[at] = from[first + beyond(at - radius, size) * step];
    }
    for (let at = 0; at < size; at++) {
      let sum = 0;
      for (let tap = 0; tap < taps.length; tap++) sum += taps[tap] * padded[at + tap];
      to[first + at * step] = sum;
    }
  }
}
