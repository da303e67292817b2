// Where things lie in an explorer, in a page or in JupyterLab: what a person would see at once, and numbers do not say.
window.geometry = {
  // One sentence for each thing that covers another, is cut off, is empty, or lies outside of its column.
  faults(root = document) {
    return [...root.querySelectorAll("figure.it-explorer")]
      .filter((figure) => figure.getClientRects().length)
      .flatMap((figure) => geometry.ofFigure(figure).map((fault) => `${figure.dataset.name}: ${fault}`));
  },

  // The faults that remain when all figures have followed the last change of the window.
  async remaining() {
    let [before, quiet] = ["", 0];
    for (let i = 0; quiet < 3 && i < 60; i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const now = geometry.faults().join();
      quiet = now === before ? quiet + 1 : 0;
      before = now;
      if (!now && quiet) break;
    }
    return geometry.faults();
  },

  ofFigure(figure) {
    const faults = [];
    const box = (element) => element.getBoundingClientRect();
    const column = box(figure);
    const said = (element) => (element.textContent.trim().slice(0, 40) || element.className).toString();
    const within = (inner, outer, slack) =>
      inner.left >= outer.left - slack && inner.right <= outer.right + slack &&
      inner.top >= outer.top - slack && inner.bottom <= outer.bottom + slack;
    const cover = (a, b, slack) =>
      Math.min(a.right, b.right) - Math.max(a.left, b.left) > slack &&
      Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > slack;

    // The column is what the text has, and the figure fills it; a wide one takes the margin, too.
    const room = figure.closest(".jp-OutputArea-output, .bd-article, main, body");
    const inside = room.clientWidth - ["paddingLeft", "paddingRight"].reduce(
      (sum, side) => sum + parseFloat(getComputedStyle(room)[side]), 0)
      + (innerWidth < 1200 || !figure.matches(".bd-article .full-width") ? 0 : box(document.querySelector(".bd-sidebar-secondary")).width);
    if (column.width > inside + 1) faults.push(`is ${column.width} px wide in a column of ${inside}`);
    if (column.width < inside - 24) faults.push(`takes ${column.width} px of a column of ${inside}`);
    for (let e = figure.parentElement; e && e !== room.parentElement; e = e.parentElement) {
      if (e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== "visible" && e.clientWidth) {
        faults.push(`scrolls sideways in ${e.className}`);
      }
      if (e.scrollHeight > e.clientHeight + 1 && ["auto", "scroll"].includes(getComputedStyle(e).overflowY) &&
        e.contains(figure) && e.clientHeight < column.height) faults.push(`scrolls in ${e.className}`);
    }

    // From top to bottom: panels, controls, readout, caption. On a phone the last two but one stick to the window's foot.
    const desk = figure.querySelector(".it-desk");
    if (desk) desk.style.position = "static";
    const parts = [".it-panels", ".it-controls", ".it-readout", "figcaption"]
      .map((kind) => figure.querySelector(kind)).filter((part) => part && part.getClientRects().length);
    parts.forEach((part, i) => {
      if (!within(box(part), column, 1)) faults.push(`${said(part)} lies outside of the figure`);
      if (i && box(part).top < box(parts[i - 1]).bottom - 1) faults.push(`${said(part)} covers what stands above it`);
    });
    if (desk) desk.style.position = "";

    const texts = [...figure.querySelectorAll(".it-control label, .it-control output, .it-control select, .it-readout, figcaption")];
    for (const text of texts) {
      if (text.scrollWidth > text.clientWidth + 1 && text.clientWidth) faults.push(`“${said(text)}” is cut off`);
      if (parseFloat(getComputedStyle(text).fontSize) < 12.5) faults.push(`“${said(text)}” is set too small`);
    }
    const rows = [...figure.querySelectorAll(".it-control > *")].filter((e) => e.getClientRects().length);
    rows.forEach((a, i) => rows.slice(i + 1).forEach((b) => {
      if (cover(box(a), box(b), 1)) faults.push(`“${said(a)}” and “${said(b)}” lie over one another`);
    }));

    const plots = [...figure.querySelectorAll(".it-plot")];
    if (plots.length && box(plots.at(-1)).right < column.right - 30) faults.push("panels leave a hole");
    plots.forEach((plot, i) => {
      const name = plots.length > 1 ? `panel ${i + 1}` : "the plot";
      const frame = box(plot);
      if (!within(frame, column, 1)) faults.push(`${name} lies outside of the figure`);
      if (frame.width < 150) faults.push(`${name} is only ${frame.width} px wide`);
      plots.slice(i + 1).forEach((other, j) => {
        if (cover(frame, box(other), 0.5)) faults.push(`${name} and panel ${i + j + 2} lie over one another`);
      });
      const visible = (element) => element.getClientRects().length > 0;
      const drawing = [...plot.querySelectorAll(".main-svg")].find(visible);
      if (!drawing) return faults.push(`${name} is not drawn`);
      if (Math.abs(box(drawing).width - frame.width) > 2) {
        faults.push(`${name} is drawn ${box(drawing).width} px wide in a box of ${frame.width}`);
      }
      const content = ".trace, .shapelayer path, .annotation, .heatmaplayer image, .point, .scatterlayer path";
      if (![...plot.querySelectorAll(content)].some(visible)) {
        faults.push(`${name} is empty`);
      }
      faults.push(...geometry.ofTexts(plot, frame, within, cover).map((fault) => `${name}: ${fault}`));
    });
    return faults;
  },

  // What plotly has written: nothing of it cut off at the edge of its plot, and no two words over one another.
  ofTexts(plot, frame, within, cover) {
    const faults = [];
    const kinds = [".xtick text", ".ytick text", ".g-xtitle text", ".g-ytitle text", ".gtitle", ".legendtext", ".cbaxis text", ".cbtitle text"];
    const words = kinds.flatMap((kind) => [...plot.querySelectorAll(kind)])
      .filter((text) => text.textContent.trim() && text.getClientRects().length && getComputedStyle(text).visibility !== "hidden")
      .map((text) => ({ text, rect: text.getBoundingClientRect() }));
    for (const { text, rect } of words) {
      if (!within(rect, frame, 2)) faults.push(`“${text.textContent}” is cut off`);
    }
    // The box of a slanted word says little of where its letters are.
    const upright = words.filter(({ text }) => !/rotate\((?!0|-?90[,)])/.test(text.getAttribute("transform") ?? ""));
    upright.forEach((a, i) => upright.slice(i + 1).forEach((b) => {
      // Letters do not fill their boxes to the top; but between a title and what is below it there is air.
      const title = a.text.matches(".gtitle") || b.text.matches(".gtitle");
      if (cover(a.rect, b.rect, title ? -1 : 2.5)) faults.push(`“${a.text.textContent}” and “${b.text.textContent}” lie over one another`);
    }));
    return faults;
  },
};
