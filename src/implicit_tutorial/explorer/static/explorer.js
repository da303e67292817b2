/* Explorers: figures with controls, drawn by plotly, which show one frame at a time.
 *
 * In a page, each <figure class="it-explorer"> carries a JSON document (see stored.py): constant panels, and for every
 * attribute that varies its distinct values and which one each position of the controls shows. `Stored` unpacks it when
 * the figure comes near the window. In a notebook with a running kernel, live.js follows this file and has the kernel
 * draw the frames. An `Explorer` is the same for both: it shows what its source of frames gives it as the controls move.
 */

// `var`: a page's script, but also the head of a module that live.js ends.
var implicitTutorial = (() => {
  "use strict";

  const HERE = document.currentScript?.src; // none in a module
  const CONFIG = { displayModeBar: false, responsive: false, showTips: false };

  // ---------------------------------------------------------------- plotly

  function loadPlotly(src) {
    return new Promise((resolve, reject) => {
      if (window.Plotly) return resolve(window.Plotly);
      // Where a module loader such as require.js is present, plotly would register there and not as window.Plotly.
      const define = window.define;
      window.define = undefined;
      const script = document.createElement("script");
      script.src = src;
      script.onload = () => {
        window.define = define;
        resolve(window.Plotly);
      };
      script.onerror = () => {
        window.define = define;
        reject(new Error(`The plotting library did not load from ${src}.`));
      };
      document.head.append(script);
    });
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

  // ---------------------------------------------------------------- theme

  /* The colours that the page's style sheet sets for the current theme, as a plotly template. */
  function themed(template, element) {
    const style = getComputedStyle(element);
    const color = (name) => style.getPropertyValue(name).trim();
    const [ink, muted, grid, line, surface] = ["ink", "muted", "grid", "line", "surface"].map((n) => color(`--it-${n}`));
    const axis = { gridcolor: grid, zerolinecolor: line, linecolor: line, tickfont: { color: muted } };
    const layout = {
      font: { color: ink, family: style.fontFamily },
      xaxis: axis,
      yaxis: axis,
      annotationdefaults: { arrowcolor: muted, font: { color: ink } },
      hoverlabel: { bgcolor: surface, bordercolor: line, font: { color: ink, family: style.fontFamily } },
      scene: { xaxis: axis, yaxis: axis, zaxis: axis },
      polar: { angularaxis: axis, radialaxis: axis },
    };
    return merge(template, { layout });
  }

  /* Call `back` whenever the page (data-theme) or JupyterLab (data-jp-theme-…) changes its colours. */
  function onTheme(back) {
    const observer = new MutationObserver(back);
    observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    observer.observe(document.body, { attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
    return observer;
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

    /* What paper says of each handle. */
    words(position) {
      return this.controls.map((_, k) => this.text(k, position[k]));
    }

    place(k, wanted) {
      const { values } = this.controls[k];
      if (typeof values[0] === "string") return Math.max(values.indexOf(wanted), 0);
      const gaps = values.map((value) => Math.abs(value - Number(wanted)));
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

  // ---------------------------------------------------------------- one explorer

  class Explorer {
    /* `moved` is called when the reader has moved a control. */
    constructor(figure, source, moved) {
      this.figure = figure;
      this.source = source;
      this.position = [...source.start];
      this.plots = [...figure.querySelectorAll(".it-plot")];
      this.inputs = [...figure.querySelectorAll(".it-control > :is([type=range], select, .it-switch)")];
      this.values = [...figure.querySelectorAll(".it-state .it-value")];
      this.line = figure.querySelector(".it-readout");
      this.inputs.forEach((input, k) => {
        input.addEventListener("input", ({ target }) => {
          this.position[k] = Number(target.value);
          this.refresh();
          moved?.(this);
        });
      });
      this.refresh();
      this.near = new IntersectionObserver((entries, observer) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        observer.disconnect();
        this.mount().catch((error) => this.fail(error));
      }, { rootMargin: "400px" });
      this.near.observe(figure);
    }

    /* Move the controls to `query`'s values: the nearest number, the same string; the start for what is not named. */
    restore(query) {
      this.position = this.source.controls.map(({ name, start }, k) => {
        const wanted = query.get(name);
        return wanted === null || wanted === "" ? start : this.source.place(k, wanted);
      });
      this.source.restore?.(query);
      this.refresh();
    }

    get moved() {
      return this.position.some((i, k) => i !== this.source.controls[k].start) || Boolean(this.source.moved);
    }

    get query() {
      const values = this.source.controls.map(
        ({ name }, k) => `${name}=${encodeURIComponent(this.source.value(k, this.position[k]))}`,
      );
      return [...values, ...(this.source.query ?? [])].join("&");
    }

    /* Bring everything in line with the position: labels at once, plots in the next animation frame. */
    refresh() {
      this.inputs.forEach((input, k) => {
        const { texts } = this.source.controls[k];
        const i = this.position[k];
        this.values[k].textContent = this.source.text(k, i);
        if (input.matches(".it-switch")) return void (input.querySelectorAll("input")[i].checked = true);
        input.value = i;
        if (input.type !== "range") return;
        input.setAttribute("aria-valuetext", this.source.text(k, i));
        input.style.setProperty("--it-fill", `${(100 * i) / Math.max(texts.length - 1, 1)}%`);
        input.nextElementSibling.value = this.source.text(k, i);
      });
      this.source.words(this.position).forEach((word, k) => (this.values[k].textContent = word));
      this.frame = this.source.frame(this.position);
      this.say();
      this.schedule();
    }

    say() {
      const { line } = this.frame;
      if (!this.line || line === undefined || this.line.textContent === line) return;
      this.line.style.minHeight = `${this.line.offsetHeight}px`; // or a shorter line would move the controls above it
      this.line.textContent = line;
    }

    schedule() {
      if (!this.Plotly || this.pending) return;
      this.pending = requestAnimationFrame(() => {
        this.pending = null;
        this.draw();
      });
    }

    /* Fetch what drawing needs, once. */
    open() {
      this.opening ??= this.source.open().then((Plotly) => (this.ready = Plotly));
      return this.opening;
    }

    async mount() {
      await this.open();
      this.begin();
    }

    /* Draw for the first time, if all is there that drawing needs. */
    begin() {
      if (this.gone || this.Plotly || !this.ready) return;
      this.Plotly = this.ready;
      this.shown = this.plots.map(() => null);
      this.retheme();
      this.frame = this.source.frame(this.position); // an open source may know more
      this.draw();
      this.follow();
    }

    /* The figure follows its column's width, also when a sidebar or a fold changes it. */
    follow() {
      this.resize = new ResizeObserver((entries) => {
        requestAnimationFrame(() => {
          if (this.gone) return;
          for (const { target } of entries) {
            const width = Math.round(target.clientWidth);
            if (width && width !== target.itWidth) {
              target.itWidth = width;
              if (this.line) this.line.style.minHeight = "";
              this.Plotly.Plots.resize(target);
            }
          }
          this.source.placed?.();
        });
      });
      this.plots.forEach((plot) => {
        plot.itWidth = Math.round(plot.clientWidth);
        this.resize.observe(plot);
      });
    }

    /* The template in the colours of the page. */
    themed() {
      return themed(this.source.template, this.figure);
    }

    retheme() {
      if (!this.Plotly) return;
      this.template = this.themed();
      this.shown.fill(null);
      delete this.figure.dataset.shown;
    }

    /* Draw everything anew at once, in the page's colours and at its width of this moment. */
    redraw() {
      if (!this.Plotly) return;
      this.retheme();
      this.draw();
      this.plots.forEach((plot) => (plot.itWidth = Math.round(plot.clientWidth)));
    }

    /* Draw the panels of which something changed. */
    draw() {
      this.frame.panels().forEach(({ key, figure }, p) => {
        if (this.shown[p] === key) return;
        this.shown[p] = key;
        const { data, layout } = figure();
        delete layout.height; // the box has it
        Object.assign(layout, { template: this.template, autosize: true, uirevision: this.source.name });
        this.Plotly.react(this.plots[p], data, layout, CONFIG);
      });
      this.say();
      this.source.placed?.();
      this.figure.dataset.shown = this.frame.drawn.join(" ");
      if (this.frame.unfinished !== undefined) this.figure.ariaBusy = this.frame.unfinished ? "true" : null;
      if (this.frame.unfinished) this.schedule();
    }

    fail(error) {
      this.plots[0].textContent = error.message;
      this.plots[0].classList.add("it-failed");
      console.error(error);
    }

    /* Let go of everything that would outlive the figure. */
    dispose() {
      this.gone = true;
      this.near.disconnect();
      this.resize?.disconnect();
      cancelAnimationFrame(this.pending);
      if (this.Plotly) this.plots.forEach((plot) => this.Plotly.purge(plot));
    }
  }

  // ---------------------------------------------------------------- state in the address

  /* #fig-depth:implicit_scale=0.8&depth=10;fig-cobweb:slope=-2 */
  function states(hash) {
    const parts = hash.slice(1).split(";").map((part) => /^fig-([\w-]+):(.*)$/.exec(part));
    return parts.filter(Boolean).map(([, name, query]) => [name, new URLSearchParams(query)]);
  }

  const explorers = new Map(); // those of a page, by name

  function restoreAll() {
    const known = states(location.hash).filter(([name]) => explorers.has(name));
    known.forEach(([name, query]) => explorers.get(name).restore(query));
    return known.length ? explorers.get(known[0][0]).figure : null;
  }

  let timer;
  let order = []; // the explorer moved last comes first, for a link opens there

  function remember(explorer) {
    order = [explorer, ...order.filter((other) => other !== explorer)];
    clearTimeout(timer);
    // Browsers limit how often a page may change its address.
    timer = setTimeout(() => {
      const moved = order.filter((one) => one.moved).map((one) => `fig-${one.source.name}:${one.query}`);
      history.replaceState(history.state, "", `#${moved.join(";") || `fig-${explorer.source.name}`}`);
    }, 200);
  }

  // ---------------------------------------------------------------- start

  function start() {
    document.querySelectorAll("figure.it-explorer").forEach((figure) => {
      const spec = JSON.parse(figure.querySelector("script.it-spec").textContent);
      const source = spec.computed ? implicitComputed.source(Stored, spec) : new Stored(spec);
      const explorer = new Explorer(figure, source, remember);
      explorers.set(source.name, explorer);
      if (!spec.computed) return;
      implicitComputed.play(explorer, remember);
      implicitComputed.drag(explorer, remember);
    });
    if (!explorers.size) return;
    order = [...explorers.values()];
    const opened = restoreAll();
    if (opened) {
      opened.scrollIntoView();
      // Fonts and formulae that arrive later move the figure away again.
      if (document.readyState !== "complete") addEventListener("load", () => opened.scrollIntoView(), { once: true });
    }
    addEventListener("hashchange", () => restoreAll()?.scrollIntoView());
    onTheme(() => explorers.forEach((one) => (one.retheme(), one.schedule())));
  }

  /* Call `back` when the page's elements are there. */
  function whenParsed(back) {
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", back);
    else back();
  }

  if (HERE !== undefined) whenParsed(start);

  return { Explorer, Source, explorers, loadPlotly, onTheme, revive, split, states, whenParsed };
})();
