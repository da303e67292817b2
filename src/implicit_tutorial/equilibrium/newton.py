"""Semismooth Newton: guess the activation pattern, solve its linear system, repeat."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.equilibrium.solver import Solver, Tracker
from implicit_tutorial.equilibrium.status import SolverResult, Status

#: Below this width the systems of all samples are factored in one batch; above it, each sample's active
#: block alone.
_BATCHED_WIDTH = 64
_BATCH_ENTRIES = 1 << 24


@dataclass(frozen=True, kw_only=True)
class Newton(Solver):
    """z ← (I − DA)⁻¹ D b with D = diag(1[Az + b > 0]): exact once the activation pattern is right.

    It needs no contraction, only that the systems it meets are regular; where it converges it does so in
    finitely many steps, each one factorisation of the active block, O(m³). A pattern met twice is reported
    as a cycle.
    """

    guaranteed_by = ()

    max_steps: int = 100

    def run(self, problem: Problem, z0: Tensor | None) -> SolverResult:
        z = problem.start(z0)
        tracker = Tracker(z, self)
        # A pattern is recognised by the sum of its units' random codes, in integers that wrap around:
        # exact, and the same whatever the batch.
        generator = torch.Generator().manual_seed(0)
        code = torch.randint(-(2**62), 2**62, (z.shape[1],), generator=generator).to(z.device)
        seen = torch.empty((0, z.shape[0]), dtype=torch.int64, device=z.device)
        rows = None
        while tracker.active and tracker.step < self.max_steps:
            h = problem.preactivation(z, rows)
            keep = tracker.observe(z, problem.activate(h, rows))
            if keep is not None:
                h, seen, rows = h[keep], seen[:, keep], tracker.rows
                if not tracker.active:
                    break
            D = h > 0 if problem.mask is None else (problem.mask if rows is None else problem.mask[rows]) > 0
            pattern = (D * code).sum(dim=1)
            z, regular = _solve_pattern(problem, D, rows)
            failed = (seen == pattern).any(dim=0) | ~regular
            if bool(failed.any()):
                status = torch.where(regular, Status.CYCLE, Status.SINGULAR).to(torch.int8)
                keep = tracker.retire(failed, status)
                z, seen, pattern, rows = z[keep], seen[:, keep], pattern[keep], tracker.rows
            seen = torch.cat([seen, pattern[None]])
        return tracker.result()


def _solve_pattern(problem: Problem, D: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
    """Solve z = D(Mz + b) for each row; also say for which rows the system was regular."""
    M, b = problem.M, (problem.b if rows is None else problem.b[rows])
    n, m = b.shape
    z = torch.zeros_like(b)
    regular = torch.ones(n, dtype=torch.bool, device=b.device)
    eye = torch.eye(m, dtype=M.dtype, device=M.device)
    if m <= _BATCHED_WIDTH:
        chunk = max(1, _BATCH_ENTRIES // (m * m))
        for i in range(0, n, chunk):
            d = D[i : i + chunk].to(M.dtype)
            solved, info = torch.linalg.solve_ex(eye - d[:, :, None] * M, d * b[i : i + chunk])
            # Elimination leaves rounding noise on inactive units, and z > 0 would be the wrong pattern.
            z[i : i + chunk] = torch.where(D[i : i + chunk], solved, 0)
            regular[i : i + chunk] = (info == 0) & torch.isfinite(solved).all(dim=1)
        return z, regular
    for i in range(n):
        S = torch.nonzero(D[i]).flatten()
        if S.numel() == 0:
            continue
        block = eye[: S.numel(), : S.numel()] - M[S][:, S]
        solved, info = torch.linalg.solve_ex(block, b[i, S])
        z[i, S] = solved
        regular[i] = (info == 0) & torch.isfinite(solved).all()
    return z, regular
