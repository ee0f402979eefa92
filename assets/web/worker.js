// @ts-check
/**
 * What computes in the live edition, away from the page: it is told calls and answers each by its
 * number. A call that is stopped ends at its next step; while one waits, others are answered.
 */

import { Engine } from "./engine.js";
import { Passes } from "./passes.js";
import { checkFile, decode, PhotoError } from "./photo.js";
import { WORK } from "./work.js";

/**
 * @typedef {import("./live_facts.js").Facts} Facts
 * @typedef {import("./source.js").Setting} Setting
 *
 * @typedef {object} Call
 * @property {number} id
 * @property {keyof typeof CALLS} [call]  None: stop the call of this number.
 * @property {any} [given]
 *
 * @typedef {object} Talk  What a call may do while it works.
 * @property {AbortSignal} signal
 * @property {(partial: object) => void} tell
 *
 * @typedef {object} Reply
 * @property {number} id
 * @property {any} [answer]
 * @property {object} [partial]
 * @property {{reason: string, words: string}} [failure]
 */

/** @type {Promise<Passes> | undefined} */
let loading;
/** @type {((partial: object) => void)[]} */
const watching = [];
/** @type {Map<number, AbortController>} */
const running = new Map();

const CALLS = {
  /**
   * @param {{facts: Facts, base: string, threads: number}} given
   * @param {Talk} talk
   */
  async load({ facts, base, threads }, { tell }) {
    watching.push(tell);
    loading = Engine.load(facts, base, threads, (done, total) => {
      for (const tell of watching) tell({ done, total });
    }).then((engine) => new Passes(engine));
    await loading;
  },

  /**
   * @param {{file: Blob | string, setting: Setting}} given
   * @param {Talk} talk
   */
  async open({ file, setting }, talk) {
    const passes = await ready(talk);
    const photo = typeof file === "string" ? await (await fetch(file)).blob() : file;
    await checkFile(photo);
    return await passes.label(await decode(photo), setting, talk.signal);
  },

  /**
   * @param {{key: string, setting: Setting}} given
   * @param {Talk} talk
   */
  async relabel({ key, setting }, talk) {
    const passes = await ready(talk);
    return await passes.label(passes.get(key).pixels, setting, talk.signal);
  },

  /**
   * @param {{key: string, stage: number, block: number}} given
   * @param {Talk} talk
   */
  async block({ key, stage, block }, talk) {
    return await (await ready(talk)).block(key, stage, block);
  },

  /**
   * @param {{key: string, x: number, y: number}} given
   * @param {Talk} talk
   */
  async probabilities({ key, x, y }, talk) {
    return (await ready(talk)).probabilities(key, x, y);
  },

  /**
   * @param {{key: string, ask: import("./source.js").Ask}} given
   * @param {Talk} talk
   */
  async layer({ key, ask }, talk) {
    const passes = await ready(talk);
    const work = WORK[ask.layer](passes, passes.get(key), ask);
    for await (const step of work) {
      if ("kind" in step) return step;
      talk.tell(step);
      // Lets the word to stop come in, and quick calls in between.
      await new Promise((resolve) => setTimeout(resolve));
      talk.signal.throwIfAborted();
    }
    throw new Error("the work ended without a finding");
  },
};

/** @param {Talk} talk */
async function ready({ tell, signal }) {
  if (!loading) throw new Error("load comes first");
  watching.push(tell);
  const passes = await loading;
  watching.length = 0;
  signal.throwIfAborted();
  return passes;
}

addEventListener("message", async ({ data }) => {
  const { id, call, given } = /** @type {Call} */ (data);
  if (!call) {
    running.get(id)?.abort();
    return;
  }
  const controller = new AbortController();
  running.set(id, controller);
  /** @param {Omit<Reply, "id">} reply */
  const say = (reply) => postMessage({ id, ...reply });
  const talk = {
    signal: controller.signal,
    tell: (/** @type {object} */ partial) => say({ partial }),
  };
  try {
    say({ answer: await CALLS[call](given, talk) });
  } catch (error) {
    const empty = error instanceof RangeError ? "unpainted" : "failed";
    const reason = error instanceof PhotoError ? error.reason : empty;
    say({ failure: { reason, words: String(error) } });
  }
  running.delete(id);
});
