// @ts-check
/** What the worker found, as a layer: placed over the picture, and said in the page's language. */

import { FEWEST, NOTHING_NATS, standing } from "./chance.js";
import { AS_LARGE } from "./hiding.js";
import { digits, percent } from "./words.js";

/**
 * @typedef {import("./source.js").Ask} Ask
 * @typedef {import("./source.js").Layer} Layer
 * @typedef {import("./source.js").NumberInfo} NumberInfo
 * @typedef {import("./source.js").Picture} Picture
 * @typedef {import("./words.js").Say} Say
 * @typedef {import("./work.js").Effect} Effect
 * @typedef {import("./work.js").Fall} Fall
 * @typedef {import("./work.js").Sweep} Sweep
 * @typedef {import("./work.js").Finding} Finding
 * @typedef {import("./chance.js").Spread} Spread
 *
 * @typedef {Layer & {settings: Record<string, unknown>, command: string, python: string}} Found
 *   A layer, and for its files how to ask for it again.
 */

/**
 * @param {Finding} finding
 * @param {Picture} picture
 * @param {Ask} ask
 * @param {Say} say
 * @param {number} seconds
 * @returns {Found}
 */
export function layerOf(finding, picture, ask, say, seconds) {
  const placed = {
    effect: () => effectLayer(/** @type {Effect} */ (finding), picture, say),
    fall: () => fallLayer(/** @type {Fall} */ (finding), picture, say),
    sweep: () => sweepLayer(/** @type {Sweep} */ (finding), picture, say),
  }[finding.kind]();
  const { command, python } = again(picture, ask);
  return {
    id: ask.layer,
    grade: "causal",
    misleads: say(`live.${ask.layer}.misleads`),
    settings: { ...picture.setting, ...ask, mask: undefined },
    seconds,
    command,
    python,
    ...placed,
  };
}

/**
 * @param {Effect} effect
 * @param {Picture} picture
 * @param {Say} say
 */
function effectLayer(effect, picture, say) {
  const { labels, flipped, kl, margin, controls, size } = effect;
  const name = className(picture, effect.watched, say);
  const { width, height } = picture;
  const last = picture.classes.length - 1;
  const words = say("live.labels.scale");
  const numbers = [
    number(say, "class_before", className(picture, effect.before, say), "", true),
    number(say, "class_after", className(picture, effect.after, say), "", true),
    number(say, "flipped", 100 * flipped, "%", true),
    number(say, "kl", kl, "nats", true),
    number(say, "margin", margin, "nats", true),
  ];
  if (size !== undefined) numbers.push(number(say, "size", 100 * size, "%"));
  if (controls) {
    numbers.push(
      number(say, "controls", controls.count, ""),
      number(say, "controls.flipped", 100 * controls.flipped, "%", true),
      number(say, "controls.kl", controls.kl.mean, "nats"),
    );
  }
  return {
    kind: /** @type {const} */ ("labels"),
    map: labels,
    rows: height,
    columns: width,
    tokenWidth: 1,
    tokenHeight: 1,
    scale: { kind: /** @type {const} */ ("categorical"), low: 0, high: last, unit: "", words },
    sentence: effectSentence(effect, name, say),
    numbers,
  };
}

/**
 * @param {Effect} effect
 * @param {string} name
 * @param {Say} say
 */
function effectSentence(effect, name, say) {
  const { flipped, kl, margin, watchedBefore, watchedAfter, controls } = effect;
  if (flipped === 0 && kl < NOTHING_NATS) return say("live.nothing");
  const said = [
    say("live.area", { name, before: percent(watchedBefore), after: percent(watchedAfter) }),
    say("live.changed", { share: percent(flipped), kl: digits(kl), margin: signed(margin) }),
  ];
  if (controls) said.push(controlSentence(kl, controls, say));
  return said.join(" ");
}

/**
 * @param {number} kl
 * @param {NonNullable<Effect["controls"]>} controls
 * @param {Say} say
 */
function controlSentence(kl, { count, overlap, ratio, kl: drawn, flipped }, say) {
  if (overlap > 0) return say("live.withheld.overlap", { share: percent(overlap) });
  if (count < FEWEST) return say("live.withheld.few", { count });
  if (Math.max(ratio, 1 / ratio) > AS_LARGE) {
    return say("live.withheld.size", { ratio: digits(ratio) });
  }
  const place = standing(drawn, Math.max(kl, NOTHING_NATS)) ?? "same";
  const range = { low: digits(drawn.low), high: digits(drawn.high) };
  return say(`live.stands.${place}`, { count, share: percent(flipped), ...range });
}

/**
 * @param {Fall} fall
 * @param {Picture} picture
 * @param {Say} say
 */
function fallLayer({ map, rows, columns, score, baseline, watched, against }, picture, say) {
  const most = map.reduce((high, value) => Math.max(high, Math.abs(value)), 0);
  const name = className(picture, watched, say);
  const rival = against === null ? "" : className(picture, against, say);
  const { width, height } = picture;
  return {
    kind: /** @type {const} */ ("map"),
    map,
    rows,
    columns,
    tokenWidth: width / columns,
    tokenHeight: height / rows,
    scale: fallScale(most, say),
    sentence: say(rival ? "live.fall.against" : "live.fall", {
      name,
      rival,
      score: digits(score),
      baseline: digits(baseline),
      most: digits(most),
    }),
    numbers: [
      number(say, "score", score, "nats", true),
      number(say, "baseline", baseline, "nats", true),
    ],
  };
}

/**
 * @param {number} most
 * @param {Say} say
 * @returns {import("./source.js").Scale}
 */
export function fallScale(most, say) {
  return { kind: "diverging", low: -most, high: most, unit: "nats", words: say("live.fall.scale") };
}

/**
 * @param {Sweep} sweep
 * @param {Picture} picture
 * @param {Say} say
 */
function sweepLayer({ watched, heads }, picture, say) {
  const name = className(picture, watched, say);
  const [most, next] = heads;
  const place = { name, stage: most.stage, block: most.block, head: most.head };
  const values = { fall: digits(-most.margin), next: digits(-next.margin) };
  const head = ["stage", "block", "head", "margin", "kl"].map((key) => say(`live.table.${key}`));
  const rows = heads.map((each) => [
    each.stage,
    each.block,
    each.head,
    digits(each.margin),
    digits(each.kl),
  ]);
  return {
    kind: /** @type {const} */ ("plot"),
    rows: 0,
    columns: 0,
    tokenWidth: 1,
    tokenHeight: 1,
    scale: fallScale(1, say),
    sentence: say(most.margin < 0 ? "live.sweep" : "live.sweep.none", { ...place, ...values }),
    numbers: [],
    tables: [{ title: say("live.table"), head, rows }],
  };
}

/**
 * @param {Say} say
 * @param {string} key
 * @param {number | string} value
 * @param {string} unit
 * @param {boolean} [first]
 * @returns {NumberInfo}
 */
function number(say, key, value, unit, first = false) {
  const [name, help] = [say(`live.number.${key}`), say(`live.number.${key}.help`)];
  return { name, value, error: null, unit, help, first };
}

/**
 * @param {Picture} picture
 * @param {number} index
 * @param {Say} say
 */
function className(picture, index, say) {
  const { name } = picture.classes[index];
  const key = `class.${name}`;
  const said = say(key);
  return said === key ? name : said; // no language translates the names of every model
}

/** @param {number} value */
function signed(value) {
  return value > 0 ? `+${digits(value)}` : digits(value);
}

/**
 * How to ask the same with the app: controls and heads are compared there more fully.
 * @param {Picture} picture
 * @param {Ask} ask
 */
export function again(picture, { layer, x, y, region, parameters, label, against }) {
  const { model, reach, windowSize } = picture.setting;
  const hides = region === "pixel" ? "hide-region" : "hide-segment";
  /** @type {Record<string, string | number | boolean | null | undefined>} */
  const given = { ...parameters };
  if (layer === "hide") given.kind = hides;
  else if (layer === "occlusion") Object.assign(given, { method: layer, region });
  else given.kind = layer;
  if (layer === "occlusion") Object.assign(given, { label, against });
  const question = layer === "occlusion" ? "attribute" : "what-if";
  const chosen = Object.entries(given).filter(([, value]) => value !== null && value !== undefined);
  const options = chosen.map(([key, value]) => `--${key.replaceAll("_", "-")} ${value}`);
  const setting = `--model ${model} --reach ${reach} --window-size ${windowSize}`;
  const photo = picture.example ? `assets/examples/${picture.example}` : "photo.jpg";
  const command = `python -m analysis ${question} ${photo} --pixel ${x},${y} ${options.join(" ")} ${setting} -o answers`;
  const keywords = chosen.map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const python = [
    "import analysis, uniformer",
    "",
    `model = uniformer.create_model("${model}", reach="${reach}", window_size=${windowSize})`,
    `ask = analysis.QUESTIONS["${question}"]`,
    `answer = analysis.finish(ask(model, "${photo}", x=${x}, y=${y}, ${keywords.join(", ")}))`,
    "print(answer.sentence)",
    "",
  ].join("\n");
  return { command, python };
}
