"""Which gradient the backward pass computes: the exact one, or a cheaper one by name (C8)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from implicit_tutorial.equilibrium.broyden import Broyden, low_rank
from implicit_tutorial.equilibrium.gradient import Call, Gradient, MaskedSolve
from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.equilibrium.solver import Solver
from implicit_tutorial.equilibrium.status import SolverResult


@dataclass(frozen=True, kw_only=True)
class Exact(Gradient):
    """Solve the adjoint problem to the solver's tolerance (C1); differentiable to any order."""

    def check(self, solver: Solver, adjoint_solver: Solver | None, u0: Tensor | None) -> None:
        pass

    def adjoint(self, M: Tensor, D: Tensor, g: Tensor, left: Tensor, right: Tensor, call: Call) -> Tensor:
        return MaskedSolve.apply(M, D, g, call)[0]

    def tangent(self, M: Tensor, D: Tensor, source: Tensor, call: Call) -> Tensor:
        return MaskedSolve.apply(M, D, source, Call(call.solver, call.solver))[0]


@dataclass(frozen=True, kw_only=True)
class Phantom(Gradient):
    """u after ``steps`` damped steps u ← (1 − λ)u + λ D(Aᵀu + g) from zero (Geng et al. 2021).

    It is the gradient of ``steps`` damped steps appended to a state that is held fixed: the first terms
    of the Neumann series of the exact one. One undamped step is the one-step or Jacobian-free gradient
    (Fung et al. 2022). A second derivative raises.

    Args:
        steps: number of steps, at least one.
        damping: λ in (0, 1]; less than one for a DA whose spectrum reaches far to the left.
    """

    steps: int = 1
    damping: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps < 1:
            raise ValueError(f"steps={self.steps}: without a sweep there is no gradient; use at least one.")
        if not 0 < self.damping <= 1:
            raise ValueError(f"damping={self.damping}: choose it in (0, 1]; 1 takes the full step.")

    def estimate(self, problem: Problem, left: Tensor, right: Tensor) -> Tensor:
        u = self.damping * problem.activate(problem.b)
        for _ in range(self.steps - 1):
            u = u.lerp(problem(u), self.damping)
        return u


@dataclass(frozen=True, kw_only=True)
class Shine(Gradient):
    """u = D Hᵀg with H ≈ (I − DA)⁻¹ of the forward Broyden solve: no product with A (Ramzi et al. 2022).

    H is accurate along the steps the forward solve took, which need not be where g points. A second
    derivative raises.

    Args:
        refine: number of sweeps u ← D(Aᵀu + g) that start from there.
    """

    refine: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.refine < 0:
            raise ValueError(f"refine={self.refine}: the number of sweeps cannot be negative.")

    def check(self, solver: Solver, adjoint_solver: Solver | None, u0: Tensor | None) -> None:
        super().check(solver, adjoint_solver, u0)
        if not isinstance(solver, Broyden):
            raise ValueError(
                f"gradient={self} reuses the inverse that Broyden leaves behind, but the solver is {solver}; "
                "pass solver=Broyden()."
            )

    def forward(self, call: Call, problem: Problem) -> tuple[SolverResult, Tensor, Tensor]:
        result, H = call.solver.factor(problem, call.z0)
        return result, H.a, H.c

    def estimate(self, problem: Problem, left: Tensor, right: Tensor) -> Tensor:
        u = problem.activate(low_rank(right, left, problem.b))
        for _ in range(self.refine):
            u = problem(u)
        return u
