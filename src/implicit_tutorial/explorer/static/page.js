/* A page's explorers: they come to life, keep their state in its address, and follow its links. */

Object.assign(implicitTutorial, (() => {
  "use strict";

  const explorers = new Map(); // those of a page, by name

  function restoreAll() {
    const known = implicitTutorial.states(location.hash).filter(([name]) => explorers.has(name));
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

  function start() {
    document.querySelectorAll("figure.it-explorer").forEach((figure) => {
      const spec = JSON.parse(figure.querySelector("script.it-spec").textContent);
      const source = spec.computed ? implicitComputed.source(implicitTutorial.Stored, spec) : new implicitTutorial.Stored(spec);
      const explorer = new implicitTutorial.Explorer(figure, source, remember);
      explorers.set(source.name, explorer);
      implicitTutorial.offerSaving(explorer);
      if (!spec.computed) return;
      implicitTutorial.play(explorer, remember);
      implicitComputed.drag(explorer, remember);
    });
    if (!explorers.size) return;
    addEventListener("load", noMoreIcons);
    order = [...explorers.values()];
    const opened = restoreAll();
    if (opened) {
      opened.scrollIntoView();
      // Fonts and formulae that arrive later move the figure away again.
      if (document.readyState !== "complete") addEventListener("load", () => opened.scrollIntoView(), { once: true });
    }
    addEventListener("hashchange", () => restoreAll()?.scrollIntoView());
    implicitTutorial.onTheme(() => explorers.forEach((one) => (one.retheme(), one.schedule())));
  }

  /* Call `back` when the page's elements are there. */
  function whenParsed(back) {
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", back);
    else back();
  }

  /* The theme looks for new icons whenever a page changes, which after a move of a plot takes as long as drawing it: once
   * it has put in all that there are, it looks no more. */
  const noMoreIcons = () => globalThis.FontAwesome?.dom.i2svg().then(FontAwesome.noAuto);

  whenParsed(start);

  return { explorers, whenParsed };
})());
