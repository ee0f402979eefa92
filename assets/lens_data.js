// What the lens knows, and how a probe is answered from it. No drawing, no requests.
// A payload comes from ui/service/lens_payload.py; codes are square roots of weights, see
// analysis/affinity/atlas.py.

const LOCAL = [1, 2];
const GLOBAL = [3, 4];
const SQUARES = Float32Array.from({ length: 256 }, (_, code) => (code / 255) ** 2);

async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const pieceName = (stage, block, head) => `${stage}.${block}.${head ?? "mean"}`;

async function readPiece(sent) {
  const [codes, maps] = await Promise.all([unpack(sent.codes), unpack(sent.maps)]);
  return { ...sent, codes, maps: new Float32Array(maps.buffer) };
}

async function readPayload(sent) {
  const [labels, percent, shares, pieces] = await Promise.all([
    unpack(sent.labels),
    unpack(sent.percent),
    Promise.all(sent.stages.map((stage) => unpack(stage.shares))),
    Promise.all(sent.pieces.map(readPiece)),
  ]);
  const stages = {};
  sent.stages.forEach((stage, at) => (stages[stage.stage] = { ...stage, shares: shares[at] }));
  return {
    ...sent,
    labels,
    percent,
    stages,
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

// Classes by the weight that falls on them, largest first: [[class index, share], ...]. What is not
// on a class is on padding.
function compositionOf(stage, weights, tokens) {
  const count = stage.classes.length;
  const sums = new Float64Array(count);
  for (let at = 0; at < weights.length; at++) {
    const from = (tokens ? tokens[at] : at) * count;
    for (let one = 0; one < count; one++) sums[one] += weights[at] * stage.shares[from + one];
  }
  return ranked(stage.classes.map((index, one) => [index, sums[one] / 255]));
}

const ranked = (composition) => composition.sort((a, b) => b[1] - a[1]);

// The 25 neighbours of a token: which are inside the map, where, and how far even weights reach.
function neighbours(stage, [row, column]) {
  const inside = [];
  const tokens = [];
  let distance = 0;
  for (let at = 0; at < 25; at++) {
    const down = Math.floor(at / 5) - 2;
    const across = (at % 5) - 2;
    const [y, x] = [row + down, column + across];
    inside.push(y >= 0 && x >= 0 && y < stage.rows && x < stage.columns);
    tokens.push(inside[at] ? y * stage.columns + x : 0);
    if (inside[at]) distance += Math.hypot(down, across) * stage.stride;
  }
  const keys = inside.filter(Boolean).length;
  return { inside, tokens, keys, uniform: distance / keys };
}

function answerLocal(stage, piece, token, exact) {
  const around = neighbours(stage, token);
  const tokens = stage.rows * stage.columns;
  const query = token[0] * stage.columns + token[1];
  const map = (number) => piece.maps[number * tokens + query];
  const weight = exact
    ? Float64Array.from(exact.weight)
    : Float32Array.from(piece.codes.subarray(25 * query, 25 * query + 25), (code) => SQUARES[code] * map(0));
  return {
    stage,
    token,
    weight,
    ...around,
    kernel: piece.kernel,
    distance: exact ? exact.distance_px : map(1),
    entropy: exact ? exact.entropy : map(2),
    composition: exact ? ranked([...exact.composition]) : compositionOf(stage, weight, around.tokens),
    exact: Boolean(exact),
  };
}

function answerGlobal(stage, piece, token, exact) {
  const tokens = stage.rows * stage.columns;
  const query = token[0] * stage.columns + token[1];
  const map = (number) => piece.maps[number * tokens + query];
  const weight = exact ? Float64Array.from(exact.weight) : spread(stage, piece, query, map(0));
  return {
    stage,
    token,
    weight,
    window: windowOf(stage, piece.block, token),
    padding: exact ? exact.padding_mass : map(1),
    distance: exact ? exact.distance_px : map(2),
    uniform: exact ? exact.uniform_distance_px : map(3),
    entropy: exact ? exact.entropy : map(4),
    near: exact ? exact.mass_5x5 : map(5),
    composition: exact
      ? ranked([...exact.composition])
      : compositionOf(stage, weight, null),
    exact: Boolean(exact),
  };
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
