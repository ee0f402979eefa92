// @ts-check
/**
 * The network in the browser: onnxruntime-web, and the graphs of `uniformer/export/steerable.py`.
 * Runs in a worker, on one thread unless the page may have more, always in WebAssembly.
 */

/**
 * @typedef {object} Tensor
 * @property {Float32Array} data
 * @property {readonly number[]} dims
 *
 * @typedef {Record<string, Tensor>} Tensors
 *
 * @typedef {object} Session
 * @property {(inputs: Record<string, unknown>, outputs?: string[]) => Promise<Tensors>} run
 *
 * @typedef {object} Runtime  What is used of onnxruntime-web.
 * @property {{wasm: {numThreads: number, wasmBinary: ArrayBuffer, wasmPaths: string}}} env
 * @property {{create: (file: ArrayBuffer, options: object) => Promise<Session>}} InferenceSession
 * @property {new (type: string, data: unknown, dims: readonly number[]) => unknown} Tensor
 *
 * @typedef {import("./live_facts.js").Facts} Facts
 *
 * @typedef {object} Steering  Of one pass; what is left out stays as it is.
 * @property {(number | null)[]} windows  Per block of stage 3, in tokens.
 * @property {{stage: number, block: number | null, head: number}[]} [silenced]  Null: all blocks.
 */

/** Optimizing the graph takes a second at the start and makes no pass faster. */
const AS_IT_IS = { graphOptimizationLevel: "disabled" };
/** Side of the picture of zeros that is run once, so that the first real one finds all compiled. */
const WARM_SIDE = 64;

export class Engine {
  #turn = Promise.resolve();

  /**
   * @param {Runtime} runtime
   * @param {Facts} facts
   * @param {Session} network
   * @param {Session} terms
   */
  constructor(runtime, facts, network, terms) {
    this.runtime = runtime;
    this.facts = facts;
    this.network = network;
    this.terms = terms;
  }

  /**
   * @param {Facts} facts
   * @param {string} base  Address of the folder.
   * @param {number} threads
   * @param {(done: number, total: number) => void} progress  Bytes.
   */
  static async load(facts, base, threads, progress) {
    const { files } = facts;
    const total = files.wasm.bytes + files.network.bytes;
    let done = 0;
    /** @param {{name: string}} file */
    const fetched = (file) =>
      download(new URL(file.name, base), (bytes) => {
        done += bytes;
        progress(Math.min(done, total), total);
      });
    /** @type {[Runtime, ArrayBuffer, ArrayBuffer, ArrayBuffer]} */
    const [runtime, wasm, network, terms] = await Promise.all([
      import(new URL(files.runtime.name, base).href),
      fetched(files.wasm),
      fetched(files.network),
      download(new URL(files.terms.name, base)),
    ]);
    Object.assign(runtime.env.wasm, {
      numThreads: threads,
      wasmBinary: wasm,
      wasmPaths: new URL("./", new URL(files.runtime.name, base)).href,
    });
    const sessions = [];
    for (const graph of [network, terms]) {
      sessions.push(await runtime.InferenceSession.create(graph, AS_IT_IS));
    }
    const engine = new Engine(runtime, facts, sessions[0], sessions[1]);
    const nothing = new Float32Array(3 * WARM_SIDE ** 2);
    await engine.run(nothing, WARM_SIDE, WARM_SIDE, { windows: [] });
    return engine;
  }

  /**
   * One pass over an input (3, height, width).
   * @param {Float32Array} input
   * @param {number} height
   * @param {number} width
   * @param {Steering} steering
   * @param {string[]} [outputs]  All, unless told otherwise.
   */
  run(input, height, width, { windows, silenced = [] }, outputs) {
    const { Tensor } = this.runtime;
    const { depths, heads } = this.facts.model;
    const sides = new BigInt64Array(depths[2]);
    windows.forEach((side, block) => {
      sides[block] = BigInt(side ?? 0);
    });
    /** @param {number} stage */
    const gates = (stage) => {
      const [depth, width] = [depths[stage - 1], heads[stage - 1]];
      const values = new Float32Array(depth * width).fill(1);
      for (const each of silenced.filter((one) => one.stage === stage)) {
        for (let block = 0; block < depth; block++) {
          if (each.block === null || each.block === block) values[block * width + each.head] = 0;
        }
      }
      return new Tensor("float32", values, [depth, width]);
    };
    const inputs = {
      image: new Tensor("float32", input, [1, 3, height, width]),
      windows: new Tensor("int64", sides, [sides.length]),
      gates3: gates(3),
      gates4: gates(4),
    };
    return this.#alone(() => this.network.run(inputs, outputs));
  }

  /**
   * The lengths of what the neighbours of a local block add: (25, rows, columns), 0 beyond the map.
   * A term's length depends on the neighbour and the step alone, not on the query.
   * @param {{values: Tensor, kernel: Tensor, mix: Tensor}} block
   */
  async norms({ values, kernel, mix }) {
    const { Tensor } = this.runtime;
    const [channels, rows, columns] = values.dims;
    const inputs = {
      values: new Tensor("float32", values.data, [channels, rows * columns]),
      mix: new Tensor("float32", mix.data, mix.dims),
    };
    const norms = new Float32Array(25 * rows * columns);
    for (let step = 0; step < 25; step++) {
      const taps = kernel.data.slice(step * channels, (step + 1) * channels);
      const given = { ...inputs, taps: new Tensor("float32", taps, [channels]) };
      const { lengths } = await this.#alone(() => this.terms.run(given));
      const [down, across] = [Math.floor(step / 5) - 2, (step % 5) - 2];
      shift(lengths.data, rows, columns, down, across, norms.subarray(step * rows * columns));
    }
    return norms;
  }

  /**
   * A session answers one question at a time.
   * @template Answer
   * @param {() => Promise<Answer>} ask
   * @returns {Promise<Answer>}
   */
  #alone(ask) {
    const answer = this.#turn.then(ask);
    this.#turn = answer.then(
      () => {},
      () => {},
    );
    return answer;
  }
}

/**
 * Write at each token what its neighbour so far away has; 0 where it has none.
 * @param {Float32Array} values  (rows, columns).
 * @param {number} rows
 * @param {number} columns
 * @param {number} down
 * @param {number} across
 * @param {Float32Array} moved
 */
function shift(values, rows, columns, down, across, moved) {
  const first = Math.max(0, -across);
  const last = Math.min(columns, columns - across);
  for (let row = Math.max(0, -down); row < Math.min(rows, rows - down); row++) {
    const source = (row + down) * columns + across;
    moved.set(values.subarray(source + first, source + last), row * columns + first);
  }
}

/**
 * @param {URL} address
 * @param {(bytes: number) => void} [arrived]
 * @returns {Promise<ArrayBuffer>}
 */
async function download(address, arrived = () => {}) {
  const answer = await fetch(address);
  if (!answer.ok || !answer.body) throw new Error(`${address.pathname}: ${answer.status}`);
  /** @type {Uint8Array[]} */
  const parts = [];
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    arrived(value.length);
  }
  return new Blob(/** @type {BlobPart[]} */ (parts)).arrayBuffer();
}
