// What the lens knows, and how a probe is answered from it. No drawing, no requests, and no measuring:
// every number was measured where it comes from, analysis/report/lens_data.py, and is looked up here. Only
// what is drawn comes from codes, which are square roots of weights, see analysis/affinity/atlas.py.

const LOCAL = [1, 2];
const GLOBAL = [3, 4];
const SQUARES = Float32Array.from({ length: 256 }, (_, code) => (code / 255) ** 2);

const pieceName = (stage, block, head) => `${stage}.${block}.${head ?? "mean"}`;

async function readPiece(sent) {
  const [codes, maps, shares] = await Promise.all([sent.codes, sent.maps, sent.composition].map(unpack));
  return { ...sent, codes, maps: new Float32Array(maps.buffer), shares: new Uint16Array(shares.buffer) };
}

async function readPayload(sent) {
  const [labels, percent, pieces] = await Promise.all([
    unpack(sent.labels),
    unpack(sent.percent),
    Promise.all(sent.pieces.map(readPiece)),
  ]);
  return {
    ...sent,
    labels,
    percent,
    stages: Object.fromEntries(sent.stages.map((stage) => [stage.stage, stage])),
    classOf: new Map(sent.classes.map((entry) => [entry.index, entry])),
    pieces: new Map(pieces.map((one) => [pieceName(one.stage, one.block, one.head), one])),
  };
}

// Row and column of the token that sees pixel (x, y), as analysis.Grid.token_at.
function tokenAt(stage, x, y) {
  return [
    Math.min(Math.floor((y + 0.5) / stage.token_height), stage.rows - 1),
    Math.min(Math.floor((x + 0.5) / stage.token_width), stage.columns - 1),
  ];
}

const labelAt = (result, x, y) => result.labels[y * result.picture_width + x];

// The class of a pixel, with how sure the result is of it.
function classAt(result, [x, y]) {
  const column = Math.floor(((x + 0.5) * result.width) / result.picture_width);
  const row = Math.floor(((y + 0.5) * result.height) / result.picture_height);
  // Every pixel has its label; of a large picture, only some have their confidence.
  const about = result.width < result.picture_width ? "≈ " : "";
  const percent = `${about}${result.percent[row * result.width + column]} %`;
  return { ...result.classOf.get(labelAt(result, x, y)), percent };
}

// Label of every pixel of the picture as it was sent, which may be smaller than the picture.
function labelsShown(result) {
  const { width, height, picture_width, picture_height } = result;
  const shown = new Uint8Array(width * height);
  for (let row = 0, at = 0; row < height; row++) {
    const y = Math.floor(((row + 0.5) * picture_height) / height);
    for (let column = 0; column < width; column++, at++) {
      shown[at] = labelAt(result, Math.floor(((column + 0.5) * picture_width) / width), y);
    }
  }
  return shown;
}

// The keys a query can see: the map, or its window, which may reach beyond the map.
function windowOf(stage, block, [row, column]) {
  const size = stage.windows[block];
  if (size === null) {
    return { top: 0, left: 0, rows: stage.rows, columns: stage.columns, keys: stage.rows * stage.columns };
  }
  const top = Math.floor(row / size) * size;
  const left = Math.floor(column / size) * size;
  return {
    top,
    left,
    rows: Math.min(size, stage.rows - top),
    columns: Math.min(size, stage.columns - left),
    keys: size * size,
  };
}

const ranked = (composition) => [...composition].sort((a, b) => b[1] - a[1]);

// Numbers and classes of the row of a query: exact ones as the server says them, else those sent with
// the block. Classes are those that the weight falls on, largest first: [[class index, share], ...].
// What is not on a class is on padding.
function numbersOf(stage, piece, query, exact) {
  if (exact) {
    return {
      distance: exact.distance_picture_px,
      uniform: exact.uniform_distance_picture_px,
      entropy: exact.entropy,
      near: exact.mass_5x5,
      padding: exact.padding_mass,
      composition: ranked(exact.composition),
      exact: true,
    };
  }
  const tokens = stage.rows * stage.columns;
  // In the order of MAPS in analysis/report/lens_data.py, after the peaks.
  const [distance, uniform, entropy, near, padding] = [1, 2, 3, 4, 5].map((at) => piece.maps[at * tokens + query]);
  const from = query * stage.classes.length;
  const composition = ranked(stage.classes.map((index, at) => [index, piece.shares[from + at] / 65535]));
  return { distance, uniform, entropy, near, padding, composition, exact: false };
}

// Which of the 25 neighbours of a token are inside the map.
const neighbours = (stage, [row, column]) =>
  Array.from({ length: 25 }, (_, at) => {
    const [y, x] = [row + Math.floor(at / 5) - 2, column + (at % 5) - 2];
    return y >= 0 && x >= 0 && y < stage.rows && x < stage.columns;
  });

function answerLocal(stage, piece, token, exact) {
  const query = token[0] * stage.columns + token[1];
  const inside = neighbours(stage, token);
  const weight = exact
    ? Float64Array.from(exact.weight)
    : Float32Array.from(piece.codes.subarray(25 * query, 25 * query + 25), (code) => SQUARES[code] * piece.maps[query]);
  return {
    stage,
    token,
    weight,
    inside,
    keys: inside.filter(Boolean).length,
    kernel: piece.kernel,
    ...numbersOf(stage, piece, query, exact),
  };
}

function answerGlobal(stage, piece, token, exact) {
  const query = token[0] * stage.columns + token[1];
  const weight = exact ? Float64Array.from(exact.weight) : spread(stage, piece, query, piece.maps[query]);
  return { stage, token, weight, window: windowOf(stage, piece.block, token), ...numbersOf(stage, piece, query, exact) };
}

// The weight of every token; where keys were summed into cells, each token gets an even part.
function spread(stage, { codes, cell }, query, peak) {
  const { rows, columns } = stage;
  const across = Math.ceil(columns / cell);
  const start = query * Math.ceil(rows / cell) * across;
  const weight = new Float32Array(rows * columns);
  for (let row = 0, at = 0; row < rows; row++) {
    const cellRow = Math.floor(row / cell);
    const tall = Math.min(cell, rows - cellRow * cell);
    for (let column = 0; column < columns; column++, at++) {
      const cellColumn = Math.floor(column / cell);
      const wide = Math.min(cell, columns - cellColumn * cell);
      weight[at] = (SQUARES[codes[start + cellRow * across + cellColumn]] * peak) / (tall * wide);
    }
  }
  return weight;
}
