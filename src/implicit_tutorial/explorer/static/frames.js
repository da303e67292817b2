/* Where frames come from: what a page stores (stored.py), and the library that draws them. */

// `var`: a page's script, but also the head of a module that live.js ends.
var implicitTutorial = (() => {
  "use strict";

  const HERE = document.currentScript?.src; // none in a module

  /* A new element with these properties. */
  const element = (kind, properties) => Object.assign(document.createElement(kind), properties);

  // ---------------------------------------------------------------- what is fetched when it is needed

  /* Run a script that is needed only now; `what` it is, for a reader who is told that it did not load. */
  function load(src, what) {
    return new Promise((resolve, reject) => {
      const onerror = () => reject(new Error(`The ${what} did not load from ${src}.`));
      document.head.append(element("script", { src, onload: resolve, onerror }));
    });
  }

  async function loadPlotly(src) {
    if (window.Plotly) return window.Plotly;
    // Where a module loader such as require.js is present, plotly would register there and not as window.Plotly.
    const define = window.define;
    window.define = undefined;
    await load(src, "plotting library").finally(() => (window.define = define));
    return window.Plotly;
  }

  /* What saves figures: in a module and in a saved page it is there, else it lies beside this file. */
  async function saving() {
    if (typeof implicitSave === "undefined") await load(new URL("save.js", HERE).href, "script that saves figures");
    return implicitSave;
  }

  // ---------------------------------------------------------------- stored form

  async function unpack(kind, { shapes, bytes }) {
    const packed = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const planes = new Uint8Array(await new Response(stream).arrayBuffer());
    const width = kind === "f4" ? 4 : 8;
    const count = planes.length / width;
    const raw = new Uint8Array(planes.length);
    for (let b = 0; b < width; b++) {
      for (let i = 0; i < count; i++) raw[i * width + b] = planes[b * count + i];
    }
    return split(width === 4 ? new Float32Array(raw.buffer) : new Float64Array(raw.buffer), shapes);
  }

  /* The arrays of the given shapes that lie in `flat` one after the other. */
  function split(flat, shapes) {
    let at = 0;
    const cut = (shape) => {
      if (shape.length > 1) return Array.from({ length: shape[0] }, () => cut(shape.slice(1)));
      at += shape[0];
      return flat.subarray(at - shape[0], at);
    };
    return shapes.map((shape) => cut(Array.isArray(shape) ? shape : [shape]));
  }

  const isObject = (node) => node !== null && typeof node === "object" && !ArrayBuffer.isView(node);

  /* A copy of `node` with array references replaced by the arrays themselves. */
  function revive(node, arrays) {
    if (Array.isArray(node)) return node.map((child) => revive(child, arrays));
    if (!isObject(node)) return node;
    const keys = Object.keys(node);
    if (keys.length === 1 && keys[0] in arrays) return arrays[keys[0]][node[keys[0]]];
    return Object.fromEntries(keys.map((key) => [key, revive(node[key], arrays)]));
  }

  /* A copy of the objects of a figure that shares its lists and arrays. */
  function copy(node) {
    if (!isObject(node) || Array.isArray(node)) return node;
    return Object.fromEntries(Object.entries(node).map(([key, child]) => [key, copy(child)]));
  }

  function merge(base, over) {
    const out = { ...base };
    for (const [key, value] of Object.entries(over)) out[key] = isObject(value) ? merge(base?.[key], value) : value;
    return out;
  }

  // ---------------------------------------------------------------- stored frames

  let plotly; // lies beside this file and is loaded once, by the first figure that needs it

  /* A source of frames says which controls there are, and what to show at a position of them. */
  class Source {
    /* The value and the text of control k at a place of its handle, and the place of a wanted value. */
    value(k, at) {
      return this.controls[k].values[at];
    }

    text(k, at) {
      return this.controls[k].texts[at];
    }

    /* As the address has it: a stop as it is, between two of them what a reader would copy. */
    written(k, at) {
      const value = this.value(k, at);
      return Number.isInteger(at) ? value : Number(value.toPrecision(4));
    }

    /* What paper says of each handle. */
    words(position) {
      return this.controls.map((_, k) => this.text(k, position[k]));
    }

    place(k, wanted) {
      const { values } = this.controls[k];
      if (typeof values[0] === "string") return Math.max(values.indexOf(wanted), 0);
      const gaps = values.map((value) => Math.abs(value - wanted));
      return Math.max(gaps.indexOf(Math.min(...gaps)), 0);
    }
  }

  /* The frames of a page. */
  class Stored extends Source {
    constructor(spec) {
      super();
      Object.assign(this, spec);
      this.start = spec.controls.map((control) => control.start);
    }

    /* Fetch what drawing needs: plotly, and the arrays. */
    async open() {
      plotly ??= loadPlotly(HERE && new URL("plotly.min.js", HERE).href);
      const kinds = Object.entries(this.arrays);
      const [Plotly, ...lists] = await Promise.all([plotly, ...kinds.map(([kind, entry]) => unpack(kind, entry))]);
      const arrays = Object.fromEntries(kinds.map(([kind], i) => [kind, lists[i]]));
      this.constant = revive(this.panels, arrays);
      this.changes = this.constant.map((_, p) =>
        this.varying.filter(({ at }) => at[0] === p).map((v) => ({ ...v, values: revive(v.values, arrays) })),
      );
      return Plotly;
    }

    /* Which of a varying attribute's values shows at a position; −1: the attribute is not set. */
    which({ on, index }, position) {
      const at = on.reduce((sum, k) => sum * this.controls[k].values.length + position[k], 0);
      return index ? index[at] : at;
    }

    /* The frame to show at a position. Its panels exist once the source is open; each has a key that tells
     * whether the panel has changed. */
    frame(position) {
      return {
        drawn: position,
        line: this.readout?.values[this.which(this.readout, position)],
        panels: () =>
          this.constant.map((constant, p) => {
            const now = this.changes[p].map((v) => this.which(v, position));
            return { key: now.join(" "), figure: () => this.figure(constant, this.changes[p], now) };
          }),
      };
    }

    figure(constant, changes, now) {
      const panel = copy(constant);
      panel.data = constant.data.map(copy);
      changes.forEach(({ at, values }, j) => {
        if (now[j] < 0) return;
        const keys = at.slice(1);
        const last = keys.pop();
        const owner = keys.reduce((node, key) => (node[key] ??= {}), panel);
        owner[last] = values[now[j]];
      });
      return panel;
    }
  }

  return { Source, Stored, copy, element, loadPlotly, merge, revive, saving, split };
})();
