// @ts-check
/**
 * Exact arithmetic of affinity rows, where they are drawn: what one token looks at in one block.
 *
 * Formulas and names are those of `analysis/affinity` (`statistics.py`, `row_summary.py`,
 * `attended_classes.py`) and `analysis/core/token_classes.py`, and so are the numbers, within
 * rounding. Stages count from 1, blocks and heads from 0; a `head` of null is the mean over heads.
 * Nothing here keeps anything.
 */

/**
 * @typedef {import("./source.js").StageInfo} StageInfo
 * @typedef {import("./source.js").Block} Block
 * @typedef {import("./source.js").GlobalBlock} GlobalBlock
 * @typedef {import("./source.js").LocalBlock} LocalBlock
 *
 * @typedef {[row: number, column: number]} Token
 *
 * @typedef {object} Row  What a token looks at: the keys are a rectangle of the stage's map.
 * @property {Token} token  The query.
 * @property {number} top  First row of the keys on the map.
 * @property {number} left
 * @property {number} rows  Of keys.
 * @property {number} columns
 * @property {number} heads  1 for a convolution.
 * @property {Float64Array} weight  (heads, rows, columns); with its padding each head sums to 1.
 * @property {Float64Array} paddingMass  (heads,), what went to padding, 0 to 1.
 * @property {number} padding  Padding tokens in the window, each of which is a key.
 *
 * @typedef {object} TokenClasses  Which classes the tokens of a stage cover.
 * @property {number[]} classes  Indices of the classes that occur, rising.
 * @property {Float32Array} share  (rows, columns, classes), 0 to 1: parts of each token's box.
 *
 * @typedef {object} Attended  How the weight of a row falls on classes; all shares 0 to 1.
 * @property {{index: number, share: number, uniform: number}[]} classes  Largest share first;
 *   `uniform` is what equal weights over the same keys would give.
 * @property {number} padding  With all shares it sums to 1.
 * @property {number} uniformPadding
 */

const RADIUS = 2;
const TAPS = 2 * RADIUS + 1;
/** Points along each side of a token's box at which labels are read. */
const SAMPLES = 8;
const SMALLEST = 2 ** -126;

/**
 * The token that sees a pixel; pixels of the strip that none sees go to the nearest one.
 * @param {StageInfo} stage
 * @param {number} x
 * @param {number} y
 * @returns {Token}
 */
export function tokenAt(stage, x, y) {
  return [
    Math.min(Math.floor((y + 0.5) / stage.tokenHeight), stage.rows - 1),
    Math.min(Math.floor((x + 0.5) / stage.tokenWidth), stage.columns - 1),
  ];
}

/**
 * The row of a token in a block, of whichever kind.
 * @param {Block} block
 * @param {Token} token
 * @returns {Row}
 */
export function rowOf(block, token) {
  return block.kind === "local" ? contributionRow(block, token) : attentionRow(block, token);
}

/**
 * Attention of a token: softmax over the keys of its window, the padding of the window included.
 * @param {GlobalBlock} block
 * @param {Token} token
 * @returns {Row}
 */
export function attentionRow(block, token) {
  const { heads, headSize, window: side } = block;
  const [row, column] = token;
  const top = side === null ? 0 : row - (row % side);
  const left = side === null ? 0 : column - (column % side);
  const rows = side === null ? block.rows : Math.min(side, block.rows - top);
  const columns = side === null ? block.columns : Math.min(side, block.columns - left);
  const keys = rows * columns;
  const padding = side === null ? 0 : side * side - keys;
  const tokens = block.rows * block.columns;
  const weight = new Float64Array(heads * keys);
  const paddingMass = new Float64Array(heads);
  for (let head = 0; head < heads; head++) {
    const query = (head * tokens + row * block.columns + column) * headSize;
    const logits = weight.subarray(head * keys, (head + 1) * keys);
    const beyond = padding
      ? product(block.q, query, block.paddingKey, head * headSize, headSize)
      : 0;
    let highest = padding ? beyond : Number.NEGATIVE_INFINITY;
    for (let key = 0, down = 0; down < rows; down++) {
      let at = (head * tokens + (top + down) * block.columns + left) * headSize;
      for (let across = 0; across < columns; across++, key++, at += headSize) {
        logits[key] = product(block.q, query, block.k, at, headSize);
        highest = Math.max(highest, logits[key]);
      }
    }
    let total = padding * Math.exp(beyond - highest);
    for (let key = 0; key < keys; key++) {
      logits[key] = Math.exp(logits[key] - highest);
      total += logits[key];
    }
    for (let key = 0; key < keys; key++) logits[key] /= total;
    paddingMass[head] = (padding * Math.exp(beyond - highest)) / total;
  }
  return { token, top, left, rows, columns, heads, weight, paddingMass, padding };
}

/**
 * A convolution at a token: the length of what each neighbour adds, as a share of all lengths.
 * 0 everywhere if nothing is added at all.
 * @param {LocalBlock} block
 * @param {Token} token
 * @returns {Row}
 */
export function contributionRow(block, token) {
  const [row, column] = token;
  const top = Math.max(row - RADIUS, 0);
  const left = Math.max(column - RADIUS, 0);
  const rows = Math.min(row + RADIUS + 1, block.rows) - top;
  const columns = Math.min(column + RADIUS + 1, block.columns) - left;
  const tokens = block.rows * block.columns;
  const weight = new Float64Array(rows * columns);
  let total = 0;
  for (let key = 0, down = 0; down < rows; down++) {
    for (let across = 0; across < columns; across++, key++) {
      const step = (top + down - row + RADIUS) * TAPS + left + across - column + RADIUS;
      weight[key] = block.norms[step * tokens + row * block.columns + column];
      total += weight[key];
    }
  }
  for (let key = 0; key < weight.length; key++) weight[key] /= Math.max(total, SMALLEST);
  const paddingMass = new Float64Array(1);
  return { token, top, left, rows, columns, heads: 1, weight, paddingMass, padding: 0 };
}

/**
 * The weights of one head, or their mean over heads, over the keys (rows, columns) of the row.
 * @param {Row} row
 * @param {number | null} head
 * @returns {Float64Array}
 */
export function weightsOf(row, head) {
  const keys = row.rows * row.columns;
  const [first, last] = chosen(row, head);
  const mean = new Float64Array(keys);
  for (let each = first; each < last; each++) {
    for (let key = 0; key < keys; key++)
      mean[key] += row.weight[each * keys + key] / (last - first);
  }
  return mean;
}

/**
 * The weights of one head, or their mean, on the stage's map (rows, columns); 0 where no key is.
 * @param {Row} row
 * @param {StageInfo} stage
 * @param {number | null} head
 * @returns {Float32Array}
 */
export function placed(row, stage, head) {
  const weight = weightsOf(row, head);
  const map = new Float32Array(stage.rows * stage.columns);
  for (let down = 0; down < row.rows; down++) {
    const line = weight.subarray(down * row.columns, (down + 1) * row.columns);
    map.set(line, (row.top + down) * stage.columns + row.left);
  }
  return map;
}

/**
 * How far and how evenly a row reaches, beside equal weights over the same keys.
 *
 * Padding has no place in the picture: it is left out and the rest scaled to sum 1, and
 * `padding_mass` says how much that was. Numbers of all heads are means of the heads' numbers, and
 * not numbers of the mean row. NaN stands where nothing can be said. The names are those of every
 * other door (`row_numbers` in Python).
 * @param {Row} row
 * @param {StageInfo} stage
 * @param {number | null} head
 */
export function rowNumbers(row, stage, head) {
  const keys = row.rows * row.columns;
  const [first, last] = chosen(row, head);
  const even = spread(new Float64Array(keys).fill(1), row, stage);
  /** @type {ReturnType<typeof spread>[]} */
  const heads = [];
  for (let each = first; each < last; each++) {
    heads.push(spread(row.weight.subarray(each * keys, (each + 1) * keys), row, stage));
  }
  /** @param {(numbers: ReturnType<typeof spread>) => number} of */
  const mean = (of) => heads.reduce((sum, numbers) => sum + of(numbers), 0) / heads.length;
  const padding = row.paddingMass.subarray(first, last);
  return {
    keys,
    distance_picture_px: mean((numbers) => numbers.picture),
    distance_input_px: mean((numbers) => numbers.input),
    entropy: mean((numbers) => numbers.entropy),
    mass_3x3: mean((numbers) => numbers.mass[0]),
    mass_5x5: mean((numbers) => numbers.mass[1]),
    mass_7x7: mean((numbers) => numbers.mass[2]),
    effective_keys: mean((numbers) => (keys === 1 ? 1 : keys ** numbers.entropy)),
    uniform_distance_picture_px: even.picture,
    uniform_distance_input_px: even.input,
    padding_mass: padding.reduce((sum, mass) => sum + mass, 0) / padding.length,
  };
}

/**
 * Which classes the tokens of a stage cover, from the labels (height, width) of the picture.
 * @param {Uint8Array | Uint16Array} labels
 * @param {number} width
 * @param {StageInfo} stage
 * @returns {TokenClasses}
 */
export function tokenClasses(labels, width, stage) {
  const down = points(stage.rows, stage.tokenHeight);
  const across = points(stage.columns, stage.tokenWidth);
  /** @type {Set<number>} */
  const found = new Set();
  for (const y of down) for (const x of across) found.add(labels[y * width + x]);
  const classes = [...found].sort((one, other) => one - other);
  const place = new Map(classes.map((label, index) => [label, index]));
  const share = new Float32Array(stage.rows * stage.columns * classes.length);
  down.forEach((y, line) => {
    const row = Math.floor(line / SAMPLES);
    across.forEach((x, point) => {
      const token = row * stage.columns + Math.floor(point / SAMPLES);
      const index = /** @type {number} */ (place.get(labels[y * width + x]));
      share[token * classes.length + index] += 1 / SAMPLES ** 2;
    });
  });
  return { classes, share };
}

/**
 * On which classes the weight of a row falls; null where a convolution adds nothing at all.
 * @param {Row} row
 * @param {TokenClasses} tokens  Of the row's stage.
 * @param {StageInfo} stage
 * @param {number | null} head
 * @returns {Attended | null}
 */
export function attendedClasses(row, tokens, stage, head) {
  const weight = weightsOf(row, head);
  const [first, last] = chosen(row, head);
  const mass = row.paddingMass.subarray(first, last);
  const padding = mass.reduce((sum, each) => sum + each, 0) / mass.length;
  if (padding === 0 && weight.every((each) => each === 0)) return null;
  const even = 1 / (weight.length + row.padding);
  const classes = tokens.classes.map((index) => ({ index, share: 0, uniform: 0 }));
  for (let key = 0; key < weight.length; key++) {
    const line = row.top + Math.floor(key / row.columns);
    const token = line * stage.columns + row.left + (key % row.columns);
    classes.forEach((each, number) => {
      const part = tokens.share[token * classes.length + number];
      each.share += weight[key] * part;
      each.uniform += even * part;
    });
  }
  classes.sort((one, other) => other.share - one.share);
  return { classes, padding, uniformPadding: row.padding * even };
}

/**
 * The inner product of two vectors that stand somewhere in longer arrays.
 * @param {Float32Array} one
 * @param {number} here
 * @param {Float32Array} other
 * @param {number} there
 * @param {number} size
 */
function product(one, here, other, there, size) {
  let sum = 0;
  for (let each = 0; each < size; each++) sum += one[here + each] * other[there + each];
  return sum;
}

/**
 * `Math.hypot` is many times slower.
 * @param {number} down
 * @param {number} across
 */
function length(down, across) {
  return Math.sqrt(down * down + across * across);
}

/**
 * First and last + 1 of the heads meant.
 * @param {Row} row
 * @param {number | null} head
 */
function chosen(row, head) {
  // A convolution has no heads: whatever head is chosen elsewhere, there is one row.
  return head === null || row.heads === 1 ? [0, row.heads] : [head, head + 1];
}

/**
 * Distances, entropy and masses of weights over the keys of a row, at any scale.
 * @param {Float64Array} weight
 * @param {Row} row
 * @param {StageInfo} stage
 */
function spread(weight, row, stage) {
  let [total, picture, input, nats] = [0, 0, 0, 0];
  const mass = [0, 0, 0];
  for (const each of weight) total += each;
  for (let key = 0; key < weight.length; key++) {
    const down = Math.abs(row.top + Math.floor(key / row.columns) - row.token[0]);
    const across = Math.abs(row.left + (key % row.columns) - row.token[1]);
    const share = weight[key] / total;
    picture += share * length(down * stage.tokenHeight, across * stage.tokenWidth);
    input += share * length(down, across) * stage.stride;
    if (share !== 0) nats -= share * Math.log(share);
    for (let ring = 0; ring < 3; ring++)
      if (Math.max(down, across) <= ring + 1) mass[ring] += share;
  }
  return { picture, input, entropy: nats / Math.log(weight.length), mass };
}

/**
 * The pixels at which tokens of a side of `side` pixels are read along an axis.
 * @param {number} count
 * @param {number} side
 */
function points(count, side) {
  return Array.from({ length: count * SAMPLES }, (_, point) =>
    Math.floor(((point + 0.5) * side) / SAMPLES),
  );
}
