// @ts-check
/* A reader's text as a table of numbers, or a sentence that says where it is none. What pandas reads, this reads alike.
 *
 * @typedef {{text: string, line: number}} Cell  a field, and the line that its row begins on
 * @typedef {{names: string[], rows: string[][], lines: number[], separator: string, decimal: string, header: boolean}} Table
 */

var implicitTable = (() => {
  "use strict";

  const MOST = { bytes: 2e6, rows: 1000, columns: 100 }, LEAST = 10;
  const SEPARATORS = [",", ";", "\t", "|"];
  const SPOKEN = { ",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces" };
  const NUMBER = /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i;
  const COMMA = /^\s*[-+]?\d*,\d+(e[-+]?\d+)?\s*$/i;
  const INFINITE = /^\s*[-+]?inf(inity)?\s*$/i;
  // What pandas takes for a missing entry, and for yes and no.
  const MISSING = new Set(["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"]);
  const FLAGS = { True: 1, TRUE: 1, true: 1, False: 0, FALSE: 0, false: 0 };

  /** What is wrong, in a sentence for the reader. */
  class Complaint extends Error {}

  const short = (/** @type {string} */ text) => (text.length > 40 ? `${text.slice(0, 39)}…` : text);
  const quoted = (/** @type {string} */ text) => `“${short(text.trim())}”`;
  const missing = (/** @type {string} */ text) => MISSING.has(text.trim());

  // ---------------------------------------------------------------- from bytes to text

  /** @param {ArrayBuffer} bytes @returns {{text: string, encoding: string}} */
  function decode(bytes) {
    const [a, b] = new Uint8Array(bytes.slice(0, 2));
    if (bytes.byteLength > MOST.bytes) {
      const size = (bytes.byteLength / 1e6).toFixed(1);
      throw new Complaint(`This file has ${size} MB, and a table of ${MOST.rows} rows never needs more than ${MOST.bytes / 1e6}. Keep fewer rows or columns.`);
    }
    if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) throw new Complaint("This file is UTF-16. Save it as “CSV UTF-8”.");
    if (a === 0x50 && b === 0x4b) throw new Complaint("This is a spreadsheet or an archive. In the spreadsheet, choose “Save as” and “CSV UTF-8”.");
    try {
      return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), encoding: "" };
    } catch {
      return { text: new TextDecoder("windows-1252").decode(bytes), encoding: "cp1252" };
    }
  }

  // ---------------------------------------------------------------- from text to fields

  /** The rows of fields, blank lines left out. @param {string} text @param {string} separator @param {number} most */
  function fields(text, separator, most = Infinity) {
    /** @type {string[][]} */ const rows = [];
    /** @type {number[]} */ const lines = [];
    /** @type {string[]} */ let row = [];
    let field = "", inside = false, begun = 1, line = 1, opened = 0, wasQuoted = false;
    const end = () => {
      row.push(field);
      if (row.length > 1 || row[0].trim() || wasQuoted) {
        if (separator === " ") row = row.filter((f) => f);
        rows.push(row);
        lines.push(begun);
      }
      [row, field, wasQuoted] = [[], "", false];
    };
    for (let i = 0; i < text.length && rows.length < most; i++) {
      const c = text[i];
      if (c === "\n" || (c === "\r" && text[i + 1] !== "\n")) line++;
      if (inside) {
        if (c !== '"') field += c;
        else if (text[i + 1] === '"') field += text[i++];
        else inside = false;
      } else if (c === '"' && !field) {
        [inside, opened, wasQuoted] = [true, line, true];
      } else if (c === separator || (separator === " " && c === "\t")) {
        row.push(field);
        field = "";
      } else if (c === "\n" || c === "\r") {
        if (c === "\r" && text[i + 1] === "\n") continue;
        end();
        begun = line;
      } else field += c;
    }
    if (inside) throw new Complaint(`A quotation mark is opened in line ${opened} and never closed.`);
    if (rows.length < most && (field || row.length)) end();
    return { rows, lines };
  }

  /** Which separator makes a table of the first rows: as many fields in each, and most of them numbers. @param {string} text */
  function separate(text) {
    let best = { separator: ",", score: -1 };
    for (const separator of [...SEPARATORS, " "]) {
      let rows;
      try {
        ({ rows } = fields(text, separator, 20));
      } catch {
        continue;
      }
      if (!rows.length || rows[0].length < 2) continue;
      if (separator === " " && rows.some((row) => row.length !== rows[0].length)) continue; // words have spaces, too
      const cells = rows.flat();
      const numbers = cells.filter((c) => NUMBER.test(c) || (separator !== "," && COMMA.test(c))).length / cells.length;
      const even = rows.filter((row) => row.length === rows[0].length).length / rows.length;
      const score = even + numbers - (separator === " " ? 0.5 : 0);
      if (score > best.score) best = { separator, score };
    }
    return best.separator;
  }

  // ---------------------------------------------------------------- from fields to a table

  /** @param {string} text @returns {Table} */
  function read(text) {
    text = text.replace(/^\ufeff/, "");
    if (!text.trim()) throw new Complaint("There is nothing in it.");
    if (text.includes("\0")) throw new Complaint("This is no text file: it has bytes that stand for no letter. Save the table as CSV.");
    if (/^\s*<(!doctype|html|\?xml)/i.test(text)) throw new Complaint("This is a web page or XML, not a table. Save the table as CSV.");
    if (/^\s*[{[]/.test(text)) throw new Complaint("This looks like JSON. Save the table as CSV: a line a row, commas between the entries.");
    const separator = separate(text);
    const { rows, lines } = fields(text, separator);
    const width = rows[0].length;
    if (width < 2) {
      throw new Complaint(`There is one column only, which begins with ${quoted(rows[0][0])}. A table needs one column to learn and at least one to learn it from, with commas, semicolons or tabs between them.`);
    }
    const odd = rows.findIndex((row) => row.length !== width);
    if (odd >= 0) {
      const extra = rows[odd].length === width + 1 && !rows[odd][width].trim() ? " A separator at the end of a line counts." : "";
      throw new Complaint(`Line ${lines[odd]} has ${rows[odd].length} entries, and line ${lines[0]} has ${width} (separated by ${SPOKEN[/** @type {","} */ (separator)]}).${extra}`);
    }
    const points = rows.flat().some((c) => NUMBER.test(c) && c.includes("."));
    const decimal = separator !== "," && !points && rows.flat().some((c) => COMMA.test(c)) ? "," : ".";
    const isNumber = (/** @type {string} */ c) => Number.isFinite(value(c, decimal));
    // What stands for a number that is missing or too large is no name.
    const isName = (/** @type {string} */ c) => Number.isNaN(value(c, decimal)) && !missing(c) && !INFINITE.test(c);
    const header = rows[0].some((c, k) => isName(c) && (rows.length === 1 || rows.slice(1).every((row) => isNumber(row[k]) || missing(row[k])))) || rows[0].every((c) => !isNumber(c));
    const names = header ? rows[0].map((name, k) => name || `Unnamed: ${k}`) : rows[0].map((_, k) => `column ${k + 1}`);
    if (header) {
      rows.shift();
      lines.shift();
    }
    const twice = names.findIndex((name, k) => names.indexOf(name) < k);
    if (twice >= 0) throw new Complaint(`Columns ${names.indexOf(names[twice]) + 1} and ${twice + 1} are both called ${quoted(names[twice])}. Give each a name of its own.`);
    if (width > MOST.columns + 1) {
      throw new Complaint(`There are ${width} columns, and this page takes ${MOST.columns + 1} at most: it draws a random weight for each of them and each unit. Leave out those that matter least.`);
    }
    if (rows.length > MOST.rows) {
      throw new Complaint(`There are ${rows.length} rows, and this page takes ${MOST.rows} at most: the price of the labels needs a matrix of rows times rows, and each step of training all of them. Keep a random part; the Python below takes the whole.`);
    }
    if (rows.length < LEAST) {
      const what = rows.length ? `only ${rows.length} row${rows.length > 1 ? "s" : ""}` : "a line of names and no row";
      throw new Complaint(`There ${rows.length > 1 ? "are" : "is"} ${what}${rows.length ? " of numbers" : ""}; at least ${LEAST} are needed to learn from some and test with the others.`);
    }
    return { names, rows, lines, separator, decimal, header };
  }

  /** A number, or not a number. @param {string} text @param {string} decimal */
  function value(text, decimal) {
    const plain = decimal === "," && COMMA.test(text) ? text.replace(",", ".") : text;
    return NUMBER.test(plain) ? Number(plain) : NaN;
  }

  // ---------------------------------------------------------------- from a table to a sample

  /** Inputs and labels. @param {Table} table @param {number} target  the number of the column to learn */
  function sample(table, target) {
    const { names, rows, lines, decimal } = table;
    /** @type {number[][]} */ const columns = [];
    /** @type {string[] | null} */ let classes = null;
    names.forEach((name, k) => {
      const cells = rows.map((row) => row[k]);
      const place = (/** @type {number} */ i) => `In line ${lines[i]}, column ${quoted(name)}`;
      const gap = cells.findIndex(missing);
      if (gap >= 0) {
        const said = cells[gap].trim() ? `says ${quoted(cells[gap])}` : "is empty";
        const more = cells.filter(missing).length - 1;
        throw new Complaint(`${place(gap)} ${said}${more ? `, and so ${more === 1 ? "is one more entry" : `are ${more} more entries`} of it` : ""}. Fill in what is missing, or leave those rows out.`);
      }
      if (cells.every((c) => c.trim() in FLAGS)) return void columns.push(cells.map((c) => FLAGS[/** @type {"true"} */ (c.trim())]));
      const numbers = cells.map((c) => value(c, decimal));
      const wrong = numbers.findIndex((v) => !Number.isFinite(v));
      if (wrong < 0) return void columns.push(numbers);
      const found = cells[wrong].trim();
      const words = cells.every((c, i) => Number.isNaN(numbers[i]) && !INFINITE.test(c));
      if (k === target && words) {
        classes = [...new Set(cells)].sort();
        if (classes.length === 2) return void columns.push(cells.map((c) => (c === classes?.[1] ? 1 : -1)));
        const said = classes.slice(0, 3).map(quoted).join(", ");
        throw new Complaint(
          classes.length === 1
            ? `Column ${quoted(name)} says ${said} in every row; there is nothing to learn.`
            : `Column ${quoted(name)} has ${classes.length} different words (${said}${classes.length > 3 ? ", …" : ""}). Two can be learned, as −1 and +1; of more, one against the others.`,
        );
      }
      if (INFINITE.test(found) || numbers[wrong] === Infinity || numbers[wrong] === -Infinity) throw new Complaint(`${place(wrong)} holds ${quoted(found)}, which is not finite. Leave that row out.`);
      if (COMMA.test(found)) {
        throw new Complaint(`${place(wrong)} holds ${quoted(found)}. Decimal commas are understood where semicolons or tabs stand between the columns and no entry has a decimal point; commas between thousands are not.`);
      }
      throw new Complaint(`${place(wrong)} holds ${quoted(found)}, which is no number.${k === target ? "" : " Leave that column out, or code it as numbers."}`);
    });
    const y = columns[target], X = columns.filter((_, k) => k !== target);
    if (y.every((v) => v === y[0])) throw new Complaint(`Column ${quoted(names[target])} is ${y[0]} in every row; there is nothing to learn.`);
    if (X.every((column) => column.every((v) => v === column[0]))) throw new Complaint("No column but the one to learn ever changes; there is nothing to learn from.");
    return { X: y.map((_, i) => X.map((column) => column[i])), y, names: names.filter((_, k) => k !== target), classes: /** @type {string[] | null} */ (classes) };
  }

  /** The sample where the last column is to be learned, or the one of words, which cannot be an input. @param {Table} table */
  function guessed(table) {
    const { rows, names } = table, last = names.length - 1;
    try {
      return { target: last, numbers: sample(table, last) };
    } catch (error) {
      const words = names.map((_, k) => k).filter((k) => rows.every((row) => Number.isNaN(Number(row[k].replace(",", ".")))) && rows.some((row) => row[k] !== rows[0][k]));
      if (words.length !== 1 || words[0] === last) throw error;
      return { target: words[0], numbers: sample(table, words[0]) };
    }
  }

  /** What was understood, for the reader to check. @param {Table} table */
  function understood({ rows, names, separator, decimal, header }) {
    const between = `${SPOKEN[/** @type {","} */ (separator)]}${decimal === "," ? " and decimal commas" : ""}`;
    return `${rows.length} rows and ${names.length} columns, separated by ${between}; ${header ? "the first line has the names" : "without a line of names"}.`;
  }

  return { Complaint, MOST, decode, guessed, read, sample, understood };
})();
