"""Phantom and SHINE: what they compute, how far off they are, and that they never pass for exact (C8)."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

import implicit_tutorial as it

TIGHT = {"solver": it.Picard(rtol=1e-13)}


@pytest.fixture
def problem(make):
    return make.gaussian(24, 0.8, seed=1), make.normal(6, 24, seed=2), make.normal(6, 24, seed=3)


def gradients(problem, **options):
    A, b, weights = problem
    leaves = A.clone().requires_grad_(), b.clone().requires_grad_()
    return torch.autograd.grad((it.solve(*leaves, **options).z * weights).sum(), leaves)


def error(problem, **options):
    ours, exact = gradients(problem, **options), gradients(problem, solver=it.Newton(rtol=1e-13))
    return max(float((x - y).norm() / y.norm()) for x, y in zip(ours, exact, strict=True))


@pytest.mark.parametrize(("steps", "damping"), [(1, 1.0), (4, 1.0), (5, 0.6)])
def test_phantom_is_the_derivative_of_appended_sweeps(problem, steps, damping):
    A, b, weights = problem
    fixed = it.solve(A, b, **TIGHT).z
    leaves = A.clone().requires_grad_(), b.clone().requires_grad_()
    z = fixed
    for _ in range(steps):
        z = (1 - damping) * z + damping * torch.relu(z @ leaves[0].T + leaves[1])
    unrolled = torch.autograd.grad((z * weights).sum(), leaves)
    phantom = gradients(problem, gradient=it.Phantom(steps=steps, damping=damping), **TIGHT)
    for ours, reference in zip(phantom, unrolled, strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-9, atol=1e-9)


def test_phantom_tends_to_the_exact_gradient(problem):
    errors = [error(problem, gradient=it.Phantom(steps=k), **TIGHT) for k in (1, 4, 16, 96)]
    assert errors[0] > 0.2
    assert all(after < 0.5 * before for before, after in pairwise(errors))
    assert errors[-1] < 1e-8


def test_shine_is_the_transposed_forward_inverse(problem):
    from implicit_tutorial.equilibrium.problem import Problem

    A, b, weights = problem
    result, H = it.Broyden().factor(Problem(A, b), None)
    u = (result.z > 0) * H.transposed(weights)
    ours = gradients(problem, gradient=it.Shine(), solver=it.Broyden())
    torch.testing.assert_close(ours[1], u)
    torch.testing.assert_close(ours[0], u.T @ result.z)


def test_shine_beats_one_step_and_refinement_makes_it_exact(problem):
    one_step = error(problem, gradient=it.Phantom(), **TIGHT)
    shine = [error(problem, gradient=it.Shine(refine=k), solver=it.Broyden()) for k in (0, 4, 96)]
    assert 1e-3 < shine[0] < one_step
    assert shine[1] < 0.5 * shine[0]
    assert shine[2] < 1e-8


def test_shine_is_exact_when_the_inverse_is(make):
    """A of rank one and a single active direction: the forward steps span all that the adjoint needs."""
    x = make.normal(8, seed=1).abs() / 8
    A = torch.outer(x, x)
    b = x.expand(3, 8) * torch.tensor([[1.0], [2.0], [3.0]])
    problem = A, b, x.expand(3, 8).contiguous()
    assert error(problem, gradient=it.Shine(), solver=it.Broyden()) < 1e-9


def test_each_sample_keeps_its_own_inverse(problem):
    """Samples converge at different steps; the inverse of one must not serve another."""
    A, b, weights = problem
    b = b * torch.logspace(-2, 2, 6)[:, None]
    together = gradients((A, b, weights), gradient=it.Shine(), solver=it.Broyden())[1]
    for i in range(6):
        one = A, b[i : i + 1], weights[i : i + 1]
        alone = gradients(one, gradient=it.Shine(), solver=it.Broyden())[1]
        torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "options", [{"gradient": it.Phantom()}, {"gradient": it.Shine(), "solver": it.Broyden()}]
)
def test_second_derivative_raises(problem, options):
    A, b, _ = problem
    leaf = A.clone().requires_grad_()
    first = torch.autograd.grad((it.solve(leaf, b, **options).z ** 2).sum(), leaf, create_graph=True)[0]
    with pytest.raises(NotImplementedError, match=r"first only. Use gradient=Exact"):
        first.sum().backward()


# torch's own forward-mode derivatives are compiled with torch.jit.script when first used
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    "options", [{"gradient": it.Phantom()}, {"gradient": it.Shine(), "solver": it.Broyden()}]
)
def test_forward_mode_raises(problem, options):
    A, b, _ = problem
    with pytest.raises(NotImplementedError, match="forward mode has none"):
        torch.func.jvp(lambda x: it.solve(x, b, **options).z, (A,), (A,))


@pytest.mark.parametrize(
    "options", [{"gradient": it.Phantom(steps=3)}, {"gradient": it.Shine(), "solver": it.Broyden()}]
)
def test_per_sample_gradients_by_vmap_are_the_batch_s(problem, options):
    A, b, weights = problem
    per_sample = torch.func.vmap(
        torch.func.grad(lambda row, w: (it.solve(A, row[None], **options).z[0] * w).sum())
    )(b, weights)
    torch.testing.assert_close(per_sample, gradients(problem, **options)[1])


def test_exact_is_the_default(problem):
    default, named = gradients(problem), gradients(problem, gradient=it.Exact())
    assert all(torch.equal(x, y) for x, y in zip(default, named, strict=True))


def test_sample_that_did_not_converge_has_no_approximate_gradient_either(problem):
    A, b, _ = problem
    leaf = b.clone().requires_grad_()
    sol = it.solve(A, leaf, solver=it.Picard(max_steps=2), gradient=it.Phantom(), throw=False)
    with pytest.raises(ValueError, match="did not converge"):
        sol.z.sum().backward()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gradient": it.Shine()}, r"pass solver=Broyden\(\)"),
        ({"gradient": it.Phantom(), "adjoint_solver": it.Newton()}, "adjoint_solver has no effect"),
        ({"gradient": it.Phantom(), "u0": torch.zeros(6, 24, dtype=torch.float64)}, "u0 has no effect"),
    ],
)
def test_contradictory_calls_are_refused(problem, options, message):
    with pytest.raises(ValueError, match=message):
        it.solve(problem[0], problem[1], **options)


def test_settings_are_refused_by_name():
    for make, message in (
        (lambda: it.Phantom(steps=0), "steps=0"),
        (lambda: it.Phantom(damping=0.0), "damping=0"),
        (lambda: it.Shine(refine=-1), "refine=-1"),
    ):
        with pytest.raises(ValueError, match=message):
            make()


def test_network_takes_the_choice(make):
    X = make.normal(5, 3, seed=1)

    def gradient(**options):
        net = it.EquilibriumNetwork(3, 16, implicit_scale=0.8, **options)
        net(X).sum().backward()
        return net.Theta.grad

    exact = gradient()
    one_step = gradient(gradient=it.Phantom())
    assert (one_step - exact).norm() > 0.1 * exact.norm()
    assert (gradient(gradient=it.Phantom(steps=200)) - exact).norm() < 1e-8 * exact.norm()


def test_warm_start_of_the_adjoint_saves_sweeps(problem):
    A, b, g = problem
    z = it.solve(A, b, **TIGHT).z
    cold = it.adjoint(A, z, g)
    warm = it.adjoint(A, z, g + 1e-6, u0=cold.u)
    assert warm.steps.sum() < 0.7 * cold.steps.sum()
