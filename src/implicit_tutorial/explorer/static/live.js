/* The end of the module of a live explorer (widgets.py): frames come from the kernel that runs behind the notebook. */

// Modules are loaded once a widget; what must be there once a browser page is kept here.
const page = (globalThis.implicitTutorialPage ??= {});

/* The promise of plotly, whose code comes with a kernel's first figure. */
function plotly() {
  if (!page.plotly) {
    page.plotly = new Promise((resolve) => (page.give = resolve)).then((code) => {
      const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
      return implicitTutorial.loadPlotly(url).finally(() => URL.revokeObjectURL(url));
    });
    page.plotly.then(() => (page.ready = true), () => {}); // a figure that fails to open says why
  }
  return page.plotly;
}

function initialize({ model }) {
  plotly();
  const code = model.get("plotly");
  if (code.byteLength) page.give(code);
}

/* Where the first figure is not in this page, another asks its kernel; if that is gone or busy, the next asks its own.
 * Returns a function that gives up. */
function askForPlotly(model) {
  const receive = (message, buffers) => message.plotly && page.give(buffers[0]);
  const ask = () => {
    if (page.ready) return leave();
    if (Date.now() - (page.asked ?? 0) < 10_000) return;
    page.asked = Date.now();
    clearInterval(again);
    model.send({ ask: "plotly" });
  };
  const leave = () => {
    clearInterval(again);
    model.off("msg:custom", receive);
  };
  const again = setInterval(ask, 1000);
  model.on("msg:custom", receive);
  return leave;
}

/* The frames of a kernel. One is asked for at a time; by its answer, the controls may have moved on. */
class Kernel extends implicitTutorial.Source {
  constructor(model, figure) {
    super();
    this.model = model;
    this.figure = figure;
    Object.assign(this, model.get("spec"));
    this.start = model.get("frame").position;
  }

  open() {
    this.leave = askForPlotly(this.model);
    return plotly();
  }

  /* The last frame that the kernel has drawn; if it is not that of `position`, the kernel is asked for it. */
  frame(position) {
    const frame = this.model.get("frame");
    if (!same(frame.position, position) || frame.unfinished) this.ask(position);
    const { drawn, keys, error, readout } = frame;
    return {
      drawn,
      line: error ? `${error}\nThe figure still shows the previous values.` : readout,
      panels: () => this.panels(frame).map((panel, p) => ({ key: keys[p], figure: () => structuredClone(panel) })),
    };
  }

  ask(position) {
    // A question that was lost with its connection must not stand in the way of all others.
    if (this.asked && Date.now() - this.at < 10_000) return;
    this.asked = [...position];
    this.at = Date.now();
    this.model.send({ ask: "frame", position: this.asked });
    this.figure.ariaBusy = "true";
  }

  /* Whether a frame that has come is the answer to the last question. */
  answered(position) {
    if (!this.asked || !same(position, this.asked)) return false;
    this.asked = null;
    this.figure.ariaBusy = null;
    return true;
  }

  panels({ panels, arrays }) {
    const { buffer, byteOffset, byteLength } = arrays.bytes;
    const flat = new Float64Array(buffer.slice(byteOffset, byteOffset + byteLength));
    return implicitTutorial.revive(panels, { f8: implicitTutorial.split(flat, arrays.shapes) });
  }
}

const same = (one, other) => one.every((i, k) => i === other[k]);

/* The live figure that an address such as #fig-depth:depth=10 means, and its values, seen from an element. */
function targets(hash, element) {
  const notebook = element.closest(".jp-Notebook") ?? document;
  const find = (name) =>
    [...notebook.querySelectorAll(`figure.it-live[data-name="${name}"]`)].find((figure) => figure.explorer);
  const states = implicitTutorial.states(hash);
  const plain = /^#fig-([\w-]+)$/.exec(hash);
  if (plain) states.push([plain[1], null]);
  return states.map(([name, query]) => [find(name), query]).filter(([figure]) => figure);
}

/* Links of the text that move a figure's controls, as in the page; there, the address keeps the state. */
function follow(event) {
  const link = event.target.closest?.('a[href^="#fig-"]');
  const found = link ? targets(link.getAttribute("href"), link) : [];
  if (!found.length) return;
  event.preventDefault();
  event.stopPropagation();
  for (const [figure, query] of found) if (query) figure.explorer.restore(query);
  found[0][0].scrollIntoView({ block: "nearest" });
}

/* JupyterLab has uses of its own for the keys that move a slider; saving or running a cell is left to it. */
function keepKey({ target, key, ctrlKey, metaKey, altKey }) {
  if (!target.matches?.(".it-live .it-control *")) return;
  target.toggleAttribute("data-lm-suppress-shortcuts", key !== "Enter" && !(ctrlKey || metaKey || altKey));
}

if (!page.listens) {
  page.listens = true;
  document.addEventListener("click", follow, { capture: true });
  window.addEventListener("keydown", keepKey, { capture: true }); // before the document's listeners
}

function render({ model, el }) {
  el.innerHTML = model.get("spec").html;
  const figure = el.querySelector("figure");
  figure.classList.add("it-live");
  // Several views of one widget, and several runs of one cell, may be in a page.
  page.views = (page.views ?? 0) + 1;
  for (const name of ["id", "for", "name", "aria-labelledby"]) {
    for (const one of figure.querySelectorAll(`[${name}]`)) {
      one.setAttribute(name, `${one.getAttribute(name)}-${page.views}`);
    }
  }

  const source = new Kernel(model, figure);
  const explorer = new implicitTutorial.Explorer(figure, source);
  figure.explorer = explorer;
  implicitTutorial.offerSaving(explorer);
  implicitTutorial.play(explorer);
  const receive = () => {
    const { position } = model.get("frame");
    // Moved from Python, or in another view?
    if (!source.answered(position) && !source.asked) explorer.position = [...position];
    explorer.refresh();
  };
  model.on("change:frame", receive);
  const theme = implicitTutorial.onTheme(() => (explorer.retheme(), explorer.schedule()));

  return () => {
    model.off("change:frame", receive);
    theme.disconnect();
    source.leave?.();
    explorer.dispose();
    delete figure.explorer;
  };
}

export default { initialize, render };
