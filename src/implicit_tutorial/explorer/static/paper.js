/* A page that goes to paper or into a PDF: all of its figures are drawn, in light colours.
 *
 * The browser lays the paper out as soon as it has said that it will, and waits for nothing. So what drawing needs is
 * fetched beforehand, and the figures are drawn at once, as wide as explorer.css says of `it-paper`.
 */

implicitTutorial.whenParsed(() => {
  "use strict";

  const page = document.documentElement;
  const explorers = [...implicitTutorial.explorers.values()];
  const TALLEST = 640; // so that a figure's panels, with the words below, have room on one sheet
  let theme = null;
  let folds = [];

  function toPaper() {
    if (page.classList.contains("it-paper")) return;
    page.classList.add("it-paper");
    theme = page.dataset.theme;
    if (theme) page.dataset.theme = "light";
    folds = [...document.querySelectorAll("details:not([open])")]; // nobody can unfold them there
    for (const fold of folds) fold.open = true;
    for (const explorer of explorers) {
      fit(explorer);
      explorer.begin();
      explorer.redraw();
    }
  }

  function fit({ figure, plots }) {
    const share = TALLEST / figure.querySelector(".it-panels").offsetHeight;
    for (const plot of plots) {
      plot.itHeight = plot.style.height;
      if (share < 1) plot.style.height = `${Math.floor(share * parseFloat(plot.itHeight))}px`;
    }
  }

  function toScreen() {
    if (!page.classList.contains("it-paper")) return;
    page.classList.remove("it-paper");
    if (theme) page.dataset.theme = theme;
    for (const fold of folds) fold.open = false;
    for (const explorer of explorers) {
      for (const plot of explorer.plots) plot.style.height = plot.itHeight;
      explorer.redraw();
    }
  }

  addEventListener("beforeprint", toPaper);
  addEventListener("afterprint", toScreen);
  matchMedia("print").addEventListener("change", ({ matches }) => (matches ? toPaper() : toScreen()));
  explorers.forEach((explorer) => explorer.open().catch(() => {})); // it says why when it is to be drawn
});
