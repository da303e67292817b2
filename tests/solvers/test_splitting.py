"""Forward–backward and Peaceman–Rachford: steps, guarantee, and one resolvent for both passes (C8)."""

from __future__ import annotations

import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.equilibrium import splitting, steps

SPLITTING = [it.ForwardBackward, it.PeacemanRachford]


@pytest.mark.parametrize("Solver", SPLITTING)
@pytest.mark.parametrize("seed", range(4))
def test_converges_where_picard_diverges(make, Solver, seed):
    A, b = make.monotone(12, seed=10 * seed), make.normal(5, 12, seed=3)
    assert not it.solve(A, b, throw=False).converged.all()
    sol = it.solve(A, b, solver=Solver(max_steps=20000))
    error = (sol.z - make.exact(A, b)).norm(dim=1)
    assert (error <= sol.error_bound).all()
    assert sol.error_bound.max() < 1e-6


@pytest.mark.parametrize("Solver", SPLITTING)
def test_adjoint_of_a_monotone_network_where_picard_diverges(make, Solver):
    A, b = make.monotone(12), make.normal(5, 12, seed=3)
    z, g = make.exact(A, b), make.normal(5, 12, seed=4)
    u = it.adjoint(A, z, g, solver=Solver(rtol=1e-12, max_steps=40000)).u
    D = (z > 0).double()
    eye = torch.eye(12, dtype=torch.float64)
    for i in range(5):
        torch.testing.assert_close(u[i], torch.linalg.solve(eye - D[i][:, None] * A.T, D[i] * g[i]))


def test_forward_backward_follows_its_definition(make):
    A, b = make.monotone(6), make.normal(3, 6, seed=1)
    alpha = it.ForwardBackward().step_for(A)
    z = torch.zeros_like(b)
    for k in range(1, 6):
        sol = it.solve(A, b, solver=it.ForwardBackward(step=alpha, max_steps=k), throw=False)
        torch.testing.assert_close(sol.z, z)
        z = torch.relu(z - alpha * (z - z @ A.T - b))


def test_peaceman_rachford_follows_its_definition(make):
    """Started at s = αb, and reported at the image of its linear half step."""
    A, b, alpha = make.monotone(6), make.normal(3, 6, seed=1), 0.3
    eye = torch.eye(6, dtype=torch.float64)
    s = alpha * b
    for k in range(2, 7):
        y = 2 * torch.relu(s) - s
        w = torch.linalg.solve(eye + alpha * (eye - A), (y + alpha * b).T).T
        sol = it.solve(A, b, solver=it.PeacemanRachford(step=alpha, max_steps=k), throw=False)
        torch.testing.assert_close(sol.z, torch.relu(w @ A.T + b))
        s = 2 * w - y


@pytest.mark.parametrize("Solver", SPLITTING)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("ulps", [-1000, -4, -1, -0.5, 0, 1, 4])
@pytest.mark.parametrize("m", [1, 3])
def test_a_matrix_within_rounding_of_the_identity_has_a_step_or_a_sentence(Solver, dtype, ulps, m):
    A = torch.eye(m, dtype=dtype) * (1 + ulps * torch.finfo(dtype).eps)
    b = -torch.ones(2, m, dtype=dtype)
    if ulps >= 0:
        with pytest.raises(it.UnsafeStepError, match="not strongly monotone"):
            it.solve(A, b, solver=Solver())
    try:
        sol = it.solve(A, b, solver=Solver())
        assert sol.z.abs().max() == 0
    except it.UnsafeStepError:
        assert ulps > -4, "a margin of four rounding units is seen"
    free = it.solve(A, b, solver=Solver(check=False), throw=False)
    assert torch.isfinite(free.z).all()


@pytest.mark.parametrize("Solver", SPLITTING)
@pytest.mark.parametrize("size", [1e-300, 1e-150, 1e150, 1e200])
def test_steps_for_matrices_of_any_size(make, Solver, size):
    """−c I and a rotation have steps of order 1/c, and nothing overflows on the way."""
    J = torch.tensor([[-1.0, 1.0], [-1.0, -1.0]]).double()
    alpha = Solver().step_for(size * J)
    assert 0 < alpha < float("inf")
    if size > 1:
        assert 0.01 < alpha * size < 100


def test_step_limit_is_where_the_theorem_puts_it():
    """A = [−2]: μ = ‖I − A‖ = 3, every step below 2/3 is safe, and at 2/3 the iteration cycles."""
    A, b = torch.tensor([[-2.0]], dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    assert it.solve(A, b, solver=it.ForwardBackward(step=0.65)).converged.all()
    for step in (0.67, 1.0):
        with pytest.raises(it.UnsafeStepError, match=f"step={step:g}.*not certified") as error:
            it.solve(A, b, solver=it.ForwardBackward(step=step))
        assert error.value.limit == pytest.approx(2 / 3)
        assert error.value.step == step
        sol = it.solve(A, b, solver=it.ForwardBackward(step=step, check=False), throw=False)
        assert not sol.converged.any()


@pytest.mark.parametrize("Solver", SPLITTING)
def test_matrix_that_is_not_monotone_is_refused(make, Solver):
    A, b = make.gaussian(24, 1.2), make.normal(2, 24, seed=1)
    assert not it.certify(A)["monotone"].holds
    with pytest.raises(it.UnsafeStepError, match=f"{Solver.__name__} has no safe step.*not strongly"):
        it.solve(A, b, solver=Solver())
    with pytest.raises(it.UnsafeStepError, match="no safe step"):
        it.solve(A, b, solver=Solver(step=0.5))


@pytest.mark.parametrize("Solver", SPLITTING)
def test_refusal_also_guards_the_backward_pass(make, Solver):
    A, b = make.gaussian(24, 1.2).requires_grad_(), make.normal(2, 24, seed=1)
    z = it.solve(A, b, adjoint_solver=Solver()).z
    with pytest.raises(it.UnsafeStepError, match="no safe step"):
        z.sum().backward()


@pytest.mark.parametrize("m", [5, 40, 300])
def test_forward_step_is_the_best_one(make, m):
    """No step on a fine grid contracts by a smaller factor, up to the two percent that the choice allows."""
    for A in (make.gaussian(m, 0.6), make.monotone(m), make.symmetric(m, 0.9)):
        alpha = it.ForwardBackward().step_for(A)
        chosen = steps.forward_factor(A, alpha)
        grid = torch.linspace(0.02, 2, 25) * alpha
        best = min(steps.forward_factor(A, float(a)) for a in grid)
        assert chosen < 1
        assert 1 - chosen >= 0.9 * (1 - best)


def test_chosen_step_of_a_symmetric_matrix_is_two_over_the_sum_of_the_ends(make):
    A = make.symmetric(30, 0.9)
    ends = 1 - torch.linalg.eigvalsh(A)
    assert it.ForwardBackward().step_for(A) == pytest.approx(2 / float(ends[0] + ends[-1]), rel=0.05)


def test_reflection_factor_bounds_the_observed_rate(make):
    A, b = make.monotone(16), make.normal(4, 16, seed=1)
    alpha = it.PeacemanRachford().step_for(A)
    factor = steps.reflection_factor(A, alpha)
    assert factor < 1
    residuals = [
        float(it.solve(A, b, solver=it.PeacemanRachford(max_steps=k), throw=False).residual.max())
        for k in (10, 20)
    ]
    assert residuals[1] / residuals[0] < 5 * factor**10


def test_peaceman_rachford_needs_fewer_steps(make):
    A, b = make.monotone(64, margin=0.05), make.normal(4, 64, seed=1)
    forward = it.solve(A, b, solver=it.ForwardBackward(max_steps=20000)).steps.max()
    assert it.solve(A, b, solver=it.PeacemanRachford()).steps.max() < forward / 5


def test_resolvent_is_factored_once_for_both_passes(make, monkeypatch):
    factored = []
    original = splitting.reflection_resolvent
    monkeypatch.setattr(
        splitting, "reflection_resolvent", lambda A, step: factored.append(step) or original(A, step)
    )
    solver = it.PeacemanRachford()
    A, b = make.monotone(10).requires_grad_(), make.normal(4, 10, seed=1)
    for _ in range(3):
        it.solve(A, b, solver=solver).z.sum().backward()
    assert len(factored) == 1
    with torch.no_grad():
        A.mul_(0.9)
    moved = it.solve(A, b, solver=solver).z
    assert len(factored) == 2
    torch.testing.assert_close(moved, it.solve(A, b, solver=it.Newton()).z, rtol=1e-8, atol=1e-9)


def test_memory_of_the_last_matrix_compares_values_not_addresses(make):
    """Training moves A in place, also through .data, which no version counter sees."""
    solver, b = it.ForwardBackward(), make.normal(3, 8, seed=1)
    A = make.gaussian(8, 0.4)
    first = solver.step_for(A)
    A.data.mul_(0.3)
    assert solver.step_for(A) != first
    assert it.solve(A, b, solver=solver).converged.all()
