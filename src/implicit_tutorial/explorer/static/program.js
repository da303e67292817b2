// @ts-check
/* Programs that torch exported (program.py), run in the page: the same operations, in float64, or in float32 on plain arrays.
 * A step is [number of its result, operation, …arguments]; an argument that is a string is the number of a result.
 *
 * A program is specialised to the shapes of its inputs: memory is laid out once, operations that work entry by entry
 * are fused into loops, and products go to WebAssembly (product.js) where there is any. `run` then allocates nothing.
 *
 * @typedef {{length: number, data: any, at: number, group: any}} Block  a piece of memory
 * @typedef {{shape: number[], strides: number[], offset: number, block: Block, number: number}} Tensor
 * @typedef {{takes: number[], constants: any[], steps: any[], gives: any}} Graph
 */

// `var`: a page's script, but also a part of a module.
var implicitProgram = (function program() {
  "use strict";

  const PAGE = 65536;

  // ---------------------------------------------------------------- operations entry by entry

  const both = (/** @type {string} */ sign) => (/** @type {string} */ a, /** @type {string} */ b) => `(${a}${sign}${b})`;
  const compare = (/** @type {string} */ sign) => (/** @type {string} */ a, /** @type {string} */ b) => `(${a}${sign}${b}?1:0)`;
  const math = (/** @type {string} */ name) => (/** @type {string[]} */ ...args) => `Math.${name}(${args.join()})`;
  const scaled = (/** @type {string} */ sign) => (/** @type {string} */ a, /** @type {string} */ b, /** @type {string} */ alpha) =>
    alpha === "1" ? `(${a}${sign}${b})` : `(${a}${sign}${alpha}*${b})`;

  /* JavaScript for one entry; as in torch, a comparison gives 0 or 1, and relu leaves what is not a number. */
  const ENTRYWISE = {
    add: scaled("+"), sub: scaled("-"), mul: both("*"), div: both("/"),
    maximum: math("max"), minimum: math("min"),
    remainder: (a, b) => `(${a}-${b}*Math.floor(${a}/${b}))`,
    le: compare("<="), lt: compare("<"), ge: compare(">="), gt: compare(">"), eq: compare("==="), ne: compare("!=="),
    bitwise_and: compare("&&"), bitwise_or: compare("||"), bitwise_not: (a) => `(${a}?0:1)`,
    neg: (a) => `(-${a})`, relu: (a) => `(${a}<=0?0:${a})`, reciprocal: (a) => `(1/${a})`,
    where: (a, b, c) => `(${a}?${b}:${c})`, clone: (a) => a,
    clamp: (a, low, high) => {
      const above = low === "null" ? a : `Math.max(${a},${low})`;
      return high === "null" ? above : `Math.min(${above},${high})`;
    },
  };
  for (const name of "abs sqrt exp log sin cos floor atan2 pow".split(" ")) ENTRYWISE[name] = math(name);

  // ---------------------------------------------------------------- shapes

  const count = (/** @type {number[]} */ shape) => shape.reduce((a, b) => a * b, 1);

  /** @param {number[]} shape */
  const contiguous = (shape) => shape.map((_, i) => count(shape.slice(i + 1)));

  /** @param {Tensor} t */
  const isContiguous = (t) => contiguous(t.shape).every((s, i) => t.shape[i] === 1 || s === t.strides[i]);

  /** @param {number[][]} shapes */
  function broadcast(shapes) {
    const dims = Math.max(0, ...shapes.map((s) => s.length));
    return Array.from({ length: dims }, (_, i) => {
      const sizes = new Set(shapes.map((s) => s[s.length - dims + i] ?? 1));
      sizes.delete(1);
      if (sizes.size > 1) throw new Error(`shapes ${JSON.stringify(shapes)} do not fit together`);
      return sizes.size ? [...sizes][0] : 1;
    });
  }

  /** The strides with which a tensor is read as one of a larger shape.
   * @param {Tensor} t @param {number[]} shape */
  function stridesFor(t, shape) {
    const more = shape.length - t.shape.length;
    return shape.map((_, i) => (i < more || t.shape[i - more] === 1 ? 0 : t.strides[i - more]));
  }

  const wrap = (/** @type {number} */ dim, /** @type {number} */ dims) => (dim < 0 ? dim + dims : dim);

  // ---------------------------------------------------------------- loops

  /** Neighbouring sizes through which all tensors step evenly are one; sizes of one are none.
   * @param {number[]} shape @param {number[][]} strides */
  function merge(shape, strides) {
    /** @type {number[]} */ const sizes = [];
    /** @type {number[][]} */ const steps = strides.map(() => []);
    shape.forEach((size, d) => {
      if (size === 1) return;
      const last = sizes.length - 1;
      if (last >= 0 && strides.every((s, k) => steps[k][last] === s[d] * size)) {
        sizes[last] *= size;
        steps.forEach((s, k) => (s[last] = strides[k][d]));
      } else {
        sizes.push(size);
        steps.forEach((s, k) => s.push(strides[k][d]));
      }
    });
    return { sizes, steps };
  }

  /** @param {number} offset @param {number[]} steps @param {string} letter */
  const index = (offset, steps, letter) =>
    [String(offset), ...steps.flatMap((s, d) => (s ? [`${letter}${d}*${s}`] : []))].join("+").replace(/^0\+/, "");

  /** @param {number[]} sizes @param {string} letter @param {string} body */
  const nest = (sizes, letter, body) =>
    sizes.reduceRight((inner, n, d) => `for(let ${letter}${d}=0;${letter}${d}<${n};${letter}${d}++){${inner}}`, body);

  // ---------------------------------------------------------------- the products

  /** c = a b in plain JavaScript, with the arguments of product.c; addresses count entries.
   * @param {any} data */
  const plainProduct = (data) => (a, ai, ak, b, bk, bj, c, n, inner, p) => {
    for (let i = 0; i < n; i++) {
      data.fill(0, c + i * p, c + (i + 1) * p);
      for (let k = 0; k < inner; k++) {
        const x = data[a + i * ai + k * ak];
        for (let j = 0, q = b + k * bk, r = c + i * p; j < p; j++, q += bj, r++) data[r] += x * data[q];
      }
    }
  };

  // ---------------------------------------------------------------- a program

  class Program {
    /** @param {Graph & {inputs: string[], outputs: string[]}} document
     * @param {{wasm?: boolean, bits?: 64 | 32}} options */
    constructor(document, { wasm = true, bits = 64 } = {}) {
      this.document = document;
      this.Real = bits === 64 ? Float64Array : Float32Array;
      this.wasm = wasm && bits === 64 && typeof implicitProduct !== "undefined" && implicitProduct.works;
      this.key = "";
    }

    /** Lay out memory for inputs of these shapes, and keep what has been laid out for the same.
     * @param {Record<string, number[]>} shapes */
    shape(shapes) {
      const { inputs, outputs, takes } = /** @type {any} */ (this.document);
      const missing = inputs.filter((name) => !(name in shapes));
      if (missing.length) throw new Error(`the program has no ${missing.join(", ")}`);
      const key = JSON.stringify(inputs.map((name) => shapes[name]));
      if (key === this.key) return this;
      this.key = key;
      this.build = new Build(this.Real);
      const given = takes.map((number, i) => this.build.tensor(shapes[inputs[i]], number, true));
      const { steps, gives } = this.build.graph(this.document, given);
      this.steps = steps;
      this.in = Object.fromEntries(inputs.map((name, i) => [name, given[i]]));
      this.out = Object.fromEntries(outputs.map((name, i) => [name, this.build.ordered(gives[i], steps)]));
      this.build.allocate(this.wasm);
      return this;
    }

    /** @param {string} name @param {ArrayLike<number>} values */
    set(name, values) {
      const { block } = this.in[name];
      if (values.length !== block.length) throw new Error(`${name} has ${values.length} entries, not ${block.length}`);
      block.data.set(values);
      return this;
    }

    run() {
      for (const step of this.steps) step();
      return this;
    }

    /** A result, entry by entry in the order of its shape; valid until the next run.
     * @param {string} name */
    get(name) {
      const t = this.out[name];
      return t.block.data.subarray(t.offset, t.offset + count(t.shape));
    }

    /** Results become the inputs of the next run, without a copy.
     * @param {string[]} names */
    carry(names) {
      for (const name of names) {
        const from = this.out[name], to = this.in[name];
        if (from.block !== to.block && from.block.length === to.block.length) {
          [from.block.data, to.block.data] = [to.block.data, from.block.data];
          [from.block.at, to.block.at] = [to.block.at, from.block.at];
        } else to.block.data.set(this.get(name));
      }
      return this;
    }

    /** Set the inputs and run: for programs that are run once.
     * @param {Record<string, {shape: number[], data: ArrayLike<number>}>} inputs */
    call(inputs) {
      this.shape(Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, shape])));
      for (const name of Object.keys(this.in)) this.set(name, inputs[name].data);
      return this.run();
    }
  }

  // ---------------------------------------------------------------- from a graph to steps

  class Build {
    /** @param {Float64ArrayConstructor | Float32ArrayConstructor} Real */
    constructor(Real) {
      this.Real = Real;
      /** @type {Block[]} */ this.blocks = [];
      /** @type {(() => void)[]} */ this.begin = []; // once memory is there
      /** @type {any} */ this.product = null;
      this.panel = this.block(0, true);
    }

    /** @param {number} length @param {boolean} used @returns {Block} */
    block(length, used) {
      const block = { length, data: null, at: 0, group: null };
      if (used) this.blocks.push(block);
      return block;
    }

    /** @param {number[]} shape @returns {Tensor} */
    tensor(shape, number = -1, used = false) {
      return { shape, strides: contiguous(shape), offset: 0, block: this.block(count(shape), used), number };
    }

    /** Memory for every block that is used: in one piece where WebAssembly is to see it.
     * @param {boolean} wasm */
    allocate(wasm) {
      const width = this.Real.BYTES_PER_ELEMENT;
      let end = PAGE; // what lies before belongs to the compiled product
      for (const block of this.blocks) {
        block.at = end;
        end += Math.ceil((block.length * width) / 16) * 16;
      }
      const memory = wasm ? new WebAssembly.Memory({ initial: Math.ceil(end / PAGE) }) : null;
      const bytes = memory ? memory.buffer : new ArrayBuffer(end);
      for (const block of this.blocks) {
        block.data = new this.Real(bytes, block.at, block.length);
        if (!wasm) block.at /= width;
      }
      this.product = memory ? implicitProduct.on(memory).f8 : plainProduct(new this.Real(bytes));
      this.width = memory ? width : 1;
      for (const fill of this.begin) fill();
    }

    /** @param {Graph} graph @param {any[]} given */
    graph({ takes, constants, steps: listed, gives }, given) {
      /** @type {any[]} */ const values = [];
      /** @type {(() => void)[]} */ const steps = [];
      /** Where each value is used: the numbers of the values made from it. @type {Map<number, Set<number>>} */
      const uses = new Map();
      /** @type {Set<any>} */ const open = new Set();

      const refer = (node, by) => {
        if (Array.isArray(node)) node.forEach((child) => refer(child, by));
        else if (typeof node === "string") {
          if (!uses.has(Number(node))) uses.set(Number(node), new Set());
          uses.get(Number(node))?.add(by);
        }
      };
      listed.forEach(([number, , ...args]) => refer(args, number));
      refer(gives, -1);

      const value = (node) => {
        if (Array.isArray(node)) return node.map(value);
        if (typeof node === "string") return values[Number(node)];
        return typeof node?.number === "string" ? Number(node.number) : node;
      };
      const flush = (group) => {
        if (!open.delete(group)) return;
        steps.push(this.loop(group, uses));
        for (const { t } of group.members) t.block.group = null;
      };
      const settle = (node) => {
        if (Array.isArray(node)) node.forEach(settle);
        else if (node?.block?.group) flush(node.block.group);
      };

      takes.forEach((number, i) => (values[number] = given[i]));
      for (const [number, shape, numbers] of constants) {
        const t = (values[number] = this.tensor(shape, number, true));
        this.begin.push(() => t.block.data.set(numbers));
      }
      for (const [number, name, ...written] of listed) {
        const args = written.map(value);
        if (name in ENTRYWISE) {
          const shape = broadcast(args.filter((a) => a?.shape).map((a) => a.shape));
          const key = shape.join();
          // A tensor of an open loop can be read in that loop alone, where it is written and not through a view.
          for (const a of args) {
            const group = a?.block?.group;
            if (group && (group.key !== key || !group.members.some(({ t }) => t === a))) flush(group);
          }
          const group = [...open].find((g) => g.key === key) ?? { key, shape, members: [] };
          open.add(group);
          const t = this.tensor(shape, number);
          t.block.group = group;
          group.members.push({ t, name, args });
          values[number] = t;
          continue;
        }
        if (name === "item") {
          values[number] = args[0][args[1]];
          continue;
        }
        if (!(name in VIEWS)) settle(args);
        if (name in VIEWS) values[number] = VIEWS[name](this, steps, settle, ...args);
        else if (name in MAKERS) values[number] = MAKERS[name](this, steps, ...args);
        else throw new Error(`the page does not know the operation ${name}`);
      }
      const results = value(gives);
      settle(results);
      for (const group of [...open]) flush(group);
      return { steps, gives: results };
    }

    /** One loop for all members of a group; what nobody else reads is not kept.
     * @param {any} group @param {Map<number, Set<number>>} uses */
    loop({ shape, members }, uses) {
      const inside = new Set(members.map(({ t }) => t.number));
      const own = new Set(members.map(({ t }) => t)); // what comes from around a loop may have the number of one of them
      /** @type {Tensor[]} */ const leaves = [];
      const names = new Map();
      const kept = members.filter(({ t }) => [...(uses.get(t.number) ?? [])].some((by) => !inside.has(by)));
      for (const { t } of kept) this.blocks.push(t.block);
      for (const { args } of members) {
        for (const a of args) {
          if (!a?.shape || own.has(a) || leaves.includes(a)) continue;
          leaves.push(a);
        }
      }
      const all = [...leaves, ...kept.map(({ t }) => t)];
      const { sizes, steps } = merge(shape, all.map((t) => stridesFor(t, shape)));
      const head = all.map((_, k) => `const d${k}=B[${k}].data;`);
      let body = "";
      leaves.forEach((leaf, k) => {
        const read = `const x${k}=d${k}[${index(leaf.offset, steps[k], "i")}];`;
        if (steps[k].every((s) => s === 0)) head.push(read);
        else body += read;
        names.set(leaf, `x${k}`);
      });
      const text = (a) => {
        if (a?.shape) return names.get(a) ?? `t${a.number}`;
        return typeof a === "boolean" ? String(Number(a)) : a < 0 ? `(${a})` : String(a);
      };
      for (const { t, name, args } of members) {
        body += `const t${t.number}=${ENTRYWISE[name](...args.map(text))};`;
        const k = all.indexOf(t);
        if (k >= 0) body += `d${k}[${index(0, steps[k], "i")}]=t${t.number};`;
      }
      const run = new Function("B", `${head.join("")}${nest(sizes, "i", body)}`);
      const blocks = all.map((t) => t.block);
      return () => run(blocks);
    }

    /** y ← x, both of one shape. @param {Tensor} x @param {Tensor} y */
    copy(x, y) {
      const { sizes, steps } = merge(y.shape, [stridesFor(x, y.shape), y.strides]);
      if (steps.flat().join() === "1,1" && sizes[0] > 99) return () => y.block.data.set(x.block.data.subarray(x.offset, x.offset + sizes[0]), y.offset);
      const write = `y[${index(y.offset, steps[1], "i")}]=x[${index(x.offset, steps[0], "i")}];`;
      const run = new Function("x", "y", nest(sizes, "i", write));
      return () => run(x.block.data, y.block.data);
    }

    /** x as a tensor whose entries lie in order. @param {Tensor} x @param {any[]} steps */
    ordered(x, steps) {
      if (isContiguous(x)) return x;
      const y = this.tensor(x.shape, -1, true);
      steps.push(this.copy(x, y));
      return y;
    }

    /** @param {Tensor} x @param {number[] | null} dims @param {boolean} keep @param {string} start
     * @param {(s: string, x: string) => string} fold @param {(s: string, n: number) => string} finish */
    reduce(x, dims, keep, start, fold, finish) {
      const over = new Set((dims ?? x.shape.map((_, d) => d)).map((d) => wrap(d, x.shape.length)));
      if (!over.size) x.shape.forEach((_, d) => over.add(d));
      const outer = x.shape.map((n, d) => (over.has(d) ? 1 : n));
      const y = this.tensor(keep ? outer : x.shape.filter((_, d) => !over.has(d)), -1, true);
      const across = merge(outer, [x.strides, contiguous(outer)]);
      const along = merge(x.shape.map((n, d) => (over.has(d) ? n : 1)), [x.strides]);
      const at = [index(x.offset, across.steps[0], "i"), index(0, along.steps[0], "j")].join("+");
      const inner = `let s=${start};${nest(along.sizes, "j", `const e=x[${at}];s=${fold("s", "e")};`)}`;
      const write = `y[${index(0, across.steps[1], "i")}]=${finish("s", count(x.shape) / count(outer))};`;
      const run = new Function("x", "y", nest(across.sizes, "i", inner + write));
      return { y, step: () => run(x.block.data, y.block.data) };
    }

    /** The product of (…, n, k) and (…, k, p). @param {Tensor} x @param {Tensor} y @param {any[]} steps */
    multiply(x, y, steps) {
      const [n, inner] = x.shape.slice(-2);
      const p = y.shape[y.shape.length - 1];
      const batch = x.shape.slice(0, -2);
      const z = this.tensor([...batch, n, p], -1, true);
      const [xs, ys] = [x.strides.slice(-2), y.strides.slice(-2)];
      const [xb, yb] = [x, y].map((t) => (batch.length ? t.strides[0] : 0));
      this.panel.length = Math.max(this.panel.length, 4 * inner);
      steps.push(() => {
        const w = this.width;
        for (let s = 0; s < (batch[0] ?? 1); s++) {
          const left = x.block.at + (x.offset + s * xb) * w, right = y.block.at + (y.offset + s * yb) * w;
          const to = z.block.at + s * n * p * w;
          // A row times a matrix is the transposed matrix times a column, of which the product is faster.
          if (n === 1) this.product(right, ys[1], ys[0], left, xs[1], xs[0], to, p, inner, 1, this.panel.at);
          else this.product(left, xs[0], xs[1], right, ys[0], ys[1], to, n, inner, p, this.panel.at);
        }
      });
      return z;
    }
  }

  const view = (x, shape, strides, offset = x.offset) => ({ shape, strides, offset, block: x.block, number: -1 });

  /* Results that read their argument's memory. */
  const VIEWS = {
    size: (_b, _s, _settle, x, dim) => x.shape[wrap(dim, x.shape.length)],
    int_add: (_b, _s, _settle, a, b) => a + b,
    int_sub: (_b, _s, _settle, a, b) => a - b,
    int_mul: (_b, _s, _settle, a, b) => a * b,
    int_div: (_b, _s, _settle, a, b) => Math.floor(a / b),
    permute: (_b, _s, _settle, x, dims) => view(x, dims.map((d) => x.shape.at(d)), dims.map((d) => x.strides.at(d))),
    unsqueeze: (_b, _s, _settle, x, dim) => {
      const d = wrap(dim, x.shape.length + 1);
      return view(x, x.shape.toSpliced(d, 0, 1), x.strides.toSpliced(d, 0, 0));
    },
    squeeze: (_b, _s, _settle, x, dims) => {
      const gone = new Set([dims].flat().map((d) => wrap(d, x.shape.length)));
      const stays = (_, d) => !(gone.has(d) && x.shape[d] === 1);
      return view(x, x.shape.filter(stays), x.strides.filter(stays));
    },
    view: (build, steps, settle, x, shape) => {
      if (!isContiguous(x)) settle(x);
      const y = build.ordered(x, steps);
      const known = count(shape.filter((n) => n !== -1));
      const full = shape.map((n) => (n === -1 ? count(x.shape) / known : n));
      return view(y, full, contiguous(full));
    },
    expand: (_b, _s, _settle, x, shape) => {
      const more = shape.length - x.shape.length;
      const full = shape.map((n, d) => (n === -1 ? x.shape[d - more] : n));
      return view(x, full, stridesFor(x, full));
    },
    select: (_b, _s, _settle, x, dim, at) => {
      const d = wrap(dim, x.shape.length);
      return view(x, x.shape.toSpliced(d, 1), x.strides.toSpliced(d, 1), x.offset + wrap(at, x.shape[d]) * x.strides[d]);
    },
    slice: (_b, _s, _settle, x, dim, from, to, step) => {
      const d = wrap(dim, x.shape.length), n = x.shape[d];
      const [a, b] = [from ?? 0, to ?? n].map((i) => Math.min(Math.max(wrap(i, n), 0), n));
      const size = Math.max(Math.ceil((b - a) / step), 0);
      return view(x, x.shape.with(d, size), x.strides.with(d, x.strides[d] * step), x.offset + a * x.strides[d]);
    },
  };

  const filled = (build, shape, values) => {
    const t = build.tensor(shape, -1, true);
    build.begin.push(() => t.block.data.set(values));
    return t;
  };

  const reducer = (start, fold, finish) => (build, steps, x, dims = null, keep = false) => {
    const { y, step } = build.reduce(x, dims === null ? null : [dims].flat(), keep, start, fold, finish);
    steps.push(step);
    return y;
  };

  /** Eigenvalues of A (n, n); the eigenvectors, which torch gives as well, are not among them. */
  const spectrum = (build, steps, A, shape, of) => {
    const [n] = A.shape, M = build.ordered(A, steps), values = build.tensor(shape, -1, true);
    steps.push(() => values.block.data.set(of(M.block.data.subarray(M.offset, M.offset + n * n), n)));
    return [values];
  };

  /* Results with a memory of their own. */
  const MAKERS = {
    scalar_tensor: (build, _steps, number) => filled(build, [], [Number(number)]),
    full: (build, _steps, shape, number) => filled(build, shape, new Array(count(shape)).fill(Number(number))),
    full_like: (build, _steps, x, number) => filled(build, x.shape, new Array(count(x.shape)).fill(Number(number))),
    arange: (build, _steps, from, to, step) => {
      const values = Array.from({ length: Math.ceil((to - from) / step) }, (_, i) => from + i * step);
      return filled(build, [values.length], values);
    },
    sum: reducer("0", (s, e) => `${s}+${e}`, (s) => s),
    mean: reducer("0", (s, e) => `${s}+${e}`, (s, n) => `${s}/${n}`),
    amax: reducer("-Infinity", (s, e) => `Math.max(${s},${e})`, (s) => s),
    amin: reducer("Infinity", (s, e) => `Math.min(${s},${e})`, (s) => s),
    any: reducer("0", (s, e) => `${e}?1:${s}`, (s) => s),
    linalg_vector_norm: (build, steps, x, order, dims, keep) => {
      const fold = { 1: (s, e) => `${s}+Math.abs(${e})`, 2: (s, e) => `${s}+${e}*${e}`, Infinity: (s, e) => `Math.max(${s},Math.abs(${e}))` };
      return reducer("0", fold[order], (s) => (order === 2 ? `Math.sqrt(${s})` : s))(build, steps, x, dims, keep);
    },
    mm: (build, steps, x, y) => build.multiply(x, y, steps),
    bmm: (build, steps, x, y) => build.multiply(x, y, steps),
    cat: (build, steps, parts, dim = 0) => {
      const d = wrap(dim, parts[0].shape.length);
      const whole = build.tensor(parts[0].shape.with(d, parts.reduce((n, t) => n + t.shape[d], 0)), -1, true);
      let at = 0;
      for (const part of parts) {
        steps.push(build.copy(part, view(whole, part.shape, whole.strides, at * whole.strides[d])));
        at += part.shape[d];
      }
      return whole;
    },
    _linalg_solve_ex: (build, steps, A, B) => {
      const [M, X] = [A, B].map((t) => build.tensor(t.shape, -1, true));
      steps.push(build.copy(A, M), build.copy(B, X), () => solve(M.block.data, X.block.data, A.shape[0], count(B.shape) / A.shape[0]));
      return [X];
    },
    // As pairs of numbers.
    linalg_eig: (build, steps, A) => spectrum(build, steps, A, [A.shape[0], 2], (a, n) => implicitEigenvalues(a, n)),
    // Of a symmetric matrix.
    _linalg_eigh: (build, steps, A) => spectrum(build, steps, A, [A.shape[0]], (a, n) => implicitSymmetric.eigenvalues(a, n)),
    while: (build, steps, condition, body, start, others) => {
      const carried = start.map((t) => build.tensor(t.shape, -1, true));
      // What the loop takes from outside has a number there, which inside is that of another value.
      const taken = others.map((t) => (t?.block ? view(t, t.shape, t.strides) : t));
      const test = build.graph(condition, [...carried, ...taken]);
      const loop = build.graph(body, [...carried, ...taken]);
      // A result that lies in what the next one overwrites is set aside first.
      const aside = [];
      const results = loop.gives.map((t, k) => {
        if (!carried.some((c) => c.block === t.block) || t.block === carried[k].block) return t;
        const copy = build.tensor(t.shape, -1, true);
        aside.push(build.copy(t, copy));
        return copy;
      });
      const init = start.map((t, k) => build.copy(t, carried[k]));
      const next = results.map((t, k) => (t.block === carried[k].block ? () => {} : build.copy(t, carried[k])));
      const go = [...loop.steps, ...aside, ...next];
      const flag = Array.isArray(test.gives) ? test.gives[0] : test.gives;
      steps.push(() => {
        for (const step of init) step();
        for (;;) {
          for (const step of test.steps) step();
          if (!flag.block.data[flag.offset]) return;
          for (const step of go) step();
        }
      });
      return carried;
    },
  };

  /** X ← A⁻¹X by elimination with row exchanges; A (n, n) is used up, X has k columns. */
  function solve(A, X, n, k) {
    for (let c = 0; c < n; c++) {
      let best = c;
      for (let r = c + 1; r < n; r++) if (Math.abs(A[r * n + c]) > Math.abs(A[best * n + c])) best = r;
      if (best !== c) {
        for (let j = c; j < n; j++) [A[c * n + j], A[best * n + j]] = [A[best * n + j], A[c * n + j]];
        for (let j = 0; j < k; j++) [X[c * k + j], X[best * k + j]] = [X[best * k + j], X[c * k + j]];
      }
      for (let r = c + 1; r < n; r++) {
        const f = A[r * n + c] / A[c * n + c];
        if (f === 0) continue;
        for (let j = c + 1; j < n; j++) A[r * n + j] -= f * A[c * n + j];
        for (let j = 0; j < k; j++) X[r * k + j] -= f * X[c * k + j];
      }
    }
    for (let c = n - 1; c >= 0; c--) {
      for (let j = 0; j < k; j++) {
        let s = X[c * k + j];
        for (let i = c + 1; i < n; i++) s -= A[c * n + i] * X[i * k + j];
        X[c * k + j] = s / A[c * n + c];
      }
    }
  }

  return { Program, program, operations: [...Object.keys(ENTRYWISE), ...Object.keys(VIEWS), ...Object.keys(MAKERS), "item"] };
})();
