"""Every solver finds the equilibrium and its adjoint, says how well, and is the one that ran."""

from __future__ import annotations

import dataclasses
import pickle

import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial import Status
from implicit_tutorial.equilibrium import CONDITIONS, SOLVERS
from implicit_tutorial.equilibrium.solver import Solver


@pytest.fixture(params=["contraction", "symmetric", "one unit"])
def problem(request, make):
    A = {
        "contraction": make.gaussian(10, 0.4),
        "symmetric": make.symmetric(10, 0.8),
        "one unit": torch.tensor([[-0.9]], dtype=torch.float64),
    }[request.param]
    return A, make.normal(6, A.shape[0], seed=7)


def test_state_equals_enumeration(problem, solver, make):
    A, b = problem
    sol = it.solve(A, b, solver=solver)
    torch.testing.assert_close(sol.z, make.exact(A, b), rtol=1e-10, atol=1e-11)


def test_residual_is_that_of_the_returned_state(problem, solver):
    A, b = problem
    for rtol in (1e-2, 1e-6):
        sol = it.solve(A, b, solver=dataclasses.replace(solver, rtol=rtol))
        image = torch.relu(sol.z @ A.T + b)
        torch.testing.assert_close(sol.residual, (image - sol.z).norm(dim=1), rtol=1e-6, atol=1e-15)
        assert (sol.residual <= rtol * image.norm(dim=1)).all()


@pytest.mark.parametrize("max_steps", [1, 2, 3])
def test_residual_is_measured_also_at_the_step_limit(make, solver, max_steps):
    A, b = make.gaussian(10, 0.45), make.normal(6, 10, seed=7)
    sol = it.solve(A, b, solver=dataclasses.replace(solver, max_steps=max_steps), throw=False)
    assert (sol.status == Status.STEP_LIMIT).all()
    assert (sol.steps == max_steps).all()
    residual = (torch.relu(sol.z @ A.T + b) - sol.z).norm(dim=1)
    torch.testing.assert_close(sol.residual, residual, rtol=1e-10, atol=0)


def test_inactive_units_are_exactly_zero(solver, make):
    """Rounding noise on an inactive unit would put it into the activation pattern, and the gradient off."""
    A, b = make.gaussian(24, 0.4, seed=3), make.normal(8, 24, seed=4)
    sol = it.solve(A, b, solver=dataclasses.replace(solver, rtol=1e-8))
    assert torch.equal(sol.z > 0, sol.z @ A.T + b > 0)
    assert (sol.z >= 0).all()


def test_gradient_equals_the_exact_one(problem, solver, make):
    A, b = problem
    weights = make.normal(*b.shape, seed=8)

    def gradient(solver):
        leaves = A.clone().requires_grad_(), b.clone().requires_grad_()
        return torch.autograd.grad((it.solve(*leaves, solver=solver).z * weights).sum(), leaves)

    for ours, reference in zip(gradient(solver), gradient(it.Newton(rtol=1e-13)), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-9, atol=1e-10)


def test_second_derivative_equals_the_exact_one(solver, make):
    A, b = make.gaussian(5, 0.4), make.normal(3, 5, seed=2)

    def hessian_product(solver):
        leaf = A.clone().requires_grad_()
        first = torch.autograd.grad((it.solve(leaf, b, solver=solver).z ** 2).sum(), leaf, create_graph=True)
        return torch.autograd.grad(first[0].square().sum(), leaf)[0]

    torch.testing.assert_close(
        hessian_product(solver), hessian_product(it.Newton(rtol=1e-13)), rtol=1e-8, atol=1e-9
    )


def test_adjoint_solves_its_equation(problem, solver, make):
    A, b = problem
    z = it.solve(A, b, solver=it.Newton()).z
    g = make.normal(*b.shape, seed=9)
    u = it.adjoint(A, z, g, solver=solver).u
    D = (z > 0).double()
    torch.testing.assert_close(u, D * (u @ A + g), rtol=1e-10, atol=1e-11)


def test_it_is_the_solver_that_runs_forward_and_backward(solver, make, monkeypatch):
    calls = []
    run = type(solver).run

    def spy(self, problem, z0):
        calls.append((self, problem.mask is None))
        return run(self, problem, z0)

    monkeypatch.setattr(type(solver), "run", spy)
    net = it.EquilibriumNetwork(3, 8, implicit_scale=0.4, solver=solver)
    net(make.normal(4, 3, seed=1)).sum().backward()
    assert calls == [(solver, True), (solver, False)]


def test_result_does_not_depend_on_the_batch(solver, make):
    A, b = make.gaussian(12, 0.45, seed=5), make.normal(9, 12, seed=6) * torch.logspace(-3, 3, 9)[:, None]
    together = it.solve(A, b, solver=solver)
    for i in range(len(b)):
        alone = it.solve(A, b[i : i + 1], solver=solver)
        torch.testing.assert_close(alone.z[0], together.z[i], rtol=1e-10, atol=0)
        assert abs(int(alone.steps[0] - together.steps[i])) <= 1


def test_starting_at_the_equilibrium_takes_one_sweep(solver, make):
    A, b = make.gaussian(12, 0.45), make.normal(5, 12, seed=6)
    z = it.solve(A, b, solver=dataclasses.replace(solver, rtol=1e-13)).z
    sol = it.solve(A, b, solver=dataclasses.replace(solver, rtol=1e-9), z0=z)
    assert (sol.steps == 1).all()


def test_warm_start_saves_sweeps(solver, make):
    A, b = make.gaussian(32, 0.45), make.normal(5, 32, seed=6)
    cold = it.solve(A, b, solver=solver)
    warm = it.solve(A, b + 1e-6 * make.normal(5, 32, seed=8), solver=solver, z0=cold.z)
    assert warm.steps.sum() < 0.7 * cold.steps.sum()


def test_float32_and_empty_batches(solver, make):
    A, b = make.gaussian(12, 0.4).float(), make.normal(5, 12, seed=6).float()
    sol = it.solve(A, b, solver=dataclasses.replace(solver, rtol=1e-5))
    assert sol.z.dtype == torch.float32
    reference = it.solve(A.double(), b.double(), solver=it.Newton()).z
    torch.testing.assert_close(sol.z.double(), reference, rtol=1e-3, atol=1e-4)
    empty = it.solve(A, b[:0], solver=dataclasses.replace(solver, rtol=1e-5))
    assert empty.z.shape == (0, 12)


def test_divergence_is_reported_not_returned(make):
    A, b = make.gaussian(40, 4.0), make.normal(3, 40, seed=1)
    for solver in (it.Anderson(max_steps=300), it.Broyden(max_steps=300)):
        sol = it.solve(A, b, solver=solver, throw=False)
        assert not sol.converged.any()
        with pytest.raises(it.EquilibriumError, match="did not converge"):
            it.solve(A, b, solver=solver)


def test_solvers_are_values(solver):
    """Equal when their settings are, hashable, and fit to travel to another process."""
    it.solve(torch.zeros(2, 2), torch.ones(1, 2), solver=dataclasses.replace(solver, rtol=1e-5))
    copy = pickle.loads(pickle.dumps(solver))
    assert copy == solver
    assert hash(copy) == hash(solver)


@pytest.mark.parametrize(
    ("make_solver", "message"),
    [
        (lambda: it.Anderson(window=0), "window=0"),
        (lambda: it.Anderson(damping=0.0), "damping=0"),
        (lambda: it.Anderson(damping=1.5), "damping=1.5"),
        (lambda: it.Anderson(regularization=-1.0), "regularization=-1"),
        (lambda: it.Anderson(period=0), "period=0"),
        (lambda: it.Anderson(start_gain=-1.0), "start_gain=-1"),
        (lambda: it.Broyden(memory=0), "memory=0"),
        (lambda: it.ForwardBackward(step=0.0), "step=0"),
        (lambda: it.PeacemanRachford(step=-1.0), "step=-1"),
        (lambda: it.PeacemanRachford(step=float("nan")), "step=nan"),
    ],
)
def test_settings_are_refused_by_name(make_solver, message):
    with pytest.raises(ValueError, match=message):
        make_solver()


def test_every_public_solver_is_registered_and_names_conditions_that_exist():
    public = {name: getattr(it, name) for name in it.__all__}
    assert {x for x in public.values() if isinstance(x, type) and issubclass(x, Solver)} == set(
        SOLVERS.values()
    )
    for name, solver in SOLVERS.items():
        assert public[name] is solver
        assert set(solver.guaranteed_by) <= set(CONDITIONS)


def test_a_new_solver_appears_in_the_certificates(make, monkeypatch):
    monkeypatch.setitem(SOLVERS, "New", None)  # so that it is taken out again

    class New(it.PeacemanRachford):
        guaranteed_by = ("monotone",)

    class Variant(New):
        pass

    assert SOLVERS["New"] is New
    assert "Variant" not in SOLVERS
    certificate = it.certify(make.monotone(8))
    assert certificate["monotone"].solvers == ("ForwardBackward", "PeacemanRachford", "New")
    assert "New" in certificate.solvers
    assert "New" not in certificate["spectral_norm"].solvers
