// What the browser tests ask a page about itself; loaded into every page before its own scripts.
window.inspect = {
  // Bring every figure into the window once, so that it draws itself, and wait until all are drawn.
  async figures() {
    for (const figure of document.querySelectorAll("figure.it-explorer")) {
      // Again and again: what is drawn above it, or JupyterLab following the last cell that ran, may move it away.
      const bring = () => figure.scrollIntoView({ block: "center", behavior: "instant" });
      if (figure.getClientRects().length) await inspect.settled(figure, bring);
    }
  },

  // All figures, fonts and mathematics; the page is back at its top.
  async drawAll() {
    await inspect.figures();
    window.scrollTo({ top: 0, behavior: "instant" });
    await document.fonts.ready;
    if (window.MathJax?.startup) await MathJax.startup.promise;
    await new Promise((resolve) => setTimeout(resolve, 50)); // the page's own reaction to all this
    // Colours change slowly. A change that another one replaces may never tell that it has finished.
    for (const end = performance.now() + 10000; document.getAnimations().length; ) {
      if (performance.now() > end) throw new Error(`still moving: ${document.getAnimations()[0].effect.target.outerHTML}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },

  // Go to another address of this page, and wait until its scripts know.
  follow: (hash) =>
    new Promise((resolve) => {
      addEventListener("hashchange", () => resolve(), { once: true });
      location.hash = hash;
    }),

  // What holds the place of each control: a slider, a list, or the chosen button of a switch.
  inputs: (figure) => [...figure.querySelectorAll(".it-control :is([type=range], select, input:checked)")],

  // Wait until a figure shows what its controls say; `bring` it into the window until it is drawn.
  async settled(figure, bring = () => {}) {
    const end = performance.now() + 15000;
    const wanted = () => inspect.inputs(figure).map((input) => input.value).join(" ");
    while (figure.dataset.shown !== wanted() || figure.ariaBusy === "true") {
      const drawn = figure.querySelector(".main-svg");
      if (!drawn) bring();
      if (performance.now() > end) {
        const top = Math.round(figure.getBoundingClientRect().top);
        const where = `${drawn ? "" : "not "}drawn, ${top} px below the window's top`;
        throw new Error(`${figure.id} (${where}) shows “${figure.dataset.shown}”, not “${wanted()}”`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  },

  // Where the controls stand, the data and layout that plotly holds, typed arrays as lists, and the line of text below.
  shown(figure) {
    const plain = (v) => {
      if (ArrayBuffer.isView(v) || Array.isArray(v)) return Array.from(v, plain);
      if (v && typeof v === "object") return Object.fromEntries(Object.entries(v).map(([k, w]) => [k, plain(w)]));
      return v;
    };
    const plots = [...figure.querySelectorAll(".it-plot")];
    return {
      position: inspect.inputs(figure).map((input) => Number(input.value)),
      panels: plots.map((plot) => ({ data: plain(plot.data), layout: plain(plot.layout) })),
      readout: figure.querySelector(".it-readout")?.textContent ?? null,
    };
  },

  // Equations, tables, code and figures that are wider than the window and not inside a box that scrolls.
  cutOff() {
    const kinds = ["mjx-container", "table", "pre", "img", ".it-plot", ".it-control > *"];
    const scrolls = (e) =>
      e && e !== document.body &&
      (["auto", "scroll"].includes(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
    return [...document.querySelectorAll([...kinds.map((kind) => `.bd-article ${kind}`), ".prev-next-area svg"].join())]
      .filter((e) => e.getClientRects().length && e.getBoundingClientRect().right > innerWidth + 1 && !scrolls(e))
      .map((e) => `${e.tagName}: ${e.textContent.slice(0, 60)}`);
  },

  // Code, what cells print, and formulas on a line of their own that are wider than their box; also in folds.
  wider() {
    const folds = [...document.querySelectorAll("details:not([open])")];
    const hidden = [...document.querySelectorAll(".toggle-hidden")];
    folds.forEach((fold) => (fold.open = true));
    hidden.forEach((box) => box.classList.remove("toggle-hidden"));
    const longest = (e) => e.textContent.split("\n").reduce((a, b) => (b.length > a.length ? b : a));
    const formulas = [...document.querySelectorAll(".bd-article mjx-container[display='true']")]
      .filter((e) => e.scrollWidth > e.clientWidth + 2)
      .map((e) => e.textContent.slice(0, 80));
    const found = [...document.querySelectorAll(".bd-article pre")]
      .filter((e) => e.getClientRects().length && e.scrollWidth > e.clientWidth)
      .map(longest)
      .concat(formulas);
    folds.forEach((fold) => (fold.open = false));
    hidden.forEach((box) => box.classList.add("toggle-hidden"));
    return found;
  },

  // What a sheet of paper lacks: figures that are not drawn, in dark ink, or with dead handles; code that is cut.
  onPaper() {
    const seen = (kind) => [...document.querySelectorAll(kind)].filter((e) => e.checkVisibility());
    const plots = [...document.querySelectorAll(".it-plot")];
    const ink = (plot) => plot._fullLayout?.font.color;
    return [
      ...plots.filter((plot) => !plot.querySelector(".main-svg")).map((plot) => `not drawn: ${plot.ariaLabel}`),
      ...plots.filter((plot) => ink(plot) !== ink(plots[0])).map((plot) => `${ink(plot)}: ${plot.ariaLabel}`),
      ...(document.documentElement.dataset.theme === "light" ? [] : ["the page is dark"]),
      ...seen(".it-controls, .it-save, img.it-still, details:not([open])").map((e) => `there is a ${e.className}`),
      ...seen("figure:has(.it-control) .it-state").filter((e) => !e.innerText.trim()).map(() => "no words for handles"),
      ...seen(".bd-article pre").filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => `cut: ${e.textContent}`),
    ];
  },

  // What scrolls sideways without showing it, or need not scroll: cards, and formulas with wide spaces. And figures
  // that fade without scrolling.
  sideways() {
    const moves = (e) => getComputedStyle(e).overflowX !== "visible";
    const scrolls = (e) => moves(e) && e.scrollWidth - e.clientWidth - e.scrollLeft > 2;
    const name = (e) => `${e.tagName}: ${e.textContent.trim().slice(0, 60)}`;
    const boxes = [...document.querySelectorAll(".bd-article :is(mjx-container[display='true'], .text_html:has(table))")];
    const wide = ":is([style*='width: 1em'], [style*='width: 2em'])";
    const spaces = (e) => [...e.querySelectorAll(`:scope > mjx-math > mjx-mstyle:has(> mjx-mspace${wide})`)];
    const faded = [...document.querySelectorAll(".it-more figure")].map((e) => `${name(e)} fades`);
    return boxes.filter(scrolls).flatMap((e) => [
      ...(getComputedStyle(e).maskImage === "none" ? [`${name(e)} does not fade`] : []),
      ...(e.querySelector(".it-cards") ? [`${name(e)} is no stack of cards`] : []),
      ...(spaces(e).some((s) => getComputedStyle(s).display !== "block") ? [`${name(e)} is not broken`] : []),
    ]).concat(faded);
  },

  // What lies over what a reader wants to see: the way back to the top, and beside a wide figure the contents.
  async covering() {
    const box = (e) => e.getBoundingClientRect();
    const meet = (a, b) =>
      Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
    const found = [];
    const back = document.querySelector("#pst-back-to-top");
    const text = document.querySelector(".bd-article");
    if (back && text) {
      back.style.display = "block";
      if (meet(box(back), box(text))) found.push("the way back to the top");
      back.style.display = "";
    }
    const links = () => [...document.querySelectorAll(".bd-sidebar-secondary nav.page-toc a")];
    const seen = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && box(e).bottom < box(e.closest(".bd-sidebar-secondary")).bottom;
    for (const figure of document.querySelectorAll("figure.it-explorer.full-width")) {
      figure.scrollIntoView({ block: "center", behavior: "instant" });
      const over = () => links().filter((link) => seen(link) && meet(box(link), box(figure)));
      for (let i = 0; i < 20 && over().length; i++) await new Promise((resolve) => setTimeout(resolve, 100));
      if (over().length) found.push(`${figure.id} and the contents`);
    }
    window.scrollTo({ top: 0, behavior: "instant" });
    return found;
  },

  // Styles that ask what holds a plot what it holds (:has): the browser would look through it whenever a point moves.
  asking() {
    const rules = (list) => [...list].flatMap((rule) => [rule, ...(rule.cssRules ? rules(rule.cssRules) : [])]);
    const selectors = (text) => {
      let depth = 0;
      const marked = [...text].map((c) => ((depth += "([".includes(c) - ")]".includes(c)), c === "," && !depth ? "\n" : c));
      return marked.join("").split("\n");
    };
    const question = /:has\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)/g;
    return [...document.styleSheets].flatMap((sheet) => rules(sheet.cssRules))
      .flatMap(({ selectorText = "" }) => selectors(selectorText))
      .filter((selector) => selector.includes(":has("))
      .filter((selector) => document.querySelector(".it-plot").closest(selector.replace(/:not\(:has/g, ":is(:has").replace(question, ":is(*)")));
  },

  // WCAG contrast of every text that plotly wrote against what lies behind the plot.
  plotContrasts() {
    const rgb = (color) => (color.match(/[\d.]+/g) || []).map(Number);
    const linear = (v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
    const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const behind = (e) => {
      for (; e; e = e.parentElement) {
        const color = rgb(getComputedStyle(e).backgroundColor);
        if (color.length === 3 || color[3] > 0.5) return color;
      }
      return [255, 255, 255];
    };
    const texts = [".xtick", ".ytick", ".g-xtitle", ".g-ytitle"].map((part) => `${part} text`).join();
    return [...document.querySelectorAll(".it-plot")].flatMap((plot) =>
      [...plot.querySelectorAll(texts)].map((text) => {
        const pair = [luminance(rgb(getComputedStyle(text).fill)), luminance(behind(plot))].sort((p, q) => q - p);
        return (pair[0] + 0.05) / (pair[1] + 0.05);
      }),
    );
  },

  // One text for each way in which text looks on the page: its colour, size and weight, and what lies behind it; the
  // one that holds the fewest others.
  looks() {
    const found = new Map();
    const behind = new Map([[null, ""]]);
    const ground = (e) => {
      if (!behind.has(e)) {
        const { backgroundColor, backgroundImage, opacity, position, filter } = getComputedStyle(e);
        const own = `${backgroundColor} ${backgroundImage} ${opacity} ${position} ${filter}`;
        const outer = ground(e.parentElement);
        behind.set(e, own === "rgba(0, 0, 0, 0) none 1 static none" ? outer : `${outer}; ${own}`);
      }
      return behind.get(e);
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const e = walker.currentNode.parentElement;
      const seen = e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && e.clientHeight !== 1;
      if (!walker.currentNode.data.trim() || !seen) continue;
      const { color, fontSize, fontWeight, textShadow } = getComputedStyle(e);
      const look = `${color} ${fontSize} ${fontWeight} ${textShadow}: ${ground(e)}`;
      if (!(found.get(look)?.childElementCount <= e.childElementCount)) found.set(look, e);
    }
    return [...found.values()];
  },

  // What axe-core has to say. Formulas are MathJax's own, and a plot is one labelled image: for so long, text takes
  // the place of their insides, since axe would walk through them even where it judges nothing. Contrasts, which take
  // it the most of the time, are judged of each look of a text once.
  async axe() {
    const insides = [...document.querySelectorAll("mjx-container > *, .it-plot svg")].map((element) => {
      const mark = document.createTextNode(element.closest("svg") ? "" : element.textContent);
      element.replaceWith(mark);
      return { element, mark };
    });
    try {
      // Without its preload, for which axe looks for style sheets in the wrong place.
      const options = { resultTypes: ["violations"], preload: false };
      const contrast = { ...options, runOnly: ["color-contrast"] };
      const others = { ...options, rules: { "color-contrast": { enabled: false } } };
      const found = [
        await axe.run({ include: inspect.looks(), exclude: ["mjx-container"] }, contrast),
        await axe.run({ exclude: ["mjx-container"] }, others),
      ];
      return { passes: found.every((r) => r.passes.length), violations: found.flatMap((r) => r.violations) };
    } finally {
      insides.forEach(({ element, mark }) => mark.replaceWith(element));
    }
  },
};
