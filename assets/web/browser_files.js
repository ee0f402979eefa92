// @ts-check
/** Files to take away that a browser can make by itself: JSON, CSV, and NumPy's arrays. */

/**
 * @typedef {import("./finding_words.js").Found} Found
 * @typedef {import("./source.js").Picture} Picture
 * @typedef {import("./source.js").TakeAwayKind} TakeAwayKind
 *
 * @typedef {object} Member  An array of a file for NumPy.
 * @property {Uint8Array | Uint16Array | Float32Array} data
 * @property {number[]} shape
 */

/** @type {TakeAwayKind[]} */
export const KINDS = ["npz", "csv", "json", "command", "python"];

/**
 * @param {Picture} picture
 * @param {Found | null} layer  Null: of the labels.
 * @param {TakeAwayKind} kind
 * @returns {Blob}
 */
export function fileOf(picture, layer, kind) {
  if (kind === "npz") return npz(membersOf(picture, layer));
  if (kind === "csv") return text(csv(layer ? layerRows(layer) : classRows(picture)), "text/csv");
  if (kind === "json")
    return text(JSON.stringify(facts(picture, layer), null, 2), "application/json");
  const { command, python } = layer ?? labelling(picture);
  return text(kind === "python" ? python : `${command}\n`, "text/plain");
}

/**
 * @param {string} content
 * @param {string} type
 */
function text(content, type) {
  return new Blob([content], { type });
}

/** @param {Picture} picture */
function labelling({ example, setting: { model, reach, windowSize } }) {
  const photo = example ? `assets/examples/${example}` : "photo.jpg";
  return {
    command: `python -m uniformer segment ${photo} --model ${model} --reach ${reach} --window-size ${windowSize}`,
    python: [
      "import uniformer",
      "",
      `model = uniformer.create_model("${model}", reach="${reach}", window_size=${windowSize})`,
      `result = uniformer.segment("${photo}", model)`,
      "for row in result.table():",
      '    print(row.name, f"{row.share:.1%}")',
      "",
    ].join("\n"),
  };
}

/**
 * @param {Picture} picture
 * @param {Found | null} layer
 * @returns {Record<string, Member>}
 */
function membersOf(picture, layer) {
  if (layer?.map) return { map: { data: layer.map, shape: [layer.rows, layer.columns] } };
  const { labels, height, width, mapHeight, mapWidth } = picture;
  const shape = [mapHeight, mapWidth];
  return {
    labels: { data: labels, shape: [height, width] },
    confidence_percent: { data: picture.confidence, shape },
    entropy_percent: { data: picture.entropy, shape },
    margin_percent: { data: picture.margin, shape },
  };
}

/** @param {Picture} picture */
function classRows(picture) {
  const found = picture.classes.filter(({ share }) => share > 0);
  found.sort((one, other) => other.share - one.share);
  return [
    ["index", "class", "share", "mean_confidence"],
    ...found.map(({ index, name, share, meanConfidence }) => [index, name, share, meanConfidence]),
  ];
}

/** @param {Found} layer */
function layerRows(layer) {
  const [table] = layer.tables ?? [];
  if (table) return [table.head, ...table.rows];
  return [
    ["name", "value", "unit"],
    ...layer.numbers.map(({ name, value, unit }) => [name, value ?? "", unit]),
  ];
}

/** @param {(string | number)[][]} rows */
function csv(rows) {
  /** @param {string | number} value */
  const cell = (value) => {
    const said = String(value);
    // A spreadsheet would run what starts like a formula.
    const plain = typeof value === "string" && /^[=+@\t\r]/.test(said) ? `'${said}` : said;
    return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
  };
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/**
 * @param {Picture} picture
 * @param {Found | null} layer
 */
function facts(picture, layer) {
  const { title, width, height, setting, model } = picture;
  const about = { picture: { title, width, height }, model, setting };
  if (!layer) return { ...about, classes: picture.classes.filter(({ share }) => share > 0) };
  const { id, sentence, grade, misleads, numbers, tables, settings, command } = layer;
  return { ...about, layer: { id, sentence, grade, misleads, numbers, tables, settings, command } };
}

/**
 * A file for `numpy.load`: a ZIP archive, not compressed, with an array in each member.
 * @param {Record<string, Member>} members
 */
export function npz(members) {
  /** @type {Uint8Array[]} */
  const parts = [];
  /** @type {Uint8Array[]} */
  const listed = [];
  let offset = 0;
  for (const [name, member] of Object.entries(members)) {
    const title = new TextEncoder().encode(`${name}.npy`);
    const content = npy(member);
    const common = header(title, content);
    const local = joined([numbers([[4, 0x04034b50]]), common, title]);
    parts.push(local, content);
    const tail = numbers([
      [2, 0],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, offset],
    ]);
    listed.push(
      joined([
        numbers([
          [4, 0x02014b50],
          [2, 20],
        ]),
        common,
        tail,
        title,
      ]),
    );
    offset += local.length + content.length;
  }
  const size = listed.reduce((sum, part) => sum + part.length, 0);
  const count = listed.length;
  const end = [
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, count],
    [2, count],
    [4, size],
    [4, offset],
    [2, 0],
  ];
  const all = [...parts, ...listed, numbers(end)];
  return new Blob(/** @type {BlobPart[]} */ (all), { type: "application/zip" });
}

/**
 * What both headers of a member say: version, no compression, 1980, checksum and sizes.
 * @param {Uint8Array} title
 * @param {Uint8Array} content
 */
function header(title, content) {
  const size = content.length;
  return numbers([
    [2, 20],
    [2, 0],
    [2, 0],
    [2, 0],
    [2, 33],
    [4, checksum(content)],
    [4, size],
    [4, size],
    [2, title.length],
    [2, 0],
  ]);
}

/** @param {Member} member */
function npy({ data, shape }) {
  const kind =
    data instanceof Float32Array ? "<f4" : `|u${data.BYTES_PER_ELEMENT}`.replace("|u2", "<u2");
  const said = `{'descr': '${kind}', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const length = Math.ceil((10 + said.length + 1) / 64) * 64 - 10;
  const start = new TextEncoder().encode(`\x93NUMPY`.slice(1));
  const head = new TextEncoder().encode(`${said.padEnd(length - 1)}\n`);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return joined([
    Uint8Array.of(0x93),
    start,
    Uint8Array.of(1, 0),
    numbers([[2, length]]),
    head,
    bytes,
  ]);
}

/**
 * Numbers as little-endian bytes: pairs of how many bytes, and which number.
 * @param {number[][]} values
 */
function numbers(values) {
  return Uint8Array.from(
    values.flatMap(([size, value]) =>
      Array.from({ length: size }, (_, byte) => Math.floor(value / 256 ** byte) % 256),
    ),
  );
}

/** @param {Uint8Array[]} parts */
function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  return rest;
});

/** @param {Uint8Array} bytes */
function checksum(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = (sum >>> 8) ^ CRC[(sum ^ byte) & 255];
  return (sum ^ 0xffffffff) >>> 0;
}
