"""Proofs are about the exact first output of a centered network, and refused beyond float64's range."""

import copy
import math

import mpmath as mp
import numpy as np
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.equilibrium.spectra import monotone_constant, spectral_norm
from implicit_tutorial.training import enclosure

from .exact import Exact

#: Far from the first output, so that a proof about what it finds is about something else.
ROUGH = it.Picard(rtol=1e-4)


def first_output(net, X):
    """(n,) f₀ in fifty digits."""
    plain = it.EquilibriumNetwork(
        net.n_inputs, net.width, **{name: getattr(net, name) for name in it.network.SCALES}
    )
    with torch.no_grad():
        for name in ("Theta", "W", "v"):
            getattr(plain, name).copy_(getattr(net, f"initial_{name}"))
    exact = Exact(plain, X, torch.zeros(len(X), dtype=X.dtype))
    assert exact.is_equilibrium
    return exact.error


def centered(implicit_scale, solver=ROUGH, m=10, n=3, seed=0):
    """A network some way from its first output, with labels that it meets nearly."""
    X = it.data.sphere(n, 3, seed=seed)
    net = it.EquilibriumNetwork(
        3, m, implicit_scale=implicit_scale, centered=True, seed=seed, output_scale=2.0, solver=solver
    )
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        net.Theta += 0.1 * torch.randn(m, m, generator=generator, dtype=X.dtype)
        f = net.output(net.equilibrium(X, solver=it.Newton()).z) - torch.tensor(
            [float(f) for f in first_output(net, X)]
        )
    return net, X, f + 1e-9


@pytest.mark.parametrize("seed", [0, 2, 3])
@pytest.mark.parametrize("implicit_scale", [0.3, 0.6, 0.9])
def test_the_error_is_that_of_the_exact_first_output(implicit_scale, seed):
    """By ‖A‖₂ < 1, by monotonicity, and sample by sample."""
    net, X, y = centered(implicit_scale, seed=seed)
    exact = [f - f0 for f, f0 in zip(Exact(net, X, y).error, first_output(net, X), strict=True)]
    size = mp.sqrt(mp.fsum(e * e for e in exact))
    bound = it.convergence_certificate(net, X, y, claim="C20").initial_error
    assert size <= bound <= size * (1 + mp.mpf("1e-3"))


def test_the_conditions_cover_all_cases():
    """What the test above needs of its scales."""
    found = []
    for scale in (0.3, 0.6, 0.9):
        net, X, _ = centered(scale)
        A, _ = net.initial_problem(X)
        found.append((spectral_norm(A) < 1, monotone_constant(A) < 1))
    assert found == [(True, True), (False, True), (False, False)]


@pytest.mark.parametrize("solver", [ROUGH, it.Picard()], ids=["rough", "usual"])
@pytest.mark.parametrize("m", [1, 2, 8])
def test_the_exact_minimum_of_a_centered_network_is_within(solver, m):
    net, X, y = centered(0.4, solver, m=m, n=1 if m < 8 else 3, seed=4)
    found = it.global_minimum(net, X, y)
    assert found.exists
    labels = np.array(
        [mp.mpf(t) + f0 for t, f0 in zip(y.tolist(), first_output(net, X), strict=True)], dtype=object
    )
    start = truth = Exact(net, X, labels)
    for _ in range(4):
        truth = truth.newton(net, X, labels)
    assert mp.norm(mp.matrix(truth.error)) < mp.mpf(10) ** -40
    moved = mp.norm(truth.A - start.A)
    assert moved <= mp.mpf(found.within) <= 2.5 * moved + mp.mpf("1e-12")


def test_the_first_output_is_refined_to_rounding():
    net, X, _ = centered(0.6)
    exact = torch.tensor([float(f) for f in first_output(net, X)], dtype=X.dtype)
    torch.testing.assert_close(net.initial_output(X, refine=True), exact, rtol=1e-13, atol=1e-13)
    assert float((net.initial_output(X) - exact).abs().max()) > 1e-7


def test_what_a_rough_solver_leaves_cancels_in_training():
    """Before the first step the error is −y, though f and f₀ are off by far more than rounding."""
    X = it.data.sphere(4, 3, seed=0)
    net = it.EquilibriumNetwork(3, 32, output_scale=1e4, centered=True, solver=ROUGH)
    history = it.train(net, X, it.data.linear(X), method=it.ExponentialFlow(), until=it.Until(steps=0))
    assert history["train_loss"].iloc[0] == pytest.approx(float((it.data.linear(X) ** 2).sum()) / 2, rel=1e-9)


def test_the_states_that_are_proved_come_with_the_minimum():
    net, X, y = centered(0.6, it.Picard())
    found = it.global_minimum(net, X, y)
    again = found.network.equilibrium(X, solver=it.Newton(rtol=1e-13), z0=found.states)
    torch.testing.assert_close(again.z, found.states, rtol=1e-12, atol=1e-12)
    assert found.exists
    off = found.network.output(found.states).detach() - y - net.initial_output(X, refine=True)
    assert float(off.abs().max()) < 1e-13


@pytest.mark.parametrize("size", [1e160, 1e75, 1e-75, 1e-160, 1e-310])
@pytest.mark.parametrize("what", ["X", "y", "input_scale", "output_scale", "implicit_scale"])
def test_numbers_beyond_the_range_are_refused_by_name(what, size):
    """Their fourth powers overflow, or vanish and leave a bound that is none."""
    X = it.data.sphere(4, 3, seed=0)
    y = it.data.linear(X)
    scales = {"implicit_scale": 0.3} | ({} if what in "Xy" else {what: size})
    net = it.EquilibriumNetwork(3, 16, **scales)
    sample = (X * size if what == "X" else X, y * size if what == "y" else y)
    error = it.EquilibriumError if what == "implicit_scale" and size > 1 else ValueError
    for ask in (it.convergence_certificate, it.global_minimum):
        with pytest.raises(error, match=None if error is not ValueError else r"are of order .* units"):
            ask(net, *sample)


def test_near_the_ends_of_the_range_the_same_is_proved():
    """In units of 2^k nothing changes but the units."""
    X = it.data.sphere(4, 3, seed=0)
    net = it.EquilibriumNetwork(3, 48, implicit_scale=0.3, output_scale=2.0**20, centered=True)
    one = it.convergence_certificate(net, X, it.data.linear(X))
    for k in (-150, 150):
        assert enclosure._RANGE[0] < 2.0**k * 2.0**20 < enclosure._RANGE[1]
        unit = 2.0**k
        other = copy.deepcopy(net)
        other.input_scale = unit
        found = it.convergence_certificate(other, X, it.data.linear(X) * unit)
        assert math.isclose(found.r_star, one.r_star, rel_tol=1e-9)
        assert math.isclose(found.Delta, one.Delta / 1 * unit, rel_tol=1e-6)
        assert found.holds == one.holds
