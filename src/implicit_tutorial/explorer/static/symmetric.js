// @ts-check
/* Eigenvalues of a symmetric matrix: Householder's reflections to three diagonals, and QL steps with shifts. */

// `var`: also a part of a module.
var implicitSymmetric = (function symmetric() {
  "use strict";

  /** From the smallest on; only the lower triangle is read. Not numbers, where an entry is none.
   * @param {ArrayLike<number>} a @param {number} n  its size */
  function eigenvalues(a, n) {
    const rows = Array.from({ length: n }, (_, i) => Float64Array.from({ length: i + 1 }, (_, j) => a[i * n + j]));
    const d = new Float64Array(n), e = new Float64Array(n);
    reduce(rows, d, e);
    return d.every(Number.isFinite) && e.every(Number.isFinite) ? steps(d, e).sort() : d.fill(NaN);
  }

  /** Diagonal d and what stands before it, e, from the last row up. @param {Float64Array[]} rows */
  function reduce(rows, d, e) {
    const p = new Float64Array(rows.length);
    for (let i = rows.length - 1; i > 0; i--) {
      const u = rows[i];
      d[i] = u[i];
      let largest = 0;
      for (let k = 0; k < i; k++) largest = Math.max(largest, Math.abs(u[k]));
      if (i === 1 || !largest) {
        e[i] = u[i - 1];
        continue;
      }
      let size = 0;
      for (let k = 0; k < i; k++) size += (u[k] /= largest) * u[k];
      const norm = u[i - 1] > 0 ? -Math.sqrt(size) : Math.sqrt(size);
      e[i] = norm * largest;
      const half = size - u[i - 1] * norm; // half of the squared length of what u becomes
      u[i - 1] -= norm;
      p.fill(0, 0, i);
      for (let j = 0; j < i; j++) {
        const row = rows[j], uj = u[j];
        let sum = row[j] * uj;
        for (let k = 0; k < j; k++) {
          sum += row[k] * u[k];
          p[k] += row[k] * uj;
        }
        p[j] += sum;
      }
      let along = 0;
      for (let k = 0; k < i; k++) along += (p[k] /= half) * u[k];
      for (let k = 0; k < i; k++) p[k] -= (along / (2 * half)) * u[k];
      for (let j = 0; j < i; j++) {
        const row = rows[j], uj = u[j], pj = p[j];
        for (let k = 0; k <= j; k++) row[k] -= uj * p[k] + pj * u[k];
      }
    }
    d[0] = rows[0][0];
  }

  function steps(d, e) {
    const n = d.length;
    e.copyWithin(0, 1);
    e[n - 1] = 0;
    for (let l = 0; l < n; l++) {
      for (let tries = 0; ; tries++) {
        let m = l;
        while (m < n - 1 && Math.abs(e[m]) > Number.EPSILON * (Math.abs(d[m]) + Math.abs(d[m + 1]))) m++;
        if (m === l) break;
        if (tries > 60) throw new Error("eigenvalues not found");
        let g = (d[l + 1] - d[l]) / (2 * e[l]), r = Math.hypot(g, 1);
        g = d[m] - d[l] + e[l] / (g + (g < 0 ? -r : r));
        let s = 1, c = 1, p = 0, i = m - 1;
        for (; i >= l; i--) {
          const f = s * e[i], b = c * e[i];
          e[i + 1] = r = Math.hypot(f, g);
          if (r === 0) {
            d[i + 1] -= p;
            e[m] = 0;
            break;
          }
          s = f / r;
          c = g / r;
          g = d[i + 1] - p;
          r = (d[i] - g) * s + 2 * c * b;
          d[i + 1] = g + (p = s * r);
          g = c * r - b;
        }
        if (r === 0 && i >= l) continue;
        d[l] -= p;
        e[l] = g;
        e[m] = 0;
      }
    }
    return d;
  }

  return { eigenvalues, symmetric };
})();
