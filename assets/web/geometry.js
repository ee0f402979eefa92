// @ts-check
/** Arithmetic of places: how a picture fits its frame, how it is zoomed, which pixels hang together. */

/**
 * @typedef {object} Zoom  Shared by everything that shows the same picture.
 * @property {number} scale  1 is the whole picture.
 * @property {number} x  The point of the picture in the middle of the frame, 0 to 1.
 * @property {number} y
 *
 * @typedef {object} Fit  Where the picture lies in a frame, in CSS pixels.
 * @property {number} left
 * @property {number} top
 * @property {number} scale  CSS pixels per pixel of the picture.
 *
 * @typedef {{width: number, height: number}} Size
 * @typedef {{x: number, y: number}} Point
 */

/** @type {Readonly<Zoom>} */
export const WHOLE = Object.freeze({ scale: 1, x: 0.5, y: 0.5 });

/** CSS pixels a pixel of the picture can grow to. */
const LARGEST_PIXEL = 24;

/**
 * How far one can zoom in: until pixels are seen one by one, and a panorama fills its frame.
 * @param {Size} frame
 * @param {Size} picture
 */
export function mostZoom(frame, picture) {
  const whole = Math.min(frame.width / picture.width, frame.height / picture.height);
  const filled = Math.max(frame.width / picture.width, frame.height / picture.height);
  return Math.max(LARGEST_PIXEL / whole, (2 * filled) / whole, 1);
}

/**
 * @param {Size} frame
 * @param {Size} picture
 * @param {Zoom} zoom
 * @returns {Fit}
 */
export function fit(frame, picture, zoom) {
  const whole = Math.min(frame.width / picture.width, frame.height / picture.height);
  const scale = whole * zoom.scale;
  return {
    scale,
    left: frame.width / 2 - zoom.x * picture.width * scale,
    top: frame.height / 2 - zoom.y * picture.height * scale,
  };
}

/**
 * Keeps a zoom within its bounds and the frame as full of picture as it can be.
 * @param {Size} frame
 * @param {Size} picture
 * @param {Zoom} zoom
 * @returns {Zoom}
 */
export function bounded(frame, picture, zoom) {
  const scale = Math.min(Math.max(zoom.scale, 1), mostZoom(frame, picture));
  const pixels = Math.min(frame.width / picture.width, frame.height / picture.height) * scale;
  const keep = (
    /** @type {number} */ at,
    /** @type {number} */ side,
    /** @type {number} */ shown,
  ) => {
    const half = Math.min(0.5, shown / (2 * side * pixels));
    return Math.min(Math.max(at, half), 1 - half);
  };
  return {
    scale,
    x: keep(zoom.x, picture.width, frame.width),
    y: keep(zoom.y, picture.height, frame.height),
  };
}

/**
 * Zooms by a factor and keeps the point of the picture under a point of the frame where it is.
 * @param {Size} frame
 * @param {Size} picture
 * @param {Zoom} zoom
 * @param {number} factor
 * @param {Point} at  In CSS pixels of the frame.
 * @returns {Zoom}
 */
export function zoomedAt(frame, picture, zoom, factor, at) {
  const most = mostZoom(frame, picture);
  const scale = Math.min(Math.max(zoom.scale * factor, 1), most);
  const before = fit(frame, picture, zoom);
  const whole = before.scale / zoom.scale;
  const x = (at.x - before.left) / before.scale / picture.width;
  const y = (at.y - before.top) / before.scale / picture.height;
  return bounded(frame, picture, {
    scale,
    x: x - (at.x - frame.width / 2) / (whole * scale * picture.width),
    y: y - (at.y - frame.height / 2) / (whole * scale * picture.height),
  });
}

/**
 * The pixel under a point of the frame; the nearest one if the point lies beside the picture.
 * @param {Fit} fitted
 * @param {Size} picture
 * @param {Point} at
 * @returns {Point}
 */
export function pixelUnder(fitted, picture, at) {
  return clamped(
    picture,
    Math.floor((at.x - fitted.left) / fitted.scale),
    Math.floor((at.y - fitted.top) / fitted.scale),
  );
}

/**
 * @param {Size} picture
 * @param {number} x
 * @param {number} y
 * @returns {Point}
 */
export function clamped(picture, x, y) {
  return {
    x: Math.min(Math.max(Math.round(x), 0), picture.width - 1),
    y: Math.min(Math.max(Math.round(y), 0), picture.height - 1),
  };
}

/**
 * The pixels of one label that hang together with a pixel (by their sides), as 0 and 1.
 * @param {ArrayLike<number>} labels
 * @param {Size} size
 * @param {Point} from
 * @returns {Uint8Array}
 */
export function segmentAt(labels, { width, height }, from) {
  const found = new Uint8Array(width * height);
  const start = from.y * width + from.x;
  const label = labels[start];
  const open = [start];
  found[start] = 1;
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const x = at % width;
    const next = [
      x > 0 ? at - 1 : -1,
      x < width - 1 ? at + 1 : -1,
      at - width,
      at + width < found.length ? at + width : -1,
    ];
    for (const to of next) {
      if (to < 0 || found[to] || labels[to] !== label) continue;
      found[to] = 1;
      open.push(to);
    }
  }
  return found;
}

/**
 * Bits of a mask, most significant first, as they travel to whoever computes.
 * @param {Uint8Array} mask  0 or not, one value per pixel.
 * @returns {Uint8Array}
 */
export function packed(mask) {
  const bits = new Uint8Array(Math.ceil(mask.length / 8));
  for (let at = 0; at < mask.length; at++) {
    if (mask[at]) bits[at >> 3] = (bits[at >> 3] ?? 0) | (128 >> (at & 7));
  }
  return bits;
}
