"""A tiny network in exact arithmetic: its error, and the exact global minimum that Newton's method finds."""

from __future__ import annotations

import math
from fractions import Fraction

import torch
from torch import Tensor

from implicit_tutorial.equilibrium import Newton
from implicit_tutorial.network import EquilibriumNetwork

Row = list[Fraction]
#: After a step numbers are rounded to so many binary digits, or they would double in length with each.
_DIGITS = 300


class ExactNetwork:
    """The equilibria of the rational numbers that a network's parameters are; its width is a power of four.

    √m is rational then. The patterns are those of the network's equilibria in float64.
    """

    def __init__(self, net: EquilibriumNetwork, X: Tensor, y: Tensor) -> None:
        root = math.isqrt(net.width)
        if root**2 != net.width:
            raise ValueError(f"width={net.width}: its root must be whole.")
        self.scale = Fraction(net.output_scale) / root
        self.A = [[Fraction(net.implicit_scale) / root * x for x in row] for row in _exact(net.Theta)]
        W, self.y = _exact(net.W), [Fraction(t) for t in y.tolist()]
        self.b = [[Fraction(net.input_scale) * _dot(w, x) for w in W] for x in _exact(X)]
        self.v = [Fraction(x) for x in net.v.tolist()]
        self.S = [
            [r for r, z in enumerate(row) if z > 0] for row in net.equilibrium(X, solver=Newton()).z.tolist()
        ]
        self._solve()

    def _solve(self) -> None:
        m, self.z, self.u = len(self.v), [], []
        for S, b in zip(self.S, self.b, strict=True):
            B = [[(r == c) - self.A[r][c] for c in S] for r in S]
            for found, M, right in ((self.z, B, b), (self.u, _transposed(B), self.v)):
                values = dict(zip(S, _solved(M, [right[r] for r in S]), strict=True))
                found.append([values.get(r, Fraction(0)) for r in range(m)])

    @property
    def error(self) -> Row:
        """e = f − y."""
        return [self.scale * _dot(self.v, z) - y for z, y in zip(self.z, self.y, strict=True)]

    @property
    def is_equilibrium(self) -> bool:
        """Whether the units of each pattern are those with h > 0."""
        return all(
            (_dot(a, z) + b[r] > 0) == (r in S)
            for S, z, b in zip(self.S, self.z, self.b, strict=True)
            for r, a in enumerate(self.A)
        )

    def resolvent(self, i: int) -> Tensor:
        """(I − A_SS)⁻¹ of a sample in float64."""
        S = self.S[i]
        B = [[(r == c) - self.A[r][c] for c in S] for r in S]
        columns = [_solved(B, [Fraction(r == k) for r in range(len(S))]) for k in range(len(S))]
        return torch.tensor([[float(x) for x in column] for column in columns], dtype=torch.float64).T

    def step(self) -> None:
        """A ← A − Jᵀ(JJᵀ)⁻¹e."""
        rows = list(zip(self.z, self.u, strict=True))
        gram = [[self.scale**2 * _dot(z, z2) * _dot(u, u2) for z2, u2 in rows] for z, u in rows]
        for w, (z, u) in zip(_solved(gram, self.error), rows, strict=True):
            self.A = [
                [_rounded(a - self.scale * w * p * q) for a, q in zip(row, z, strict=True)]
                for row, p in zip(self.A, u, strict=True)
            ]
        self._solve()


def norm(values: Row) -> float:
    """The Euclidean norm."""
    largest = max(abs(x) for x in values)
    return float(largest) * math.sqrt(sum(float(x / largest) ** 2 for x in values)) if largest else 0.0


def distance_to_minimum(net: EquilibriumNetwork, X: Tensor, y: Tensor, steps: int = 5) -> float:
    """‖A′ − A‖_F to the global minimum that Newton's method finds in exact arithmetic."""
    here, there = ExactNetwork(net, X, y), ExactNetwork(net, X, y)
    for _ in range(steps):
        there.step()
    if not (there.is_equilibrium and norm(there.error) < 1e-60):
        raise ArithmeticError("Newton's method has not found a global minimum.")
    pairs = zip(here.A, there.A, strict=True)
    return norm([a - b for row, other in pairs for a, b in zip(row, other, strict=True)])


def _exact(x: Tensor) -> list[Row]:
    return [[Fraction(t) for t in row] for row in x.tolist()]


def _dot(x: Row, y: Row) -> Fraction:
    return sum((a * b for a, b in zip(x, y, strict=True)), Fraction(0))


def _transposed(M: list[Row]) -> list[Row]:
    return [list(column) for column in zip(*M, strict=True)]


def _rounded(x: Fraction) -> Fraction:
    return Fraction(round(x * 2**_DIGITS), 2**_DIGITS)


def _solved(M: list[Row], right: Row) -> Row:
    """M⁻¹ right by elimination."""
    n = len(M)
    rows = [[*row, t] for row, t in zip(M, right, strict=True)]
    for k in range(n):
        pivot = next(i for i in range(k, n) if rows[i][k] != 0)
        rows[k], rows[pivot] = rows[pivot], rows[k]
        for i in range(k + 1, n):
            factor = rows[i][k] / rows[k][k]
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]
    x: Row = [Fraction(0)] * n
    for k in reversed(range(n)):
        x[k] = (rows[k][n] - _dot(rows[k][k + 1 : n], x[k + 1 :])) / rows[k][k]
    return x
