"""Every solver on random shapes, sizes, dtypes and degenerate problems, judged by enumeration."""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.equilibrium import SOLVERS as ALL

#: Fewer steps than usual where each of them is slow, more where many are needed.
STEPS = {"Anderson": 300, "Broyden": 300, "ForwardBackward": 2000}
SOLVERS = [
    *(Solver(max_steps=STEPS.get(name, Solver.max_steps)) for name, Solver in ALL.items()),
    it.Anderson(max_steps=300, start_gain=0, period=1),
]
FAST = settings(
    max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


class Drawn(NamedTuple):
    A: Tensor
    b: Tensor

    def __repr__(self) -> str:
        return f"A = {self.A.tolist()}\nb = {self.b.tolist()} ({self.A.dtype})"


@st.composite
def problems(draw, scales=(0.0, 0.3, 0.6, 1.0, 2.0)):
    """Small problems; every kind of degeneracy may be combined with every shape, scale and dtype."""
    m, n = draw(st.integers(1, 6)), draw(st.integers(0, 4))
    seed = draw(st.integers(0, 10_000))
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    A = normal(m, m) * (draw(st.sampled_from(scales)) / math.sqrt(m))
    kind = draw(st.sampled_from(["gaussian", "symmetric", "antisymmetric", "nonnegative", "triangular"]))
    if kind == "symmetric":
        A = (A + A.T) / 2
    elif kind == "antisymmetric":
        A = A - A.T
    elif kind == "nonnegative":
        A = A.abs()
    elif kind == "triangular":
        A = A.triu(1)
    if draw(st.booleans()):
        A[draw(st.integers(0, m - 1))] = 0
    b = normal(n, m) * 10.0 ** draw(st.integers(-6, 6))
    if n > 1 and draw(st.booleans()):
        b[1] = b[0]
    if n > 0 and draw(st.booleans()):
        b[-1] = 0
    if n > 0 and draw(st.booleans()):
        # A tie h = 0: one unit's preactivation vanishes at the equilibrium of the others.
        unit = draw(st.integers(0, m - 1))
        A[:, unit] = 0
        z = it.solve(A, b[:1], solver=it.Newton(), throw=False).z
        b[0, unit] = -(z[0] @ A[unit])
    dtype = draw(st.sampled_from([torch.float64, torch.float32]))
    return Drawn(A.to(dtype), b.to(dtype))


def outcome(A: Tensor, b: Tensor, solver) -> it.Solution | None:
    """The solution, or None where a splitting method refuses a matrix that is not monotone."""
    try:
        return it.solve(A, b, solver=solver, throw=False)
    except it.UnsafeStepError:
        assert isinstance(solver, it.ForwardBackward | it.PeacemanRachford)
        assert it.certify(A)["monotone"].margin < 1e-6
        return None


def true_residual(A: Tensor, b: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """‖relu(Az + b) − z‖ in double precision, and what rounding in the solver's own dtype may hide of it."""
    unit = torch.finfo(A.dtype).eps / 2
    A, b, z = A.double(), b.double(), z.double()
    image = torch.relu(z @ A.T + b)
    rounding = (z.abs() @ A.abs().T + b.abs()).norm(dim=1) * (len(A) + 2) * unit
    return (image - z).norm(dim=1), rounding


def tolerance(A: Tensor, b: Tensor, z: Tensor) -> Tensor:
    image = torch.relu(z.double() @ A.double().T + b.double())
    return (1e-10 if A.dtype == torch.float64 else 1e-5) * image.norm(dim=1)


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: type(s).__name__)
@FAST
@given(problem=problems())
def test_what_is_called_converged_has_a_residual_below_tolerance(solver, problem):
    A, b = problem
    sol = outcome(A, b, solver)
    if sol is None:
        return
    residual, rounding = true_residual(A, b, sol.z)
    done = sol.converged
    assert sol.z.shape == b.shape
    assert (residual[done] <= 1.001 * tolerance(A, b, sol.z)[done] + 2 * rounding[done]).all()
    assert (
        (sol.residual.double() - residual).abs()[done] <= 1e-6 * residual[done] + 2 * rounding[done]
    ).all()


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: type(s).__name__)
@FAST
@given(problem=problems(scales=(0.0, 0.3, 0.6)))
def test_error_bound_covers_the_distance_to_the_only_equilibrium(solver, problem):
    """The equilibrium comes from enumeration in double precision, and so does its being alone."""
    A, b = problem
    sol = outcome(A, b, solver)
    if sol is None or sol.error_bound is None:
        return
    count = it.count_equilibria(A.double(), b.double())
    assert (count.counts == 1).all()
    exact = torch.cat([*count.solutions, b.new_empty(0, len(A), dtype=torch.float64)])
    error = (sol.z.double() - exact).norm(dim=1)
    floor = 1e-14 * (exact.norm(dim=1) + b.double().norm(dim=1))
    assert (error <= sol.error_bound.double() * 1.001 + floor).all()


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: type(s).__name__)
@FAST
@given(problem=problems())
def test_a_problem_without_equilibrium_never_converges(solver, problem):
    """Enumeration finds none: then whatever a solver holds, it does not call it a solution."""
    A, b = problem
    A, b = A.double(), b.double()
    sol = outcome(A, b, solver)
    if sol is None:
        return
    none = it.count_equilibria(A, b).counts == 0
    assert not (sol.converged & none).any()


@FAST
@given(problem=problems(scales=(0.0, 0.3, 0.6)))
def test_solvers_agree_on_certified_matrices(problem):
    A, b = problem
    certificate = it.certify(A, conditions=("spectral_norm", "monotone"))
    if not any(c.holds and c.margin > 0.05 for c in certificate.conditions):
        return
    solutions = [sol for sol in (outcome(A, b, solver) for solver in SOLVERS) if sol is not None]
    for sol in solutions:
        guaranteed = type(sol.solver).__name__ in certificate.solvers
        assert not guaranteed or A.dtype == torch.float32 or bool(sol.converged.all())
    for one in solutions:
        for other in solutions:
            both = one.converged & other.converged
            gap = (one.z.double() - other.z.double()).norm(dim=1)
            allowed = one.error_bound.double() + other.error_bound.double()
            assert (gap[both] <= 1.001 * allowed[both]).all()


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: type(s).__name__)
@FAST
@given(problem=problems(scales=(0.0, 0.3)), seed=st.integers(0, 1000))
def test_adjoint_is_solved_to_tolerance(solver, problem, seed):
    A, b = problem
    z = it.solve(A, b, solver=it.Newton(), throw=False).z
    g = torch.randn(b.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(b.dtype)
    try:
        sol = it.adjoint(A, z, g, solver=solver, throw=False)
    except it.UnsafeStepError:
        assert it.certify(A)["monotone"].margin < 1e-6
        return
    D = (z > 0).double()
    image = D * (sol.u.double() @ A.double() + g.double())
    unit = torch.finfo(A.dtype).eps
    rounding = (sol.u.double().abs() @ A.double().abs() + g.double().abs()).norm(dim=1) * (len(A) + 2) * unit
    limit = (1e-10 if A.dtype == torch.float64 else 1e-5) * image.norm(dim=1)
    residual = (image - sol.u.double()).norm(dim=1)
    assert (residual[sol.converged] <= 1.001 * limit[sol.converged] + rounding[sol.converged]).all()
