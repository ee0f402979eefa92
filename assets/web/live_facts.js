// @ts-check
/** What the folder of the live edition says of itself: `live.json`, written by `analysis/live`. */

/**
 * @typedef {object} File
 * @property {string} name  Its path in the folder.
 * @property {number} bytes
 *
 * @typedef {object} Facts
 * @property {string} version  Of all files together; another one is fetched anew.
 * @property {Record<"runtime" | "wasm" | "network" | "terms", File>} files
 * @property {object} model
 * @property {string} model.name
 * @property {number[]} model.depths  Blocks of the four stages.
 * @property {number[]} model.heads  Of the four stages; 1 for local ones.
 * @property {number} model.headSize
 * @property {number[]} model.strides
 * @property {number} model.shortSide
 * @property {number} model.sizeDivisor
 * @property {number} model.windowSize
 * @property {import("./source.js").Reach} model.reach
 * @property {number} model.hybridPeriod  In the hybrid reach every so many-th block is global.
 * @property {number | null} model.accuracy  On ordinary photos, 0 to 1.
 * @property {string[]} model.classes
 * @property {string[]} model.colors
 * @property {number[]} model.mean
 * @property {number[]} model.std
 * @property {string[]} safeColors  By rank of the class in the picture.
 * @property {(import("./source.js").Example & {file: string})[]} examples
 * @property {string[]} withApp  Titles of the methods that need the app.
 */

export {};
