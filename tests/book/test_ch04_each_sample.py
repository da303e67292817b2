"""On the circle: a sample's solution is its own, whatever else is in the batch, and the figure shows it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch04_solving_and_differentiating.each_sample import (
    BUDGETS,
    RTOL,
    SCALES,
    batch,
    each_sample,
    frozen,
    problem,
    stand,
)
from tests.book.traces import trace

SOLVERS = {"Picard": it.Picard(max_steps=500), "Anderson": it.Anderson(max_steps=500), "Newton": it.Newton()}


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("scale", [0.8, 1.2])
def test_a_sample_solved_alone_is_the_sample_of_the_batch(name: str, scale: float) -> None:
    (A, b), solver = problem(scale), SOLVERS[name]
    together = it.solve(A, b, solver=solver, throw=False)
    alone = [it.solve(A, row[None], solver=solver, throw=False) for row in b]
    assert [int(a.steps[0]) for a in alone] == together.steps.tolist()
    assert [int(a.status[0]) for a in alone] == together.status.tolist()
    done = together.converged
    torch.testing.assert_close(
        torch.cat([a.z for a in alone])[done], together.z[done], rtol=1e-10, atol=1e-12
    )
    if scale == 1.2 and isinstance(solver, it.Picard):
        assert 0 < int(done.sum()) < len(b), "hard samples among easy ones"


def test_hard_samples_among_easy_ones_change_nothing() -> None:
    A, b = problem(1.2)
    solver = it.Picard(max_steps=300)
    together = it.solve(A, b, solver=solver, throw=False)
    easy = together.converged
    without = it.solve(A, b[easy], solver=solver)
    torch.testing.assert_close(without.z, together.z[easy], rtol=1e-10, atol=1e-12)
    assert without.steps.tolist() == together.steps[easy].tolist()
    assert int(together.steps[~easy].min()) == 300


@pytest.mark.parametrize("scale", SCALES)
def test_a_sample_that_is_done_is_never_touched_again(scale: float) -> None:
    assert frozen(scale)
    for sweeps in BUDGETS:
        solution = batch(scale, sweeps)
        assert int(solution.steps.max()) <= sweeps
        relative = solution.residual / torch.linalg.vector_norm(solution.z, dim=1)
        assert bool((relative[solution.converged] <= RTOL).all())
        assert {name for name in stand(solution)[solution.converged.numpy()]} <= {"converged"}


@pytest.mark.parametrize("scale", [0.4, 0.6])
@pytest.mark.parametrize("sweeps", [5, 20])
def test_the_certified_error_is_above_the_true_one(scale: float, sweeps: int) -> None:
    A, b = problem(scale)
    exact = it.solve(A, b, solver=it.Newton(rtol=1e-13)).z
    solution = batch(scale, sweeps)
    shown = np.asarray(trace(each_sample(), "certified error", sweeps=sweeps, implicit_scale=scale)["y"])
    true = torch.linalg.vector_norm(solution.z - exact, dim=1) / torch.linalg.vector_norm(solution.z, dim=1)
    assert (shown >= true.numpy()).all()


def test_the_marks_are_the_residuals_of_a_plain_loop() -> None:
    """After 20 sweeps the last state of which the residual is known is the one that the 20th began with."""
    A, b = problem(0.8)
    z = torch.zeros_like(b)
    for _ in range(19):
        z = torch.relu(z @ A.T + b)
    change = torch.relu(z @ A.T + b) - z
    expected = torch.linalg.vector_norm(change, dim=1) / torch.linalg.vector_norm(z, dim=1)
    shown = trace(each_sample(), "still moving", sweeps=20, implicit_scale=0.8)["y"]
    np.testing.assert_allclose(shown, expected.numpy(), rtol=1e-6)
