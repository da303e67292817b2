// @ts-check
/* The bench: what the reader chooses becomes an experiment in the worker, whose rows are shown as they come. */

var implicitLaboratory = (() => {
  "use strict";

  const PACE = { calm: 1000, usual: 90 }; // milliseconds a row of the history
  const PATIENCE = 150; // milliseconds that a slider must rest before a network is made

  class Bench {
    /** @param {HTMLElement} root */
    constructor(root) {
      this.root = root;
      const spec = JSON.parse(/** @type {any} */ (root.querySelector(".it-laboratory-spec")).textContent);
      Object.assign(this, spec);
      this.plots = new implicitPlots.Plots(root, spec);
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
      await this.plots.open();
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
        const { target, numbers } = implicitTable.guessed(table); // complains, while the last experiment is still there
        implicitSample.prepare(numbers, this.settings.held, this.settings.offset);
        this.complain("");
        this.take((this.brought = { ...given, table, target }));
        this.change();
      } catch (error) {
        this.refuse(error, given.name);
      }
    }

    /** What is wrong with a table that was brought, and that the one before is still there. */
    refuse(/** @type {any} */ error, /** @type {string} */ name) {
      this.complain(error, name);
      this.at.complaint.textContent += ` What you see below is still ${this.source.name || "what was pasted"}.`;
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
        this.prepared = null;
        for (const name of ["found", "table", "python"]) this.at[name].replaceChildren();
        this.forget();
        return this.complain(error, source.name);
      }
      if (source.table) this.at.table.replaceChildren(...implicitWords.table(source, this.prepared, settings.offset));
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
      this.at.play.firstElementChild.textContent = "Play";
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
      this.moves = (settings.implicit_scale * Math.sqrt(limit.price / settings.width)) / settings.output_scale;
      this.at.before.textContent = implicitWords.foreseen(limit, prepared, Boolean(this.source.table), this.moves);
    }

    play(/** @type {boolean} */ on) {
      const { at } = this;
      if (on && this.done && this.last) this.show(0);
      this.playing = on && this.rows.length > 0;
      at.play.setAttribute("aria-pressed", String(this.playing));
      at.said.setAttribute("aria-live", this.playing ? "off" : "polite");
      at.play.firstElementChild.textContent = this.playing ? "Pause" : this.done && this.rows.length && this.last ? "Play again" : "Play";
      clearTimeout(this.ticking);
      if (this.playing) this.tick();
      else this.write();
    }

    /** Whether no row lies behind the one that is shown. */
    get last() {
      return this.cursor >= this.rows.length - 1;
    }

    /** Nothing is left to compute. */
    get done() {
      return Boolean(this.lost || this.rows.at(-1)?.ended);
    }

    /** The next row: one that is there, or one that the worker is asked for. */
    async tick() {
      const begun = performance.now(), { worker } = this;
      if (this.shown && !document.hidden) {
        if (this.last) {
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
      at.conditions.replaceChildren(...implicitWords.conditions(row));
      if (!this.playing) this.write();
      const { prepared, limit, moves } = this;
      this.plots.show({ prepared, limit, moves, rows: this.rows.slice(0, k + 1) });
    }

    /** The sentences of a row, if there is one, and of what was lost behind the last. @param {any} row */
    tell(row) {
      const { lost } = this;
      const ended = lost && this.last;
      const sentences = [row && implicitWords.told(row, this.prepared, this.source.classes), ended && implicitWords.lost(lost)];
      this.at.said.textContent = sentences.filter(Boolean).join(" ");
    }

    // ---------------------------------------------------------------- what the reader takes along

    write() {
      if (!this.prepared) return;
      const last = this.rows.at(-1)?.step || implicitExperiment.STEPS;
      this.at.python.textContent = implicitPython.code(this.source, this.prepared, this.settings, this.lost?.step || last, Boolean(this.limit && !this.limit.same));
      this.at.python.tabIndex = 0; // the theme, which looks when all is quiet, may have seen it empty
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
