// @ts-check
/* Eigenvalues of a real matrix as in EISPACK: Hessenberg's form, and the double steps of Francis. */

var implicitEigenvalues = (() => {
  "use strict";

  const { abs, hypot, min, sqrt } = Math;

  /** Real and imaginary parts, ordered by both. @param {ArrayLike<number>} a @param {number} n */
  function eigenvalues(a, n) {
    const rest = Array.from({ length: n }, (_, i) => i);
    const found = [];
    // Alone in a row or column it is an eigenvalue.
    const alone = (i) => [[n, 1], [1, n]].some(([p, q]) => rest.every((j) => i === j || !a[i * p + j * q]));
    for (let at; (at = rest.findIndex(alone)) >= 0; ) found.push([a[rest.splice(at, 1)[0] * (n + 1)], 0]);
    const h = rest.map((i) => Float64Array.from(rest, (j) => a[i * n + j]));
    reduce(h);
    deflate(h, found);
    return found.sort(([p, q], [r, s]) => p - r || q - s).flat();
  }

  /** To Hessenberg's form, by reflections. @param {Float64Array[]} h */
  function reduce(h) {
    const n = h.length, v = new Float64Array(n), s = v.slice();
    for (let k = 0; k < n - 2; k++) {
      let size = 0;
      for (let i = k + 1; i < n; i++) size = hypot(size, (v[i] = h[i][k]));
      if (!size) continue;
      if (v[k + 1] > 0) size = -size;
      v[k + 1] -= size;
      const scale = -1 / (size * v[k + 1]);
      s.fill(0);
      const each = (f) => h.slice(k + 1).forEach((row, i) => f(row, v[k + 1 + i]));
      each((r, t) => { for (let j = k; j < n; j++) s[j] += scale * t * r[j]; });
      each((r, t) => { for (let j = k; j < n; j++) r[j] -= t * s[j]; });
      for (const r of h) {
        let t = 0;
        for (let j = k + 1; j < n; j++) t += scale * v[j] * r[j];
        for (let j = k + 1; j < n; j++) r[j] -= v[j] * t;
      }
    }
  }

  function deflate(h, found) {
    let tries = 0;
    for (let end = h.length - 1; end >= 0; ) {
      let low = end;
      for (; low > 0; low--) {
        const size = abs(h[low - 1][low - 1]) + abs(h[low][low]);
        if (size + abs(h[low][low - 1]) === size) break;
      }
      let x = h[end][end];
      if (low === end) found.push([x, 0]);
      else {
        let y = h[end - 1][end - 1], w = h[end][end - 1] * h[end - 1][end];
        if (low < end - 1) {
          if (++tries > 99) throw new Error("no eigenvalues");
          if (tries % 10 === 0) { // shift anew
            const size = abs(h[end][end - 1]) + abs(h[end - 1][end - 2]);
            y = x += 0.75 * size;
            w = -0.4375 * size * size;
          }
          step(h, low, end, x, y, w);
          continue;
        }
        const p = (y - x) / 2, q = p * p + w, z = sqrt(abs(q)), far = p < 0 ? p - z : p + z;
        if (q < 0) found.push([x + p, -z], [x + p, z]);
        else found.push([x + far, 0], [far ? x - w / far : x, 0]);
      }
      end = low - 1;
      tries = 0;
    }
  }

  /** A double step on rows `low` … `end`, with shifts of sum x + y and product xy − w. */
  function step(h, low, end, x, y, w) {
    const [a, b, c] = h.slice(low), u = x - a[low], v = y - a[low];
    let p = (u * v - w) / b[low] + a[low + 1], q = b[low + 1] - a[low] - u - v, r = c[low + 1];
    for (let i = low + 2; i <= end; i++) h[i].fill(0, low, i - 1);
    for (let k = low; k < end; k++) {
      const [d, e, f] = k < end - 1 ? h.slice(k, k + 3) : [h[k], h[k + 1], h[k].slice().fill(0)];
      if (k > low) [p, q, r] = [d[k - 1], e[k - 1], f[k - 1]];
      const size = abs(p) + abs(q) + abs(r);
      if (!size) continue;
      p /= size, q /= size, r /= size;
      const norm = hypot(p, q, r) * (p < 0 ? -1 : 1);
      if (k > low) d[k - 1] = -norm * size;
      p += norm;
      const [l, m, o] = [p / norm, q / norm, r / norm];
      q /= p, r /= p;
      for (let j = k; j <= end; j++) {
        const s = d[j] + q * e[j] + r * f[j];
        d[j] -= s * l, e[j] -= s * m, f[j] -= s * o;
      }
      for (let i = low; i <= min(end, k + 3); i++) {
        const t = h[i], s = l * t[k] + m * t[k + 1] + (o && o * t[k + 2]);
        t[k] -= s, t[k + 1] -= s * q;
        if (o) t[k + 2] -= s * r;
      }
    }
  }

  return eigenvalues;
})();
