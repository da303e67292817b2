"""Equilibria up to rounding in float64, and how far they can be from the exact ones."""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.newton import Newton
from implicit_tutorial.equilibrium.picard import Picard
from implicit_tutorial.equilibrium.refine import swept
from implicit_tutorial.equilibrium.solve import solve
from implicit_tutorial.equilibrium.spectra import (
    least_singular_value,
    monotone_constant,
    rounding,
    row_norm,
    spectral_norm,
)

#: Operations that a bound may lose a rounding in, besides its sums: far more than any formula here has.
FEW = 64
#: Newton's method solves with the pattern that it starts from, so one step leaves no more than rounding.
EXACT = Newton(rtol=1e-14, max_steps=10)
#: Where ρ(DA) is not near one, sweeps lead there without a factorisation for each sample.
SWEEPS = Picard(rtol=EXACT.rtol, max_steps=100)
#: Where λ_min of the symmetric part of I − A is at least this, it bounds all resolvents.
_MONOTONE = 0.1


class States:
    """The equilibria of z = relu(Az + b) near given ones, for the real numbers that A and b stand for.

    A bound on something is one in spite of rounding, that in computing A and b included.

    Args:
        A: (m, m), three roundings an entry. b: (n, m), off by ``b_noise`` at most, entry by entry.
        start: (n, m) equilibria as a solver finds them.
        more: a factor that outweighs the roundings in computing a bound.
    """

    def __init__(self, A: Tensor, b: Tensor, b_noise: Tensor, start: Tensor, more: float) -> None:
        self.A, self.more = A, more
        #: What the roundings in A = σ_A Θ/√m come to.
        self.A_noise = 4 * rounding(1) * float(torch.linalg.vector_norm(A)) * more
        if self.norm < 1:  # wherever they start from
            start = solve(A, b, solver=SWEEPS, z0=start, throw=False).z
        else:
            start = swept(A.T, torch.addmm(b, start, A.T) > 0, b, start, SWEEPS)
        z = solve(A, b, solver=EXACT, z0=start, throw=False).z
        for _ in range(EXACT.max_steps):
            h = torch.addmm(b, z, A.T)
            self.D = h > 0
            settled = ((z > 0) <= self.D).all(dim=1)
            if bool(settled.all()):
                break
            z = torch.where(self.D, z, 0)
        # Of sums of m products, of the roundings in A and b, and of underflow.
        k, tiny = rounding(len(A) + FEW), len(A) * torch.finfo(h.dtype).tiny
        off = k * (z.abs() @ A.abs().T + b.abs()) + b_noise
        self.z, self.h, self.h_noise = z, h, more * off + tiny
        #: ‖z − D(Az + b)‖, from above; infinite where no pattern was found.
        self.z_defect = self.defect(z, h, self.h_noise).masked_fill_(~settled, math.inf)

    def defect(self, x: Tensor, image: Tensor, noise: Tensor) -> Tensor:
        """(n,) ‖x − D(image)‖, from above, for an image that is off by noise."""
        off = row_norm(x - torch.where(self.D, image, 0)) + row_norm(torch.where(self.D, noise, 0))
        return self.more * off

    @cached_property
    def norm(self) -> float:
        """‖A‖₂, from above."""
        return self.more * (spectral_norm(self.A) + self.A_noise)

    @cached_property
    def rows(self) -> Tensor:
        """(m,) ‖a_r‖ for each row of A, from above."""
        return self.more * row_norm(self.A) + self.A_noise

    @cached_property
    def monotone(self) -> float:
        """λ_max((A + Aᵀ)/2), from above."""
        value = monotone_constant(self.A)
        return value + self.A_noise + (self.more - 1) * self.norm

    def resolvent(self, M: Tensor, factors: tuple[Tensor, Tensor], *, on_all_sides: bool = False) -> float:
        """‖(I − A_SS)⁻¹‖₂ from above, for M = I − A_SS and its factors; ``on_all_sides`` for all subsets too.

        Infinite where nothing is certain.
        """
        least = 1 - self.monotone
        if least < _MONOTONE and not on_all_sides:
            least = least_singular_value(M, factors) - self.A_noise - 2 * rounding(1)
        return self.more / least if least > 0 else math.inf

    def away(self, i: int, gamma: float) -> Tensor:
        """(m,) how far units of sample i are from their kinks, at the least; negative where not certain."""
        h = torch.where(self.D[i], self.h[i], -self.h[i])
        return h - self.more * (self.rows * (gamma * self.z_defect[i]) + self.h_noise[i])

    @cached_property
    def distance(self) -> Tensor:
        """(n,) ‖z − z*‖ from above, z* an exact equilibrium; infinite where none is certain to be near."""
        factors = [1 / (1 - self.norm)] if self.norm < 1 else []
        if self.monotone < 1:
            # w = relu(Az + b) is the equilibrium for b + A(z − w), so ‖w − z*‖ ≤ ‖A‖₂ ‖z − w‖/μ.
            factors.append(1 + self.norm / (1 - self.monotone))
        if factors:
            residual = row_norm(self.z - torch.where(self.D, self.h, 0)) + row_norm(self.h_noise)
            return self.more * min(factors) * residual
        return torch.tensor([self._near(i) for i in range(len(self.z))], dtype=self.z.dtype)

    def _near(self, i: int) -> float:
        """How far the solution for the pattern of sample i is, where it has that pattern."""
        S = torch.nonzero(self.D[i]).flatten()
        gamma = 0.0
        if len(S):
            M = torch.eye(len(S), dtype=self.A.dtype) - self.A.index_select(0, S).index_select(1, S)
            gamma = self.resolvent(M, torch.linalg.lu_factor_ex(M)[:2])
        if not (gamma < math.inf and bool((self.away(i, gamma) >= 0).all())):
            return math.inf
        return self.more * gamma * float(self.z_defect[i])
