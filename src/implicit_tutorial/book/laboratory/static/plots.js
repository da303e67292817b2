// @ts-check
/* What the plots of the bench show: the function, and how error, eigenvalues and matrix went in training. */

var implicitPlots = (() => {
  "use strict";

  const HERE = /** @type {HTMLScriptElement} */ (document.currentScript).src;
  const CONFIG = { displayModeBar: false, responsive: false, showTips: false };

  /** What is known of an experiment: its sample, the rows of the history up to the present one, what is foreseen at
   * infinite width, and how far lazy training would move A.
   * @typedef {{prepared?: any, rows: any[], limit?: any, moves?: number}} Known */

  class Plots {
    /** @param {HTMLElement} root @param {{panels: any[], template: any}} spec */
    constructor(root, { panels, template }) {
      Object.assign(this, { root, panels, template });
      this.boxes = [...root.querySelectorAll(".it-graph")];
      /** @type {Known} */ this.known = { rows: [] };
    }

    async open() {
      this.Plotly = await implicitTutorial.loadPlotly(new URL("plotly.min.js", HERE).href);
      implicitTutorial.onTheme(() => this.retheme());
      this.retheme();
      matchMedia("print").addEventListener("change", () => this.retheme(true));
      const resize = new ResizeObserver(() => requestAnimationFrame(() => this.boxes.forEach((box) => box.data && this.Plotly.Plots.resize(box))));
      resize.observe(this.root);
    }

    /** @param {Known} known */
    show(known) {
      this.known = known;
      this.dirty = new Set(this.boxes.keys());
      this.draw();
    }

    /** All plots in the page's colours; `now`: the browser lays paper out at once. */
    retheme(now = false) {
      if (!this.Plotly) return;
      this.theme = implicitTutorial.themed(this.template, this.root);
      this.dirty = new Set(this.boxes.keys());
      if (now) for (const p of this.dirty) this.plot(p);
      else this.draw();
    }

    /** One plot a frame. */
    draw() {
      if (this.drawing || !this.Plotly) return;
      this.drawing = requestAnimationFrame(() => {
        this.drawing = 0;
        const [p] = this.dirty;
        if (p === undefined) return;
        this.plot(p);
        this.draw();
      });
    }

    /** @param {number} p */
    plot(p) {
      this.dirty.delete(p);
      const { panel, values, layout } = this.panel(p);
      const data = panel.data.map((trace) => {
        const [x, y] = values[trace.name] ?? [[], []];
        return { ...trace, x, y, ...(x.length === 1 && { mode: "markers" }) }; // a line of one point would not be seen
      });
      const whole = structuredClone({ ...panel.layout, ...layout }); // plotly writes into it
      this.Plotly.react(this.boxes[p], data, { ...whole, height: undefined, template: this.theme, autosize: true }, CONFIG);
      this.boxes[p].classList.add("it-plot"); // from now on it is one
    }

    /** What a plot shows: its panel, x and y by name of the trace, and what of the layout changes. @param {number} p */
    panel(p) {
      const { panels, known: { prepared, rows, limit, moves } } = this, row = rows.at(-1);
      if (!row) return { panel: panels[p && p + 1], values: {}, layout: {} };
      const back = (/** @type {any} */ f) => Array.from(f, (v) => v * prepared.label_scale + prepared.label_mean);
      if (p === 0) return prepared.grid ? this.learned(row, back) : this.against(row, back);
      const steps = rows.map(({ step }) => step);
      const span = [0, steps.at(-1) || 1], xaxis = { ...panels[p + 1].layout.xaxis, range: span };
      const of = (/** @type {string} */ name, factor = 1) => [steps, rows.map((one) => factor * one[name])];
      const level = (/** @type {number} */ v) => [span, [v, v]];
      if (p === 1) {
        const share = 2 / prepared.y.length;
        const ends = limit?.predicted_error > 0 ? { "held out, infinite width, at the end": level(limit.predicted_error) } : {};
        const shown = ["train_loss", "lazy_loss"].flatMap((name) => of(name, share)[1]).concat(of("test_error")[1], of("lazy_test_error")[1]);
        return { panel: panels[2], layout: { xaxis, ...this.decades(2, shown) }, values: { ...ends, samples: of("train_loss", share), "samples, lazy": of("lazy_loss", share), "held out": of("test_error"), "held out, lazy": of("lazy_test_error") } };
      }
      if (p === 2) return { panel: panels[3], layout: { xaxis, ...this.decades(3, [...of("lambda_max")[1], ...of("lambda_min")[1]]) }, values: { largest: of("lambda_max"), smallest: of("lambda_min") } };
      return { panel: panels[4], layout: { xaxis }, values: { "movement of A": of("movement"), ...(limit?.price > 0 && { "lazy, infinite width, at the end": level(moves) }) } };
    }

    /** A logarithmic axis of whole decades around these. @param {number} p  a panel @param {number[]} shown */
    decades(p, shown) {
      const powers = shown.filter((v) => v > 0 && Number.isFinite(v)).map(Math.log10);
      const low = Math.floor(Math.min(...powers)), high = Math.max(Math.ceil(Math.max(...powers)), low + 1);
      return powers.length ? { yaxis: { ...this.panels[p].layout.yaxis, range: [low, high], dtick: Math.ceil((high - low) / 6) } } : {};
    }

    learned(row, back) {
      const { panels, known: { prepared, limit } } = this, { grid } = prepared, t = prepared.y_test.length;
      const angle = grid.title.startsWith("input angle");
      const at = angle ? prepared.Z_test.map(([a, b]) => ((Math.atan2(b, a) * 180) / Math.PI + 360) % 360) : prepared.X_test.map(([v]) => v);
      const values = {
        "held out": [at, prepared.y_test], samples: [grid.at, prepared.y], network: [grid.x, back(row.f.slice(t))],
        "lazy prediction": [grid.x, back(row.f_lazy_seen.slice(t))],
        "infinite width, at the end": limit?.ends ? [grid.x, back(limit.ends.slice(t))] : undefined,
      };
      const ticks = [0, 90, 180, 270, 360];
      const xaxis = { ...panels[0].layout.xaxis, title: { text: grid.title }, ...(angle && { range: [0, 360], tickvals: ticks, ticktext: ticks.map((v) => `${v}°`) }) };
      return { panel: panels[0], values, layout: { xaxis } };
    }

    against(row, back) {
      const { panels, known: { prepared } } = this, ends = [Math.min(...prepared.y), Math.max(...prepared.y)];
      return { panel: panels[1], layout: {}, values: { "output = label": [ends, ends], samples: [prepared.y, back(row.f_train)], "held out": [prepared.y_test, back(row.f.slice(0, prepared.y_test.length))] } };
    }
  }

  return { Plots };
})();
