// @ts-check
/**
 * From logits at stride 4 to labels and certainty at the size of the picture, as
 * `uniformer/tiles.py` does it: logits are resized bilinearly to the network's input and on to the
 * picture, and softmax and argmax are taken there. Both resizes together are one weighted mean of at
 * most 3 x 3 cells, and a tile of the picture needs only the classes that can matter in it.
 */

const TILE_HEIGHT = 64;
const TILE_WIDTH = 128;
/** Cells along an axis that reach a pixel. */
const REACH = 3;
/** Classes whose logit stays this far below the best are left out: each has p < 1e-6. */
const NEGLIGIBLE = 14;
const STEPS = 64;
/** exp(-i / STEPS): Math.exp takes several times as long as a product, and most of all the time. */
const POWERS = Float64Array.from({ length: NEGLIGIBLE * STEPS + 1 }, (_, step) =>
  Math.exp(-step / STEPS),
);
/** Longest side of the maps of certainty. */
export const MAP_SIDE = 1024;

/**
 * @typedef {object} Logits
 * @property {Float32Array} data  (classes, rows, columns).
 * @property {number} classes
 * @property {number} rows
 * @property {number} columns
 * @property {number} networkHeight  Of the input they were computed from.
 * @property {number} networkWidth
 *
 * @typedef {object} LabelMaps
 * @property {Uint8Array} labels  (height, width).
 * @property {number} mapHeight
 * @property {number} mapWidth
 * @property {Uint8Array} confidence  (mapHeight, mapWidth), percent, like the next two.
 * @property {Uint8Array} entropy  Of log(classes).
 * @property {Uint8Array} margin  Between the first and the second class.
 * @property {{index: number, share: number, meanConfidence: number}[]} found  Classes that occur.
 *
 * @typedef {object} Axis  What the cells give to the pixels along one axis.
 * @property {Int32Array} first  The first cell that reaches each pixel.
 * @property {Float64Array} weight  (pixels, REACH).
 */

/**
 * Label every pixel of a picture; certainty is told for every pixel, or fewer of a large picture.
 * @param {Logits} logits
 * @param {number} height
 * @param {number} width
 * @returns {LabelMaps}
 */
export function labelPicture(logits, height, width) {
  const { classes } = logits;
  const smaller = Math.min(1, MAP_SIDE / Math.max(height, width));
  const mapHeight = Math.max(1, Math.round(height * smaller));
  const mapWidth = Math.max(1, Math.round(width * smaller));
  const labels = new Uint8Array(height * width);
  const maps = [0, 1, 2].map(() => new Uint8Array(mapHeight * mapWidth));
  const cells = cellsLast(logits);
  const whole = axes(logits, height, width);
  /** @type {(scores: Float64Array, kept: Int32Array, at: number) => void} */
  const label = (scores, kept, at) => {
    labels[at] = kept[highest(scores, kept.length)];
  };
  /** @type {(scores: Float64Array, kept: Int32Array, at: number) => void} */
  const judge = (scores, kept, at) => {
    writeCertainty(scores, kept.length, Math.log(classes), maps, at);
  };
  if (smaller === 1) {
    sweep(logits, cells, whole, NEGLIGIBLE, (scores, kept, at) => {
      label(scores, kept, at);
      judge(scores, kept, at);
    });
  } else {
    const rows = sampled(whole.rows, height, mapHeight);
    const columns = sampled(whole.columns, width, mapWidth);
    sweep(logits, cells, whole, 0, label);
    sweep(logits, cells, { rows, columns }, NEGLIGIBLE, judge);
  }
  const [confidence, entropy, margin] = maps;
  const found = summary(labels, width, { height, confidence, mapHeight, mapWidth, classes });
  return { labels, mapHeight, mapWidth, confidence, entropy, margin, found };
}

/**
 * The labels alone, which takes a fraction of the time.
 * @param {Logits} logits
 * @param {number} height
 * @param {number} width
 */
export function labelMap(logits, height, width) {
  const labels = new Uint8Array(height * width);
  sweep(logits, cellsLast(logits), axes(logits, height, width), 0, (scores, kept, at) => {
    labels[at] = kept[highest(scores, kept.length)];
  });
  return labels;
}

/**
 * The logits of every class at one pixel of a picture.
 * @param {Logits} logits
 * @param {number} height
 * @param {number} width
 * @param {number} x
 * @param {number} y
 */
export function logitsAt(logits, height, width, x, y) {
  const { rows, columns } = axes(logits, height, width);
  const scores = new Float64Array(logits.classes);
  for (let down = 0; down < REACH; down++) {
    for (let across = 0; across < REACH; across++) {
      const weight = rows.weight[y * REACH + down] * columns.weight[x * REACH + across];
      if (weight === 0) continue;
      const cell = (rows.first[y] + down) * logits.columns + columns.first[x] + across;
      for (let each = 0; each < logits.classes; each++) {
        scores[each] += weight * logits.data[each * logits.rows * logits.columns + cell];
      }
    }
  }
  return scores;
}

/**
 * @param {Float64Array} scores
 * @returns {Float32Array}
 */
export function softmax(scores) {
  const most = Math.max(...scores);
  const parts = scores.map((score) => Math.exp(score - most));
  const total = parts.reduce((sum, part) => sum + part, 0);
  return Float32Array.from(parts, (part) => part / total);
}

/**
 * What a resize of `cells` to `network` and on to `size` gives to every pixel along an axis, with
 * half-pixel centres.
 * @param {number} cells
 * @param {number} network
 * @param {number} size
 * @returns {Axis}
 */
export function resizeWeights(cells, network, size) {
  const first = new Int32Array(size);
  const weight = new Float64Array(size * REACH);
  for (let pixel = 0; pixel < size; pixel++) {
    const outer = between(pixel, network, size);
    const inner = outer.at.map((at) => between(at, cells, network));
    first[pixel] = Math.max(0, Math.min(inner[0].at[0], cells - REACH));
    inner.forEach(({ at, part }, which) => {
      at.forEach((cell, each) => {
        weight[pixel * REACH + cell - first[pixel]] += outer.part[which] * part[each];
      });
    });
  }
  return { first, weight };
}

/**
 * The two sources of an output, and what each gives to it.
 * @param {number} output
 * @param {number} sources
 * @param {number} outputs
 */
function between(output, sources, outputs) {
  const at = Math.max(((output + 0.5) * sources) / outputs - 0.5, 0);
  const lower = Math.min(Math.floor(at), sources - 1);
  const upper = Math.min(lower + 1, sources - 1);
  return { at: [lower, upper], part: [1 - (at - lower), at - lower] };
}

/**
 * @param {Logits} logits
 * @param {number} height
 * @param {number} width
 */
function axes(logits, height, width) {
  return {
    rows: resizeWeights(logits.rows, logits.networkHeight, height),
    columns: resizeWeights(logits.columns, logits.networkWidth, width),
  };
}

/**
 * The axis of the pixels in the middle of `count` equal parts.
 * @param {Axis} axis
 * @param {number} size
 * @param {number} count
 * @returns {Axis}
 */
function sampled(axis, size, count) {
  const pixels = Array.from({ length: count }, (_, part) => pixelOf(part, size, count));
  return {
    first: Int32Array.from(pixels, (pixel) => axis.first[pixel]),
    weight: Float64Array.from(
      pixels.flatMap((pixel) => [...axis.weight.subarray(pixel * REACH, (pixel + 1) * REACH)]),
    ),
  };
}

/**
 * @param {number} part
 * @param {number} size
 * @param {number} count
 */
function pixelOf(part, size, count) {
  return Math.floor(((part + 0.5) * size) / count);
}

/**
 * Logits as (rows, columns, classes).
 * @param {Logits} logits
 */
function cellsLast({ data, classes, rows, columns }) {
  const cells = new Float32Array(data.length);
  for (let each = 0; each < classes; each++) {
    for (let cell = 0; cell < rows * columns; cell++) {
      cells[cell * classes + each] = data[each * rows * columns + cell];
    }
  }
  return cells;
}

/**
 * Go through all pixels, tile by tile, with the logits of the classes that can matter there.
 * @param {Logits} logits
 * @param {Float32Array} cells  The logits as (rows, columns, classes).
 * @param {{rows: Axis, columns: Axis}} axes
 * @param {number} below  How far below the best a class must come somewhere to matter.
 * @param {(scores: Float64Array, kept: Int32Array, at: number) => void} visit  Scores in the order
 *   of the classes kept, and the index of the pixel.
 */
function sweep(logits, cells, { rows, columns }, below, visit) {
  const { classes } = logits;
  const [height, width] = [rows.first.length, columns.first.length];
  const scores = new Float64Array(classes);
  for (let top = 0; top < height; top += TILE_HEIGHT) {
    const bottom = Math.min(top + TILE_HEIGHT, height);
    for (let left = 0; left < width; left += TILE_WIDTH) {
      const right = Math.min(left + TILE_WIDTH, width);
      const from = columns.first[left];
      const to = Math.min(columns.first[right - 1] + REACH, logits.columns);
      const rowsUsed = [rows.first[top], Math.min(rows.first[bottom - 1] + REACH, logits.rows)];
      const kept = relevant(logits, cells, rowsUsed, [from, to], below);
      const line = new Float64Array((to - from) * kept.length);
      for (let y = top; y < bottom; y++) {
        fillLine(line, logits, cells, kept, rows, y, from, to);
        for (let x = left; x < right; x++) {
          const at = (columns.first[x] - from) * kept.length;
          const one = columns.weight[x * REACH];
          const two = columns.weight[x * REACH + 1];
          const three = columns.weight[x * REACH + 2];
          for (let each = 0; each < kept.length; each++) {
            let sum = one * line[at + each];
            if (two !== 0) sum += two * line[at + kept.length + each];
            if (three !== 0) sum += three * line[at + 2 * kept.length + each];
            scores[each] = sum;
          }
          visit(scores, kept, y * width + x);
        }
      }
    }
  }
}

/**
 * Resize along y only: the logits of one line of pixels at the cells from `from` to `to`.
 * @param {Float64Array} line  What is written: (cells, classes kept).
 * @param {Logits} logits
 * @param {Float32Array} cells
 * @param {Int32Array} kept
 * @param {Axis} rows
 * @param {number} y
 * @param {number} from
 * @param {number} to
 */
function fillLine(line, logits, cells, kept, rows, y, from, to) {
  line.fill(0);
  for (let down = 0; down < REACH; down++) {
    const weight = rows.weight[y * REACH + down];
    if (weight === 0) continue;
    let source = ((rows.first[y] + down) * logits.columns + from) * logits.classes;
    for (let cell = 0; cell < to - from; cell++, source += logits.classes) {
      for (let each = 0; each < kept.length; each++) {
        line[cell * kept.length + each] += weight * cells[source + kept[each]];
      }
    }
  }
}

/**
 * The classes that come within `below` of the best one somewhere in a tile. Logits of pixels are
 * weighted means of cells, so that each class stays below its largest cell, and the best class
 * above the highest of the smallest cells.
 * @param {Logits} logits
 * @param {Float32Array} cells
 * @param {number[]} rows  First and last + 1.
 * @param {number[]} columns
 * @param {number} below
 */
function relevant({ classes, columns: width }, cells, rows, columns, below) {
  const largest = new Float32Array(classes).fill(Number.NEGATIVE_INFINITY);
  const smallest = new Float32Array(classes).fill(Number.POSITIVE_INFINITY);
  for (let row = rows[0]; row < rows[1]; row++) {
    for (let column = columns[0]; column < columns[1]; column++) {
      const cell = (row * width + column) * classes;
      for (let each = 0; each < classes; each++) {
        const value = cells[cell + each];
        if (value > largest[each]) largest[each] = value;
        if (value < smallest[each]) smallest[each] = value;
      }
    }
  }
  const least = Math.max(...smallest) - below;
  return Int32Array.from([...largest.keys()].filter((each) => largest[each] >= least));
}

/**
 * @param {Float64Array} scores
 * @param {number} count
 */
function highest(scores, count) {
  let best = 0;
  for (let each = 1; each < count; each++) if (scores[each] > scores[best]) best = each;
  return best;
}

/**
 * Write, in percent, the probability of the best class, the entropy and the margin to the second.
 * @param {Float64Array} scores
 * @param {number} count
 * @param {number} nats  Entropy of equal probabilities.
 * @param {Uint8Array[]} maps
 * @param {number} at
 */
function writeCertainty(scores, count, nats, maps, at) {
  const best = highest(scores, count);
  const most = scores[best];
  let total = 1;
  let weighted = 0;
  let second = 0;
  for (let each = 0; each < count; each++) {
    const below = most - scores[each];
    if (below > NEGLIGIBLE || each === best) continue;
    const step = (below * STEPS) | 0;
    const rest = below - step / STEPS;
    const part = POWERS[step] * (1 - rest + (rest * rest) / 2);
    total += part;
    weighted -= part * below;
    if (part > second) second = part;
  }
  const entropy = (Math.log(total) - weighted / total) / nats;
  maps[0][at] = Math.round(100 / total);
  maps[1][at] = Math.round(100 * Math.min(Math.max(entropy, 0), 1));
  maps[2][at] = Math.round((100 * (1 - second)) / total);
}

/**
 * Share and mean confidence of the classes that occur.
 * @param {Uint8Array} labels
 * @param {number} width
 * @param {{height: number, confidence: Uint8Array, mapHeight: number, mapWidth: number, classes: number}} maps
 */
function summary(labels, width, { height, confidence, mapHeight, mapWidth, classes }) {
  const [pixels, counted, percent] = [0, 1, 2].map(() => new Float64Array(classes));
  for (const label of labels) pixels[label] += 1;
  for (let row = 0; row < mapHeight; row++) {
    const line = pixelOf(row, height, mapHeight) * width;
    for (let column = 0; column < mapWidth; column++) {
      const label = labels[line + pixelOf(column, width, mapWidth)];
      counted[label] += 1;
      percent[label] += confidence[row * mapWidth + column];
    }
  }
  return [...pixels.keys()]
    .filter((index) => pixels[index] > 0)
    .map((index) => ({
      index,
      share: pixels[index] / labels.length,
      meanConfidence: counted[index] ? percent[index] / counted[index] / 100 : 0,
    }));
}
