// @ts-check
/**
 * The layers of the live edition: what is found by passes of the network alone. Each yields how far
 * it is, and last facts that the page says in its language (`finding_words.js`).
 */

import { blurInput } from "./blur.js";
import { divergenceSpread, spread } from "./chance.js";
import { changes, contrastOf, elsewhere, filling, hide, sizeOf } from "./hiding.js";
import { labelMap } from "./label.js";
import { logitsOf } from "./passes.js";
import { divergence, marginOf, regionOf, subjectOf } from "./subject.js";

/**
 * @typedef {import("./passes.js").Pass} Pass
 * @typedef {import("./passes.js").Passes} Passes
 * @typedef {import("./passes.js").Input} Input
 * @typedef {import("./engine.js").Steering} Steering
 * @typedef {import("./label.js").Logits} Logits
 * @typedef {import("./source.js").Ask} Ask
 * @typedef {import("./subject.js").Subject} Subject
 * @typedef {import("./chance.js").Spread} Spread
 *
 * @typedef {object} Step
 * @property {number} done
 * @property {number} total
 * @property {Float32Array} [map]  What is known so far, NaN elsewhere; (rows, columns).
 * @property {number} [rows]
 * @property {number} [columns]
 *
 * @typedef {object} Effect  What a change did.
 * @property {"effect"} kind
 * @property {Uint8Array} labels  After it.
 * @property {number} flipped  Share of the pixels whose label changed.
 * @property {number} kl  Nats.
 * @property {number} margin  Change of the margin of what is watched, nats.
 * @property {number} watched  Class.
 * @property {number} before  Class of the marked pixel.
 * @property {number} after
 * @property {number} watchedBefore  Share of the picture that has the class watched.
 * @property {number} watchedAfter
 * @property {number} [size]  Of the change, as a share of the picture's contrast.
 * @property {{count: number, overlap: number, ratio: number, kl: Spread, margin: Spread, flipped: number} | null} controls
 *   What random changes as large do; null where none are made.
 *
 * @typedef {object} Fall  How far a score falls when a place is hidden.
 * @property {"fall"} kind
 * @property {Float32Array} map
 * @property {number} rows
 * @property {number} columns
 * @property {number} score
 * @property {number} baseline
 * @property {number} watched
 * @property {number | null} against
 *
 * @typedef {object} Sweep  What each head does.
 * @property {"sweep"} kind
 * @property {number} watched
 * @property {{stage: number, block: number, head: number, margin: number, kl: number}[]} heads
 *
 * @typedef {Effect | Fall | Sweep} Finding
 * @typedef {AsyncGenerator<Step | Finding>} Work
 */

/** Share of the short side that is blurred together, where a window of the input is hidden. */
const INPUT_BLUR = 11 / 224;
/** A hidden square is this part of the picture's short side. */
const HIDDEN_PART = 4;
/** Windows between two maps that are shown on the way. */
const SHOWN_EVERY = 4;

/** @type {Record<string, (passes: Passes, pass: Pass, ask: Ask) => Work>} */
export const WORK = {
  hide: hideRegion,
  "silence-head": silenceHead,
  "head-sweep": sweepHeads,
  occlusion,
};

/**
 * @param {Passes} passes
 * @param {Pass} pass
 * @param {Ask} ask
 * @returns {Work}
 */
async function* hideRegion(passes, pass, ask) {
  const { pixels } = pass;
  const { width, height } = pixels;
  const picture = labelled(pass);
  const region = ask.region === "pixel" ? squareAt(picture, ask) : regionOf(picture, ask);
  const watched = required(subjectOf(picture, { ...ask, region: "segment", against: undefined }));
  const fill = ask.parameters.fill === "mean" ? "mean" : "blur";
  const filled = filling(pixels, fill);
  const change = changes(pixels, filled);
  const { regions, overlap } = elsewhere(region, width, height, change);
  const total = 1 + regions.length;
  /** @param {Uint8Array} place */
  const hidden = (place) =>
    run(passes, passes.see(hide(pixels, place, filled), pass.shortSide), pass);
  const logits = await hidden(region);
  const effect = effectOf(pass, picture, watched, ask, logits);
  yield { done: 1, total };
  const drawn = [];
  for (const place of regions) {
    drawn.push(measured(pass, picture, watched, await hidden(place)));
    yield { done: 1 + drawn.length, total };
  }
  const own = sizeOf(change, region);
  const mean = regions.reduce((sum, place) => sum + sizeOf(change, place), 0) / regions.length;
  const controls = {
    count: regions.length,
    overlap,
    ratio: mean / own,
    kl: divergenceSpread(drawn.map(({ kl }) => kl)),
    margin: spread(drawn.map(({ margin }) => margin)),
    flipped: drawn.reduce((sum, each) => sum + each.flipped, 0) / drawn.length,
  };
  yield { ...effect, size: own / contrastOf(pixels), controls };
}

/**
 * @param {Passes} passes
 * @param {Pass} pass
 * @param {Ask} ask
 * @returns {Work}
 */
async function* silenceHead(passes, pass, ask) {
  const picture = labelled(pass);
  const watched = required(subjectOf(picture, { ...ask, region: "segment", against: undefined }));
  const { stage, block, head } = ask.parameters;
  const silenced = [{ stage: Number(stage), block: Number(block), head: Number(head) }];
  const logits = await run(passes, pass.seen, pass, silenced);
  yield { ...effectOf(pass, picture, watched, ask, logits), controls: null };
}

/**
 * @param {Passes} passes
 * @param {Pass} pass
 * @param {Ask} ask
 * @returns {Work}
 */
async function* sweepHeads(passes, pass, ask) {
  const picture = labelled(pass);
  const watched = required(subjectOf(picture, ask));
  const { depths, heads } = passes.engine.facts.model;
  const all = [3, 4].flatMap((stage) =>
    Array.from({ length: depths[stage - 1] * heads[stage - 1] }, (_, each) => ({
      stage,
      block: Math.floor(each / heads[stage - 1]),
      head: each % heads[stage - 1],
    })),
  );
  const clean = marginOf(pass.logits, picture, watched);
  const found = [];
  for (const each of all) {
    const logits = await run(passes, pass.seen, pass, [each]);
    const margin = marginOf(logits, picture, watched) - clean;
    found.push({ ...each, margin, kl: divergence(pass.logits, logits) });
    yield { done: found.length, total: all.length };
  }
  found.sort((one, other) => one.margin - other.margin);
  yield { kind: "sweep", watched: watched.label, heads: found };
}

/**
 * How far the margin falls when a window around a pixel shows the blurred or mean picture: Zeiler and
 * Fergus, arXiv 1311.2901, as `analysis/attribution/occlusion.py` has it.
 * @param {Passes} passes
 * @param {Pass} pass
 * @param {Ask} ask
 * @returns {Work}
 */
async function* occlusion(passes, pass, ask) {
  const picture = labelled(pass);
  const subject = required(subjectOf(picture, ask));
  const { input, height, width } = pass.seen;
  const short = Math.min(height, width);
  const side = Number(ask.parameters.window_px) || Math.floor(short / 8);
  const stride = Math.max(1, side >> 1);
  const baseline =
    ask.parameters.baseline === "mean"
      ? means(input, height * width)
      : blurInput(input, height, width, INPUT_BLUR * short);
  /** @param {Float32Array} given */
  const score = async (given) => {
    const logits = await run(passes, { input: given, height, width }, pass);
    return marginOf(logits, picture, subject);
  };
  const whole = marginOf(pass.logits, picture, subject);
  const rows = Math.ceil((height - side) / stride) + 1;
  const columns = Math.ceil((width - side) / stride) + 1;
  const [fall, covered] = [new Float64Array(height * width), new Uint16Array(height * width)];
  for (let number = 0; number < rows * columns; number++) {
    const top = Math.floor(number / columns) * stride;
    const left = (number % columns) * stride;
    const bottom = Math.min(top + side, height);
    const right = Math.min(left + side, width);
    const hidden = input.slice();
    for (let line = 0; line < 3 * height; line++) {
      if (line % height < top || line % height >= bottom) continue;
      const at = line * width;
      hidden.set(baseline.subarray(at + left, at + right), at + left);
    }
    const lost = whole - (await score(hidden));
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        fall[y * width + x] += lost;
        covered[y * width + x] += 1;
      }
    }
    const done = number + 1;
    const shown =
      done % SHOWN_EVERY === 0 ? { map: ratio(fall, covered), rows: height, columns: width } : {};
    yield { done, total: rows * columns, ...shown };
  }
  const map = ratio(fall, covered);
  const { label: watched, against } = subject;
  const base = await score(baseline);
  yield {
    kind: "fall",
    map,
    rows: height,
    columns: width,
    score: whole,
    baseline: base,
    watched,
    against,
  };
}

/**
 * @param {Pass} pass
 * @returns {import("./subject.js").Labelled}
 */
function labelled({ labels, pixels: { width, height } }) {
  return { labels, width, height };
}

/**
 * @param {Subject | null} subject
 * @returns {Subject}
 */
function required(subject) {
  if (!subject) throw new RangeError("nothing is painted");
  return subject;
}

/**
 * One pass more, for its logits.
 * @param {Passes} passes
 * @param {Input} seen
 * @param {Pass} pass
 * @param {Steering["silenced"]} [silenced]
 */
async function run(passes, seen, { windows }, silenced) {
  const { logits } = await passes.run(seen, { windows, silenced }, ["logits"]);
  return logitsOf(logits, seen);
}

/**
 * @param {Pass} pass
 * @param {import("./subject.js").Labelled} picture
 * @param {Subject} watched
 * @param {Logits} logits
 */
function measured(pass, picture, watched, logits) {
  const labels = labelMap(logits, picture.height, picture.width);
  let flipped = 0;
  for (let at = 0; at < labels.length; at++) if (labels[at] !== picture.labels[at]) flipped += 1;
  const clean = marginOf(pass.logits, picture, watched);
  return {
    labels,
    flipped: flipped / labels.length,
    kl: divergence(pass.logits, logits),
    margin: marginOf(logits, picture, watched) - clean,
  };
}

/**
 * @param {Pass} pass
 * @param {import("./subject.js").Labelled} picture
 * @param {Subject} watched
 * @param {Ask} ask
 * @param {Logits} logits
 * @returns {Omit<Effect, "controls">}
 */
function effectOf(pass, picture, watched, { x, y }, logits) {
  const found = measured(pass, picture, watched, logits);
  const here = y * picture.width + x;
  /** @param {Uint8Array} labels */
  const share = (labels) =>
    labels.filter((label) => label === watched.label).length / labels.length;
  return {
    kind: "effect",
    ...found,
    watched: watched.label,
    before: picture.labels[here],
    after: found.labels[here],
    watchedBefore: share(picture.labels),
    watchedAfter: share(found.labels),
  };
}

/**
 * A square around the marked pixel, cut at the borders.
 * @param {import("./subject.js").Labelled} picture
 * @param {Ask} ask
 */
function squareAt({ width, height }, { x, y, parameters }) {
  const side =
    Number(parameters.size) || Math.max(1, Math.floor(Math.min(width, height) / HIDDEN_PART));
  const [top, left] = [y - (side >> 1), x - (side >> 1)];
  const region = new Uint8Array(width * height);
  for (let row = Math.max(0, top); row < Math.min(top + side, height); row++) {
    region.fill(1, row * width + Math.max(0, left), row * width + Math.min(left + side, width));
  }
  return region;
}

/**
 * The mean of each plane of an input, everywhere.
 * @param {Float32Array} input
 * @param {number} size
 */
function means(input, size) {
  const mean = new Float32Array(input.length);
  for (let plane = 0; plane < input.length; plane += size) {
    const sum = input.subarray(plane, plane + size).reduce((all, each) => all + each, 0);
    mean.fill(sum / size, plane, plane + size);
  }
  return mean;
}

/**
 * @param {Float64Array} sums
 * @param {Uint16Array} counts
 */
function ratio(sums, counts) {
  return Float32Array.from(sums, (sum, at) => (counts[at] ? sum / counts[at] : Number.NaN));
}
