/* Explorers: figures with controls, drawn by plotly, which show one frame at a time.
 *
 * In a page, each <figure class="it-explorer"> carries a JSON document (see stored.py): constant panels, and for every
 * attribute that varies its distinct values and which one each position of the controls shows. `Stored` (frames.js)
 * unpacks it. In a notebook with a running kernel, live.js follows this file and has the kernel draw the frames. An
 * `Explorer` is the same for both: it shows what its source of frames gives it as the controls move.
 */

Object.assign(implicitTutorial, (() => {
  "use strict";

  const { element } = implicitTutorial;
  const CONFIG = { displayModeBar: false, responsive: false, showTips: false };

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
    return implicitTutorial.merge(template, { layout });
  }

  /* Call `back` whenever the page (data-theme) or JupyterLab (data-jp-theme-…) changes its colours. */
  function onTheme(back) {
    const observer = new MutationObserver(back);
    observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    observer.observe(document.body, { attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
    return observer;
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
      return this.position.some((i, k) => i !== this.source.controls[k].start) || !!this.source.moved;
    }

    get query() {
      const values = this.source.controls.map(
        ({ name }, k) => `${name}=${encodeURIComponent(this.source.written(k, this.position[k]))}`,
      );
      return [...values, ...(this.source.query ?? [])].join("&");
    }

    /* Bring everything in line with the position: labels at once, plots in the next animation frame. */
    refresh() {
      this.inputs.forEach((input, k) => {
        const i = this.position[k], text = this.source.text(k, i);
        this.values[k].textContent = text;
        if (input.matches(".it-switch")) return void (input.querySelectorAll("input")[i].checked = true);
        input.value = i;
        if (input.type !== "range") return;
        input.ariaValueText = text;
        input.style.setProperty("--it-fill", `${(100 * i) / Math.max(input.max, 1)}%`);
        input.nextElementSibling.value = text;
      });
      this.source.words(this.position).forEach((word, k) => (this.values[k].textContent = word));
      this.frame = this.source.frame(this.position);
      this.say();
      this.schedule();
    }

    say() {
      const { line } = this.frame;
      if (this.line && line !== undefined && this.line.textContent !== line) this.line.textContent = line;
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
      this.resize = new ResizeObserver(() => {
        requestAnimationFrame(() => {
          if (this.gone) return;
          this.hold();
          const resized = [];
          for (const plot of this.plots) {
            const width = plot.clientWidth;
            if (width && width !== plot.itWidth) {
              plot.itWidth = width;
              resized.push(this.Plotly.Plots.resize(plot));
            }
          }
          // Resizing leaves words of a legend where they were; laid out a second time they are right.
          if (resized.length) Promise.all(resized).then(() => this.gone || this.redraw());
          this.source.placed?.(true);
        });
      });
      if (this.line) this.resize.observe(this.line);
      this.source.placed?.(true);
      this.plots.forEach((plot) => {
        plot.itWidth = plot.clientWidth;
        this.resize.observe(plot);
      });
    }

    /* The line keeps its height at this width, or a shorter one would move the controls above it. */
    hold() {
      const { line, held } = this, width = line?.clientWidth;
      if (!width) return;
      if (width !== held) line.style.minHeight = "";
      this.held = width;
      line.style.minHeight = `${line.offsetHeight}px`;
    }

    /* The template in the colours of the page. */
    themed() {
      return themed(this.source.template, this.figure);
    }

    retheme() {
      if (!this.Plotly) return;
      this.template = this.themed();
      this.shown.fill(null);
      this.around = []; // of each plot the layout with which it is drawn
      delete this.figure.dataset.shown;
    }

    /* Draw everything anew at once, in the page's colours and at its width of this moment. */
    redraw() {
      if (!this.Plotly) return;
      this.retheme();
      this.draw();
      this.plots.forEach((plot) => (plot.itWidth = plot.clientWidth));
    }

    /* Draw the panels of which something changed. */
    draw() {
      const panels = this.frame.panels();
      this.say();
      panels.forEach(({ key, figure }, p) => {
        if (this.shown[p] === key) return;
        this.shown[p] = key;
        const { data, layout } = figure(), plot = this.plots[p];
        delete layout.height; // the box has it
        const around = this.around[p];
        this.around[p] = implicitTutorial.copy(layout); // plotly writes into its own
        if (around && implicitTutorial.alike(around, layout) && implicitTutorial.move(plot, data)) return;
        Object.assign(layout, { template: this.template, autosize: true, uirevision: this.source.name });
        this.Plotly.react(plot, data, layout, CONFIG);
      });
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

  // ---------------------------------------------------------------- saving

  /* A button that shows a word and is called something longer. */
  const button = (textContent, ariaLabel) => element("button", { type: "button", textContent, ariaLabel });

  /* Behind the caption's last word: “Save”, and what opens when it is pressed. */
  function offerSaving(explorer) {
    const line = element("span", { className: "it-save" });
    const opens = button("Save", "Save this figure");
    const choices = element("span", { hidden: true });
    opens.ariaExpanded = "false";
    const failed = (error) => {
      choices.textContent = ` not saved: ${error.message}`;
      choices.role = "alert";
      console.error(error);
    };
    opens.addEventListener("click", async () => {
      choices.hidden = !choices.hidden;
      opens.ariaExpanded = String(!choices.hidden);
      if (choices.hidden || choices.firstElementChild) return;
      try {
        choices.replaceChildren(...(await implicitTutorial.saving()).choices(explorer, failed));
        choices.role = null;
      } catch (error) {
        failed(error);
      }
    });
    line.append(opens, choices);
    explorer.figure.querySelector("figcaption").append(" ", line);
  }

  // ---------------------------------------------------------------- state in the address

  /* #fig-depth:implicit_scale=0.8&depth=10;fig-cobweb:slope=-2 */
  function states(hash) {
    const parts = hash.slice(1).split(";").map((part) => /^fig-([\w-]+):(.*)$/.exec(part));
    return parts.filter(Boolean).map(([, name, query]) => [name, new URLSearchParams(query)]);
  }

  return { Explorer, button, offerSaving, onTheme, states, themed };
})());
