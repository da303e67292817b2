"""The two fixed-point problems of the book, forward and adjoint, and the solvers' common ground."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.solution import SolverResult, Status

#: An iteration whose residual has grown by this factor is called divergent. Non-normal matrices have
#: transients, but with entries of order one they stay many orders of magnitude below it.
DIVERGENCE_FACTOR = 1e10


class Problem(NamedTuple):
    """z = relu(Mz + b) when ``mask`` is None, else the linear z = mask ∘ (Mz + b), for each row of b.

    The forward pass is ``Problem(A, b)``; the adjoint u = D(Aᵀu + g) is ``Problem(A.T, g, D)``.
    """

    M: Tensor
    b: Tensor
    mask: Tensor | None = None

    def preactivation(self, z: Tensor, rows: Tensor | None = None) -> Tensor:
        b = self.b if rows is None else self.b[rows]
        return torch.addmm(b, z, self.M.T)

    def activate(self, h: Tensor, rows: Tensor | None = None) -> Tensor:
        if self.mask is None:
            return torch.relu(h)
        return h * (self.mask if rows is None else self.mask[rows])

    def __call__(self, z: Tensor, rows: Tensor | None = None) -> Tensor:
        """One sweep: the map applied to the given rows."""
        h = self.preactivation(z, rows)
        return h.relu_() if self.mask is None else h.mul_(self.mask if rows is None else self.mask[rows])

    def with_zeros_of(self, z: Tensor, image: Tensor) -> Tensor:
        """z projected on the set the map reaches, and zero wherever ``image`` is.

        An accelerated state would otherwise carry rounding noise on inactive units, and ``z > 0`` be the
        wrong pattern.
        """
        z = torch.relu(z) if self.mask is None else z
        return torch.where(image != 0, z, 0)

    def start(self, z0: Tensor | None) -> Tensor:
        return torch.zeros_like(self.b) if z0 is None else z0.clone()


class Solver(Protocol):
    """Anything with tolerances and a ``run``; all solvers are frozen dataclasses."""

    rtol: float | None
    atol: float
    max_steps: int

    def run(self, problem: Problem, z0: Tensor | None) -> SolverResult: ...


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


def row_norm(x: Tensor) -> Tensor:
    """(n,) Euclidean norm of each row, safe from squares that overflow or underflow."""
    largest = torch.linalg.vector_norm(x, math.inf, dim=1, keepdim=True)
    scale = torch.where((largest > 0) & torch.isfinite(largest), largest, 1)
    return torch.linalg.vector_norm(x / scale, dim=1) * scale[:, 0]


class Tracker:
    """Book-keeping per sample: freezes each row the moment it converges, so that no row waits for another."""

    def __init__(self, problem: Problem, z: Tensor, solver: Solver) -> None:
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
        # Most steps end here. A comparison with nan is false, so what is not finite stops a row as well.
        if bool(((residual > self._tolerance(size)) & (residual < self._limit)).all()):
            return None
        # Squares that over- or underflow can only stop a row too early: look again before believing it.
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


@dataclass(frozen=True, kw_only=True)
class Tolerances:
    """Stop a sample when ‖map(z) − z‖ ≤ atol + rtol·‖map(z)‖, or after ``max_steps`` sweeps.

    ``rtol=None`` means 1e-10 in float64 and 1e-5 in float32.
    """

    rtol: float | None = None
    atol: float = 0.0
    max_steps: int = 1000

    def __post_init__(self) -> None:
        if self.max_steps < 1:
            raise ValueError(f"max_steps={self.max_steps}: a solver needs at least one step.")
        if self.atol < 0:
            raise ValueError(f"atol={self.atol}: a tolerance cannot be negative.")
