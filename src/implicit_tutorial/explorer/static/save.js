/* Saving a figure as its controls stand: the picture as PNG or SVG, on white and in light colours, and the numbers behind
 * it as a table (CSV). Everything is made in the page; table.py makes the same table.
 */

// `var`: a script that a page adds when it is needed, but also a part of a module.
var implicitSave = (() => {
  "use strict";

  const CONFIG = { displayModeBar: false };
  const SHARPNESS = 2; // dots of the PNG for a pixel of the page

  // ---------------------------------------------------------------- the picture

  /* All panels as one SVG document. */
  async function svg(explorer) {
    const Plotly = await explorer.open();
    const template = inLight(explorer);
    const panels = explorer.frame.panels().map(({ figure }) => figure());
    const columns = panels.length === 4 ? 2 : panels.length;
    const width = columns === 1 ? 640 : 440;
    const parts = [];
    let [top, bottom] = [0, 0]; // of the row
    for (const [p, { data, layout }] of panels.entries()) {
      if (p % columns === 0) top = bottom;
      const height = parseFloat(explorer.plots[p].style.height);
      const sized = { ...layout, template, width, height, autosize: false };
      const form = { format: "svg", imageDataOnly: true, width, height };
      const part = await Plotly.toImage({ data, layout: sized, config: CONFIG }, form);
      parts.push(part.replace("<svg ", `<svg x="${(p % columns) * width}" y="${top}" `));
      bottom = Math.max(bottom, top + height);
    }
    const size = `width="${columns * width}" height="${bottom}"`;
    const said = [...explorer.figure.querySelectorAll(".it-plot")].map((plot) => plot.getAttribute("aria-label"));
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ${size} ` +
      `viewBox="0 0 ${columns * width} ${bottom}"><title>${escaped(file(explorer))}</title>` +
      `<desc>${escaped(said.join(" "))}</desc><rect ${size} fill="#fff"/>${parts.join("")}</svg>`
    );
  }

  /* The template in light colours, whatever the page's are. */
  function inLight(explorer) {
    explorer.figure.classList.add("it-light");
    try {
      return explorer.themed();
    } finally {
      explorer.figure.classList.remove("it-light");
    }
  }

  async function png(explorer) {
    const image = new Image();
    image.src = `data:image/svg+xml,${encodeURIComponent(await svg(explorer))}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [SHARPNESS * image.width, SHARPNESS * image.height];
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }

  const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

  // ---------------------------------------------------------------- the numbers

  const MARKUP = /<\/?(?:sub|sup|b|i|em|span|small|a)\b[^>]*>/g;
  const COLUMNS = ["x", "y", "z", "x_low", "x_high", "y_low", "y_high", "text"];

  /* A line for each point or cell of each trace that shows; columns that no trace fills are left out. */
  async function csv(explorer) {
    await explorer.open();
    const rows = explorer.frame.panels().flatMap(({ figure }, p) => rowsOf(figure(), p));
    const columns = ["panel", "trace", ...COLUMNS.filter((column) => rows.some((row) => !missing(row[column])))];
    const lines = rows.map((row) => columns.map((column) => field(row[column])).join());
    return [columns.join(), ...lines, ""].join("\n");
  }

  function rowsOf({ data, layout }, p) {
    const panel = plain(layout.title?.text) || String(p + 1);
    const names = new Map();
    return data.flatMap((trace, t) => {
      const name = plain(trace.name) || String(t + 1);
      const count = (names.get(name) ?? 0) + 1;
      names.set(name, count);
      const called = { panel, trace: count > 1 ? `${name} (${count})` : name };
      return trace.visible === false ? [] : points(trace).map((point) => ({ ...called, ...point }));
    });
  }

  function points(trace) {
    const { x, y, z, text } = trace;
    if (z) {
      return Array.from(z).flatMap((line, i) =>
        Array.from(line, (value, j) => ({ x: x ? x[j] : j, y: y ? y[i] : i, z: value, text: text?.[i]?.[j] })),
      );
    }
    const count = (y ?? x ?? []).length;
    const all = Array.from({ length: count }, (_, i) => ({
      x: x ? x[i] : i,
      y: y ? y[i] : i,
      ...ends("x", x, trace.error_x, i),
      ...ends("y", y, trace.error_y, i),
      text: Array.isArray(text) ? text[i] : undefined,
    }));
    return all.filter(({ x, y }) => !(missing(x) || missing(y))); // a gap of a line is no point
  }

  function ends(axis, values, error, i) {
    if (!error?.array) return {};
    const [value, above] = [values[i], error.array[i]];
    const below = error.arrayminus ? error.arrayminus[i] : above;
    return { [`${axis}_low`]: exact(value) - exact(below), [`${axis}_high`]: exact(value) + exact(above) };
  }

  const missing = (value) => value === undefined || value === null || value === "" || Number.isNaN(value);

  /* Plotly's texts without their mark-up: σ_A^k. */
  const plain = (text) =>
    [[/<br\s*\/?>/g, " "], [/<sub>/g, "_"], [/<sup>/g, "^"], [MARKUP, ""]].reduce(
      (now, [mark, instead]) => now.replace(mark, instead),
      text ?? "",
    );

  /* A stored number may have the precision of 32 bits: the fewest digits that tell it from its neighbours. */
  function exact(value) {
    if (typeof value !== "number" || value !== Math.fround(value)) return value;
    for (let digits = 6; digits <= 9; digits++) {
      const short = Number(value.toPrecision(digits));
      if (Math.fround(short) === value) return short;
    }
    return value;
  }

  function field(value) {
    if (missing(value)) return "";
    if (typeof value === "number") return String(exact(value));
    const text = plain(String(value));
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  // ---------------------------------------------------------------- the buttons

  const FORMS = {
    PNG: ["image/png", png],
    SVG: ["image/svg+xml", svg],
    CSV: ["text/csv", csv],
  };

  /* The figure's name with the values of its controls. */
  function file({ figure, query }) {
    const values = decodeURIComponent(query).replaceAll("&", "_").replace(/[^\p{L}\p{N}=._+-]+/gu, "-");
    return [figure.dataset.name, values].filter(Boolean).join("_");
  }

  async function save(explorer, form) {
    const [type, make] = FORMS[form];
    const link = document.createElement("a");
    link.download = `${file(explorer)}.${form.toLowerCase()}`;
    link.href = URL.createObjectURL(new Blob([await make(explorer)], { type }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  /* What the button “Save” opens: a button a form. @param {(error: Error) => void} failed */
  function choices(explorer, failed) {
    return [["PNG", "picture"], ["SVG", "drawing"], ["CSV", "numbers"]].flatMap(([form, what]) => {
      const choice = implicitTutorial.button(form, `Save the ${what} as ${form}`);
      choice.addEventListener("click", () => save(explorer, form).catch(failed));
      return [" ", choice];
    });
  }

  return { choices, csv, png, svg };
})();
