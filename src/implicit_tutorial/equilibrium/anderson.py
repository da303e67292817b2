"""Anderson acceleration: the combination of the last states with the smallest linearised residual."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.equilibrium.safeguard import Safeguard, extended
from implicit_tutorial.equilibrium.solver import Solver, Tracker
from implicit_tutorial.equilibrium.status import SolverResult

#: Plain sweeps before the first test of mixing, and the ratio of each test's sweep to the last one's.
_FIRST_LOOK, _WAIT = 10, 1.5


@dataclass(frozen=True, kw_only=True)
class Anderson(Solver):
    """z ← p − ΔP γ, p = z + β g, g = map(z) − z, γ = argmin ‖g − ΔG γ‖ (type II; Walker & Ni 2011).

    ΔG and ΔP hold the last ``window`` differences of g and p. On a linear problem this is restarted
    GMRES: it gains much where the spectrum of DA is stretched (symmetric or trained A), next to nothing
    on a Gaussian one (C6).

    Mixing costs memory traffic, so only every ``period``-th sweep mixes (Banerjee, Suryanarayana & Pask
    2016), or one whose residual has grown, and none before it gains. Each sample makes plain sweeps z ← p
    until one combination of its last three residuals is as small as ``start_gain`` more plain sweeps would
    make the last one. Residuals of a wide Gaussian network are orthogonal: their best combination is
    1/√(1 + ρ² + ρ⁴) of the last one, ρ = σ_A/√2, which is more than ρ⁸ up to σ_A = 1.33. So Gaussian
    problems are left to Picard, but for the slowest samples. ``Anderson(start_gain=0, period=1)`` is the
    method of the textbooks.

    A safeguard falls back to Picard, so it is guaranteed whenever ‖A‖₂ < 1.

    Args:
        window: how many differences to keep; memory 2·window states a sample.
        damping: β in (0, 1]; 1 takes the full step.
        regularization: ridge of the least-squares problem relative to its unit-length columns, 100 rounding
            units by default. It removes columns that rounding cannot tell apart; sweeps hardly depend on it.
        period: mix at every so many sweeps, and where the residual has grown.
        start_gain: sweeps that a combination must be worth before mixing begins; 0 mixes from the start.
    """

    guaranteed_by = ("spectral_norm",)

    window: int = 10
    damping: float = 1.0
    regularization: float | None = None
    period: int = 4
    start_gain: float = 8.0

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
        if self.period < 1:
            raise ValueError(f"period={self.period}: 1 mixes at every sweep, 4 at every fourth.")
        if not self.start_gain >= 0:
            raise ValueError(f"start_gain={self.start_gain}: a number of sweeps; 0 mixes from the start.")

    def run(self, problem: Problem, z0: Tensor | None) -> SolverResult:
        z = problem.start(z0)
        tracker = Tracker(z, self)
        watch = _Watch(self.start_gain)
        mixer = _Mixer(self, problem, z)
        if self.start_gain == 0:
            mixer.join(len(z))
        rows = None
        while tracker.active and tracker.step < self.max_steps:
            fz = problem(z, rows)
            keep = tracker.observe(z, fz)
            if keep is not None:
                if not tracker.active:
                    break
                if mixer.count:
                    # Samples that mix come first, in an order that moves few of their windows.
                    plain = torch.nonzero(keep[mixer.count :]).flatten() + mixer.count
                    kept = torch.cat([mixer.keep(keep[: mixer.count]), plain])
                    tracker.reorder((keep.cumsum(0) - 1)[kept])
                else:
                    kept = keep
                fz, rows = fz[kept], tracker.rows
                watch.keep(kept)
            if mixer.count < len(fz):
                starting = watch.look(tracker.step, tracker.change)
                if starting is not None and bool(starting[mixer.count :].any()):
                    starting[: mixer.count] = True
                    order = torch.argsort(~starting, stable=True)
                    mixer.join(int(starting.sum()) - mixer.count)
                    tracker.reorder(order)
                    fz, rows = fz[order], tracker.rows
            g, k = tracker.change, mixer.count
            z = fz if self.damping == 1 else problem.with_zeros_of(fz - (1 - self.damping) * g, fz)
            if k:
                mix = tracker.step % self.period == 0
                mixed = mixer.advance(g[:k], fz[:k], z[:k], tracker.latest[:k], mix)
                if mixed is not None:
                    z = mixed if k == len(z) else torch.cat([mixed, z[k:]])
        return tracker.result()


class _Watch:
    """Tests at growing intervals whether combining three residuals gains more than several plain sweeps."""

    def __init__(self, gain: float) -> None:
        self.gain = gain
        self.residuals: list[Tensor] = []
        self.next = _FIRST_LOOK

    def keep(self, rows: Tensor) -> None:
        self.residuals = [g[rows] for g in self.residuals]

    def look(self, step: int, g: Tensor) -> Tensor | None:
        """The mask of samples that should mix; None at a sweep without a test.

        With θ = min ‖w₀g + w₁g₁ + w₂g₂‖/‖g‖, Σw = 1, over the last three residuals, mixing gains when
        θ ≤ ρ^gain, where ρ² = ‖g‖/‖g₂‖ is the contraction of the last two sweeps.
        """
        if step < self.next - 2:
            return None
        self.residuals.append(g)
        if step < self.next:
            return None
        G = torch.stack(self.residuals, dim=1)
        self.residuals, self.next = [], max(step + 3, int(_WAIT * step))
        gram = torch.bmm(G, G.mT)
        length = gram.diagonal(dim1=1, dim2=2).sqrt()
        gram = gram / (length[:, :, None] * length[:, None, :])
        gram.diagonal(dim1=1, dim2=2).add_(100 * torch.finfo(g.dtype).eps)
        share = length[:, 2:] / length
        # 1/θ² = 1ᵀ (GGᵀ)⁻¹ 1 ‖g‖², in units in which the columns have length one.
        inverse = (share * torch.linalg.solve_ex(gram, share)[0]).sum(dim=1)
        return inverse * share[:, 0] ** self.gain >= 1


class _Mixer:
    """The samples that mix: their last differences, Gram matrices and safeguards."""

    def __init__(self, solver: Anderson, problem: Problem, z: Tensor) -> None:
        n, m = z.shape
        size = min(solver.window, m)
        self.problem = problem
        self.ridge = (
            100 * torch.finfo(z.dtype).eps if solver.regularization is None else solver.regularization
        )
        #: Room for all samples; memory that none has used yet costs nothing.
        self.room_G, self.room_P = z.new_empty(n, size, m), z.new_empty(n, size, m)
        self.safeguard = Safeguard(z[:0], patience=10 + 2 * solver.window)
        self.gram = z.new_zeros(0, size, size)
        self.g = self.p = z[:0]
        self.residual = z.new_zeros(0)
        self.valid = torch.zeros(0, size, dtype=torch.bool, device=z.device)
        #: Whether g and p are those of the sweep before.
        self.linked = torch.zeros(0, dtype=torch.bool, device=z.device)
        self.slot = self.pending = 0

    _PER_SAMPLE = ("gram", "g", "p", "residual", "valid", "linked")

    @property
    def count(self) -> int:
        return len(self.linked)

    @property
    def dG(self) -> Tensor:
        return self.room_G[: self.count]

    @property
    def dP(self) -> Tensor:
        return self.room_P[: self.count]

    def keep(self, rows: Tensor) -> Tensor:
        """Forget all samples but those in the mask; return where these were, in their new order.

        The last ones move to the gaps: moving all up would copy all windows whenever a sample converges.
        """
        count = int(rows.sum())
        gaps = torch.nonzero(~rows[:count]).flatten()
        last = torch.nonzero(rows[count:]).flatten() + count
        order = torch.arange(count, device=rows.device)
        order[gaps] = last
        for room in (self.room_G, self.room_P):
            room[gaps] = room[last]
        for name in self._PER_SAMPLE:
            setattr(self, name, getattr(self, name)[order])
        self.safeguard.keep(order)
        return order

    def join(self, more: int) -> None:
        """Add so many samples, with nothing in their windows."""
        for room in (self.room_G, self.room_P):
            room[self.count : self.count + more] = 0
        for name in self._PER_SAMPLE:
            setattr(self, name, extended(getattr(self, name), more, 0))
        self.safeguard.join(more)

    def advance(self, g: Tensor, fz: Tensor, p: Tensor, residual: Tensor, mix: bool) -> Tensor | None:
        """The next states: combined with the window, or the safeguard's; None when all are p."""
        # Replace the oldest difference.
        torch.sub(g, self.g, out=self.dG[:, self.slot])
        torch.sub(p, self.p, out=self.dP[:, self.slot])
        self.valid[:, self.slot] = self.linked
        size = self.dG.shape[1]
        self.slot, self.pending = (self.slot + 1) % size, min(self.pending + 1, size)
        self.g, self.p = g, p
        # Where a sweep makes the residual grow, another plain one would be worse.
        grown = self.linked & (residual > self.residual)
        self.residual = residual
        z = None
        if mix or bool(grown.any()):
            mixed = self.problem.with_zeros_of(p - self._step(g), fz)
            z = mixed if mix else torch.where(grown[:, None], mixed, p)
        restart = self.safeguard.judge(fz, residual)
        if bool(restart.any()):
            z = torch.where(restart[:, None], self.safeguard.image, p if z is None else z)
            # The difference across the restart is not used either.
            self.valid = self.valid & ~restart[:, None]
        self.linked = ~restart
        return z

    def _step(self, g: Tensor) -> Tensor:
        """ΔP γ with γ = argmin ‖g − ΔG γ‖² + ridge ‖γ‖²."""
        dG = self.dG
        new = [(self.slot - k) % dG.shape[1] for k in range(self.pending, 0, -1)]
        self.pending = 0
        # One pass over ΔG gives the Gram rows of what is new, and the right-hand side.
        products = torch.bmm(dG, torch.cat([dG[:, new], g[:, None]], dim=1).mT)
        self.gram[:, new, :] = products[:, :, :-1].mT
        self.gram[:, :, new] = products[:, :, :-1]
        # In units in which the columns have length one: the ridge is then relative.
        length = self.gram.diagonal(dim1=1, dim2=2).sqrt()
        used = self.valid & (length > 0)
        unit = torch.where(used, 1 / length, 0)
        gram = self.gram * unit[:, :, None] * unit[:, None, :]
        # Unused columns get the equation γ = 0; an empty window gives zero.
        gram.diagonal(dim1=1, dim2=2).add_(self.ridge + ~used)
        gamma, info = torch.linalg.solve_ex(gram, products[:, :, -1] * unit)
        gamma = torch.where((info == 0)[:, None] & torch.isfinite(gamma), gamma, 0) * unit
        return torch.bmm(gamma[:, None], self.dP)[:, 0]
