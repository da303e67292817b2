"""A network at its samples in fifty digits, by mpmath: what bounds in float64 must enclose."""

from __future__ import annotations

import mpmath as mp
import torch
from torch import Tensor

import implicit_tutorial as it

mp.mp.dps = 50


def matrix(x: Tensor) -> mp.matrix:
    return mp.matrix(x.detach().to(torch.float64).tolist())


class Exact:
    """States, adjoints, error and Jacobian of the real numbers that a network's parameters are."""

    def __init__(self, net: it.EquilibriumNetwork, X: Tensor, y: Tensor, A: mp.matrix | None = None) -> None:
        m = net.width
        self.root = mp.sqrt(m)
        self.A = matrix(net.Theta) * (mp.mpf(net.implicit_scale) / self.root) if A is None else A
        self.b = matrix(X) * matrix(net.W).T * mp.mpf(net.input_scale)
        self.v, self.y = [mp.mpf(x) for x in net.v.tolist()], [mp.mpf(x) for x in y.tolist()]
        self.kappa = mp.mpf(net.output_scale)
        # The pattern is that of the float64 equilibria, and is verified here.
        self.D = [[bool(z > 0) for z in row] for row in net.equilibrium(X, solver=it.Newton()).z]
        self.z, self.u, self.h = [], [], []
        for i, pattern in enumerate(self.D):
            S = [r for r in range(m) if pattern[r]]
            B = self.block(i)
            z, u = [mp.mpf(0)] * m, [mp.mpf(0)] * m
            for r, value in zip(S, mp.lu_solve(B, mp.matrix([self.b[i, r] for r in S])), strict=True):
                z[r] = value
            for r, value in zip(S, mp.lu_solve(B.T, mp.matrix([self.v[r] for r in S])), strict=True):
                u[r] = value
            h = [mp.fdot(self.A[r, :], z) + self.b[i, r] for r in range(m)]
            self.z.append(z)
            self.u.append(u)
            self.h.append(h)

    @property
    def is_equilibrium(self) -> bool:
        """Whether each pattern is that of its state, with no unit at its kink."""
        units = [(h, d) for i in range(len(self.D)) for h, d in zip(self.h[i], self.D[i], strict=True)]
        return all(h != 0 and (h > 0) == d for h, d in units)

    def block(self, i: int) -> mp.matrix:
        """I − A_SS of one sample."""
        S = [r for r, on in enumerate(self.D[i]) if on]
        return mp.matrix([[(r == c) - self.A[r, c] for c in S] for r in S])

    @property
    def error(self) -> list[mp.mpf]:
        return [self.kappa * mp.fdot(self.v, z) / self.root - y for z, y in zip(self.z, self.y, strict=True)]

    @property
    def gram(self) -> mp.matrix:
        """JJᵀ."""
        scale, n = (self.kappa / self.root) ** 2, len(self.z)
        rows = range(n)
        return mp.matrix(
            [
                [scale * mp.fdot(self.z[i], self.z[j]) * mp.fdot(self.u[i], self.u[j]) for j in rows]
                for i in rows
            ]
        )

    def resolvent(self, i: int) -> mp.mpf:
        return 1 / min(mp.svd_r(self.block(i), compute_uv=False))

    def kink(self, i: int) -> mp.mpf:
        """max_r ‖∇_A h_ir‖_F/|h_ir|, from dh = E z + A dz and dz = (I − DA)⁻¹D E z."""
        m, S = len(self.v), [r for r, on in enumerate(self.D[i]) if on]
        inverse, size = mp.inverse(self.block(i)), mp.sqrt(mp.fdot(self.z[i], self.z[i]))
        largest = mp.mpf(0)
        for r in range(m):
            # The row vector that E z is multiplied by: e_r + a_r (I − DA)⁻¹D.
            row = [mp.mpf(r == c) for c in range(m)]
            for k, c in enumerate(S):
                row[c] += mp.fsum(self.A[r, s] * inverse[j, k] for j, s in enumerate(S))
            largest = max(largest, mp.sqrt(mp.fdot(row, row)) * size / abs(self.h[i][r]))
        return largest

    def newton(self, net: it.EquilibriumNetwork, X: Tensor, y: Tensor) -> Exact:
        """The network after A ← A − Jᵀ(JJᵀ)⁻¹e."""
        w = mp.lu_solve(self.gram, mp.matrix(self.error))
        A, scale = self.A.copy(), self.kappa / self.root
        for i, (z, u) in enumerate(zip(self.z, self.u, strict=True)):
            for r in range(len(u)):
                for c in range(len(z)):
                    A[r, c] -= scale * w[i] * u[r] * z[c]
        return Exact(net, X, y, A)
