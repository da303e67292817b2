// c = a b for matrices of doubles (f8), with WebAssembly's vectors of 128 bits.
//
// a(i, k) lies at a[i * ai + k * ak], b(k, j) at b[k * bk + j * bj], c(i, j) at c[i * p + j]: transposed matrices are
// read where they are. Columns of b that do not lie side by side are first copied into `panel`, 4 * inner numbers.

typedef double doubles __attribute__((vector_size(16), aligned(sizeof(double))));

__attribute__((export_name("f8"))) void f8(const double *a, int ai, int ak, const double *b, int bk, int bj,
                                           double *restrict c, int n, int inner, int p, double *restrict panel) {
  for (int j = 0; j < p; j += 4) {
    int wide = p - j < 4 ? p - j : 4;
    const double *side = b + j * bj;
    int step = bk;
    if (bj != 1 || wide < 4) {
      for (int k = 0; k < inner; k++)
        for (int l = 0; l < 4; l++) panel[k * 4 + l] = l < wide ? side[k * bk + l * bj] : 0;
      side = panel;
      step = 4;
    }
    for (int i = 0; i < n; i += 4) {
      doubles sum[4][2] = {0};
      int rows = n - i < 4 ? n - i : 4;
      const double *r0 = a + i * ai, *r1 = rows > 1 ? r0 + ai : r0, *r2 = rows > 2 ? r1 + ai : r0,
                 *r3 = rows > 3 ? r2 + ai : r0;
      for (int k = 0; k < inner; k++) {
        doubles left = *(const doubles *)(side + k * step), right = *(const doubles *)(side + k * step + 2);
        int at = k * ak;
        sum[0][0] += r0[at] * left, sum[0][1] += r0[at] * right;
        sum[1][0] += r1[at] * left, sum[1][1] += r1[at] * right;
        sum[2][0] += r2[at] * left, sum[2][1] += r2[at] * right;
        sum[3][0] += r3[at] * left, sum[3][1] += r3[at] * right;
      }
      for (int r = 0; r < rows; r++)
        for (int l = 0; l < wide; l++) c[(i + r) * p + j + l] = sum[r][l / 2][l % 2];
    }
  }
}
