// @ts-check
/** A labelled picture, small: the photo under its labels, if its pixels have any of their own. */

import { h } from "./dom.js";
import { rgb } from "./palette.js";
import { isWhole } from "./whole.js";

const WIDTH = 144;
const HEIGHT = 96;
const OPACITY = 0.5;

/**
 * @param {import("./source.js").Picture} picture
 * @returns {Promise<HTMLCanvasElement>}
 */
export async function thumbnailOf(picture) {
  const { image, labels, width, height, classes } = picture;
  const photo = new Image();
  photo.src = image;
  await photo.decode();
  const canvas = h("canvas", { width: WIDTH, height: HEIGHT });
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  // The middle of the photo, as much as fits.
  const scale = Math.min(width / WIDTH, height / HEIGHT);
  const left = (width - scale * WIDTH) / 2;
  const top = (height - scale * HEIGHT) / 2;
  context.drawImage(photo, left, top, scale * WIDTH, scale * HEIGHT, 0, 0, WIDTH, HEIGHT);
  if (isWhole(picture)) return canvas;
  const drawn = context.getImageData(0, 0, WIDTH, HEIGHT);
  const colors = classes.map(({ safeColor }) => rgb(safeColor));
  for (let at = 0; at < WIDTH * HEIGHT; at += 1) {
    const x = Math.floor(left + scale * ((at % WIDTH) + 0.5));
    const y = Math.floor(top + scale * (Math.floor(at / WIDTH) + 0.5));
    const color = colors[labels[y * width + x] ?? 0] ?? [0, 0, 0];
    for (let part = 0; part < 3; part += 1) {
      const before = drawn.data[4 * at + part] ?? 0;
      drawn.data[4 * at + part] = before + OPACITY * ((color[part] ?? 0) - before);
    }
  }
  context.putImageData(drawn, 0, 0);
  return canvas;
}
