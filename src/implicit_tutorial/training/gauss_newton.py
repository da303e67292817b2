"""Gauss–Newton: a few steps from a network that fits roughly to one that interpolates."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.certificates import certify
from implicit_tutorial.equilibrium.checks import check_fields, check_least
from implicit_tutorial.equilibrium.newton import Newton
from implicit_tutorial.equilibrium.picard import Picard
from implicit_tutorial.equilibrium.refine import FINEST
from implicit_tutorial.equilibrium.status import EquilibriumError
from implicit_tutorial.training.descent import ExactStepper
from implicit_tutorial.training.least_squares import LeastSquares, combine

#: Errors below this many roundings of the output cannot be told from zero.
_FLOOR = 8
#: So many sweeps cost less than factorisations.
_SWEEPS = 200
#: A step that promises to lower the error by less than this share promises nothing.
_NOTHING = 1e-10


@dataclass(frozen=True, kw_only=True)
class GaussNewton:
    """Θ ← Θ − α Jᵀ(JJᵀ)⁻¹e: the shortest step that fits the linearised outputs, and α = 1, halved at need.

    It is no flow and has no time. Near an exact fit each step squares the error, so some six of them lead
    from a rough fit to one up to rounding, near which C20 proves an exact one. A step must lower ‖e‖ by α/2
    of what the linearised outputs promise. The run is settled when e is rounding, or no step lowers it, which
    can happen at a kink. Any layers, any number of outputs.
    """

    halvings: int = 20
    """α is halved so often at most in one step."""

    every_step: ClassVar[bool] = True
    has_time: ClassVar[bool] = False
    reaches_infinity: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_fields(self)
        check_least(0, halvings=self.halvings)

    def start(self, problem: LeastSquares) -> GaussNewtonStepper:
        problem.require_free()
        return GaussNewtonStepper(problem, self)


class GaussNewtonStepper(ExactStepper):
    """The error at the present parameters up to rounding, from where the network's own solver ends."""

    def __init__(self, problem: LeastSquares, method: GaussNewton) -> None:
        super().__init__(problem)
        self.method, self.time = method, math.nan
        problem.refine = True
        problem.refresh()
        self.exact.forward()
        # Exact for the pattern that it ends with; it factorises a matrix for each sample.
        self.exact.solver = Newton(rtol=1000 * torch.finfo(problem.X.dtype).eps)
        self.e = self._forward()
        self._settle()

    def advance(self, remaining: float) -> None:
        """One step, as long as one lowers the error."""
        if self.settled:
            return
        exact, problem = self.exact, self.problem
        z, u, e = exact.z, self._exactly(exact.outputs), self.e
        exact.count_outputs()
        before = float(torch.linalg.vector_norm(e))
        K = problem.kernel(z, u)
        inverse = torch.linalg.pinv(K, rtol=len(K) * torch.finfo(K.dtype).eps, hermitian=True)
        w = (inverse @ e.flatten().to(K)).reshape(e.shape).to(e)
        promised = before - float(torch.linalg.vector_norm(e.flatten().to(K) - K @ w.flatten().to(K)))
        if promised <= _NOTHING * before:
            self.settled = True
            return
        base = {layer: theta.clone() for layer, theta in problem.parameters.items()}
        failure, alpha = None, 1.0
        for _ in range(self.method.halvings + 1):
            problem.descend(combine(u, alpha * w), z, alpha * w)
            try:
                self.e, failure = self._forward(), None
                if float(torch.linalg.vector_norm(self.e)) <= before - promised * alpha / 2:
                    self._settle()
                    return
            except EquilibriumError as failed:
                failure = failed
            for layer, theta in problem.parameters.items():
                theta.copy_(base[layer])
            alpha /= 2
        exact.z, self.e = z, e
        if failure is not None:
            raise failure
        self.settled = True

    def _forward(self) -> Tensor:
        """e up to rounding, at the equilibrium that Newton's method finds from the last one."""
        A = self.problem.net.A.detach()
        # Where there is one equilibrium, sweeps cannot lead to another.
        one = certify(A, conditions=("monotone",)).well_posed
        return self._exactly(self.exact.forward) if one else self.exact.forward()

    def _exactly(self, compute: Callable[[], Tensor]) -> Tensor:
        """States or adjoints up to rounding: by sweeps where they lead there, else by Newton's method."""
        exact = self.exact
        newton = exact.solver
        exact.solver = Picard(rtol=FINEST * torch.finfo(self.problem.X.dtype).eps, max_steps=_SWEEPS)
        try:
            return compute()
        except EquilibriumError:
            exact.solver = newton
            return compute()
        finally:
            exact.solver = newton

    def _settle(self) -> None:
        """Note whether e can still be told from rounding."""
        net, z = self.problem.net, self.exact.z
        size = self.problem.kappa * (z.abs() @ net.v.abs()) + self.problem.target.abs()
        floor = _FLOOR * torch.finfo(z.dtype).eps * float(torch.linalg.vector_norm(size))
        self.settled = float(torch.linalg.vector_norm(self.e)) <= floor

    def state_dict(self) -> dict:
        return {"exact": self.exact.state_dict(), "e": self.e.clone(), "settled": self.settled}

    def load_state_dict(self, state: dict) -> None:
        self.exact.load_state_dict(state["exact"])
        self.e, self.settled = state["e"].to(self.e), state["settled"]
