// @ts-check
/* A network in training, row by row of its history: in a worker, so that no step holds the page up.
 *
 * @typedef {{width: number, implicit_scale: number, output_scale: number, seed: number}} Settings
 * @typedef {{X: number[][], seen: number[][], y: number[], y_seen: number[], tests: number}} Sample  of what is seen,
 *   the first so many rows are the test
 * @typedef {Record<string, {shape: number[], data: ArrayLike<number>}>} Tensors
 */

var implicitExperiment = (function experiment() {
  "use strict";

  const STEPS = 2000; // the longest training
  const LEARNED = 1e-10; // the share of the first loss below which nothing is left to learn

  /** Whether the history has a row for this step, as `it.Record` says. @param {number} step */
  const due = (step) => step <= 20 || Math.trunc(Math.log(step) / Math.log(1.1)) !== Math.trunc(Math.log(step - 1) / Math.log(1.1));

  const number = (/** @type {number} */ value) => ({ shape: [], data: [value] });
  const vector = (/** @type {number[]} */ values) => ({ shape: [values.length], data: values });
  const matrix = (/** @type {number[][]} */ rows) => ({ shape: [rows.length, rows[0].length], data: rows.flat() });

  class Experiment {
    /** @param {Record<string, any>} programs @param {Sample} sample @param {Settings} settings @param {{wasm?: boolean}} options */
    constructor(programs, sample, settings, options = {}) {
      this.programs = Object.fromEntries(
        Object.entries(programs).map(([name, document]) => [name, new implicitProgram.Program(document, options)]),
      );
      const { X, seen, y, y_seen, tests } = sample, m = settings.width, d = X[0].length;
      const draws = new implicitRandom.Generator(settings.seed);
      const other = implicitRandom.permutation(new implicitRandom.Generator(0), y.length).map((i) => y[i]);
      const draw = (/** @type {number[]} */ ...shape) => ({ shape, data: implicitRandom.normals(draws, shape.reduce((a, b) => a * b)) });
      /** @type {Tensors} */
      this.state = {
        Theta: draw(m, m), W: draw(m, d), v: draw(m), X: matrix(X), seen: matrix(seen), y: vector(y), other: vector(other),
        y_seen: vector(y_seen), part: vector(y_seen.map((_, i) => (i < tests ? 1 / tests : 0))), width: number(m),
        implicit_scale: number(settings.implicit_scale), output_scale: number(settings.output_scale),
      };
      this.X = X;
      this.step = 0;
      this.running = false; // whether the state lies in the program that advances
    }

    /** @param {string} part */
    call(part) {
      const program = this.programs[part];
      program.call(Object.fromEntries(program.document.inputs.map((/** @type {string} */ name) => [name, this.state[name]])));
      this.take(program);
      return Object.fromEntries(program.document.outputs.map((/** @type {string} */ name) => [name, this.value(name)]));
    }

    /** @param {any} program @param {string[]} carried  results that lie where the next run begins */
    take(program, carried = []) {
      for (const name of program.document.outputs) {
        const data = carried.includes(name) ? program.in[name].block.data : program.get(name);
        this.state[name] = { shape: program.out[name].shape, data: Float64Array.from(data) };
      }
    }

    /** @param {string} name */
    value(name) {
      const { shape, data } = this.state[name];
      return shape.length ? Float64Array.from(data) : data[0];
    }

    begin() {
      this.call("begin");
      if (!this.value("there")) return { lost: true, step: 0 };
      const row = this.row();
      this.enough = LEARNED * Number(row.train_loss);
      return row;
    }

    /** What is known of the infinitely wide network; or two samples that are one input, where its kernel is singular. */
    limit() {
      const { X } = this, close = 5e-15; // 1 − cos, as in arithmetic.py
      for (let i = 0; i < X.length; i++) {
        for (let j = 0; j < i; j++) if (1 - X[i].reduce((s, v, k) => s + v * X[j][k], 0) <= close) return { same: [j, i] };
      }
      return this.call("limit");
    }

    row() {
      const { z_seen, ...seen } = this.call("observe");
      return { step: this.step, time: this.value("time"), ended: this.step >= STEPS || !(seen.train_loss > (this.enough ?? 0)), ...seen };
    }

    /** The next row, after as many steps as lie before it; or where the equilibrium was lost. */
    next() {
      const program = this.programs.advance, { inputs, outputs } = program.document;
      const carried = outputs.filter((/** @type {string} */ name) => inputs.includes(name));
      if (!this.running) {
        program.shape(Object.fromEntries(inputs.map((/** @type {string} */ name) => [name, this.state[name].shape])));
        for (const name of inputs) program.set(name, this.state[name].data);
        this.running = true;
      }
      do {
        program.run();
        this.step++;
        if (!program.get("there")[0]) return { lost: true, step: this.step };
        program.carry(carried);
      } while (!due(this.step) && this.step < STEPS);
      this.take(program, carried);
      return this.row();
    }
  }

  // ---------------------------------------------------------------- in a worker

  /** Answer the page: it asks for an experiment, then for row after row. @param {any} scope */
  function serve(scope) {
    /** @type {Experiment} */ let current;
    scope.onmessage = (/** @type {MessageEvent} */ { data: { ask, id, begin } }) => {
      try {
        if (begin) current = new Experiment(begin.programs, begin.sample, begin.settings, begin.options);
        scope.postMessage({ id, answer: current[/** @type {"begin" | "next" | "limit"} */ (ask)]() });
      } catch (error) {
        scope.postMessage({ id, error: String(error instanceof Error ? error.message : error) });
      }
    };
  }

  /** The page's end: `ask("begin", …)`, `ask("limit")`, `ask("next")`. */
  class Laboratory {
    constructor() {
      const parts = { implicitProduct: implicitProduct.product, implicitSymmetric: implicitSymmetric.symmetric, implicitProgram: implicitProgram.program,
        implicitRandom: implicitRandom.random, implicitExperiment: experiment };
      const code = Object.entries(parts).map(([name, make]) => `var ${name} = (${make})();`);
      const url = URL.createObjectURL(new Blob([...code, "implicitExperiment.serve(self);"], { type: "text/javascript" }));
      this.worker = new Worker(url);
      URL.revokeObjectURL(url);
      /** @type {Map<number, any>} */ this.waiting = new Map();
      this.count = 0;
      this.worker.onmessage = ({ data: { id, answer, error } }) => {
        const { resolve, reject } = this.waiting.get(id);
        this.waiting.delete(id);
        error ? reject(new Error(error)) : resolve(answer);
      };
      this.worker.onerror = (event) => this.waiting.forEach(({ reject }) => reject(new Error(event.message)));
    }

    /** @param {"begin" | "limit" | "next"} ask @param {any} begin @returns {Promise<any>} */
    ask(ask, begin = undefined) {
      return new Promise((resolve, reject) => {
        this.waiting.set(++this.count, { resolve, reject });
        this.worker.postMessage({ ask, id: this.count, begin });
      });
    }

    close() {
      this.worker.terminate();
    }
  }

  return { Experiment, Laboratory, serve, STEPS };
})();
