"""A solve that did not converge says so: each way to fail has its status, its cause and its remedy."""

from __future__ import annotations

import math

import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial import EquilibriumError, Newton, Picard, Status


def matrix(*rows) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


FAILURES = {
    "step limit": (
        matrix([0.99]),
        matrix([1.0]),
        Picard(max_steps=7),
        Status.STEP_LIMIT,
        7,
        "reached the limit of 7 steps",
        "raise max_steps",
    ),
    "endless cycle": (
        matrix([-2.0]),
        matrix([1.0]),
        Picard(),
        Status.STEP_LIMIT,
        1000,
        "circles around an equilibrium",
        "Newton()",
    ),
    "below the rounding floor": (
        matrix([0.3, 0.4], [0.2, 0.3]).float(),
        matrix([1.0, 2.0]).float() / 3,
        Picard(rtol=1e-5, max_steps=3),
        Status.STEP_LIMIT,
        3,
        "below the rounding floor",
        "loosen rtol",
    ),
    "divergence": (
        matrix([3.0]),
        matrix([1.0]),
        Picard(),
        Status.DIVERGED,
        None,
        "the residual had grown to",
        "lower implicit_scale",
    ),
    "overflow at once": (
        matrix([1e300]),
        matrix([1e300]),
        Picard(),
        Status.NON_FINITE,
        None,
        "overflowed",
        "use float64",
    ),
    "no equilibrium, Newton": (
        matrix([2.0]),
        matrix([1.0]),
        Newton(),
        Status.CYCLE,
        3,
        "activation pattern it had already tried",
        "start from another z0",
    ),
    "singular, Newton": (
        matrix([1.0]),
        matrix([1.0]),
        Newton(),
        Status.SINGULAR,
        1,
        "singular linear system",
        "count_equilibria(A, b)",
    ),
    "Newton's step limit": (
        matrix([0.5]),
        matrix([1.0]),
        Newton(max_steps=1),
        Status.STEP_LIMIT,
        1,
        "reached the limit of 1 steps",
        "raise max_steps",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failure_has_its_status_and_its_sentences(name):
    A, b, solver, status, steps, happened, remedy = FAILURES[name]
    sol = it.solve(A, b, solver=solver, throw=False)
    assert sol.status.tolist() == [status]
    assert not sol.converged.any()
    if steps is not None:
        assert sol.steps.tolist() == [steps]
    with pytest.raises(EquilibriumError) as caught:
        it.solve(A, b, solver=solver)
    message = str(caught.value)
    assert message.startswith("equilibrium: 1 of 1 samples did not converge; sample 0 ")
    assert happened in message
    assert remedy in message
    assert message.index("Likely cause: ") < message.index("What to change: ")
    assert torch.equal(caught.value.result.status, sol.status)


def test_other_samples_are_returned_converged(make):
    A = matrix([0.5, 0.0], [0.0, 3.0])
    b = matrix([1.0, -1.0], [1.0, 1.0], [2.0, -5.0])
    sol = it.solve(A, b, throw=False)
    assert sol.status.tolist() == [Status.CONVERGED, Status.DIVERGED, Status.CONVERGED]
    torch.testing.assert_close(sol.z[sol.converged], matrix([2.0, 0.0], [4.0, 0.0]), rtol=1e-9, atol=0)
    with pytest.raises(EquilibriumError, match=r"1 of 3 samples did not converge; sample 1 diverged"):
        it.solve(A, b)


def test_explain_speaks_of_the_first_failure_and_counts_them_all():
    A, b = matrix([3.0]), matrix([1.0], [-1.0], [2.0])
    sol = it.solve(A, b, throw=False)
    assert sol.explain().startswith("equilibrium: 2 of 3 samples did not converge; sample 0 diverged: after ")
    assert it.solve(A, -b.abs()).explain() == "all 3 samples converged"


def test_no_unconverged_state_counts_as_converged(make):
    """Over many scales, the residual of a converged sample is below tolerance, and of any other it is not."""
    for seed in range(6):
        A, b = make.gaussian(12, 0.4 + 0.4 * seed, seed=seed), make.injections(6, 12, seed=seed)
        for solver in (Picard(max_steps=300), Newton()):
            sol = it.solve(A, b, solver=solver, throw=False)
            image = torch.relu(sol.z @ A.T + b)
            relative = torch.linalg.vector_norm(image - sol.z, dim=1) / torch.linalg.vector_norm(image, dim=1)
            assert torch.equal(sol.converged, relative <= 1e-10)


def test_a_failed_adjoint_is_named():
    # The forward solve starts at its fixed point, the backward pass has to contract by 2 and cannot.
    A, b = matrix([2.0]).requires_grad_(), matrix([-1.0])
    sol = it.solve(A, b, z0=matrix([1.0]))
    assert sol.z.item() == 1
    with pytest.raises(EquilibriumError, match="adjoint: 1 of 1 samples did not converge; sample 0 diverged"):
        sol.z.sum().backward()
    # Newton's adjoint is a linear solve, and gives the derivative of z = b/(1 − a).
    (dA,) = torch.autograd.grad(it.solve(A, b, z0=matrix([1.0]), adjoint_solver=Newton()).z.sum(), A)
    assert dA.item() == pytest.approx(-1.0 / (1 - 2.0) ** 2)


def test_adjoint_reports_its_status_too():
    sol = it.adjoint(matrix([2.0]), matrix([1.0]), matrix([1.0]), throw=False)
    assert sol.status.tolist() == [Status.DIVERGED]
    assert "adjoint" in sol.explain("adjoint")
    with pytest.raises(EquilibriumError, match="adjoint: 1 of 1"):
        it.adjoint(matrix([2.0]), matrix([1.0]), matrix([1.0]))


def test_a_cycle_of_newton_can_have_a_way_out():
    """Where there are several equilibria the start decides; where there is none every start fails."""
    A, b = matrix([2.0]), matrix([-1.0])
    found = {it.solve(A, b, solver=Newton(), z0=matrix([z])).z.item() for z in (0.0, 0.2, 0.9, 5.0)}
    assert found == {0.0, 1.0}
    for z in (0.0, 1.0, 7.0):
        sol = it.solve(A, -b, solver=Newton(), z0=matrix([z]), throw=False)
        assert sol.status.tolist() == [Status.CYCLE]


def test_divergence_is_called_long_before_overflow():
    sol = it.solve(matrix([3.0]), matrix([1.0]), throw=False)
    assert sol.steps.item() < 40
    assert math.isfinite(sol.residual.item())
