// Colours as one number a canvas pixel: its bytes are R, G, B, A.

const channels = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)); // of "#rrggbb"

const packPixel = (red, green, blue, alpha) => ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;

const toPixel = (color, alpha) => packPixel(...channels(color), alpha);
