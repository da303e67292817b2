"""Picard iteration: apply the map until it stops moving."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.equilibrium.solver import Solver, Tracker
from implicit_tutorial.equilibrium.status import SolverResult


@dataclass(frozen=True, kw_only=True)
class Picard(Solver):
    """z ← relu(Az + b): an ever deeper weight-tied network. Contracts at the spectral radius of DA (C6).

    Guaranteed when ‖A‖₂ < 1, ‖A‖_∞ < 1 or ρ(|A|) < 1 (C5). For a wide Gaussian A no Krylov-type method has a
    better rate, and few save a tenth of the sweeps (C6); one sweep costs one product with A.
    """

    guaranteed_by = ("perron_frobenius", "row_sum", "spectral_norm", "simplex")

    def run(self, problem: Problem, z0: Tensor | None) -> SolverResult:
        z = problem.start(z0)
        tracker = Tracker(z, self)
        rows = None
        while tracker.active and tracker.step < self.max_steps:
            fz = problem(z, rows)
            keep = tracker.observe(z, fz)
            if keep is not None:
                fz, rows = fz[keep], tracker.rows
            z = fz
        return tracker.result()
