"""What all solvers share: their tolerances, their register, and the book-keeping of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.checks import check_fields
from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.equilibrium.spectra import row_norm
from implicit_tutorial.equilibrium.status import SolverResult, Status

#: Every solver by its name; a class enters itself, see :class:`Solver`.
SOLVERS: dict[str, type[Solver]] = {}
#: An iteration whose residual has grown by this factor is called divergent. Non-normal matrices have
#: transients, but with entries of order one they stay many orders of magnitude below it.
DIVERGENCE_FACTOR = 1e10


@dataclass(frozen=True, kw_only=True)
class Solver:
    """Stop a sample when ‖map(z) − z‖ ≤ atol + rtol·‖map(z)‖, or after ``max_steps`` steps.

    ``rtol=None`` means 1e-10 in float64 and 1e-5 in float32.
    """

    guaranteed_by: ClassVar[tuple[str, ...]] = ()
    """Names of the conditions in ``certify(A)`` under which it converges from any start.

    A class that says so, if only with (), is one of :data:`SOLVERS`; a variant of another need not.
    """

    rtol: float | None = None
    atol: float = 0.0
    max_steps: int = 1000

    def __init_subclass__(cls) -> None:
        if "guaranteed_by" in vars(cls):
            SOLVERS[cls.__name__] = cls

    def __post_init__(self) -> None:
        check_fields(self)
        if self.max_steps < 1:
            raise ValueError(f"max_steps={self.max_steps}: a solver needs at least one step.")
        if not 0 <= self.atol < math.inf:
            raise ValueError(f"atol={self.atol}: a tolerance cannot be negative.")

    def run(self, problem: Problem, z0: Tensor | None) -> SolverResult:
        """The states where the iteration from z0 stops, zero by default, and how each of them ended."""
        raise NotImplementedError


def relative_tolerance(rtol: float | None, dtype: torch.dtype) -> float:
    """The solver's ``rtol``, or 1e-10 in float64, 1e-5 in float32; refuses one that rounding cannot reach."""
    eps = torch.finfo(dtype).eps
    if rtol is None:
        return 1e-10 if eps < 1e-12 else 1e-5
    if not 10 * eps <= rtol < 1:
        raise ValueError(
            f"rtol={rtol:g} cannot be used in {dtype}: it must be below 1 and at least {10 * eps:.1e}, ten "
            "times the rounding unit. Loosen rtol or compute in float64."
        )
    return rtol


class Tracker:
    """Book-keeping per sample: a row is frozen at the step at which it converges or fails."""

    def __init__(self, z: Tensor, solver: Solver) -> None:
        n = z.shape[0]
        self.rtol = relative_tolerance(solver.rtol, z.dtype)
        self.atol = solver.atol
        self.z = z.clone()
        self.steps = torch.zeros(n, dtype=torch.int64, device=z.device)
        self.residual = torch.full((n,), torch.inf, dtype=z.dtype, device=z.device)
        self.status = torch.full((n,), Status.STEP_LIMIT, dtype=torch.int8, device=z.device)
        self.rows = torch.arange(n, device=z.device)
        self._limit = torch.zeros_like(self.residual)  # of the active rows: above it, they diverge
        self.step = 0

    @property
    def active(self) -> bool:
        return self.rows.numel() > 0

    @property
    def latest(self) -> Tensor:
        """Residuals of the active rows at their last observed states."""
        return self._last[2]

    @property
    def change(self) -> Tensor:
        """(active, m) image minus state at their last observed states."""
        return self._last[1]

    def observe(self, z: Tensor, fz: Tensor) -> Tensor | None:
        """Record z and its image for the active rows; return the mask of rows that go on, None for all."""
        self.step += 1
        change = fz - z
        if self.step == 1:
            self._limit = DIVERGENCE_FACTOR * row_norm(change).clamp(min=torch.finfo(z.dtype).tiny)
        residual = torch.linalg.vector_norm(change, dim=1)
        self._last = (z, change, residual)
        size = torch.linalg.vector_norm(fz, dim=1)
        # Most steps end here. A comparison with nan is false, so what is not finite goes on to be judged.
        if bool(((residual > self._tolerance(size)) & (residual < self._limit)).all()):
            return None
        # Squares that over- or underflow can only stop a row too early: check with norms that are safe.
        residual, size = row_norm(change), row_norm(fz)
        self._last = (z, change, residual)
        status = self._judge(residual, size)
        stop = status != Status.STEP_LIMIT
        return self.retire(stop, status) if bool(stop.any()) else None

    def _tolerance(self, size: Tensor) -> Tensor:
        return self.rtol * size + self.atol if self.atol else self.rtol * size

    def _judge(self, residual: Tensor, size: Tensor) -> Tensor:
        """Status of each active row as it stands; STEP_LIMIT for one that may go on."""
        status = torch.full_like(self.rows, Status.STEP_LIMIT, dtype=torch.int8)
        status[residual > self._limit] = Status.DIVERGED
        status[residual <= self._tolerance(size)] = Status.CONVERGED
        status[~torch.isfinite(residual)] = Status.NON_FINITE
        return status

    def retire(self, stop: Tensor, status: Tensor) -> Tensor:
        """Take the rows in ``stop`` out with the given status; return the mask of rows that go on."""
        z, change, residual = self._last
        done = self.rows[stop]
        self.z[done] = z[stop]
        self.residual[done] = residual[stop]
        self.status[done] = status[stop]
        self.steps[done] = self.step
        keep = ~stop
        self.rows, self._limit = self.rows[keep], self._limit[keep]
        self._last = (z[keep], change[keep], residual[keep])
        return keep

    def reorder(self, order: Tensor) -> None:
        """Number the active rows in another order."""
        self.rows, self._limit = self.rows[order], self._limit[order]
        self._last = tuple(x[order] for x in self._last)

    def result(self) -> SolverResult:
        if self.active and self.step:
            z, _, residual = self._last
            self.z[self.rows] = z
            self.residual[self.rows] = residual
            self.steps[self.rows] = self.step
        return SolverResult(z=self.z, steps=self.steps, residual=self.residual, status=self.status)
