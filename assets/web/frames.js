// @ts-check
/**
 * Reads the binary answers of the server: frames, each a header of JSON and the arrays that follow.
 * `analysis/report/frames.py` writes them and says what a frame is made of.
 */

const ALIGNED = 8;
const LENGTH_BYTES = 4;

/** @type {Record<string, (buffer: ArrayBufferLike) => ArrayLike<number>>} */
const KINDS = {
  "<f4": (buffer) => new Float32Array(buffer),
  "|u1": (buffer) => new Uint8Array(buffer),
  "<i2": (buffer) => new Int16Array(buffer),
  "<u2": (buffer) => new Uint16Array(buffer),
  "<i4": (buffer) => new Int32Array(buffer),
};

/**
 * @typedef {object} Frame
 * @property {Record<string, any>} facts  The header without `arrays` and `bytes`.
 * @property {Record<string, any>} arrays  Typed arrays by name.
 */

/** Collects bytes as they come and gives out the frames that are complete. */
export class FrameReader {
  #bytes = new Uint8Array(0);
  #used = 0;

  /**
   * @param {Uint8Array} bytes
   * @returns {Frame[]}
   */
  push(bytes) {
    const left = this.#bytes.subarray(0, this.#used);
    if (this.#bytes.length < left.length + bytes.length) {
      const larger = new Uint8Array(2 * (left.length + bytes.length));
      larger.set(left);
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#used);
    this.#used += bytes.length;
    const frames = [];
    let start = 0;
    for (;;) {
      const [frame, end] = readFrame(this.#bytes.subarray(0, this.#used), start);
      if (!frame) break;
      frames.push(frame);
      start = end;
    }
    this.#bytes.copyWithin(0, start, this.#used);
    this.#used -= start;
    return frames;
  }
}

/**
 * Reads the frame that begins at `start`.
 *
 * @param {Uint8Array} bytes
 * @param {number} start
 * @returns {[Frame | null, number]} The frame and where it ends; null if it is not all there.
 */
export function readFrame(bytes, start) {
  if (bytes.length < start + LENGTH_BYTES) return [null, start];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = start + LENGTH_BYTES + view.getUint32(start, true);
  if (bytes.length < first) return [null, start];
  const text = new TextDecoder().decode(bytes.subarray(start + LENGTH_BYTES, first));
  const { arrays: described, bytes: size, ...facts } = JSON.parse(text);
  if (bytes.length < first + size) return [null, start];
  /** @type {Frame} */
  const frame = { facts, arrays: {} };
  for (const [name, { dtype, shape, offset }] of Object.entries(described)) {
    const kind = KINDS[dtype];
    if (!kind || offset % ALIGNED) throw new Error(`The array ${name} cannot be read.`);
    const width = Number(dtype.slice(2));
    const length = shape.reduce((/** @type {number} */ n, /** @type {number} */ m) => n * m, width);
    const at = bytes.byteOffset + first + offset;
    frame.arrays[name] = kind(bytes.buffer.slice(at, at + length));
  }
  return [frame, first + size];
}
