"""Operator splitting (Winston & Kolter 2020): solvers for a strongly monotone I − A, contraction or not.

z = relu(Az + b) is the inclusion 0 ∈ Fz − b + N(z), F = I − A, N the normal cone of the orthant, whose
resolvent is relu. The adjoint u = D(Aᵀu + g) is the same inclusion with Fᵀ and the cone of the subspace
{u = Du}, whose resolvent is D. So one iteration serves both, with the same step, and with the factor of
one transposed for the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.equilibrium.solver import Solver, Tracker
from implicit_tutorial.equilibrium.status import SolverResult
from implicit_tutorial.equilibrium.steps import (
    UnsafeStepError,
    best_reflection_step,
    checked_forward_step,
    reflection_resolvent,
)


def damped(
    problem: Problem, z: Tensor, h: Tensor, alpha: float | Tensor, rows: Tensor | None = None
) -> Tensor:
    """The forward–backward step from z, where the layer before its activation is h: pure, as the next."""
    return problem.activate(torch.lerp(z, h, alpha), rows)


def reflected(
    problem: Problem, V: Tensor, alpha: float | Tensor, s: Tensor, b: Tensor, rows: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """y, w and the next s of a Peaceman–Rachford step from s, with the resolvent V."""
    y = 2 * problem.activate(s, rows) - s
    w = (y + alpha * b) @ V.T
    return y, w, 2 * w - y


def resolved(
    problem: Problem, alpha: float | Tensor, y: Tensor, w: Tensor, rows: Tensor | None = None
) -> Tensor:
    """The layer at w = (I + α(I − A))⁻¹(y + αb): that equation gives Aw + b without a second product."""
    return problem.activate(w + (w - y) / alpha, rows)


class _LastMatrix:
    """Remembers what was computed for one matrix, and recognises it or its transpose by value."""

    def __init__(self) -> None:
        self._entry: tuple[Tensor, Any] | None = None

    def get(self, M: Tensor, compute: Callable[[Tensor], Any]) -> tuple[Any, bool]:
        """What ``compute`` gave for M, or for its transpose; the second value tells which."""
        entry = self._entry
        if entry is not None and entry[0].dtype == M.dtype and entry[0].device == M.device:
            if torch.equal(entry[0], M):
                return entry[1], False
            if torch.equal(entry[0], M.T):
                return entry[1], True
        value = compute(M)
        # A copy: the caller may change M in place.
        self._entry = (M.detach().clone(), value)
        return value, False


@dataclass(frozen=True, kw_only=True)
class _Splitting(Solver):
    """A solver with a step, which is chosen or checked once for a matrix."""

    step: float | None = None
    check: bool = True
    _known: _LastMatrix = field(default_factory=_LastMatrix, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.step is not None and not (math.isfinite(self.step) and self.step > 0):
            message = f"step={self.step}: a splitting step is a positive number."
            raise UnsafeStepError(message, step=self.step, limit=None)


@dataclass(frozen=True, kw_only=True)
class ForwardBackward(_Splitting):
    """z ← relu((1 − α) z + α (Az + b)): a damped Picard, for every strongly monotone I − A (C8).

    It contracts by ‖(1 − α) I + αA‖₂, which is below one for every α < 2μ/‖I − A‖₂², μ = 1 − λ_max((A +
    Aᵀ)/2).

    Args:
        step: α. None chooses the one with the smallest contraction factor.
        check: refuse a step that is not certified. The certificate costs about one factorisation of an
            (m, m) matrix for each new A; without it the residual is still measured, only the promise of
            convergence is gone.

    Raises (when it runs):
        UnsafeStepError: the step is too large for this A, or no step is safe.
    """

    guaranteed_by = ("spectral_norm", "monotone", "symmetric")

    def step_for(self, A: Tensor) -> float:
        """The step α that is used for A, chosen or checked."""
        return self._known.get(A, lambda M: checked_forward_step(M, self.step, check=self.check))[0]

    def run(self, problem: Problem, z0: Tensor | None) -> SolverResult:
        z = problem.start(z0)
        tracker = Tracker(z, self)
        alpha = self.step_for(problem.M)
        rows = None
        while tracker.active and tracker.step < self.max_steps:
            h = problem.preactivation(z, rows)
            keep = tracker.observe(z, problem.activate(h, rows))
            if keep is not None:
                z, h, rows = z[keep], h[keep], tracker.rows
            z = damped(problem, z, h, alpha, rows)
        return tracker.result()


@dataclass(frozen=True, kw_only=True)
class PeacemanRachford(_Splitting):
    """y = 2z − s, w = (I + α(I − A))⁻¹(y + αb), s = 2w − y, z = relu(s): two reflections a step (C8).

    Converges for every α > 0 whenever I − A is strongly monotone (C8), usually in far fewer steps than
    :class:`ForwardBackward`. The resolvent is factored once for a matrix: for all steps and samples, and
    transposed for the backward pass. A step is one product with it.

    Args:
        step: α. None chooses the one out of three, between 1/‖I − A‖₂ and 1/√(μ‖I − A‖₂), that contracts
            best.
        check: refuse a matrix that is not certified as monotone.

    Raises (when it runs):
        UnsafeStepError: A is not strongly monotone, so that no step is safe.
    """

    guaranteed_by = ("spectral_norm", "monotone", "symmetric")

    def step_for(self, A: Tensor) -> float:
        """The step α that is used for A."""
        return self._resolvent(A)[0]

    def _resolvent(self, M: Tensor) -> tuple[float, Tensor]:
        def factor(M: Tensor) -> tuple[float, Tensor]:
            alpha = best_reflection_step(M, self.step, check=self.check)
            return alpha, reflection_resolvent(M.to(torch.float64), alpha).to(M.dtype)

        (alpha, V), transposed = self._known.get(M, factor)
        return alpha, V.T if transposed else V

    def run(self, problem: Problem, z0: Tensor | None) -> SolverResult:
        z = problem.start(z0)
        tracker = Tracker(z, self)
        alpha, V = self._resolvent(problem.M)
        rows, b = None, problem.b
        h = problem.preactivation(z)
        keep = tracker.observe(z, problem.activate(h))
        # The auxiliary state that belongs to z, exact when z is the equilibrium, so that a warm start helps.
        s = torch.lerp(z, h, alpha)
        if keep is not None:
            s, b, rows = s[keep], b[keep], tracker.rows
        while tracker.active and tracker.step < self.max_steps:
            y, w, s = reflected(problem, V, alpha, s, b, rows)
            x, fx = self._measured(problem, w, resolved(problem, alpha, y, w, rows), tracker)
            keep = tracker.observe(x, fx)
            if keep is not None:
                s, b, rows = s[keep], b[keep], tracker.rows
        return tracker.result()

    def _measured(
        self, problem: Problem, w: Tensor, image: Tensor, tracker: Tracker
    ) -> tuple[Tensor, Tensor]:
        """State and image to observe; of rows about to stop the map is evaluated, at their image."""
        residual = torch.linalg.vector_norm(image - w, dim=1)
        done = residual <= self.atol + tracker.rtol * torch.linalg.vector_norm(image, dim=1)
        if tracker.step + 1 == self.max_steps:
            done = torch.ones_like(done)
        if not bool(done.any()):
            return w, image
        x, fx = torch.where(done[:, None], image, w), image.clone()
        fx[done] = problem(image[done], tracker.rows[done])
        return x, fx
