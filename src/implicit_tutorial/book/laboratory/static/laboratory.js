// @ts-check
/* The bench: what the reader chooses becomes an experiment in the worker, whose rows are drawn as they come.
 * Whatever a file holds reaches the page as text, never as markup. */

var implicitLaboratory = (() => {
  "use strict";

  const HERE = /** @type {HTMLScriptElement} */ (document.currentScript).src;
  const CONFIG = { displayModeBar: false, responsive: false, showTips: false };
  const PACE = { calm: 1000, usual: 90 }; // milliseconds a row of the history
  const PATIENCE = 150; // milliseconds that a slider must rest before a network is made
  const SHOWN = { columns: 12, rows: 4 }; // of the table

  const say = (/** @type {number} */ v, form = ".3g") => implicitComputed.number(v, form);

  class Bench {
    /** @param {HTMLElement} root */
    constructor(root) {
      this.root = root;
      const spec = JSON.parse(/** @type {any} */ (root.querySelector(".it-laboratory-spec")).textContent);
      Object.assign(this, spec);
      this.plots = [...root.querySelectorAll(".it-graph")];
      /** @type {Record<string, any>} */
      this.at = Object.fromEntries([...root.querySelectorAll("[id^=lab-]")].map((one) => [one.id.slice(4), one]));
      this.settings = {};
      this.rows = [];
      this.cursor = 0;
      this.playing = false;
      this.eager = false;
      this.shown = true;
      this.busy = true;
      this.pick(0);
      this.listen();
      new IntersectionObserver((entries, observer) => {
        if (!entries.some((one) => one.isIntersecting)) return;
        observer.disconnect();
        this.open();
      }, { rootMargin: "400px" }).observe(root);
      new IntersectionObserver((entries) => (this.shown = entries[entries.length - 1].isIntersecting)).observe(root);
    }

    async open() {
      this.Plotly = await implicitTutorial.loadPlotly(new URL("plotly.min.js", HERE).href);
      implicitTutorial.onTheme(() => this.retheme());
      this.retheme();
      matchMedia("print").addEventListener("change", () => this.retheme(true));
      const resize = new ResizeObserver(() => requestAnimationFrame(() => this.plots.forEach((plot) => plot.data && this.Plotly.Plots.resize(plot))));
      resize.observe(this.root);
      this.restart();
    }

    // ---------------------------------------------------------------- what the reader chooses

    listen() {
      const { at } = this;
      const on = (/** @type {any} */ node, /** @type {string} */ kind, /** @type {(e: any) => void} */ back) => node.addEventListener(kind, back);
      for (const [name, { values, texts }] of Object.entries(this.controls)) {
        const input = this.root.querySelector(`#fig-laboratory-${name}`);
        const read = () => {
          const slider = input.matches("[type=range]");
          const k = Number((slider ? input : input.querySelector(":checked")).value);
          this.settings[name] = values[k];
          if (!slider) return;
          input.nextElementSibling.value = texts[k];
          input.setAttribute("aria-valuetext", texts[k]);
          input.style.setProperty("--it-fill", `${(100 * k) / (values.length - 1)}%`);
        };
        read();
        on(input, "input", () => {
          read();
          this.change();
        });
      }
      on(at.source, "change", () => {
        this.complain("");
        if (at.source.value === "own") this.take(this.brought);
        else this.pick(Number(at.source.value));
        this.change();
      });
      on(at.target, "change", () => this.change());
      on(at.file, "change", () => {
        if (at.file.files[0]) this.read(at.file.files[0]);
        at.file.value = ""; // so that the same file may be read again
      });
      on(at.use, "click", () => this.offer({ name: "", text: at.text.value, encoding: "" }));
      const drop = this.root.querySelector(".it-drop");
      on(this.root, "dragover", (event) => {
        event.preventDefault();
        drop?.classList.add("it-over");
      });
      on(this.root, "dragleave", () => drop?.classList.remove("it-over"));
      on(this.root, "drop", (event) => {
        event.preventDefault();
        drop?.classList.remove("it-over");
        const { files } = event.dataTransfer, text = event.dataTransfer.getData("text/plain");
        if (files.length > 1) this.complain("These are several files. Drop one table at a time.");
        else if (files.length) this.read(files[0]);
        else if (text) this.offer({ name: "", text, encoding: "" });
      });
      on(at.play, "click", () => {
        // A network that is still to come is trained when it has come.
        if (this.busy) this.eager = !this.eager;
        else this.play(!this.playing);
        if (this.busy) at.play.setAttribute("aria-pressed", String(this.eager));
      });
      on(at.scrub, "input", () => {
        this.play(false);
        this.show(Number(at.scrub.value));
      });
      on(at.copy, "click", () => this.copy());
      on(at.history, "click", () => this.save("history.csv", implicitPython.history(this.rows)));
      on(at.predictions, "click", () => this.save("predictions.csv", implicitPython.predictions(this.prepared, this.rows[this.cursor], this.limit)));
    }

    /** @param {number} k */
    pick(k) {
      this.source = this.examples[k];
      /** @type {any} */ (this.root.querySelector(".it-own")).hidden = true;
    }

    /** @param {File} file */
    async read(file) {
      this.busy = true;
      try {
        if (file.size > 50 * implicitTable.MOST.bytes) throw new implicitTable.Complaint(`${file.name} is far too large for a table of ${implicitTable.MOST.rows} rows.`);
        this.offer({ name: file.name, ...implicitTable.decode(await file.arrayBuffer()) });
      } catch (error) {
        this.refuse(error, file.name);
      }
    }

    /** A text that may be a table; if it is none, everything stays as it was. @param {{name: string, text: string, encoding: string}} given */
    offer(given) {
      try {
        const table = implicitTable.read(given.text);
        const brought = { ...given, table, target: table.names.length - 1 };
        const numbers = this.numbers(brought); // complains, while the last experiment is still there
        implicitSample.prepare(numbers, this.settings.held, this.settings.offset);
        this.complain("");
        this.brought = brought;
        this.take(brought);
        this.change();
      } catch (error) {
        this.refuse(error, given.name);
      }
    }

    /** What is wrong with a table that was brought, and that the one before is still there. */
    refuse(/** @type {any} */ error, /** @type {string} */ name) {
      this.complain(error, name);
      this.at.complaint.textContent += ` What you see below is still ${this.named(this.source)}.`;
    }

    /** @param {any} source */
    named(source) {
      return source.name || "what was pasted";
    }

    /** The sample of a table; a column of words that cannot be an input may be the one to learn. @param {any} brought */
    numbers(brought) {
      try {
        return implicitTable.sample(brought.table, brought.target);
      } catch (error) {
        const { rows, names } = brought.table;
        const words = names.map((_, k) => k).filter((k) => rows.every((row) => Number.isNaN(Number(row[k].replace(",", ".")))) && rows.some((row) => row[k] !== rows[0][k]));
        if (words.length !== 1 || words[0] === brought.target) throw error;
        brought.target = words[0];
        return implicitTable.sample(brought.table, brought.target);
      }
    }

    take(brought) {
      const { at } = this;
      this.source = brought;
      at.source.querySelector("[value=own]").disabled = false;
      at.source.value = "own";
      at.target.replaceChildren(...brought.table.names.map((name, k) => new Option(name.trim() || `column ${k + 1}`, String(k), false, k === brought.target)));
      at.target.value = String(brought.target);
      /** @type {any} */ (this.root.querySelector(".it-own")).hidden = false;
    }

    /** A sentence for the reader; what is not meant for him goes to the console. @param {any} what @param {string} name */
    complain(what, name = "") {
      if (what) this.busy = this.eager = false;
      const said = what instanceof Error ? what.message : what;
      this.at.complaint.textContent = said && name ? `${name}: ${said}` : said;
      if (what instanceof Error && !(what instanceof implicitTable.Complaint)) console.error(what);
    }

    change() {
      this.busy = true;
      clearTimeout(this.resting);
      this.resting = setTimeout(() => this.restart(), PATIENCE);
    }

    // ---------------------------------------------------------------- an experiment

    /** Whether the network of the present choice is still to come. */
    get busy() {
      return this.root.ariaBusy === "true";
    }

    set busy(/** @type {boolean} */ on) {
      this.root.ariaBusy = on ? "true" : null;
    }

    /** A new network; nothing is trained before the reader says so. */
    async restart() {
      this.play(false);
      this.at.play.setAttribute("aria-pressed", String(this.eager));
      this.worker?.close();
      const { source, settings } = this;
      try {
        if (source.table) {
          source.target = Number(this.at.target.value);
          const numbers = implicitTable.sample(source.table, source.target);
          this.prepared = implicitSample.prepare(numbers, settings.held, settings.offset);
          Object.assign(source, { classes: numbers.classes, columns: numbers.names });
        const constant = numbers.names.filter((_, k) => this.prepared.scale[k] === Infinity);
        const left = constant.length ? ` ${constant.length > 1 ? `${constant.length} columns never change and are` : `Column “${constant[0].trim()}” never changes and is`} left out.` : "";
        this.at.found.textContent = `${source.name || "What was pasted"}: ${implicitTable.understood(source.table)}${left}`;
          this.complain("");
        } else this.prepared = implicitSample.ready(source);
      } catch (error) {
        this.forget();
        return this.complain(error, source.name);
      }
      this.tabulate();
      this.forget();
      this.at.before.textContent = "Making the network …";
      const worker = (this.worker = new implicitExperiment.Laboratory());
      try {
        const { width, implicit_scale, output_scale, seed } = settings;
        const sample = implicitSample.given(this.prepared);
        const row = await worker.ask("begin", { programs: this.programs, sample, settings: { width, implicit_scale, output_scale, seed } });
        if (worker !== this.worker) return;
        this.arrived(row);
        this.show(0);
        const limit = await worker.ask("limit");
        if (worker !== this.worker) return;
        this.limit = limit;
        this.foresee();
        this.show(this.cursor);
        this.busy = false;
        if (this.eager) {
          this.eager = false;
          this.play(true);
        }
      } catch (error) {
        if (worker === this.worker) this.complain(error);
      }
    }

    /** Nothing is left of the experiment before. */
    forget() {
      [this.rows, this.limit, this.lost, this.cursor] = [[], null, null, 0];
      this.at.before.textContent = "";
      this.show(0);
    }

    arrived(row) {
      if (row.lost) this.lost = row;
      else this.rows.push(row);
      this.at.scrub.max = String(Math.max(this.rows.length - 1, 0));
    }

    /** What is known before training. */
    foresee() {
      const { limit, settings, prepared } = this;
      if (limit.same) {
        const [i, j] = limit.same.map((k) => k + 1);
        this.at.before.textContent = `Samples ${i} and ${j} are the same input once they are on the sphere, so the kernel is singular: no finite price buys two answers for one input. Nothing is predicted.`;
        return;
      }
      const unit = this.source.table ? " of the labels' variance" : "";
      const lazy = (settings.implicit_scale * Math.sqrt(limit.price / settings.width)) / settings.output_scale;
      this.at.before.textContent =
        `At infinite width the labels cost ${say(limit.price)}; the same labels in another order would cost ${say(limit.other_price)}. ` +
        `Trained to the end, the infinitely wide network errs on the ${prepared.y_test.length} rows held out by ${say(limit.predicted_error)}${unit}. ` +
        `Lazy training would move A by ${say(lazy)}.`;
      this.moves = lazy;
    }

    play(/** @type {boolean} */ on) {
      const { at } = this;
      if (on && this.done && this.cursor >= this.rows.length - 1) this.show(0);
      this.playing = on && this.rows.length > 0;
      at.play.setAttribute("aria-pressed", String(this.playing));
      at.said.setAttribute("aria-live", this.playing ? "off" : "polite");
      at.play.firstElementChild.textContent = this.playing ? "Pause" : this.done && this.cursor >= this.rows.length - 1 ? "Play again" : "Play";
      clearTimeout(this.ticking);
      if (this.playing) this.tick();
      else this.write();
    }

    /** Nothing is left to compute. */
    get done() {
      return Boolean(this.lost || this.rows.at(-1)?.ended);
    }

    /** The next row: one that is there, or one that the worker is asked for. */
    async tick() {
      const begun = performance.now(), { worker } = this;
      if (this.shown && !document.hidden) {
        if (this.cursor >= this.rows.length - 1) {
          if (this.done) return this.play(false);
          try {
            const row = await worker.ask("next");
            if (worker !== this.worker) return;
            this.arrived(row);
          } catch (error) {
            this.complain(error);
            return this.play(false);
          }
        }
        if (this.playing) this.show(Math.min(this.cursor + 1, this.rows.length - 1));
        if (this.lost) return this.play(false);
      }
      if (!this.playing) return;
      const pace = matchMedia("(prefers-reduced-motion: reduce)").matches ? PACE.calm : PACE.usual;
      clearTimeout(this.ticking);
      this.ticking = setTimeout(() => this.tick(), Math.max(0, pace - (performance.now() - begun)));
    }

    // ---------------------------------------------------------------- what is seen

    /** @param {number} k  a row of the history */
    show(k) {
      this.cursor = k;
      const { at } = this, row = this.rows[k];
      at.scrub.value = String(k);
      at.scrub.style.setProperty("--it-fill", `${(100 * k) / Math.max(this.rows.length - 1, 1)}%`);
      at.scrub.nextElementSibling.value = row ? `step ${row.step}` : "";
      at.scrub.setAttribute("aria-valuetext", row ? `step ${row.step}` : "none");
      this.tell(row);
      this.conditions(row);
      if (!this.playing) this.write();
      this.dirty = new Set(this.plots.keys());
      this.draw();
    }

    tell(row) {
      const { at, lost, prepared } = this;
      const sentences = [];
      if (row) {
        const n = prepared.y.length;
        sentences.push(`Step ${row.step}, time ${say(row.time)}. Mean square error on the samples ${say((2 * row.train_loss) / n)}, lazy ${say((2 * row.lazy_loss) / n)}; on the rows held out ${say(row.test_error)}, lazy ${say(row.lazy_test_error)}.`);
        const classes = this.source.classes;
        if (classes) {
          const middle = -prepared.label_mean / prepared.label_scale; // of −1 and 1
          const right = prepared.labels_test.filter((y, i) => y > middle === row.f[i] > middle).length;
          sentences.push(`Held out, ${right} of ${prepared.labels_test.length} are told right (+1: ${classes[1].trim()}).`);
        }
      }
      if (lost && this.cursor >= this.rows.length - 1) {
        sentences.push(`${lost.step ? `In step ${lost.step} this network lost its equilibrium` : "From the start this network has no equilibrium"}: its sweeps no longer settle, and there is no function any more. A wider network, a larger output_scale or a smaller implicit_scale keeps it.`);
        if (!row) this.at.before.textContent = "";
      }
      at.said.textContent = sentences.join(" ");
    }

    conditions(row) {
      const list = [["‖A‖", "2", "", "norm_A"], ["λ", "max", "((A + Aᵀ)/2)", "monotone"], ["‖A‖", "∞", "", "row_sum"]];
      this.at.conditions.replaceChildren(
        ...list.map(([letter, index, of, name]) => {
          const item = document.createElement("li"), small = document.createElement("sub");
          const holds = row && row[name] < 1;
          small.textContent = index;
          // Near 1 it takes more digits to see on which side.
          const value = row && (Math.abs(row[name] - 1) < 0.005 ? row[name].toFixed(5) : say(row[name]));
          item.append(row ? `${holds ? "✓" : "✗"} ${letter}` : letter, small, of);
          item.append(row ? ` = ${value}, ${holds ? "below 1: exactly one equilibrium, whatever the input" : "not below 1: promises nothing"}` : ": no network");
          return item;
        }),
      );
    }

    /** The table as the network takes it. Everything is text. */
    tabulate() {
      const { prepared, source, at } = this;
      if (!source.table) return;
      const cell = (/** @type {string} */ kind, /** @type {string} */ text) => Object.assign(document.createElement(kind), { textContent: text, ...(kind === "th" && { scope: "row" }) });
      const head = document.createElement("tr");
      const rows = prepared.X.slice(0, SHOWN.rows);
      head.append(...["column", "mean", "deviation", ...rows.flatMap((_, i) => [`row ${i + 1}`, "scaled"])].map((text) => Object.assign(cell("th", text), { scope: "col" })));
      const line = (name, mean, scale, raw, scaled) => {
        const tr = document.createElement("tr");
        tr.append(cell("th", name), cell("td", say(mean)), cell("td", scale === Infinity ? "constant, left out" : say(scale)), ...raw.flatMap((v, i) => [cell("td", Number.isNaN(v) ? "" : say(v)), cell("td", say(scaled[i]))]));
        return tr;
      };
      const body = source.columns.slice(0, SHOWN.columns).map((name, k) => line(name.trim(), prepared.mean[k], prepared.scale[k], rows.map((row) => row[k]), rows.map((_, i) => prepared.Z[i][k])));
      const rest = source.columns.length - SHOWN.columns;
      if (rest > 0) body.push(line(`and ${rest} more`, NaN, NaN, rows.map(() => NaN), rows.map(() => NaN)));
      if (this.settings.offset) body.push(line("offset", NaN, NaN, rows.map(() => this.settings.offset), rows.map((_, i) => prepared.Z[i].at(-1))));
      body.push(line(`${source.table.names[source.target].trim()} (to learn)`, prepared.label_mean, prepared.label_scale, prepared.y.slice(0, SHOWN.rows), prepared.labels.slice(0, SHOWN.rows)));
      at.table.replaceChildren(head, ...body);
    }

    // ---------------------------------------------------------------- plots

    /** All plots in the page's colours; `now`: the browser lays paper out at once. */
    retheme(now = false) {
      if (!this.Plotly) return;
      this.theme = implicitTutorial.themed(this.template, this.root);
      this.dirty = new Set(this.plots.keys());
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
      this.Plotly.react(this.plots[p], data, { ...whole, height: undefined, template: this.theme, autosize: true }, CONFIG);
      this.plots[p].classList.add("it-plot"); // from now on it is one
    }

    /** What a plot shows: its panel, x and y by name of the trace, and what of the layout changes. @param {number} p */
    panel(p) {
      const { prepared, limit, panels } = this;
      const rows = this.rows.slice(0, this.cursor + 1), row = rows.at(-1);
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
      return { panel: panels[4], layout: { xaxis }, values: { "movement of A": of("movement"), ...(limit?.price > 0 && { "lazy, infinite width, at the end": level(this.moves) }) } };
    }

    /** A logarithmic axis of whole decades around these. @param {number} p  a panel @param {number[]} shown */
    decades(p, shown) {
      const powers = shown.filter((v) => v > 0 && Number.isFinite(v)).map(Math.log10);
      const low = Math.floor(Math.min(...powers)), high = Math.max(Math.ceil(Math.max(...powers)), low + 1);
      return powers.length ? { yaxis: { ...this.panels[p].layout.yaxis, range: [low, high], dtick: Math.ceil((high - low) / 6) } } : {};
    }

    learned(row, back) {
      const { prepared, limit, panels } = this, { grid } = prepared, t = prepared.y_test.length;
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
      const { prepared, panels } = this, ends = [Math.min(...prepared.y), Math.max(...prepared.y)];
      return { panel: panels[1], layout: {}, values: { "output = label": [ends, ends], samples: [prepared.y, back(row.f_train)], "held out": [prepared.y_test, back(row.f.slice(0, prepared.y_test.length))] } };
    }

    // ---------------------------------------------------------------- what the reader takes along

    write() {
      if (!this.prepared) return;
      const last = this.rows.at(-1)?.step || implicitExperiment.STEPS;
      this.at.python.textContent = implicitPython.code(this.source, this.prepared, this.settings, this.lost?.step || last, Boolean(this.limit && !this.limit.same));
    }

    async copy() {
      const { python, copied } = this.at;
      try {
        await navigator.clipboard.writeText(python.textContent);
        copied.textContent = "Copied.";
      } catch {
        getSelection()?.selectAllChildren(python);
        copied.textContent = "The browser does not let this page copy; the Python is selected.";
      }
    }

    /** @param {string} name @param {string} text */
    save(name, text) {
      if (!this.rows.length) return;
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    }
  }

  /** @type {Bench[]} */ const benches = [];
  implicitTutorial.whenParsed(() => document.querySelectorAll(".it-laboratory").forEach((root) => benches.push(new Bench(/** @type {any} */ (root)))));
  return { benches };
})();
