// @ts-check
/** Calls of the worker, as promises; an aborted signal stops one within its next step. */

/**
 * @typedef {import("./worker.js").Reply} Reply
 *
 * @typedef {object} Waiting
 * @property {(answer: any) => void} resolve
 * @property {(error: unknown) => void} reject
 * @property {(partial: any) => void} [onPartial]
 */

/** The worker said why it could not answer: `reason` is a short word, `words` are for experts. */
export class Failure extends Error {
  /** @param {{reason: string, words: string}} failure */
  constructor({ reason, words }) {
    super(words);
    this.reason = reason;
  }
}

export class Calls {
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();
  #count = 0;

  /** @param {Worker} worker */
  constructor(worker) {
    this.worker = worker;
    worker.addEventListener("message", ({ data }) => this.#receive(data));
    worker.addEventListener("error", ({ message }) => {
      const failure = new Failure({ reason: "failed", words: message });
      for (const { reject } of this.#waiting.values()) reject(failure);
      this.#waiting.clear();
    });
  }

  /**
   * @param {string} call
   * @param {object} given
   * @param {{signal?: AbortSignal, onPartial?: (partial: any) => void}} [options]
   * @returns {Promise<any>}
   */
  ask(call, given, { signal, onPartial } = {}) {
    signal?.throwIfAborted();
    this.#count += 1;
    const id = this.#count;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, onPartial });
      signal?.addEventListener("abort", () => {
        if (!this.#waiting.delete(id)) return;
        this.worker.postMessage({ id });
        reject(signal.reason);
      });
      this.worker.postMessage({ id, call, given });
    });
  }

  /** @param {Reply} reply */
  #receive({ id, answer, partial, failure }) {
    const waiting = this.#waiting.get(id);
    if (!waiting) return; // stopped meanwhile
    if (partial) {
      waiting.onPartial?.(partial);
      return;
    }
    this.#waiting.delete(id);
    if (failure) waiting.reject(new Failure(failure));
    else waiting.resolve(answer);
  }
}
