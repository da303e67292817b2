"""Exact gradients through the equilibrium, as autograd functions (C1).

Both the equilibrium and its adjoint are differentiated implicitly. The adjoint's own derivative is again an adjoint
with A transposed, so one function, :class:`MaskedSolve`, serves every order of differentiation, forward mode, and
``torch.func``. Only A and the state are kept for the backward pass, whatever the number of sweeps.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.checks import check_finite
from implicit_tutorial.equilibrium.problem import Problem, Solver
from implicit_tutorial.equilibrium.solution import EquilibriumError, SolverResult


@dataclass
class Call:
    """How to solve, and where the solver leaves its result: a call's arguments that are not differentiated."""

    solver: Solver
    adjoint_solver: Solver
    z0: Tensor | None = None
    u0: Tensor | None = None
    throw: bool = True
    result: SolverResult | None = None


class Equilibrium(torch.autograd.Function):
    """(A, b) ↦ z with z = relu(Az + b); the derivative is dz = D(A dz + dA z + db)."""

    @staticmethod
    def forward(A: Tensor, b: Tensor, call: Call) -> Tensor:
        check_finite(A=A, b=b, z0=call.z0)
        call.result = call.solver.run(Problem(A, b), call.z0)
        if call.throw and not bool(call.result.converged.all()):
            raise EquilibriumError(call.result.explain("equilibrium"), call.result)
        return call.result.z

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:  # noqa: ANN001
        A, _, call = inputs
        ctx.call = call
        ctx.save_for_backward(A, output)
        ctx.save_for_forward(A, output)

    @staticmethod
    def backward(ctx, grad: Tensor):  # noqa: ANN001, ANN205
        A, z = ctx.saved_tensors
        call = Call(ctx.call.adjoint_solver, ctx.call.adjoint_solver, z0=ctx.call.u0)
        u = MaskedSolve.apply(A.T, (z > 0).to(A.dtype), grad, call)
        return (u.T @ z if ctx.needs_input_grad[0] else None), u, None

    @staticmethod
    def jvp(ctx, dA: Tensor | None, db: Tensor | None, _):  # noqa: ANN001, ANN205
        A, z = ctx.saved_tensors
        return _tangent(A, (z > 0).to(A.dtype), z, dA, db, ctx.call.adjoint_solver)

    @staticmethod
    def vmap(info, in_dims, A: Tensor, b: Tensor, call: Call):  # noqa: ANN001, ANN205
        return _vmap(Equilibrium, info, in_dims, (A,), (b,), call)


class MaskedSolve(torch.autograd.Function):
    """(M, D, g) ↦ u with u = D(Mu + g) by rows; with M = Aᵀ this is the adjoint of C1."""

    @staticmethod
    def forward(M: Tensor, D: Tensor, g: Tensor, call: Call) -> Tensor:
        check_finite(gradient=g)
        call.result = call.solver.run(Problem(M, g, D), call.z0)
        if call.throw and not bool(call.result.converged.all()):
            raise EquilibriumError(call.result.explain("adjoint"), call.result)
        return call.result.z

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:  # noqa: ANN001
        M, D, _, call = inputs
        ctx.solver = call.solver
        ctx.save_for_backward(M, D, output)
        ctx.save_for_forward(M, D, output)

    @staticmethod
    def backward(ctx, grad: Tensor):  # noqa: ANN001, ANN205
        M, D, u = ctx.saved_tensors
        w = MaskedSolve.apply(M.T, D, grad, Call(ctx.solver, ctx.solver))
        return (w.T @ u if ctx.needs_input_grad[0] else None), None, w, None

    @staticmethod
    def jvp(ctx, dM: Tensor | None, _dD, dg: Tensor | None, _):  # noqa: ANN001, ANN205
        M, D, u = ctx.saved_tensors
        return _tangent(M, D, u, dM, dg, ctx.solver)

    @staticmethod
    def vmap(info, in_dims, M: Tensor, D: Tensor, g: Tensor, call: Call):  # noqa: ANN001, ANN205
        return _vmap(MaskedSolve, info, in_dims, (M,), (D, g), call)


def _tangent(M: Tensor, D: Tensor, z: Tensor, dM: Tensor | None, db: Tensor | None, solver: Solver) -> Tensor:
    source = torch.zeros_like(z)
    if dM is not None:
        source = source + z @ dM.T
    if db is not None:
        source = source + db
    return MaskedSolve.apply(M, D, source, Call(solver, solver))


def _vmap(function, info, in_dims, matrices, rows, call: Call):  # noqa: ANN001, ANN202
    """Fold a batch of right-hand sides into the rows; a batch of matrices is a loop, one matrix at a time."""
    matrix_dims, row_dims = in_dims[: len(matrices)], in_dims[len(matrices) : len(matrices) + len(rows)]
    size = info.batch_size
    rows = [
        x.movedim(dim, 0) if dim is not None else x.expand(size, *x.shape)
        for x, dim in zip(rows, row_dims, strict=True)
    ]
    if all(dim is None for dim in matrix_dims):
        shape = rows[0].shape
        z0 = None if call.z0 is None else call.z0.expand(shape).reshape(-1, shape[-1])
        u0 = None if call.u0 is None else call.u0.expand(shape).reshape(-1, shape[-1])
        folded = Call(call.solver, call.adjoint_solver, z0, u0, call.throw)
        out = function.apply(*matrices, *(x.reshape(-1, x.shape[-1]) for x in rows), folded)
        call.result = folded.result
        return out.reshape(shape), 0
    outs = []
    for i in range(size):
        chosen = [
            x.select(dim, i) if dim is not None else x for x, dim in zip(matrices, matrix_dims, strict=True)
        ]
        single = Call(call.solver, call.adjoint_solver, call.z0, call.u0, call.throw)
        outs.append(function.apply(*chosen, *(x[i] for x in rows), single))
        call.result = single.result
    return torch.stack(outs), 0
