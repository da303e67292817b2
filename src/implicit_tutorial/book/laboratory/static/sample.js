// @ts-check
/* From a table to what a network takes: some rows put aside, columns centred and divided, rows on the unit sphere, as
 * `Table.split` and `it.fit_scaling` do it; and where the learned function can be drawn.
 *
 * @typedef {{X: number[][], y: number[], X_test: number[][], y_test: number[], mean: number[], scale: number[],
 *   label_mean: number, label_scale: number, Z: number[][], Z_test: number[][], labels: number[], labels_test: number[],
 *   grid: {x: number[], Z: number[][], title: string, at: number[]} | null}} Prepared
 */

var implicitSample = (() => {
  "use strict";

  const SHORT = 1e-9; // as in scaling.py: shorter than this, a row has no direction
  const ROUNDING = 1e-12; // as in problems.py: a deviation below this share of the largest entry is none
  const GRID = 121;

  /* A power of two of about their size: sums and squares of what is divided by it neither over- nor underflow. */
  const unit = (/** @type {number[]} */ x) => 2 ** Math.max(-1022, Math.floor(Math.log2(Math.max(...x.map(Math.abs)))));
  const mean = (/** @type {number[]} */ x) => {
    const one = unit(x);
    return one * (x.reduce((sum, v) => sum + v / one, 0) / x.length);
  };
  const deviation = (/** @type {number[]} */ x) => {
    const one = unit(x), centre = mean(x) / one;
    return one * Math.sqrt(x.reduce((s, v) => s + (v / one - centre) ** 2, 0) / (x.length - 1));
  };

  /** @param {{X: number[][], y: number[], names: string[]}} table @param {number} held  the share of rows to put aside
   * @param {number} offset @returns {Prepared} */
  function prepare({ X: all, y: labels, names }, held, offset) {
    const train = all.length - Math.max(2, Math.round(held * all.length));
    const order = implicitRandom.permutation(new implicitRandom.Generator(0), all.length);
    const pick = (/** @type {any[]} */ list) => order.map((i) => list[i]);
    const [X, X_test] = [pick(all).slice(0, train), pick(all).slice(train)];
    const [y, y_test] = [pick(labels).slice(0, train), pick(labels).slice(train)];
    const column = (/** @type {number} */ k) => X.map((row) => row[k]);
    const means = names.map((_, k) => mean(column(k)));
    const scale = names.map((_, k) => {
      const one = deviation(column(k));
      return one <= ROUNDING * Math.max(...column(k).map(Math.abs)) ? Infinity : one;
    });
    const changing = scale.filter(Number.isFinite).length;
    if (!changing) throw new implicitTable.Complaint("In the rows that are left to train on, no column ever changes. Put fewer rows aside.");
    const label_mean = mean(y), label_scale = deviation(y);
    if (label_scale <= ROUNDING * Math.max(...y.map(Math.abs))) {
      throw new implicitTable.Complaint("In the rows that are left to train on, the label never changes. Put fewer rows aside.");
    }
    const onto = (/** @type {number[]} */ row, /** @type {string} */ name) => {
      const s = row.map((v, k) => (v - means[k]) / scale[k] / Math.sqrt(changing));
      if (offset) s.push(offset);
      const norm = Math.hypot(...s);
      if (norm < SHORT) throw new implicitTable.Complaint(`${name} is the mean of all rows, which has no direction. Choose an offset.`);
      return s.map((v) => v / norm);
    };
    const scaled = (/** @type {number[][]} */ rows) => rows.map((row, i) => onto(row, `A row (${row.slice(0, 3).join(", ")}${row.length > 3 ? ", …" : ""})`));
    return {
      X, y, X_test, y_test, mean: means, scale, label_mean, label_scale, Z: scaled(X), Z_test: scaled(X_test),
      labels: y.map((v) => (v - label_mean) / label_scale), labels_test: y_test.map((v) => (v - label_mean) / label_scale),
      grid: line(X, X_test, names, onto, offset) ?? (names.length === 2 && !offset ? circle(scaled(X)) : null),
    };
  }

  /** One column and an offset: over the column, in its own units. */
  function line(/** @type {number[][]} */ X, /** @type {number[][]} */ X_test, /** @type {string[]} */ names, /** @type {any} */ onto, /** @type {number} */ offset) {
    if (names.length !== 1 || !offset) return null;
    const all = [...X, ...X_test].map(([v]) => v);
    const low = Math.min(...all), high = Math.max(...all);
    const x = Array.from({ length: GRID }, (_, i) => low + ((high - low) * i) / (GRID - 1));
    return { x, Z: x.map((v) => onto([v], "")), title: names[0].trim(), at: X.map(([v]) => v) };
  }

  /** Two coordinates: over the angle. @param {number[][]} Z */
  function circle(Z) {
    const x = Array.from({ length: GRID }, (_, i) => (360 * i) / (GRID - 1));
    const turn = (/** @type {number} */ v) => (v * Math.PI) / 180;
    const at = Z.map(([a, b]) => ((Math.atan2(b, a) * 180) / Math.PI + 360) % 360);
    return { x, Z: x.map((v) => [Math.cos(turn(v)), Math.sin(turn(v))]), title: "input angle φ", at };
  }

  /** An example of the book lies on the sphere already. @param {any} example @returns {Prepared} */
  function ready({ X, y, X_test, y_test }) {
    const d = X[0].length;
    return {
      X, y, X_test, y_test, mean: new Array(d).fill(0), scale: new Array(d).fill(1), label_mean: 0, label_scale: 1,
      Z: X, Z_test: X_test, labels: y, labels_test: y_test, grid: d === 2 ? circle(X) : null,
    };
  }

  /** What an experiment takes. @param {Prepared} prepared */
  function given({ Z, Z_test, labels, labels_test, grid }) {
    const more = grid?.Z ?? [];
    return { X: Z, seen: [...Z_test, ...more], y: labels, y_seen: [...labels_test, ...more.map(() => 0)], tests: Z_test.length };
  }

  return { prepare, ready, given };
})();
