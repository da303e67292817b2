// @ts-check
/* Frames that the page computes itself, with the programs of computed.py; see program.js.
 *
 * `Computation` is the counterpart of the Python class of that name and knows nothing of figures. A time, where there
 * is one, runs by steps, a few milliseconds at once; what has been seen is kept, so that one may go back.
 */

// `var`: a page's script, but also a part of a module.
var implicitComputed = (() => {
  "use strict";

  const BUDGET = 8; // milliseconds of work a frame
  const KEPT = 32; // states at the most to go back to

  /** Standard normal numbers, those of computed.py.
   * @param {number} stream @param {number} length */
  function normals(stream, length) {
    const uniform = (/** @type {number} */ counter) => {
      let h = (Math.imul(counter, 0x9e3779b9) + Math.imul(stream + 1, 0x85ebca6b)) | 0;
      h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
      h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
      return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32 + 0.5 / 2 ** 32;
    };
    return Float64Array.from({ length }, (_, i) => Math.sqrt(-2 * Math.log(uniform(2 * i))) * Math.cos(2 * Math.PI * uniform(2 * i + 1)));
  }

  const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";

  /** A number as in print, see reading.py. @param {number} value @param {string} form */
  function number(value, form) {
    if (isNaN(value)) return "—";
    if (form === "d") return String(Math.round(value)).replace("-", "−");
    const digits = Number(form.slice(1, -1));
    let text = form.endsWith("f") ? value.toFixed(digits) : value.toExponential(form.endsWith("e") ? digits : Math.max(digits - 1, 0));
    if (form.endsWith("g")) {
      const power = Number(text.split("e")[1]);
      if (power >= -4 && power < digits) text = String(Number(value.toPrecision(digits)));
      else text = `${Number(text.split("e")[0])}e${power}`;
    }
    const [mantissa, exponent] = text.split("e");
    const power = !Number(exponent) ? "" : `·10${[...String(Number(exponent))].map((c) => RAISED[c] ?? "⁻").join("")}`;
    return mantissa.replace("-", "−") + power;
  }

  /** @param {string} template @param {(name: string) => number} value */
  function written(template, value) {
    const line = template.replace(/\{(\w+)(?::(\.\d+[efg]|d)|\?([^{}]*))\}/g, (_, name, form, words) =>
      form === undefined ? words.split("|")[Math.trunc(value(name))] : number(value(name), form),
    );
    return line === template ? line : written(line, value); // words may have fields of their own
  }

  class Computation {
    /** @param {any} document @param {{wasm?: boolean}} options */
    constructor(document, options = {}) {
      this.document = document;
      this.programs = Object.fromEntries(
        Object.entries(document.programs).map(([part, program]) => [part, new implicitProgram.Program(program, options)]),
      );
      this.key = null;
      /** The draws last made. @type {Record<string, Float64Array>} */ this.drawn = {};
      /** @type {Record<string, {shape: number[], data: any}>} */ this.state = {};
    }

    /** Make the state that belongs to these values, unless it is there. Time is not one of them.
     * @param {Record<string, number>} values */
    begin(values) {
      const { clock, constants, draws, vectors } = this.document;
      const key = JSON.stringify(Object.entries(values).filter(([name]) => name !== clock));
      if (key === this.key) return;
      this.key = key;
      this.state = {};
      for (const [name, value] of Object.entries(values)) this.state[name] = { shape: [], data: [value] };
      for (const [name, [shape, data]] of Object.entries(constants)) this.state[name] = { shape, data };
      for (const [name, entries] of Object.entries(vectors)) {
        this.state[name] = { shape: [entries.length], data: entries.map((entry) => values[entry]) };
      }
      Object.entries(draws).forEach(([name, sizes], k) => {
        const shape = sizes.map((n) => (typeof n === "string" ? values[n] : n));
        const length = shape.reduce((a, b) => a * b, 1);
        if (this.drawn[name]?.length !== length) this.drawn[name] = normals(k, length);
        this.state[name] = { shape, data: this.drawn[name] };
      });
      this.time = 0;
      this.taken = 0;
      /** What was seen after so many steps. @type {Map<number, any>} */ this.seen = new Map();
      this.shown = null;
      this.loaded = false;
      /** States on the way, to go back to, and how many steps lie between them. @type {any[]} */ this.kept = [];
      this.between = 1;
      if (this.programs.begin) this.call("begin");
    }

    call(part) {
      const program = this.programs[part];
      const needed = Object.fromEntries(program.document.inputs.map((name) => [name, this.state[name]]));
      program.call(needed);
      for (const name of program.document.outputs) {
        this.state[name] = { shape: program.out[name].shape, data: Float64Array.from(program.get(name)) };
      }
    }

    get step() {
      return this.state.step.data[0];
    }

    /** How many steps reach a time. @param {number} time */
    steps(time) {
      return this.programs.advance ? Math.max(0, Math.ceil(time / this.step - 1e-9)) : 0;
    }

    /** The results of a step that the next one takes. */
    get carried() {
      const { inputs, outputs } = this.programs.advance.document;
      return outputs.filter((name) => inputs.includes(name));
    }

    /** Take steps until so many are taken, or the page's clock says that a frame is over; whether all are. For fewer than
     * are taken already it goes back and comes again. @param {number} count @param {number} end */
    advance(count, end) {
      if (this.seen.has(count) || count === this.taken) return true;
      const program = this.programs.advance;
      const { inputs, outputs } = program.document;
      if (!this.loaded) {
        program.shape(Object.fromEntries(inputs.map((name) => [name, this.state[name].shape])));
        for (const name of inputs) program.set(name, this.state[name].data);
        this.loaded = true;
        this.keep(this.carried);
      }
      if (count < this.taken) this.rewind(count);
      while (this.taken < count && performance.now() < end) {
        program.run().carry(this.carried);
        this.taken++;
      }
      // What was carried lies where the next step begins.
      for (const name of outputs) {
        const data = name in program.in ? program.in[name].block.data : program.get(name);
        this.state[name] = { shape: program.out[name].shape, data: Float64Array.from(data) };
      }
      this.keep(outputs);
      return this.taken >= count;
    }

    /** Keep the present state, if the last one is far enough back; of many, every second. @param {string[]} names */
    keep(names) {
      const last = this.kept.at(-1);
      if (last && this.taken - last.taken < this.between) return;
      this.kept.push({ taken: this.taken, state: Object.fromEntries(names.map((name) => [name, this.state[name]])) });
      if (this.kept.length <= KEPT) return;
      this.kept = this.kept.filter((_, i) => i % 2 === 0);
      this.between = Math.max(...this.kept.slice(1).map(({ taken }, i) => taken - this.kept[i].taken));
    }

    /** Go back to the last state kept of the first so many steps. @param {number} count */
    rewind(count) {
      const before = this.kept.filter(({ taken }) => taken <= count).at(-1);
      this.taken = before.taken;
      Object.assign(this.state, before.state);
      for (const name of this.carried) this.programs.advance.set(name, this.state[name].data);
    }

    /** What is shown now, by name; kept for whoever comes back. */
    observe() {
      const kept = this.seen.get(this.taken);
      if (kept) return kept;
      this.call("observe");
      const shown = { taken: this.taken };
      for (const name of [...this.programs.observe.document.outputs, ...(this.programs.advance?.document.outputs ?? []), ...(this.programs.begin?.document.outputs ?? [])]) {
        const { shape, data } = this.state[name];
        if (name.includes("/") || !shape.length) shown[name] = { shape, data: Float64Array.from(data) };
      }
      this.seen.set(this.taken, shown);
      return shown;
    }

    /** @param {any} shown @param {Record<string, number>} values */
    line(shown, values) {
      return written(this.document.line, (name) => (name in shown ? shown[name].data[0] : values[name]));
    }
  }

  // ---------------------------------------------------------------- frames

  /** An array as plotly takes it. @param {{shape: number[], data: any}} array */
  const rows = ({ shape: [n, m], data }) =>
    m === undefined ? data : Array.from({ length: n }, (_, i) => data.subarray(i * m, (i + 1) * m));

  /** A source of frames for explorer.js, whose class of stored frames it builds upon. Places of handles may lie between
   * the stops. Stored frames are shown until the page computes, and where it cannot.
   * @param {any} Stored @param {any} spec */
  function source(Stored, spec) {
    class Computed extends Stored {
      constructor(spec) {
        super(spec);
        this.clock = this.computed.clock;
        this.continuous = true;
        const control = (name) => this.controls.findIndex((one) => one.name === name);
        // A coordinate that is a control has its number, and a point of such coordinates nothing of its own.
        this.points = this.computed.points.map((point) => ({ ...point, now: [...point.start], held: point.at.map(control) }));
        this.own = this.points.flatMap((point) => point.at.flatMap((name, i) => (point.held[i] < 0 ? [{ point, name, i }] : [])));
      }

      async open() {
        const Plotly = await super.open();
        this.computation = new Computation(this.computed);
        return Plotly;
      }

      value(k, at) {
        const { values, whole } = this.controls[k];
        if (typeof values[0] === "string") return values[at];
        const low = Math.min(Math.floor(at), values.length - 1), share = at - low;
        const value = share ? values[low] + share * (values[low + 1] - values[low]) : values[low];
        return whole ? Math.round(value) : value;
      }

      text(k, at) {
        return Number.isInteger(at) ? super.text(k, at) : number(this.value(k, at), this.controls[k].whole ? "d" : ".3g");
      }

      words(position) {
        return [...super.words(position), ...this.points.filter(({ held }) => held.includes(-1)).map(place)];
      }

      place(k, wanted) {
        const { values } = this.controls[k];
        const nearest = super.place(k, wanted), value = Number(wanted);
        if (typeof values[0] === "string" || values[nearest] === value || isNaN(value)) return nearest;
        const low = values[nearest] <= value ? nearest : nearest - 1;
        if (low < 0 || low + 1 >= values.length) return nearest;
        return low + (value - values[low]) / (values[low + 1] - values[low]);
      }

      values(position) {
        const dragged = this.own.map(({ point, name, i }) => [name, point.now[i]]);
        return Object.fromEntries([...this.controls.map(({ name }, k) => [name, this.value(k, position[k])]), ...dragged]);
      }

      /* The state of the points in the address; explorer.js has that of the controls. */
      get moved() {
        return this.own.some(({ point: { now, start }, i }) => now[i] !== start[i]);
      }

      get query() {
        return this.own.map(({ point, name, i }) => `${name}=${Number(point.now[i].toPrecision(4))}`);
      }

      restore(query) {
        for (const { point, name, i } of this.own) {
          const wanted = parseFloat(query.get(name));
          point.now[i] = isFinite(wanted) ? wanted : point.start[i];
        }
        this.placed?.();
      }

      frame(position) {
        if (!this.computation) return position.every(Number.isInteger) ? super.frame(position) : { ...super.frame(this.start), drawn: position };
        const frame = { drawn: [...position], line: undefined, unfinished: false, panels: () => this.compute(frame) };
        return frame;
      }

      /* What can be shown by now; `unfinished` where the time that a frame has was too short. */
      compute(frame) {
        const values = this.values(frame.drawn), { computation } = this, end = performance.now() + BUDGET;
        computation.begin(values);
        const wanted = computation.steps(values[this.clock]);
        const arrived = computation.advance(wanted, end);
        // Where a run goes back and comes again, what was shown stays until it has caught up.
        const late = !arrived && computation.taken < computation.shown?.taken;
        const shown = computation.seen.get(wanted) ?? (late ? computation.shown : computation.observe());
        computation.shown = shown;
        frame.unfinished = !arrived && (late || !shown.end?.data[0]);
        for (const { height, now } of this.points) if (height) now[1] = shown[height].data[0];
        frame.line = computation.line(shown, values) + (frame.unfinished ? " Still on the way there." : "");
        return this.constant.map((constant, p) => ({
          key: this.key(shown, p),
          figure: () => this.filled(constant, p, shown),
        }));
      }

      /* All that a panel shows of a frame: one that shows the same is not drawn again. */
      key(shown, p) {
        const here = Object.keys(this.computed.slots).filter((name) => this.computed.slots[name][0] === p);
        return here.map((name) => shown[name].data.join()).join(";");
      }

      filled(constant, p, shown) {
        const panel = this.figure(constant, [], []);
        for (const [name, at] of Object.entries(this.computed.slots)) {
          if (at[0] !== p) continue;
          const keys = at.slice(1), last = keys.pop();
          const owner = keys.reduce((node, key) => (node[key] = Array.isArray(node[key]) ? [...node[key]] : { ...node[key] }), panel);
          const { shape, data } = shown[name];
          const kinds = this.computed.choices[name];
          const chosen = kinds && Array.from(data, (i) => kinds[i]);
          const form = this.computed.texts[name];
          if (form) owner[last] = Array.from(data, (v) => number(v, form));
          else owner[last] = !kinds ? rows(shown[name]) : shape.length ? chosen : chosen[0];
        }
        return panel;
      }
    }
    return new Computed(spec);
  }

  // ---------------------------------------------------------------- points that are dragged

  /** Where a point is, in words: the coordinates that move. @param {{at: string[], now: number[]}} point */
  const place = ({ at, now }) => at.map((_, i) => number(now[i], ".3g")).join(", ");

  /** A handle over the plot for each point. @param {any} explorer @param {(e: any) => void} moved */
  function drag(explorer, moved) {
    const { source, plots } = explorer;
    const handles = source.points.map((point) => {
      const handle = implicitTutorial.element("div", {
        className: "it-handle", tabIndex: 0, role: "slider", ariaLabel: `${point.label}; arrow keys move it`,
      });
      const plot = plots[point.panel];
      const axes = () => [plot._fullLayout.xaxis, plot._fullLayout.yaxis];
      const whole = (i) => point.held[i] >= 0 && source.controls[point.held[i]].whole;

      /* To these coordinates along the axes, which of a logarithmic one are logarithms. */
      const go = (along) => {
        point.at.forEach((_, i) => {
          const axis = axes()[i], k = point.held[i], [low, high] = axis.range;
          const value = axis.l2d(Math.min(Math.max(along[i], low), high));
          if (k < 0) point.now[i] = value;
          else explorer.position[k] = source.place(k, value);
        });
        put();
        explorer.refresh();
        moved(explorer);
      };
      let left = 0, top = 0; // of the plot; to ask for them lays the page out
      const put = (moved) => {
        if (moved) [left, top] = [plot.offsetLeft, plot.offsetTop];
        point.held.forEach((k, i) => k < 0 || (point.now[i] = source.value(k, explorer.position[k])));
        if (!plot._fullLayout) return;
        const [x, y] = axes();
        const at = [left + x._offset + x.d2p(point.now[0]), top + y._offset + y.d2p(point.now[1])];
        handle.style.translate = at.map((v) => `${v}px`).join(" "); // lays out nothing anew
        handle.ariaValueText = place(point);
        handle.ariaValueNow = point.now[0];
        [handle.ariaValueMin, handle.ariaValueMax] = x.range.map((end) => x.l2d(end));
      };
      const follow = (event) => {
        const [x, y] = axes(), box = plot.getBoundingClientRect();
        go([x.p2l(event.clientX - box.left - x._offset), y.p2l(event.clientY - box.top - y._offset)]);
      };
      /* Bring the point to where the pointer is let go, unless it was moved: where there is but one, near or far. */
      const alone = source.points.every((other) => other === point || other.panel !== point.panel);
      const click = (down) => {
        if (alone) addEventListener("pointerup", (up) => {
          if (up.pointerId === down.pointerId && Math.hypot(up.clientX - down.clientX, up.clientY - down.clientY) < 4) follow(up);
        }, { once: true });
      };
      handle.addEventListener("pointerdown", (event) => {
        click(event);
        handle.setPointerCapture(event.pointerId);
        event.preventDefault();
        handle.focus();
      });
      handle.addEventListener("pointermove", (event) => {
        if (handle.hasPointerCapture(event.pointerId)) follow(event);
      });
      handle.addEventListener("keydown", (event) => {
        const up = point.at.length === 1 ? [1, 0] : [0, 1]; // along a line, as with any slider
        const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: up, ArrowDown: up.map((v) => -v) }[event.key];
        if (!step) return;
        event.preventDefault();
        const share = event.shiftKey ? 0.1 : 0.01;
        go(point.now.map((v, i) => {
          const axis = axes()[i], next = axis.d2l(v) + step[i] * share * (axis.range[1] - axis.range[0]);
          // Of a whole number at least one.
          return step[i] && whole(i) && Math.abs(axis.l2d(next) - v) < 1 ? axis.d2l(v + step[i]) : next;
        }));
      });
      // Plotly covers the page while a button is down: a click never reaches the plot.
      plot.addEventListener("pointerdown", (down) => {
        if (plot._fullLayout && down.target.closest(".nsewdrag")) click(down);
      });
      plot.parentElement.append(handle);
      return put;
    });
    source.placed = (moved) => handles.forEach((put) => put(moved));
  }

  return { Computation, normals, number, written, source, drag };
})();
