"""Good Broyden with limited memory; its approximate inverse can serve the backward pass."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.equilibrium.safeguard import Safeguard
from implicit_tutorial.equilibrium.solver import Solver, Tracker
from implicit_tutorial.equilibrium.status import SolverResult

#: Powell's bound: an update may not shrink the determinant of the inverse by more than this factor.
_POWELL = 0.1


@dataclass(frozen=True, kw_only=True)
class Broyden(Solver):
    """z ← z + H g, g = map(z) − z, H ≈ (I − DA)⁻¹ corrected by rank one so that H Δg = −Δz (Broyden
    1965).

    H = I + Σ aᵢ cᵢᵀ starts as Picard (H = I). When ``memory`` corrections are full the sample starts
    again from H = I. A safeguard falls back to Picard, so it is guaranteed whenever ‖A‖₂ < 1. The
    corrections are what :class:`Shine` reuses for the gradient.

    Args:
        memory: how many corrections to keep; 2·memory states a sample.
    """

    guaranteed_by = ("spectral_norm",)

    memory: int = 20

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.memory < 1:
            raise ValueError(f"memory={self.memory}: Broyden needs at least one correction; or use Picard().")

    def run(self, problem: Problem, z0: Tensor | None) -> SolverResult:
        return self._iterate(problem, z0, None)

    def factor(self, problem: Problem, z0: Tensor | None) -> tuple[SolverResult, LowRankInverse]:
        """Solve, and also return each sample's final H; the memory it takes is kept alive with it."""
        kept = LowRankInverse.identity(problem.b.shape[0], min(self.memory, self.max_steps), problem.b)
        return self._iterate(problem, z0, kept), kept

    def _iterate(self, problem: Problem, z0: Tensor | None, kept: LowRankInverse | None) -> SolverResult:
        z = problem.start(z0)
        tracker = Tracker(z, self)
        H = LowRankInverse.identity(z.shape[0], min(self.memory, self.max_steps), z)
        safeguard = Safeguard(z, patience=10 + 2 * self.memory)
        rows = s = g_last = fresh = None
        while tracker.active and tracker.step < self.max_steps:
            fz = problem(z, rows)
            before = tracker.rows
            keep = tracker.observe(z, fz)
            if keep is not None:
                if kept is not None:
                    kept.store(before[~keep], H.select(~keep))
                if not tracker.active:
                    break
                z, fz, rows, H = z[keep], fz[keep], tracker.rows, H.select(keep)
                safeguard.keep(keep)
                if s is not None:
                    s, g_last, fresh = s[keep], g_last[keep], fresh[keep]
            g = fz - z
            if s is not None:
                H.update(s, g - g_last, fresh)
            z_new = problem.with_zeros_of(z + H(g), fz)
            restart = safeguard.judge(fz, tracker.latest)
            if bool(restart.any()):
                z_new = torch.where(restart[:, None], safeguard.image, z_new)
                H.reset(restart)
            # The step across a restart says nothing about the Jacobian where the sample now is.
            fresh = ~restart
            s, g_last, z = z_new - z, g, z_new
        if kept is not None and tracker.active:
            kept.store(tracker.rows, H)
        return tracker.result()


class LowRankInverse:
    """H = I + Σ aᵢ cᵢᵀ for every sample: an approximation of (I − DA)⁻¹."""

    def __init__(self, a: Tensor, c: Tensor, rank: Tensor, memory: int) -> None:
        self.a, self.c = a, c
        """(n, k, m) each; corrections beyond a sample's rank are zero."""
        self.rank = rank
        """(n,) number of corrections in use."""
        self.memory = memory

    @classmethod
    def identity(cls, n: int, memory: int, like: Tensor) -> LowRankInverse:
        empty = like.new_zeros(n, 0, like.shape[1])
        return cls(empty, empty, torch.zeros(n, dtype=torch.int64, device=like.device), memory)

    def __call__(self, g: Tensor) -> Tensor:
        """H g, row by row."""
        return low_rank(self.a, self.c, g)

    def transposed(self, g: Tensor) -> Tensor:
        """Hᵀ g, row by row."""
        return low_rank(self.c, self.a, g)

    def select(self, rows: Tensor) -> LowRankInverse:
        return LowRankInverse(self.a[rows], self.c[rows], self.rank[rows], self.memory)

    def store(self, rows: Tensor, other: LowRankInverse) -> None:
        """Copy the inverses of ``other`` into the given rows."""
        self._grow(other.a.shape[1])
        k = other.a.shape[1]
        self.a[rows, :k], self.c[rows, :k], self.rank[rows] = other.a, other.c, other.rank

    def reset(self, rows: Tensor) -> None:
        """Back to H = I for the samples in the mask."""
        self.a[rows], self.c[rows], self.rank[rows] = 0, 0, 0

    def update(self, s: Tensor, dg: Tensor, rows: Tensor) -> None:
        """Make H(−dg) = s for the samples in the mask: H ← H + (s − Hy)(Hᵀs)ᵀ / sᵀHy, y = −dg."""
        full = self.rank == self.memory
        if bool(full.any()):
            self.reset(full)
        Hy, Hs = self(-dg), self.transposed(s)
        square = (s * s).sum(dim=1)
        rows = rows & (square > 0)
        gamma = (s * Hy).sum(dim=1) / torch.where(rows, square, 1)
        # Powell's damping: where sᵀHy is too small, interpolate y towards H⁻¹s until it is not.
        sign = torch.where(gamma < 0, -1.0, 1.0).to(s.dtype)
        small = gamma.abs() < _POWELL
        theta = torch.where(small, (1 - sign * _POWELL) / torch.where(small, 1 - gamma, 1), 1)
        denominator = square * torch.where(small, sign * _POWELL, gamma)
        a = (s - Hy) * (theta / torch.where(rows, denominator, 1))[:, None]
        rows = rows & torch.isfinite(a).all(dim=1)
        if int(self.rank.max()) == self.a.shape[1]:
            self._grow(min(self.memory, 2 * self.a.shape[1] + 4))
        i = torch.nonzero(rows).flatten()
        self.a[i, self.rank[i]], self.c[i, self.rank[i]] = a[i], Hs[i]
        self.rank[i] += 1

    def _grow(self, size: int) -> None:
        # On demand: a quick solve needs few corrections.
        n, k, m = self.a.shape
        if size > k:
            more = self.a.new_zeros(n, size - k, m)
            self.a, self.c = torch.cat([self.a, more], dim=1), torch.cat([self.c, more], dim=1)


def low_rank(left: Tensor, right: Tensor, g: Tensor) -> Tensor:
    """g + Σ leftᵢ (rightᵢ · g)."""
    if left.shape[1] == 0:
        return g.clone()
    return torch.baddbmm(g[:, None], torch.bmm(right, g[:, :, None]).mT, left)[:, 0]
