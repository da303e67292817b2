"""Gradient descent with exact gradients: the equilibrium and its adjoint are solved at every step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.checks import check_fields
from implicit_tutorial.training.least_squares import ExactStates, LeastSquares, half_square


@dataclass(frozen=True, kw_only=True)
class GradientDescent:
    """Θ ← Θ − η ∇_Θ L with η < 2/λ_max(K); a step advances the gradient flow's time by η.

    Each solve starts from the last step's equilibrium and adjoint, and keeps the tolerance of ``net.solver``.
    """

    step: float | None = None
    """η. None: ``fraction`` of the stability limit 2/λ_max(K) at the start."""
    fraction: float = 0.5

    every_step: ClassVar[bool] = False
    has_time: ClassVar[bool] = True
    reaches_infinity: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_fields(self)
        check_step(self.step, self.fraction)

    def start(self, problem: LeastSquares) -> DescentStepper:
        problem.require_free()
        return DescentStepper(problem, self)


class ExactStepper:
    """A stepper that solves for its states: e is the error at the present ones."""

    e: Tensor
    settled: bool = False

    def __init__(self, problem: LeastSquares) -> None:
        self.problem, self.exact = problem, ExactStates(problem)
        self.time = 0.0

    @property
    def z(self) -> Tensor:
        return self.exact.z

    @property
    def forward_sweeps(self) -> int:
        return self.exact.forward_sweeps

    @property
    def adjoint_sweeps(self) -> int:
        return self.exact.adjoint_sweeps

    @property
    def residual(self) -> float:
        return self.exact.residual

    def loss(self) -> float:
        return half_square(self.e)

    evaluate = loss

    def kernel(self) -> Tensor:
        return self.problem.kernel(self.exact.z, self.exact.outputs())


class DescentStepper(ExactStepper):
    """The error, states and step of a run, at the present parameters."""

    def __init__(self, problem: LeastSquares, method: GradientDescent) -> None:
        super().__init__(problem)
        self.e = self.exact.forward()
        self.eta = method.step
        if self.eta is None:
            self.eta = method.fraction * stability_limit(self.kernel())

    def advance(self, remaining: float) -> None:
        """One step, not longer than the remaining time."""
        eta = min(self.eta, remaining)
        w = eta * self.e
        p = self.exact.cotangent(w) if self.problem.layers != ("output",) else self.exact.z
        self.problem.descend(p, self.exact.z, w)
        self.time += eta
        self.e = self.exact.forward()

    def state_dict(self) -> dict:
        return {"exact": self.exact.state_dict(), "time": self.time, "e": self.e.clone(), "eta": self.eta}

    def load_state_dict(self, state: dict) -> None:
        self.exact.load_state_dict(state["exact"])
        self.time, self.eta = state["time"], state["eta"]
        self.e = state["e"].to(self.e)


def check_step(step: float | None, fraction: float) -> None:
    """Raise unless a step, or the fraction of the stability limit that gives it, is positive."""
    if step is not None and not 0 < step < math.inf:
        raise ValueError(f"step={step}: a step is a positive number.")
    if not 0 < fraction < math.inf:
        raise ValueError(
            f"fraction={fraction} of the stability limit must be positive; below 1 to be stable."
        )


def stability_limit(K: Tensor) -> float:
    """2/λ_max(K), the longest stable step of gradient descent in the lazy limit."""
    return 2 / check_learnable(float(torch.linalg.eigvalsh(K)[-1]))


def check_learnable(largest: float) -> float:
    """λ_max(K), refused where it is not positive."""
    if not largest > 0:
        raise ValueError(
            f"the tangent kernel of the trained layers has λ_max = {largest:.3g}, so nothing can be learned: "
            "a scale is zero, or no unit is active. Check implicit_scale, input_scale and output_scale."
        )
    return largest
