"""The two verbs: ``solve`` for the equilibrium, ``adjoint`` for its derivative."""

from __future__ import annotations

from torch import Tensor

from implicit_tutorial.equilibrium.checks import check_finite, check_problem, check_rows, checked
from implicit_tutorial.equilibrium.gradient import Call, Equilibrium, Gradient, MaskedSolve
from implicit_tutorial.equilibrium.gradient_choices import Exact
from implicit_tutorial.equilibrium.picard import Picard
from implicit_tutorial.equilibrium.solution import AdjointSolution, Solution
from implicit_tutorial.equilibrium.solver import Solver


@checked
def solve(
    A: Tensor,
    b: Tensor,
    *,
    solver: Solver | None = None,
    z0: Tensor | None = None,
    u0: Tensor | None = None,
    adjoint_solver: Solver | None = None,
    gradient: Gradient | None = None,
    throw: bool = True,
) -> Solution:
    """Find z with z = relu(Az + b) for every row of b, with exact implicit gradients in A and b (C1).

    Args:
        A: (m, m) implicit-layer matrix.
        b: (n, m) injections, one sample a row. Each sample stops on its own, whatever the others do.
        solver: how to solve, with its tolerances; ``Picard()`` by default.
        z0: (n, m) start of the iteration, zero by default. A good one saves sweeps and never changes the
            tolerance.
        u0: (n, m) start of the adjoint solve in the backward pass, zero by default.
        adjoint_solver: solver of the backward pass, ``solver`` by default.
        gradient: ``Exact()`` by default; ``Phantom(…)`` and ``Shine()`` are cheaper in the backward pass,
            and off.
        throw: raise when a sample does not converge. With ``throw=False`` look at ``status`` before using
            ``z``.

    Returns:
        A :class:`Solution`: the state, and per sample the steps, true residual, certified error bound and
        status.

    Raises:
        ValueError, TypeError: wrong shape, dtype, device, or a non-finite entry, by name.
        EquilibriumError: a sample did not converge (here, or in the backward pass).
    """
    check_problem(A, b=b)
    _check_samples(A, "b", b, z0=z0, u0=u0)
    solver = Picard() if solver is None else solver
    gradient = Exact() if gradient is None else gradient
    gradient.check(solver, adjoint_solver, u0)
    call = Call(solver, adjoint_solver or solver, _detached(z0), _detached(u0), throw, gradient)
    z, steps, residual, status, _, _ = Equilibrium.apply(A, b, call)
    return Solution(
        z=z, steps=steps, residual=residual, status=status, A=A.detach(), b=b.detach(), solver=solver
    )


@checked
def adjoint(
    A: Tensor,
    z: Tensor,
    g: Tensor,
    *,
    solver: Solver | None = None,
    u0: Tensor | None = None,
    throw: bool = True,
) -> AdjointSolution:
    """Find u with u = D(Aᵀu + g), D = diag(1[z > 0]), for every row: then ∂(g·z)/∂A = Σ u zᵀ (C1).

    Args:
        A: (m, m) implicit-layer matrix.
        z: (n, m) equilibria.
        g: (n, m) or (m,) derivative of the quantity of interest with respect to z; (m,) is shared by all
            samples.
        solver: how to solve; ``Picard()`` by default.
        u0: (n, m) start of the iteration, zero by default.
        throw: raise when a sample does not converge.

    Raises:
        ValueError, TypeError: wrong shape, dtype, device, or a non-finite entry, by name.
        EquilibriumError: a sample did not converge.
    """
    check_problem(A, z=z)
    if isinstance(g, Tensor) and g.shape == A.shape[:1]:
        g = g.expand(z.shape)
    _check_samples(A, "z", z, g=g, u0=u0)
    check_finite(z=z)
    solver = Picard() if solver is None else solver
    call = Call(solver, solver, _detached(u0), throw=throw)
    u, steps, residual, status = MaskedSolve.apply(A.T, (z > 0).to(A.dtype), g, call)
    return AdjointSolution(u=u, steps=steps, residual=residual, status=status)


def _check_samples(A: Tensor, main: str, reference: Tensor, **others: Tensor | None) -> None:
    """Raise unless each of the others holds one row a sample of ``reference``."""
    for name, x in others.items():
        if x is None:
            continue
        check_rows(x, A.shape[0], name, A, row="sample", column="unit")
        if x.shape != reference.shape:
            raise ValueError(
                f"{name} has shape {tuple(x.shape)}, but {main} has {tuple(reference.shape)}; "
                "give one row a sample."
            )


def _detached(start: Tensor | None) -> Tensor | None:
    return None if start is None else start.detach()
