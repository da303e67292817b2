"""Kawaguchi's linear model: columns of A on a simplex, and the equilibrium without relu (C8)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from implicit_tutorial.constraints.base import Constraint, check_limit
from implicit_tutorial.equilibrium.checks import check_finite, check_problem, checked
from implicit_tutorial.equilibrium.gradient import Call, MaskedSolve
from implicit_tutorial.equilibrium.picard import Picard
from implicit_tutorial.equilibrium.solver import Solver
from implicit_tutorial.equilibrium.status import SolverResult


class SoftmaxColumns(Constraint):
    """A_ij = γ exp(B_ij/τ)/Σ_k exp(B_kj/τ): columns on the γ-scaled simplex, ‖A‖₁ = γ (C8).

    A ≥ 0 has column sums γ (Kawaguchi 2021). Its inverse stays between 1/(1 + γ) and 1/(1 − γ) in that
    norm, whatever B.

    Args:
        limit: γ in (0, 1).
        temperature: τ > 0; σ_A/√m makes the network's Θ the logits, 1 makes them A's own entries.
    """

    guarantees = "simplex"
    rectangular = True

    @checked
    def __init__(self, limit: float, *, temperature: float = 1.0) -> None:
        super().__init__()
        self.limit = check_limit("limit", limit)
        if not (math.isfinite(temperature) and temperature > 0):
            raise ValueError(f"temperature={temperature}: it must be positive.")
        self.temperature = temperature

    def forward(self, B: Tensor) -> Tensor:
        return self.limit * torch.softmax(B / self.temperature, dim=0)

    def extra_repr(self) -> str:
        return f"{self.limit:g}, temperature={self.temperature:g}"


@dataclass(frozen=True, kw_only=True)
class LinearEquilibrium(SolverResult):
    """The solution z = Az + b of every row of b; ``z`` is differentiable when A or b is."""


@checked
def linear_equilibrium(
    A: Tensor, b: Tensor, *, solver: Solver | None = None, z0: Tensor | None = None, throw: bool = True
) -> LinearEquilibrium:
    """Find z with z = Az + b, without relu, with exact gradients in A and b (Kawaguchi 2021).

    For A ≥ 0 and b ≥ 0 it is also the equilibrium of relu.

    Args:
        A: (m, m) matrix, I − A invertible.
        b: (n, m) injections, one sample a row.
        solver: how to solve; ``Picard()`` by default.
        z0: (n, m) start, zero by default.
        throw: raise when a sample does not converge.

    Raises:
        ValueError, TypeError: wrong shape, dtype, device, or a non-finite entry, by name.
        EquilibriumError: a sample did not converge.
    """
    check_problem(A, b=b, z0=z0)
    check_finite(A=A, b=b, z0=z0)
    if z0 is not None and z0.shape != b.shape:
        raise ValueError(
            f"z0 has shape {tuple(z0.shape)}, but b has {tuple(b.shape)}; give one row a sample."
        )
    solver = Picard() if solver is None else solver
    call = Call(solver, solver, None if z0 is None else z0.detach(), throw=throw, what="linear equilibrium")
    z, steps, residual, status = MaskedSolve.apply(A, torch.ones_like(b.detach()), b, call)
    return LinearEquilibrium(z=z, steps=steps, residual=residual, status=status)
