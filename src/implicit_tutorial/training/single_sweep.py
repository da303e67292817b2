"""Training at the cost of one explicit layer: equilibrium and adjoint are carried along, not solved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.checks import check_fields
from implicit_tutorial.equilibrium.solver import relative_tolerance
from implicit_tutorial.equilibrium.status import EquilibriumError
from implicit_tutorial.training.descent import check_step, stability_limit
from implicit_tutorial.training.least_squares import ExactStates, LeastSquares
from implicit_tutorial.training.sweeper import Sweeper


@dataclass(frozen=True, kw_only=True)
class SingleSweep:
    """Gradient descent whose z and u make one sweep for each update of A, in three n·m·m products.

    The states lag by O(η) behind the equilibrium; the lag is corrected to first order, in the error by the
    adjoint and in the kernel by mean field, and measured at every step: as long as the relative residual of z
    or of u exceeds ``tolerance``, more sweeps follow before the next update. With a tolerance near rounding
    this is gradient descent with exact gradients.
    """

    step: float | None = None
    """η. None: ``fraction`` of the stability limit 2/λ_max(K) at the start."""
    fraction: float = 0.15
    fused: int = 1
    """Gradient steps in each update: e follows (1 − ηK)ʲ e while z, u and K wait. Costs an n × n kernel, and
    saves the other updates and sweeps; t advances by ``fused``·η. For one output only."""
    tolerance: float = 0.1
    """Largest lag ‖relu(Az + b) − z‖/‖z‖ that one sweep may leave, and the same for u."""
    max_sweeps: int = 1000
    """More sweeps than this in one step mean that the equilibrium is lost."""

    every_step: ClassVar[bool] = False
    has_time: ClassVar[bool] = True
    reaches_infinity: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_fields(self)
        check_step(self.step, self.fraction)
        if not self.tolerance > 0:
            raise ValueError(f"tolerance={self.tolerance}: a lag is positive.")
        for name in ("fused", "max_sweeps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: a step needs at least one.")

    def start(self, problem: LeastSquares) -> Member:
        return self.start_together([problem])[0]

    def start_together(self, problems: Sequence[LeastSquares]) -> list[Member]:
        """Steppers of networks that share a sweeper, one step of which advances them all."""
        for problem in problems:
            problem.require_free()
        if self.fused > 1 and problems[0].net.n_outputs is not None:
            raise ValueError(f"fused={self.fused} needs a network with one output; use fused=1.")
        sweeper = Sweeper(problems, tolerance=self.tolerance, max_sweeps=self.max_sweeps, fused=self.fused)
        solver = problems[0].net.solver
        sweeper.converge(relative_tolerance(solver.rtol, problems[0].X.dtype))
        return [Member(sweeper, s, problem, self) for s, problem in enumerate(problems)]


class Member:
    """One network of a :class:`Sweeper` as a run sees it."""

    settled: bool = False

    def __init__(self, sweeper: Sweeper, index: int, problem: LeastSquares, method: SingleSweep) -> None:
        self.sweeper, self.index, self.problem = sweeper, index, problem
        self.time, self.residual = 0.0, 0.0
        self.check()
        self.eta = method.step
        if self.eta is None:
            self.eta = method.fraction * stability_limit(self.kernel())
        self._steps = torch.empty(len(sweeper.b), dtype=problem.X.dtype, device=problem.X.device)

    @property
    def z(self) -> Tensor:
        return self.sweeper.z[self.index]

    @property
    def forward_sweeps(self) -> int:
        return self.sweeper.forward_sweeps

    @property
    def adjoint_sweeps(self) -> int:
        return self.sweeper.adjoint_sweeps

    def loss(self) -> float:
        return self.sweeper.losses()[self.index]

    evaluate = loss

    def advance(self, remaining: float) -> None:
        eta = min(self.eta, remaining / self.sweeper.fused)
        self.residual = self.sweeper.step(self._steps.fill_(eta))[self.index]
        self.time += eta * self.sweeper.fused
        self.check()

    def check(self) -> None:
        """Raise when this network's sweeps have not settled."""
        if self.sweeper.alive[self.index]:
            return
        after = f"after {self.sweeper.max_sweeps} sweeps" if math.isfinite(self.residual) else "by overflow"
        raise EquilibriumError(
            f"the sweeps did not settle: the residual ended at {self.residual:.3g} of the state {after}. "
            "Likely cause: they no longer contract (the spectral radius of DA has reached 1), or the step is "
            "too long. What to change: a shorter step, a larger width or output_scale, a smaller "
            "implicit_scale",
            None,
        )

    def kernel(self) -> Tensor:
        z, u = self.sweeper.z[self.index], self.sweeper.u[self.index]
        if self.problem.net.n_outputs is not None:
            exact = ExactStates(self.problem)
            exact.z = z
            u = exact.outputs()
        return self.problem.kernel(z, u)

    def state_dict(self) -> dict:
        return {"sweeper": self.sweeper.state_dict(), "numbers": [self.time, self.eta, self.residual]}

    def load_state_dict(self, state: dict) -> None:
        self.sweeper.load_state_dict(state["sweeper"])
        self.time, self.eta, self.residual = state["numbers"]
