// @ts-check
/**
 * What a question is about, and how strongly it is a class: as `analysis/core/subject.py`,
 * `regions.py` and `targets.py` have it. Regions are fixed before anything is changed.
 */

/**
 * @typedef {import("./label.js").Logits} Logits
 * @typedef {import("./source.js").Ask} Ask
 *
 * @typedef {object} Labelled
 * @property {Uint8Array} labels  (height, width).
 * @property {number} width
 * @property {number} height
 *
 * @typedef {object} Subject
 * @property {Uint8Array} region  (height, width), 0 or 1.
 * @property {number} label  The class asked about.
 * @property {number | null} against
 */

/** Pixels of a region that are looked at; larger regions are thinned evenly. */
const MAX_POINTS = 16384;

/**
 * @param {Labelled} picture
 * @param {Ask} ask
 * @returns {Subject | null}  Null for a painted region that is empty.
 */
export function subjectOf(picture, ask) {
  const region = regionOf(picture, ask);
  const label = ask.label ?? mostFrequent(picture.labels, region);
  return label === null ? null : { region, label, against: ask.against ?? null };
}

/**
 * The pixels meant, (height, width), 0 or 1.
 * @param {Labelled} picture
 * @param {Ask} ask
 */
export function regionOf(picture, { x, y, region, mask }) {
  const { labels, width } = picture;
  const found = new Uint8Array(labels.length);
  const here = y * width + x;
  if (region === "mask") {
    const bits = mask ?? new Uint8Array();
    for (let at = 0; at < found.length; at++) found[at] = (bits[at >> 3] >> (7 - (at & 7))) & 1;
  } else if (region === "class") {
    for (let at = 0; at < found.length; at++) found[at] = labels[at] === labels[here] ? 1 : 0;
  } else if (region === "segment") {
    fill(picture, here, found);
  } else if (region === "picture") {
    found.fill(1);
  } else {
    found[here] = 1;
  }
  return found;
}

/**
 * Mark the connected area (8 neighbours) of equal labels around a pixel.
 * @param {Labelled} picture
 * @param {number} start
 * @param {Uint8Array} found
 */
function fill({ labels, width, height }, start, found) {
  const waiting = [start];
  found[start] = 1;
  for (let here = waiting.pop(); here !== undefined; here = waiting.pop()) {
    const [row, column] = [Math.floor(here / width), here % width];
    for (let y = Math.max(row - 1, 0); y <= Math.min(row + 1, height - 1); y++) {
      for (let x = Math.max(column - 1, 0); x <= Math.min(column + 1, width - 1); x++) {
        const at = y * width + x;
        if (found[at] || labels[at] !== labels[start]) continue;
        found[at] = 1;
        waiting.push(at);
      }
    }
  }
}

/**
 * @param {Uint8Array} labels
 * @param {Uint8Array} region
 * @returns {number | null}
 */
function mostFrequent(labels, region) {
  const count = new Uint32Array(256);
  for (let at = 0; at < labels.length; at++) count[labels[at]] += region[at];
  const most = count.reduce((best, each, label) => (each > count[best] ? label : best), 0);
  return count[most] ? most : null;
}

/**
 * The mean margin of a region in nats: its class over all others, or over the one it is compared
 * with. Logits are read bilinearly at the centres of the region's pixels.
 * @param {Logits} logits
 * @param {Labelled} picture
 * @param {Subject} subject
 */
export function marginOf(logits, { width, height }, { region, label, against }) {
  const points = pointsOf(region);
  const z = new Float64Array(logits.classes);
  let sum = 0;
  for (const point of points) {
    const y = ((Math.floor(point / width) + 0.5) * logits.rows) / height - 0.5;
    const x = (((point % width) + 0.5) * logits.columns) / width - 0.5;
    read(logits, y, x, z);
    sum += z[label] - (against === null ? logSumOfOthers(z, label) : z[against]);
  }
  return sum / points.length;
}

/** @param {Uint8Array} region */
function pointsOf(region) {
  /** @type {number[]} */
  const all = [];
  for (let at = 0; at < region.length; at++) if (region[at]) all.push(at);
  if (all.length <= MAX_POINTS) return all;
  const step = (all.length - 1) / (MAX_POINTS - 1);
  return Array.from({ length: MAX_POINTS }, (_, each) => all[Math.round(each * step)]);
}

/**
 * @param {Logits} logits
 * @param {number} y  In cells.
 * @param {number} x
 * @param {Float64Array} z  What is written.
 */
function read({ data, classes, rows, columns }, y, x, z) {
  const [down, across] = [
    Math.min(Math.max(y, 0), rows - 1),
    Math.min(Math.max(x, 0), columns - 1),
  ];
  const [top, left] = [Math.floor(down), Math.floor(across)];
  const [bottom, right] = [Math.min(top + 1, rows - 1), Math.min(left + 1, columns - 1)];
  const [lower, later] = [down - top, across - left];
  for (let each = 0; each < classes; each++) {
    const plane = each * rows * columns;
    const above =
      data[plane + top * columns + left] * (1 - later) +
      data[plane + top * columns + right] * later;
    const below =
      data[plane + bottom * columns + left] * (1 - later) +
      data[plane + bottom * columns + right] * later;
    z[each] = above * (1 - lower) + below * lower;
  }
}

/**
 * @param {Float64Array} z
 * @param {number} label
 */
function logSumOfOthers(z, label) {
  let most = Number.NEGATIVE_INFINITY;
  for (let each = 0; each < z.length; each++) if (each !== label) most = Math.max(most, z[each]);
  let sum = 0;
  for (let each = 0; each < z.length; each++) if (each !== label) sum += Math.exp(z[each] - most);
  return most + Math.log(sum);
}

/**
 * The mean over the cells of KL(clean || changed) in nats.
 * @param {Logits} clean
 * @param {Logits} changed
 */
export function divergence(clean, changed) {
  const cells = clean.rows * clean.columns;
  let sum = 0;
  for (let cell = 0; cell < cells; cell++) {
    const [before, after] = [logSum(clean, cell, cells), logSum(changed, cell, cells)];
    for (let at = cell; at < clean.data.length; at += cells) {
      const log = clean.data[at] - before;
      sum += Math.exp(log) * (log - changed.data[at] + after);
    }
  }
  return sum / cells;
}

/**
 * @param {Logits} logits
 * @param {number} cell
 * @param {number} cells
 */
function logSum({ data }, cell, cells) {
  let most = Number.NEGATIVE_INFINITY;
  for (let at = cell; at < data.length; at += cells) most = Math.max(most, data[at]);
  let sum = 0;
  for (let at = cell; at < data.length; at += cells) sum += Math.exp(data[at] - most);
  return most + Math.log(sum);
}
