"""Anderson acceleration: the combination of the last sweeps with the smallest linearised residual."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.problem import Problem, Tolerances, Tracker
from implicit_tutorial.equilibrium.safeguard import Safeguard
from implicit_tutorial.equilibrium.solution import SolverResult


@dataclass(frozen=True, kw_only=True)
class Anderson(Tolerances):
    """z ← p − ΔP γ, p = z + β g, g = map(z) − z, γ = argmin ‖g − ΔG γ‖ (type II; Walker & Ni 2011).

    ΔG and ΔP hold the last ``window`` differences of g and p. On a linear problem this is restarted
    GMRES: it gains much where the spectrum of DA is stretched (symmetric or trained A), next to nothing
        on a Gaussian
    one (C6). A safeguard falls back to Picard, so it is guaranteed whenever ‖A‖₂ < 1.

    Args:
        window: how many differences to keep; memory 2·window states a sample.
        damping: β in (0, 1]; 1 takes the full step.
        regularization: ridge of the least-squares problem relative to its unit-length columns, 100 rounding
            units by default. It removes columns that rounding cannot tell apart; sweeps hardly depend on it.
    """

    window: int = 10
    damping: float = 1.0
    regularization: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window < 1:
            raise ValueError(
                f"window={self.window}: Anderson needs at least one difference; or use Picard()."
            )
        if not 0 < self.damping <= 1:
            raise ValueError(f"damping={self.damping}: choose it in (0, 1]; 1 takes the full step.")
        if self.regularization is not None and not 0 <= self.regularization < 1:
            raise ValueError(
                f"regularization={self.regularization}: it is relative to unit columns; choose it in [0, 1)."
            )

    def run(self, problem: Problem, z0: Tensor | None) -> SolverResult:
        z = problem.start(z0)
        tracker = Tracker(problem, z, self)
        window = _Window(z, self.window, self.regularization)
        safeguard = Safeguard(z, patience=10 + 2 * self.window)
        rows = g_last = p_last = None
        while tracker.active and tracker.step < self.max_steps:
            fz = problem(z, rows)
            keep = tracker.observe(z, fz)
            if keep is not None:
                if not tracker.active:
                    break
                z, fz, rows = z[keep], fz[keep], tracker.rows
                window.keep(keep)
                safeguard.keep(keep)
                if g_last is not None:
                    g_last, p_last = g_last[keep], p_last[keep]
            g = fz - z
            p = fz if self.damping == 1 else z + self.damping * g
            z = p
            if g_last is not None:
                z = problem.with_zeros_of(p - window.step(g, g - g_last, p - p_last), fz)
            restart = safeguard.judge(fz, tracker.latest)
            if bool(restart.any()):
                z = torch.where(restart[:, None], safeguard.image, z)
                window.clear(restart)
            g_last, p_last = g, p
        return tracker.result()


class _Window:
    """The last differences of every sample, their Gram matrices, and the least-squares step from them."""

    def __init__(self, z: Tensor, size: int, regularization: float | None) -> None:
        n, m = z.shape
        size = min(size, m)
        self.dG = z.new_zeros(n, size, m)
        self.dP = z.new_zeros(n, size, m)
        self.gram = z.new_zeros(n, size, size)
        self.valid = torch.zeros(n, size, dtype=torch.bool, device=z.device)
        self.fresh = torch.ones(n, dtype=torch.bool, device=z.device)
        self.slot = 0
        self.ridge = 100 * torch.finfo(z.dtype).eps if regularization is None else regularization

    def keep(self, rows: Tensor) -> None:
        for name in ("dG", "dP", "gram", "valid", "fresh"):
            setattr(self, name, getattr(self, name)[rows])

    def clear(self, rows: Tensor) -> None:
        """Empty the window of the given samples; the difference across the restart is not used either."""
        self.valid = self.valid & ~rows[:, None]
        self.fresh = ~rows

    def step(self, g: Tensor, dg: Tensor, dp: Tensor) -> Tensor:
        """ΔP γ with γ = argmin ‖g − ΔG γ‖² + ridge ‖γ‖², the oldest difference being replaced by (dg, dp)."""
        length = torch.linalg.vector_norm(dg, dim=1)
        usable = self.fresh & (length > 0)
        # Scaled so that dg has length one: the ridge is then relative.
        scale = torch.where(usable, 1 / length.clamp(min=torch.finfo(dg.dtype).tiny), 0)[:, None]
        dG, slot = self.dG, self.slot
        torch.mul(dg, scale, out=dG[:, slot])
        torch.mul(dp, scale, out=self.dP[:, slot])
        self.valid[:, slot] = usable
        self.fresh = torch.ones_like(self.fresh)
        self.slot = (slot + 1) % dG.shape[1]
        # One pass over ΔG gives the new Gram row and the right-hand side.
        products = torch.bmm(dG, torch.stack([dG[:, slot], g], dim=1).mT)
        self.gram[:, slot, :] = self.gram[:, :, slot] = products[:, :, 0]
        valid = self.valid.to(g.dtype)
        gram = self.gram * valid[:, :, None] * valid[:, None, :]
        # Unused columns get the equation γ = 0; an empty window gives zero.
        gram.diagonal(dim1=1, dim2=2).add_(1 - valid + self.ridge)
        gamma, info = torch.linalg.solve_ex(gram, products[:, :, 1] * valid)
        gamma = torch.where((info == 0)[:, None] & torch.isfinite(gamma), gamma, 0)
        return torch.bmm(gamma[:, None], self.dP)[:, 0]
