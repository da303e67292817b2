"""What each constraint is in particular (C8)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, nnls

import implicit_tutorial as it


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# Rows in an l1 ball.


def test_row_projection_is_the_nearest_point_of_the_ball():
    """Against a quadratic program solved by scipy: a = p − q with p, q ≥ 0 and Σ p + q ≤ c."""
    A, c = normal(6, 5, seed=1), 0.9
    for a, ours in zip(A.numpy(), it.L1Rows(c)(A).numpy(), strict=True):
        program = minimize(
            lambda x, a=a: 0.5 * ((x[:5] - x[5:] - a) ** 2).sum(),
            np.full(10, 0.05),
            jac=lambda x, a=a: np.concatenate([x[:5] - x[5:] - a, a - x[:5] + x[5:]]),
            bounds=[(0, None)] * 10,
            constraints={"type": "ineq", "fun": lambda x: c - x.sum(), "jac": lambda x: -np.ones(10)},
            options={"ftol": 1e-14, "maxiter": 500},
        )
        np.testing.assert_allclose(ours, program.x[:5] - program.x[5:], atol=1e-6)
        assert np.abs(ours).sum() == pytest.approx(c)


def test_row_projection_with_ties_and_zeros():
    A = torch.tensor([[2.0, -2.0, 0.0], [0.1, 0.2, 0.0], [5.0, 0.0, 0.0]], dtype=torch.float64)
    expected = torch.tensor([[0.25, -0.25, 0.0], [0.1, 0.2, 0.0], [0.5, 0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(it.L1Rows(0.5)(A), expected)


def test_weights_leave_more_room():
    """A strongly one-sided A: in the right units it fits as it is, in the wrong ones it is cut."""
    A = torch.tensor([[0.0, 8.0], [0.05, 0.0]], dtype=torch.float64)
    s = it.diagonal_rescaling(A, limit=0.9)
    torch.testing.assert_close(it.L1Rows(0.9, weights=s)(A), A)
    assert (it.L1Rows(0.9)(A) - A).norm() > 7


# The diagonal rescaling.


@pytest.mark.parametrize("kind", ["gaussian", "triangular", "zero"])
def test_rescaling_makes_every_row_sum_less_than_one(kind):
    A = normal(8, 8, seed=1).abs() * torch.logspace(-2, 2, 8)[:, None] / torch.logspace(-2, 2, 8)
    A = A * (0.95 / it.certify(A)["perron_frobenius"].value)
    A = {"gaussian": A, "triangular": 50 * A.triu(1), "zero": 0 * A}[kind]
    s = it.diagonal_rescaling(A)
    assert (s > 0).all()
    assert it.certify(A * s / s[:, None])["row_sum"].holds
    if kind != "zero":
        assert not it.certify(A)["row_sum"].holds


def test_rescaled_network_computes_the_same_function():
    net = it.EquilibriumNetwork(3, 12, implicit_scale=0.2)
    X, A = normal(5, 3, seed=1), net.A.detach()
    s = it.diagonal_rescaling(A)
    z = it.solve(A * s / s[:, None], net.injection(X) / s).z
    torch.testing.assert_close(net.output(z * s), net(X))


def test_no_rescaling_of_an_expanding_matrix():
    with pytest.raises(ValueError, match="not below"):
        it.diagonal_rescaling(torch.eye(3) * 2)


# Gao's fixed scalar.


def test_fixed_scale_multiplies_and_does_not_guarantee():
    A = normal(5, 5)
    torch.testing.assert_close(it.FixedScale(0.3)(A), 0.3 * A)
    assert it.FixedScale(0.3).guarantees is None


# Monotone.


def test_monotone_starts_at_the_nearest_monotone_matrix():
    """The antisymmetric part stays; the symmetric part's eigenvalues are cut at 1 − μ."""
    net = it.EquilibriumNetwork(3, 9, implicit_scale=1.5)
    before = net.A.detach()
    after = it.constrain(net, it.Monotone(0.2)).A.detach()
    torch.testing.assert_close(after - after.T, before - before.T, rtol=1e-10, atol=1e-12)
    values, vectors = torch.linalg.eigh((before + before.T) / 2)
    nearest = vectors * values.clamp(max=0.8) @ vectors.T
    torch.testing.assert_close((after + after.T) / 2, nearest, rtol=0, atol=2e-3)
    assert (values > 0.8).any()


def test_no_direction_of_the_monotone_start_has_zero_gradient():
    net = it.constrain(it.EquilibriumNetwork(3, 9, implicit_scale=1.5), it.Monotone(0.2))
    P = net.parametrizations.Theta.original0
    assert torch.linalg.svdvals(P).min() > 0


@pytest.mark.parametrize("solver", [it.ForwardBackward(max_steps=20000), it.PeacemanRachford()])
def test_monotone_network_is_solved_by_the_splittings(solver):
    net = it.constrain(it.EquilibriumNetwork(3, 20, implicit_scale=3.0), it.Monotone(0.3))
    X = normal(4, 3, seed=2)
    assert not it.certify(net.A)["spectral_norm"].holds
    reference = net.equilibrium(X, solver=it.Newton())
    sol = net.equilibrium(X, solver=solver)
    assert ((sol.z - reference.z).norm(dim=1) <= sol.error_bound).all()


# Symmetric, with an energy.


@pytest.fixture
def symmetric():
    net = it.constrain(it.EquilibriumNetwork(3, 8, implicit_scale=1.5), it.Symmetric(0.2))
    return net.A.detach(), normal(5, 8, seed=3)


def test_symmetric_is_exactly_symmetric_also_when_wide():
    A = it.constrain(it.EquilibriumNetwork(3, 200, implicit_scale=1.5), it.Symmetric(0.2)).A
    assert torch.equal(A, A.T)


def test_equilibrium_minimises_the_energy(symmetric):
    """Against scipy's nonnegative least squares: ‖Cz − d‖²/2 with CᵀC = I − A, Cᵀd = b is the energy."""
    A, b = symmetric
    C = torch.linalg.cholesky(torch.eye(8, dtype=torch.float64) - A).T
    z = it.solve(A, b, solver=it.ForwardBackward(rtol=1e-12)).z
    for i in range(len(b)):
        d = torch.linalg.solve(C.T, b[i])
        np.testing.assert_allclose(z[i].numpy(), nnls(C.numpy(), d.numpy())[0], rtol=1e-9, atol=1e-10)


def test_energy_has_the_residual_as_its_gradient(symmetric):
    A, b = symmetric
    z = normal(5, 8, seed=4).abs().requires_grad_()
    gradient = torch.autograd.grad(it.energy(A, b, z).sum(), z)[0]
    torch.testing.assert_close(gradient, (z - z @ A.T - b).detach())


def test_energy_falls_along_forward_backward(symmetric):
    A, b = symmetric
    energies = torch.stack(
        [
            it.energy(A, b, it.solve(A, b, solver=it.ForwardBackward(max_steps=k), throw=False).z)
            for k in range(1, 12)
        ]
    )
    assert (energies.diff(dim=0) <= 1e-12).all()
    assert (energies[-1] < energies[0]).all()


def test_energy_excludes_negative_states_and_asymmetric_matrices(symmetric):
    A, b = symmetric
    assert torch.isinf(it.energy(A, b, -torch.ones_like(b))).all()
    with pytest.raises(ValueError, match="not symmetric"):
        it.energy(A.triu(), b, b)


# Softmax columns and the linear equilibrium.


def test_softmax_columns_are_on_the_scaled_simplex():
    A = it.SoftmaxColumns(0.7)(normal(6, 6))
    assert (A > 0).all()
    torch.testing.assert_close(A.sum(dim=0), torch.full((6,), 0.7, dtype=torch.float64))


@pytest.mark.parametrize("solver", [it.Picard(), it.Anderson(), it.Broyden(), it.Newton()])
def test_linear_equilibrium_solves_its_linear_system(solver):
    A, b = it.SoftmaxColumns(0.7)(normal(6, 6)), normal(4, 6, seed=1)
    A.requires_grad_()
    b.requires_grad_()
    sol = it.linear_equilibrium(A, b, solver=solver)
    direct = torch.linalg.solve(torch.eye(6, dtype=torch.float64) - A, b.T).T
    torch.testing.assert_close(sol.z, direct, rtol=1e-8, atol=1e-9)
    weights = normal(4, 6, seed=2)
    ours = torch.autograd.grad((sol.z * weights).sum(), (A, b))
    for x, y in zip(ours, torch.autograd.grad((direct * weights).sum(), (A, b)), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-7, atol=1e-8)
    residual = (sol.z @ A.T + b - sol.z).norm(dim=1).detach()
    torch.testing.assert_close(sol.residual, residual, rtol=0.1, atol=1e-13)


def test_linear_equilibrium_is_the_relu_one_for_nonnegative_injections():
    A, b = it.SoftmaxColumns(0.7)(normal(6, 6)), normal(4, 6, seed=1)
    torch.testing.assert_close(it.linear_equilibrium(A, b.abs()).z, it.solve(A, b.abs()).z)
    assert (it.linear_equilibrium(A, b).z < 0).any()


def test_linear_equilibrium_that_diverges_raises():
    with pytest.raises(it.EquilibriumError, match="linear equilibrium"):
        it.linear_equilibrium(2 * torch.eye(2), torch.ones(1, 2))


# Jacobian regularisation.


def test_penalty_is_the_mean_squared_frobenius_norm_of_the_jacobian():
    A, b = normal(10, 10) * 0.1, normal(6, 10, seed=1)
    z = it.solve(A, b).z
    norms = []
    for row, state in zip(b, z, strict=True):
        J = torch.func.jacrev(lambda x, row=row: torch.relu(A @ x + row))(state)
        norms.append(J.square().sum() / 10)
    exact = it.jacobian_penalty(A, z, probes=None)
    torch.testing.assert_close(exact, torch.stack(norms).mean())
    generator = torch.Generator().manual_seed(0)
    for probes in (1, 3):
        estimates = torch.stack(
            [it.jacobian_penalty(A, z, probes=probes, generator=generator) for _ in range(400)]
        )
        error = estimates.std() / 20
        assert abs(estimates.mean() - exact) < 3 * error
        assert error < 0.03 * exact


def test_penalty_gradient_is_that_of_the_matrix():
    A, z = normal(5, 5).requires_grad_(), normal(4, 5, seed=1).relu()
    for probes in (None, 3):

        def penalty(A, probes=probes):
            return it.jacobian_penalty(A, z, probes=probes, generator=torch.Generator().manual_seed(0))

        assert torch.autograd.gradcheck(penalty, A)
        assert torch.autograd.gradgradcheck(penalty, A)


def test_penalty_bounds_picard_s_rate():
    net = it.EquilibriumNetwork(3, 40, implicit_scale=0.8)
    A, z = net.A.detach(), net.equilibrium(normal(1, 3, seed=1)).z.detach()
    radius = torch.linalg.eigvals((z[0] > 0).double()[:, None] * A).abs().max()
    assert radius <= (it.jacobian_penalty(A, z, probes=None) * 40).sqrt()


def test_penalty_refusals():
    A = normal(3, 3)
    with pytest.raises(ValueError, match="no sample"):
        it.jacobian_penalty(A, A[:0])
    with pytest.raises(ValueError, match="probes=0"):
        it.jacobian_penalty(A, A, probes=0)
