"""Exact gradients through the equilibrium, as autograd functions (C1).

Both the equilibrium and its adjoint are differentiated implicitly. The adjoint's own derivative is again an
adjoint with A transposed, so one function, :class:`MaskedSolve`, serves every order of differentiation,
forward mode, and ``torch.func``. Only A and the state are kept for the backward pass, whatever the number
of sweeps.

Both functions return (state, steps, residual, status). The last three are outputs like the first, so that
they stay with their samples under ``torch.func.vmap``; they have no derivative.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.checks import check_fields, check_finite, check_tensor
from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.equilibrium.solver import Solver
from implicit_tutorial.equilibrium.status import EquilibriumError, SolverResult, Status


@dataclass(frozen=True, kw_only=True)
class Gradient:
    """How the backward pass finds the adjoint u = D(Aᵀu + g): by :meth:`estimate`, but for ``Exact``."""

    def __post_init__(self) -> None:
        check_fields(self)

    def check(self, solver: Solver, adjoint_solver: Solver | None, u0: Tensor | None) -> None:
        """Refuse options of the call that this gradient would ignore."""
        for name, option in (("adjoint_solver", adjoint_solver), ("u0", u0)):
            if option is not None:
                raise ValueError(
                    f"{name} has no effect with gradient={self}, which solves no adjoint problem; leave it "
                    "out, or use gradient=Exact()."
                )

    def forward(self, call: Call, problem: Problem) -> tuple[SolverResult, Tensor, Tensor]:
        """The forward solve, with left and right of the inverse I + Σ leftᵢ rightᵢᵀ that it leaves behind."""
        none = problem.b.new_empty(problem.b.shape[0], 0, problem.b.shape[1])
        return call.solver.run(problem, call.z0), none, none

    def estimate(self, problem: Problem, left: Tensor, right: Tensor) -> Tensor:
        """(n, m) adjoints, given the problem and the forward pass's inverse."""
        raise NotImplementedError

    def adjoint(self, M: Tensor, D: Tensor, g: Tensor, left: Tensor, right: Tensor, call: Call) -> Tensor:
        """(n, m) adjoints u = D(Mu + g), to autograd as differentiable as they are."""
        return ApproximateAdjoint.apply(M, D, g, left, right, call)[0]

    def tangent(self, M: Tensor, D: Tensor, source: Tensor, call: Call) -> Tensor:
        """(n, m) derivatives dz = D(M dz + source) in forward mode."""
        raise NotImplementedError(
            f"gradient={self} approximates the adjoint, and forward mode has none; use gradient=Exact()."
        )


class Call(NamedTuple):
    """How to solve: the arguments of a call that are not differentiated."""

    solver: Solver
    adjoint_solver: Solver
    z0: Tensor | None = None
    u0: Tensor | None = None
    throw: bool = True
    gradient: Gradient | None = None
    """Of :class:`Equilibrium` alone."""
    what: str = "adjoint"
    """What a :class:`MaskedSolve` looks for, as an error message names it."""


class Equilibrium(torch.autograd.Function):
    """(A, b) ↦ z with z = relu(Az + b); the derivative is dz = D(A dz + dA z + db)."""

    @staticmethod
    def forward(A: Tensor, b: Tensor, call: Call) -> tuple[Tensor, ...]:
        check_finite(A=A, b=b, z0=call.z0, u0=call.u0)
        result, left, right = call.gradient.forward(call, Problem(A, b))
        return *_outputs(result, "equilibrium", call.throw), left, right

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        A, _, call = inputs
        z, steps, residual, status, left, right = output
        ctx.mark_non_differentiable(steps, residual, status, left, right)
        ctx.adjoint = Call(call.adjoint_solver, call.adjoint_solver, z0=call.u0, gradient=call.gradient)
        ctx.save_for_backward(A, z, status, left, right)
        ctx.save_for_forward(A, z, status)

    @staticmethod
    def backward(ctx, grad: Tensor, *_):
        A, z, status, left, right = ctx.saved_tensors
        D = pattern(z, status)
        u = ctx.adjoint.gradient.adjoint(A.T, D, grad, left, right, ctx.adjoint)
        return (u.T @ z if ctx.needs_input_grad[0] else None), u, None

    @staticmethod
    def jvp(ctx, dA: Tensor | None, db: Tensor | None, _):
        A, z, status = ctx.saved_tensors
        dz = ctx.adjoint.gradient.tangent(A, pattern(z, status), _source(z, dA, db), ctx.adjoint)
        return dz, None, None, None, None, None

    @staticmethod
    def vmap(info, in_dims, A: Tensor, b: Tensor, call: Call):
        return _vmap(Equilibrium, info, in_dims, A, (b,), call)


class MaskedSolve(torch.autograd.Function):
    """(M, D, g) ↦ u with u = D(Mu + g) by rows; with M = Aᵀ this is the adjoint of C1."""

    @staticmethod
    def forward(M: Tensor, D: Tensor, g: Tensor, call: Call) -> tuple[Tensor, ...]:
        if torch._C._functorch.is_legacy_batchedtensor(g):
            raise NotImplementedError(
                "is_grads_batched=True and vectorize=True are not supported here; use torch.func.jacrev "
                "or torch.func.vmap, which are."
            )
        check_finite(A=M, gradient=g, u0=call.z0)
        return _outputs(call.solver.run(_adjoint_problem(M, D, g), call.z0), call.what, call.throw)

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        M, D, _, call = inputs
        u, steps, residual, status = output
        ctx.mark_non_differentiable(steps, residual, status)
        ctx.call = Call(call.solver, call.solver)
        ctx.save_for_backward(M, D, u)
        ctx.save_for_forward(M, D, u)

    @staticmethod
    def backward(ctx, grad: Tensor, *_):
        M, D, u = ctx.saved_tensors
        w = MaskedSolve.apply(M.T, D, grad, ctx.call)[0]
        return (w.T @ u if ctx.needs_input_grad[0] else None), None, w, None

    @staticmethod
    def jvp(ctx, dM: Tensor | None, _dD, dg: Tensor | None, _):
        M, D, u = ctx.saved_tensors
        return MaskedSolve.apply(M, D, _source(u, dM, dg), ctx.call)[0], None, None, None

    @staticmethod
    def vmap(info, in_dims, M: Tensor, D: Tensor, g: Tensor, call: Call):
        return _vmap(MaskedSolve, info, in_dims, M, (D, g), call)


class ApproximateAdjoint(torch.autograd.Function):
    """(M, D, g) ↦ the estimate of u = D(Mu + g) that ``call.gradient`` makes; it has no derivative."""

    @staticmethod
    def forward(M: Tensor, D: Tensor, g: Tensor, left: Tensor, right: Tensor, call: Call) -> tuple[Tensor]:
        check_finite(A=M, gradient=g)
        return (call.gradient.estimate(_adjoint_problem(M, D, g), left, right),)

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        ctx.gradient = inputs[-1].gradient

    @staticmethod
    def backward(ctx, _):
        raise NotImplementedError(
            f"the derivative of an approximate gradient is no second derivative of the network; gradient="
            f"{ctx.gradient} offers the first only. Use gradient=Exact()."
        )

    @staticmethod
    def vmap(info, in_dims, M: Tensor, D: Tensor, g: Tensor, left: Tensor, right: Tensor, call: Call):
        return _vmap(ApproximateAdjoint, info, in_dims, M, (D, g, left, right), call)


def _adjoint_problem(M: Tensor, D: Tensor, g: Tensor) -> Problem:
    """u = D(Mu + g), refused where the forward solve did not converge and a gradient is asked for."""
    check_tensor("the gradient", g)
    unknown = torch.isnan(D).any(dim=1)
    if bool((unknown & (g != 0).any(dim=1)).any()):
        i = int(torch.nonzero(unknown & (g != 0).any(dim=1))[0])
        raise ValueError(
            f"sample {i} has no implicit gradient, because its solve did not converge. Leave it out of the "
            "loss (sol.z[sol.converged]), or solve it to convergence."
        )
    return Problem(M, g, torch.nan_to_num(D))


def pattern(z: Tensor, status: Tensor) -> Tensor:
    """D by rows: 1 on active units, 0 elsewhere, NaN on a sample that did not converge."""
    D = (z > 0).to(z.dtype)
    return torch.where((status == Status.CONVERGED)[:, None], D, torch.nan)


def _outputs(result: SolverResult, what: str, throw: bool) -> tuple[Tensor, ...]:
    if throw and not bool(result.converged.all()):
        raise EquilibriumError(result.explain(what), result)
    return result.z, result.steps, result.residual, result.status


def _source(z: Tensor, dM: Tensor | None, db: Tensor | None) -> Tensor:
    """dM z + db by rows: the derivative of Mz + b with z held fixed."""
    source = torch.zeros_like(z)
    if dM is not None:
        source = source + z @ dM.T
    if db is not None:
        source = source + db
    return source


def _vmap(function, info, in_dims, M: Tensor, rows: tuple[Tensor, ...], call: Call):
    """Fold a batch of right-hand sides into the rows; a batch of matrices is a loop, one matrix at a time."""
    size = info.batch_size
    rows = tuple(
        x.movedim(dim, 0) if dim is not None else x.expand(size, *x.shape)
        for x, dim in zip(rows, in_dims[1 : 1 + len(rows)], strict=True)
    )
    # A Call is a tuple of its own, so torch.func hands over its tensors' dimensions likewise.
    z0, u0 = (
        x if x is None else x.movedim(dim, 0) if dim is not None else x.expand(size, *x.shape)
        for x, dim in ((call.z0, in_dims[-1].z0), (call.u0, in_dims[-1].u0))
    )
    if in_dims[0] is None:
        n = rows[0].shape[1]
        z0, u0 = (x if x is None else x.flatten(0, 1) for x in (z0, u0))
        outputs = function.apply(M, *(x.flatten(0, 1) for x in rows), call._replace(z0=z0, u0=u0))
        outputs = tuple(x.unflatten(0, (size, n)) for x in outputs)
    else:
        singles = []
        for i in range(size):
            starts = {name: x if x is None else x[i] for name, x in (("z0", z0), ("u0", u0))}
            rows_i = (x[i] for x in rows)
            singles.append(function.apply(M.select(in_dims[0], i), *rows_i, call._replace(**starts)))
        outputs = tuple(torch.stack(x) for x in zip(*singles, strict=True))
    return outputs, (0,) * len(outputs)
