"""C1: the gradient through an equilibrium is exact, whichever way it is computed."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.autograd import grad, gradcheck, gradgradcheck

import implicit_tutorial as it

# torch's own forward-mode derivatives are compiled with torch.jit.script when first used
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")


def unrolled(A: Tensor, b: Tensor, sweeps: int = 600) -> Tensor:
    z = torch.zeros_like(b)
    for _ in range(sweeps):
        z = torch.relu(z @ A.T + b)
    return z


def weights_like(z: Tensor) -> Tensor:
    return torch.linspace(-1, 2, z.numel(), dtype=z.dtype).reshape(z.shape)


def test_implicit_gradient_equals_unrolled_autograd(case, solver):
    A, b = case.A.clone().requires_grad_(), case.b.clone().requires_grad_()
    z = it.solve(A, b, solver=solver).z
    z_unrolled = unrolled(A, b)
    ours = grad((weights_like(z) * z).sum(), (A, b))
    theirs = grad((weights_like(z) * z_unrolled).sum(), (A, b))
    for a, t in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, t, rtol=1e-10, atol=1e-11)


def test_implicit_gradient_equals_central_differences(case, solver):
    A, b = case.A.clone().requires_grad_(), case.b.clone().requires_grad_()
    z = it.solve(A, b, solver=solver).z
    c = weights_like(z)
    dA, db = grad((c * z).sum(), (A, b))

    def loss(A: Tensor, b: Tensor) -> float:
        return float((c * it.solve(A, b, solver=solver).z).sum())

    step = 1e-5
    generator = torch.Generator().manual_seed(3)
    for _ in range(3):
        VA = torch.randn(case.A.shape, generator=generator, dtype=torch.float64)
        Vb = torch.randn(case.b.shape, generator=generator, dtype=torch.float64)
        central = (
            loss(case.A + step * VA, case.b + step * Vb) - loss(case.A - step * VA, case.b - step * Vb)
        ) / (2 * step)
        exact = float((dA * VA).sum() + (db * Vb).sum())
        assert exact == pytest.approx(central, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("n_outputs", [None, 3])
def test_network_gradient_in_every_layer_and_in_the_inputs(centered, n_outputs):
    options = {"centered": centered, "n_outputs": n_outputs, "solver": it.Picard(rtol=1e-13)}
    net = it.EquilibriumNetwork(3, 20, implicit_scale=0.8, input_scale=1.3, output_scale=2.0, **options)
    X = torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64).requires_grad_()
    inputs = (net.Theta, net.W, net.v, X)

    def f(Theta: Tensor, W: Tensor, v: Tensor, X: Tensor) -> Tensor:
        z = unrolled(0.8 * Theta / math.sqrt(20), 1.3 * X @ W.T)
        return 2.0 * z @ v / math.sqrt(20)

    initial = tuple(p.detach().clone() for p in inputs[:3])
    expected = f(*inputs) - (f(*initial, X) if centered else 0)
    with torch.no_grad():
        torch.testing.assert_close(net(X), expected, rtol=1e-11, atol=1e-12)
    c = weights_like(expected)
    for ours, theirs in zip(
        grad((c * net(X)).sum(), inputs), grad((c * expected).sum(), inputs), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-11)


def test_first_and_second_derivatives_in_all_modes(make, solver):
    A, b = make.gaussian(3, 0.2).requires_grad_(), make.injections(2, 3).requires_grad_()

    def z(A: Tensor, b: Tensor) -> Tensor:
        return it.solve(A, b, solver=solver).z

    assert gradcheck(z, (A, b), check_forward_ad=True)
    assert gradgradcheck(z, (A, b), check_fwd_over_rev=True, check_rev_over_rev=True)


def test_adjoint_is_differentiable_to_second_order(make, solver):
    A, g = make.gaussian(3, 0.2).requires_grad_(), make.injections(2, 3, seed=5).requires_grad_()
    z = make.injections(2, 3, seed=6)

    def u(A: Tensor, g: Tensor) -> Tensor:
        return it.adjoint(A, z, g, solver=solver).u

    assert gradcheck(u, (A, g), check_forward_ad=True)
    assert gradgradcheck(u, (A, g))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_one_unit_has_the_derivatives_of_its_closed_form(solver, order):
    a, b = torch.tensor([[0.3]], dtype=torch.float64, requires_grad=True), torch.tensor([[1.5]]).double()
    value = it.solve(a, b, solver=solver).z.sum()
    for _ in range(order):
        (value,) = grad(value.sum(), a, create_graph=True)
    # z = b/(1 − a), so its k-th derivative is k! b/(1 − a)^{k+1}.
    assert value.item() == pytest.approx(math.factorial(order) * 1.5 / 0.7 ** (order + 1), rel=1e-10)


def test_adjoint_solves_its_linear_system_and_gives_the_outer_product(case, solver):
    z = it.solve(case.A, case.b, solver=solver).z
    g = weights_like(z)
    sol = it.adjoint(case.A, z, g, solver=solver)
    D = (z > 0).double()
    eye = torch.eye(len(case.A), dtype=torch.float64)
    dense = torch.linalg.solve(eye - D[:, :, None] * case.A.T, D * g)
    torch.testing.assert_close(sol.u, dense, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(
        sol.residual, torch.linalg.vector_norm(D * (sol.u @ case.A + g) - sol.u, dim=1), rtol=1e-3, atol=1e-14
    )
    A = case.A.clone().requires_grad_()
    (dA,) = grad((g * it.solve(A, case.b, solver=solver).z).sum(), A)
    torch.testing.assert_close(dA, sol.u.T @ z, rtol=1e-10, atol=1e-12)


def test_adjoint_shares_one_covector_among_the_samples(make):
    A, z, g = make.gaussian(6, 0.5), make.injections(3, 6), make.injections(1, 6, seed=4)[0]
    shared = it.adjoint(A, z, g).u
    torch.testing.assert_close(shared, it.adjoint(A, z, g.expand(3, 6).clone()).u)


def test_a_tie_takes_the_value_of_an_inactive_unit(solver):
    A = torch.tensor([[0.5]], dtype=torch.float64, requires_grad=True)
    b = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    dA, db = grad(it.solve(A, b, solver=solver).z.sum(), (A, b))
    assert float(dA) == 0
    assert float(db) == 0


def test_warm_starts_change_the_steps_and_not_the_gradient(make):
    A, b = make.gaussian(30, 0.9).requires_grad_(), make.injections(4, 30)
    cold = it.solve(A, b, solver=it.Picard(rtol=1e-12))
    g = weights_like(cold.z)
    (dA,) = grad((g * cold.z).sum(), A)
    u = it.adjoint(A.detach(), cold.z.detach(), g, solver=it.Picard(rtol=1e-12)).u
    warm = it.solve(A, b, solver=it.Picard(rtol=1e-12), z0=cold.z, u0=u)
    assert int(warm.steps.max()) == 1
    assert int(cold.steps.min()) > 10
    # The start of the adjoint is used: with a limit of one sweep only a warm backward pass can converge.
    quick = it.Picard(rtol=1e-11, max_steps=1)
    warm = it.solve(A, b, z0=cold.z, u0=u, solver=it.Picard(rtol=1e-12), adjoint_solver=quick)
    torch.testing.assert_close(grad((g * warm.z).sum(), A)[0], dA, rtol=1e-9, atol=1e-10)
    cold_backward = it.solve(A, b, z0=cold.z, solver=it.Picard(rtol=1e-12), adjoint_solver=quick)
    with pytest.raises(it.EquilibriumError, match="adjoint: 4 of 4 samples did not converge"):
        grad((g * cold_backward.z).sum(), A)


def test_a_sample_that_did_not_converge_has_no_gradient(make):
    A, b = make.gaussian(10, 0.5).requires_grad_(), make.injections(3, 10)
    good = it.solve(A.detach(), b).z
    start = good.clone()
    start[1] = 0  # two samples start at their equilibrium, the third far from it
    hasty = it.Picard(rtol=1e-9, max_steps=2)
    sol = it.solve(A, b, z0=start, solver=hasty, adjoint_solver=it.Picard(), throw=False)
    assert sol.converged.tolist() == [True, False, True]
    with pytest.raises(ValueError, match="sample 1 has no implicit gradient"):
        grad(sol.z.sum(), A, retain_graph=True)
    (dA,) = grad(sol.z[sol.converged].sum(), A)
    (expected,) = grad(it.solve(A, b[[0, 2]]).z.sum(), A)
    torch.testing.assert_close(dA, expected, rtol=1e-7, atol=1e-8)


def test_the_old_batched_backward_is_refused_by_name(make):
    b = make.injections(2, 4).requires_grad_()
    z = it.solve(make.gaussian(4, 0.4), b).z
    with pytest.raises(NotImplementedError, match=r"use torch\.func\.jacrev"):
        grad(z, b, torch.ones(3, 2, 4).double(), is_grads_batched=True)


def test_only_what_is_asked_for_is_differentiated(make):
    A, b = make.gaussian(5, 0.5), make.injections(2, 5)
    assert not it.solve(A, b).z.requires_grad
    both = [x.clone().requires_grad_() for x in (A, b)]
    expected = grad(it.solve(*both).z.sum(), both)
    torch.testing.assert_close(grad(it.solve(both[0], b).z.sum(), both[0])[0], expected[0])
    torch.testing.assert_close(grad(it.solve(A, both[1]).z.sum(), both[1])[0], expected[1])
    sol = it.solve(*both)
    assert not any(x.requires_grad for x in (sol.residual, sol.error_bound, sol.A, sol.b))
