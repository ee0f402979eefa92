// @ts-check
/** From the file of a photo to upright 8-bit pixels, in a worker; bounds are those of every door. */

export const MAX_FILE_BYTES = 64 * 2 ** 20;
export const MAX_PIXELS = 64e6;
export const MAX_SIDE = 16384;
export const MIN_SIDE = 8;
export const MAX_ASPECT = 64;

/**
 * @typedef {import("./resize.js").Pixels} Pixels
 * @typedef {"empty" | "kind" | "bytes" | "damaged" | "large" | "small" | "long" | "gone"} Refusal
 */

/** Raster formats that browsers decode, by their first bytes; `.` is any byte. */
const KINDS = {
  "image/jpeg": ["\xff\xd8\xff"],
  "image/png": ["\x89PNG\r\n\x1a\n"],
  "image/gif": ["GIF87a", "GIF89a"],
  "image/webp": ["RIFF....WEBP"],
  "image/bmp": ["BM"],
  "image/avif": ["....ftypavif", "....ftypavis"],
  "image/heic": ["....ftypheic", "....ftypheix", "....ftypmif1"],
};
const HEAD_BYTES = 16;

/** Why a file is no picture to work on; the sentence is said where the language is known. */
export class PhotoError extends Error {
  /** @param {Refusal} reason */
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

/**
 * The kind of a picture by its first bytes; what the file is called does not count.
 * @param {Uint8Array} head
 * @returns {keyof typeof KINDS | null}
 */
export function kindOf(head) {
  const text = String.fromCharCode(...head.subarray(0, HEAD_BYTES));
  /** @param {string} pattern */
  const fits = (pattern) =>
    [...pattern].every((letter, at) => letter === "." || letter === text[at]);
  for (const [kind, patterns] of Object.entries(KINDS)) {
    if (patterns.some(fits)) return /** @type {keyof typeof KINDS} */ (kind);
  }
  return null;
}

/**
 * Refuse what cannot be a picture, before anything is decoded.
 * @param {Blob} file
 */
export async function checkFile(file) {
  if (file.size === 0) throw new PhotoError("empty");
  if (file.size > MAX_FILE_BYTES) throw new PhotoError("bytes");
  const head = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
  const kind = kindOf(head);
  if (!kind) throw new PhotoError("kind");
  return kind;
}

/**
 * Refuse sizes that cannot be worked on.
 * @param {number} width
 * @param {number} height
 */
export function checkSize(width, height) {
  if (width * height > MAX_PIXELS || Math.max(width, height) > MAX_SIDE) {
    throw new PhotoError("large");
  }
  if (Math.min(width, height) < MIN_SIDE) throw new PhotoError("small");
  if (Math.max(width, height) > MAX_ASPECT * Math.min(width, height)) throw new PhotoError("long");
}

/**
 * The pixels of a file: upright, transparency laid on white, without its colour profile.
 * @param {Blob} file
 * @returns {Promise<Pixels>}
 */
export async function decode(file) {
  /** @type {ImageBitmap} */
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, {
      imageOrientation: "from-image",
      colorSpaceConversion: "none",
    });
  } catch {
    throw new PhotoError("damaged");
  }
  const { width, height } = bitmap;
  try {
    checkSize(width, height);
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) throw new PhotoError("large");
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    return { data, width, height, channels: 4 };
  } finally {
    bitmap.close();
  }
}
