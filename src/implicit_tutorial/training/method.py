"""What a run calls of a training method."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

from implicit_tutorial.training.least_squares import LeastSquares


@runtime_checkable
class Method(Protocol):
    """A frozen object that starts a stepper."""

    every_step: bool
    """Each step is worth a row by default."""
    has_time: bool
    """Its steps advance the time of the gradient flow."""
    reaches_infinity: bool
    """A step may be infinitely long."""

    def start(self, problem: LeastSquares) -> Stepper: ...


@runtime_checkable
class Stepper(Protocol):
    """A method at work: the evaluation at the present parameters, and one step on."""

    time: float
    """t of the gradient flow; NaN for a method that has none."""
    z: Tensor
    """(n, m) the states that its training follows, as starts of solves."""
    settled: bool
    """No step changes anything any more."""

    @property
    def forward_sweeps(self) -> int: ...
    @property
    def adjoint_sweeps(self) -> int: ...
    @property
    def residual(self) -> float:
        """The largest residual of a sample's equilibrium, relative to its norm."""

    def loss(self) -> float | None:
        """L, or None where it is not known at the present parameters."""

    def evaluate(self) -> float:
        """L, computed where it is not known."""

    def kernel(self) -> Tensor:
        """The tangent kernel of the trained layers, (n, n) or (nk, nk), at the parameters last evaluated."""

    def advance(self, remaining: float) -> None:
        """Take a step, not longer than the remaining time."""

    def state_dict(self) -> dict: ...
    def load_state_dict(self, state: dict) -> None: ...
