"""C12: each bound of the certificate against its definition, and the theorem against runs."""

import itertools
import math

import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.kernels.network import states
from implicit_tutorial.training import enclosure
from implicit_tutorial.training import states as states_module
from implicit_tutorial.training.region import Ball


def lazy_case(output_scale=1000.0, m=1000, n=4):
    """Labels of mean square one on four inputs: ‖e₀‖ = 2."""
    X = it.data.sphere(n, 10, seed=0)
    y = it.data.linear(X)
    y = y / y.square().mean().sqrt()
    net = it.EquilibriumNetwork(10, m, implicit_scale=0.1, output_scale=output_scale, centered=True, seed=0)
    return net, X, y


def small_ball(m=10, n=3):
    net = it.EquilibriumNetwork(4, m, implicit_scale=0.2, seed=1)
    X = it.data.sphere(n, 4, seed=0)
    with torch.no_grad():
        z, u = states(net, X)
        return net, X, z, u, Ball(net, X, z, u)


def test_knapsack_bounds_every_set_of_flips_and_is_attained():
    net, X, z, u, ball = small_ball()
    with torch.no_grad():
        h = z @ net.A.T + net.injection(X)
        g = u @ net.A + net.v
    for budget in (0.05, 0.3, 1.0, 3.0, 100.0):
        psi = ball.knapsack(torch.full((3,), budget, dtype=torch.float64))
        best = torch.zeros(3, dtype=torch.float64)
        for size in range(11):
            for S in itertools.combinations(range(10), size):
                fits = h[:, S].square().sum(1) <= budget**2
                value = g[:, S].square().sum(1).sqrt()
                best = torch.where(fits, torch.maximum(best, value), best)
        assert (psi >= best - 1e-12).all()
        if budget == 100.0:
            torch.testing.assert_close(psi, best)


def test_bounds_hold_for_random_and_adversarial_moves():
    net, X, z, u, ball = small_ball(40)
    generator = torch.Generator().manual_seed(0)
    r = 0.3 * (1 - ball.rho0)
    zeta, _, omega, delta = ball.bounds(r)
    scale = net.output_scale / math.sqrt(net.width)
    J = torch.einsum("im,ik->imk", u, z) * scale
    directions = [torch.randn(40, 40, generator=generator, dtype=torch.float64) for _ in range(20)]
    directions += [torch.outer(u[i], z[i]) * sign for i in range(3) for sign in (1, -1)]
    tightest = 0.0
    for direction in directions:
        other = it.EquilibriumNetwork(4, 40, implicit_scale=0.2, seed=1)
        step = direction * (r / torch.linalg.matrix_norm(direction))
        other.Theta.data += step * (math.sqrt(40) / 0.2)
        with torch.no_grad():
            z1, u1 = states(other, X)
        J1 = torch.einsum("im,ik->imk", u1, z1) * scale
        for moved, bound in ((z1 - z, zeta), (u1 - u, omega), ((J1 - J).flatten(1), delta)):
            ratio = torch.linalg.vector_norm(moved, dim=1) / bound
            assert ratio.max() < 1
            tightest = max(tightest, ratio.max().item())
    assert tightest > 0.3


def test_quantities_are_what_they_are_called():
    net, X, y = lazy_case(m=200)
    certificate = it.convergence_certificate(net, X, y, claim="C12")
    z, u = (s.detach() for s in states(net, X))
    J = torch.einsum("im,ik->imk", u, z).flatten(1) * 1000 / math.sqrt(200)
    assert certificate.s0 == pytest.approx(torch.linalg.svdvals(J)[-1].item(), rel=1e-8)
    assert certificate.initial_error == pytest.approx(torch.linalg.vector_norm(y).item(), rel=1e-7)
    assert certificate.r_star == pytest.approx(2 * certificate.initial_error / certificate.s0, rel=1e-12)
    assert certificate.rho0 == pytest.approx(torch.linalg.matrix_norm(net.A, ord=2).item(), rel=1e-6)
    K = it.network_kernels(net, X).implicit
    assert certificate.lambda0 == pytest.approx(torch.linalg.eigvalsh(K)[0].item(), rel=1e-8)
    assert certificate.rate == certificate.lambda0 / 4
    assert certificate.Delta == pytest.approx(certificate.delta.square().sum().sqrt().item(), rel=1e-12)


def test_a_large_scale_is_certified_and_the_run_obeys():
    net, X, y = lazy_case()
    certificate = it.convergence_certificate(net, X, y)
    assert certificate.holds, str(certificate)
    assert all(margin > 0 for margin in certificate.margins.values())
    history = it.train(net, X, y, method=it.ExponentialFlow(), until=it.Until(time=3 / certificate.lambda0))
    error = (2 * history.train_loss) ** 0.5
    bound = certificate.initial_error * (-certificate.rate * history.time).map(math.exp)
    assert (error <= bound * (1 + 1e-12)).all()
    assert history.movement.max() <= certificate.r_star
    assert history.norm_A.max() < 1
    assert history.movement.max() > 0.1 * certificate.r_star


def test_largest_error_is_the_boundary():
    net, X, y = lazy_case(m=200)
    for claim in ("C12", "C20"):
        far = it.convergence_certificate(net, X, 1e6 * y, claim=claim)
        assert not far.holds
        near = far.largest_error / torch.linalg.vector_norm(y)
        assert it.convergence_certificate(net, X, 0.999 * near * y, claim=claim).holds
        assert not it.convergence_certificate(net, X, 1.001 * near * y, claim=claim).holds


def test_certified_error_grows_like_the_scale():
    """s₀ and Δ are proportional to κ, r* to ‖e₀‖/κ: the certified error grows like κ."""
    sizes = [
        it.convergence_certificate(*lazy_case(kappa, m=100), claim="C12").largest_error
        for kappa in (1.0, 10.0)
    ]
    assert sizes[1] == pytest.approx(10 * sizes[0], rel=1e-6)


def test_proves_nothing_where_it_cannot():
    wide = it.EquilibriumNetwork(5, 100, implicit_scale=0.7, seed=0)
    X = it.data.sphere(4, 5, seed=0)
    certificate = it.convergence_certificate(wide, X, it.data.linear(X), claim="C12")
    assert certificate.rho0 > 1
    assert not certificate.holds
    assert certificate.largest_error == 0
    assert certificate.Delta == math.inf
    assert "proves nothing" in str(certificate)
    twice = X[[0, 0, 1]]  # the same input twice: a singular kernel
    net = it.EquilibriumNetwork(5, 50, implicit_scale=0.1, output_scale=1000.0, centered=True)
    assert not it.convergence_certificate(net, twice, it.data.linear(X)[:3]).holds
    many = it.EquilibriumNetwork(5, 20, implicit_scale=0.3, n_outputs=2)
    with pytest.raises(ValueError, match="one output"):
        it.convergence_certificate(many, X, torch.zeros(4, 2, dtype=torch.float64))
    off = it.EquilibriumNetwork(5, 20, implicit_scale=0.0)
    with pytest.raises(ValueError, match="implicit_scale=0"):
        it.convergence_certificate(off, X, it.data.linear(X))


def test_each_bound_is_its_formula():
    """C12 by hand from ρ₀, r* and the states: no term of δ may be left out."""
    net, X, y = lazy_case(30.0, m=200)
    c = it.convergence_certificate(net, X, y, claim="C12")
    with torch.no_grad():
        z, u = states(net, X)
    norm_z, norm_u = (torch.linalg.vector_norm(x, dim=1) for x in (z, u))
    room = 1 - c.rho0 - c.r_star
    assert room > 0
    zeta = c.r_star * norm_z / room
    omega = (c.r_star * norm_u + c.psi) / room
    kappa = net.output_scale / math.sqrt(net.width)
    delta = kappa * (omega * norm_z + omega * zeta + norm_u * zeta)
    for found, expected in ((c.zeta, zeta), (c.omega, omega), (c.delta, delta)):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=0)
    assert c.Delta == pytest.approx(float(delta.square().sum().sqrt()))
    parts = kappa * torch.stack([omega * zeta, norm_u * zeta])
    assert (parts > 1e-3 * delta).all(), "the case tells each term from nothing"


def test_where_sweeps_lead_to_rounding_no_sample_needs_a_factorisation(monkeypatch):
    """‖A‖₂ < 1: the states and adjoints of C12 by sweeps, with the bounds of those by Newton's method."""
    X = it.data.sphere(12, 5, seed=0)
    y = it.data.linear(X)
    net = it.EquilibriumNetwork(5, 200, implicit_scale=0.4, output_scale=50.0, seed=0)
    solved, solve = [], torch.linalg.solve_ex
    monkeypatch.setattr(torch.linalg, "solve_ex", lambda *a, **k: solved.append(1) or solve(*a, **k))
    ours = it.convergence_certificate(net, X, y, claim="C12")
    assert not solved
    for module in (states_module, enclosure):
        monkeypatch.setattr(module, "SWEEPS", it.Picard(rtol=1e-14, max_steps=1))
    newtons = it.convergence_certificate(net, X, y, claim="C12")
    assert len(solved) == 2 * len(X)
    for name in ("initial_error", "s0", "r_star", "largest_error", "stable_step"):
        assert getattr(ours, name) == pytest.approx(getattr(newtons, name), rel=1e-6)
