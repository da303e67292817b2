"""What ``solve`` and ``adjoint`` return."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from implicit_tutorial.equilibrium.certificates import Certificate, certify
from implicit_tutorial.equilibrium.solver import Solver
from implicit_tutorial.equilibrium.status import Outcome, SolverResult


@dataclass(frozen=True, kw_only=True)
class Solution(SolverResult):
    """The equilibrium z = relu(Az + b) of every row of b, with the evidence for it.

    ``z`` is differentiable when A or b is.
    """

    A: Tensor
    """(m, m) the matrix that was solved with, detached."""
    b: Tensor
    """(n, m) the injections that were solved with, detached."""
    solver: Solver

    @cached_property
    def certificate(self) -> Certificate:
        """The conditions behind :attr:`error_bound` (C5), computed when first asked for."""
        return certify(self.A, conditions=("spectral_norm", "monotone"))

    @cached_property
    def error_bound(self) -> Tensor | None:
        """(n,) certified bound on ‖z − z*‖, rounding included, or None when no condition gives one (C7)."""
        return self.certificate.error_bound(self.A, self.b, self.z.detach())


@dataclass(frozen=True, kw_only=True)
class AdjointSolution(Outcome):
    """The adjoint u = D(Aᵀu + g) of every row of g."""

    u: Tensor
    """(n, m) the adjoint states, by rows."""
