// c = a b for matrices of doubles (f8), with WebAssembly's vectors of 128 bits.
//
// a(i, k) lies at a[i * ai + k * ak], b(k, j) at b[k * bk + j * bj], c(i, j) at c[i * p + j]: transposed matrices are
// read where they are. Four columns of b at once are first copied side by side into `panel`, 4 * inner numbers: rows
// that lie a power of two apart would chase each other from the cache.
//
// The loop over k is not unrolled: it would be hardly faster, and half as long again in every page.

typedef double doubles __attribute__((vector_size(16), aligned(sizeof(double))));

__attribute__((export_name("f8"))) void f8(const double *a, int ai, int ak, const double *b, int bk, int bj,
                                           double *restrict c, int n, int inner, int p, double *restrict panel) {
  const double *end = panel + 4 * inner;
  for (int j = 0; j < p; j += 4) {
    int wide = p - j < 4 ? p - j : 4;
    const double *from = b + j * bj;
    for (double *to = panel; to < end; to += 4, from += bk)
      for (int l = 0; l < 4; l++) to[l] = l < wide ? from[l * bj] : 0;
    for (int i = 0; i < n; i += 4) {
      doubles sum[4][2] = {0};
      int rows = n - i < 4 ? n - i : 4;
      const double *r0 = a + i * ai, *r1 = rows > 1 ? r0 + ai : r0, *r2 = rows > 2 ? r1 + ai : r0,
                   *r3 = rows > 3 ? r2 + ai : r0;
#pragma clang loop unroll(disable)
      for (const double *s = panel; s < end; s += 4, r0 += ak, r1 += ak, r2 += ak, r3 += ak) {
        doubles left = *(const doubles *)s, right = *(const doubles *)(s + 2);
        sum[0][0] += *r0 * left, sum[0][1] += *r0 * right;
        sum[1][0] += *r1 * left, sum[1][1] += *r1 * right;
        sum[2][0] += *r2 * left, sum[2][1] += *r2 * right;
        sum[3][0] += *r3 * left, sum[3][1] += *r3 * right;
      }
      const double *found = (double *)sum;
#pragma clang loop unroll(disable)
      for (int r = 0; r < rows; r++, found += 4)
#pragma clang loop unroll(disable)
        for (int l = 0; l < wide; l++) c[(i + r) * p + j + l] = found[l];
    }
  }
}
