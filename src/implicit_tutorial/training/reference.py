"""Gradient flow by torchdiffeq's adaptive Runge–Kutta methods: slow, and independent of the other methods."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.checks import check_fields, check_least
from implicit_tutorial.training.descent import ExactStepper, stability_limit
from implicit_tutorial.training.least_squares import LeastSquares

#: The explicit adaptive methods of torchdiffeq.
_METHODS = ("bosh3", "dopri5", "dopri8", "fehlberg2", "adaptive_heun")


@dataclass(frozen=True, kw_only=True)
class ReferenceFlow:
    """dΘ/dt = −∇L with exact gradients, integrated by ``torchdiffeq.odeint``.

    Explicit methods take about λ_max·t evaluations, so this is a check for small problems. A step
    of the run goes to the next recorded time: ``per_decade`` of them in each tenfold of t, the
    first at a tenth of 1/λ_max.
    """

    rtol: float = 1e-4
    """Local error of an internal step, relative to the way from one recorded time to the next."""
    method: str = "bosh3"
    """A higher order gains nothing at the kinks of ReLU."""
    per_decade: int = 6

    every_step: ClassVar[bool] = True
    has_time: ClassVar[bool] = True
    reaches_infinity: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_fields(self)
        check_least(1, per_decade=self.per_decade)
        if self.method not in _METHODS:
            raise ValueError(f"method={self.method!r}; choose from {list(_METHODS)}.")
        if not 0 < self.rtol < 1:
            raise ValueError(f"rtol={self.rtol}: a relative tolerance lies between 0 and 1.")

    def start(self, problem: LeastSquares) -> ReferenceStepper:
        problem.require_free()
        return ReferenceStepper(problem, self)


class ReferenceStepper(ExactStepper):
    """The trained parameters as one vector, and the evaluation at its end."""

    def __init__(self, problem: LeastSquares, method: ReferenceFlow) -> None:
        super().__init__(problem)
        self.method = method
        self.e = self.exact.forward()
        self.first = 0.05 * stability_limit(self.kernel())
        self.exact.count_outputs()

    def advance(self, remaining: float) -> None:
        from torchdiffeq import odeint

        growth = 10 ** (1 / self.method.per_decade)
        h = min(self.first if self.time == 0 else (growth - 1) * self.time, remaining)
        span = torch.tensor([0.0, h], dtype=self.e.dtype, device=self.e.device)
        base = self._flat()
        speed = self._velocity(base)
        # torchdiffeq compares the root mean square of the error with atol.
        scale = h * float(torch.linalg.vector_norm(speed)) / math.sqrt(base.numel())
        path = odeint(
            lambda t, displacement: self._velocity(base + displacement),
            torch.zeros_like(base),
            span,
            rtol=0.0,
            atol=self.method.rtol * scale,
            method=self.method.method,
        )
        self._load(base + path[-1])
        self.time = self.time + h if math.isfinite(h) else math.inf
        self.e = self.exact.forward()

    def _velocity(self, flat: Tensor) -> Tensor:
        """−∇L at the given parameters."""
        self._load(flat)
        w = self.exact.forward()
        return -self.problem.gradient(self.exact.cotangent(w), self.exact.z, w)

    def _flat(self) -> Tensor:
        return torch.cat([theta.flatten() for theta in self.problem.parameters.values()])

    def _load(self, flat: Tensor) -> None:
        for theta in self.problem.parameters.values():
            theta.copy_(flat[: theta.numel()].reshape(theta.shape))
            flat = flat[theta.numel() :]

    def state_dict(self) -> dict:
        return {"exact": self.exact.state_dict(), "e": self.e.clone(), "numbers": [self.time, self.first]}

    def load_state_dict(self, state: dict) -> None:
        self.exact.load_state_dict(state["exact"])
        self.e = state["e"].to(self.e)
        self.time, self.first = state["numbers"]
