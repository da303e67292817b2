"""The bound's terms by independent routes, and what the bound must say where nothing is known."""

from __future__ import annotations

import copy
import math

import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.generalization import (
    LOSSES,
    BoundedLoss,
    generalization_bound,
    infinite_width_prediction,
)
from implicit_tutorial.training import ExponentialFlow, Until, train


def trained(
    n: int = 12, width: int = 400, *, scale: float = 0.2, radius: float | None = None, seed: int = 0, **keys
):
    """A network before and after a change of A: a random one of the given size, or training."""
    X = it.data.sphere(n, 5, seed=seed)
    y = keys.pop("y", it.data.linear(X))
    net0 = it.EquilibriumNetwork(5, width, implicit_scale=scale, seed=seed, **keys)
    net = copy.deepcopy(net0)
    if radius is None:
        train(net, X, y, method=ExponentialFlow(rtol=0.05), until=Until(loss=1e-4))
    else:
        with torch.no_grad():
            generator = torch.Generator().manual_seed(seed)
            step = torch.randn(width, width, generator=generator, dtype=torch.float64)
            net.Theta += step * (radius * math.sqrt(width) / scale / torch.linalg.matrix_norm(step))
    return net0, net, X, y


def jacobian(net: it.EquilibriumNetwork, X: torch.Tensor) -> torch.Tensor:
    """(n, m²) derivatives of the outputs in A, by autograd, one sample at a time."""
    rows = [torch.autograd.grad(net(x[None]).sum(), net.Theta)[0].flatten() for x in X]
    return torch.stack(rows) * math.sqrt(net.width) / net.implicit_scale


def test_terms_against_autograd() -> None:
    net0, net, X, y = trained(radius=0.1)
    bound = generalization_bound(net0, net, X, y, base=0.1 * (1 + 1e-9), confidence=0.1)
    n, J = len(X), jacobian(net0, X)
    assert bound.movement == pytest.approx(0.1)
    assert bound.radius == pytest.approx(0.1)
    assert bound.linear == pytest.approx(2 * 0.1 / n * float(torch.linalg.matrix_norm(J)), rel=1e-6)
    assert bound.remainder == pytest.approx(2 * 0.1 / n * float(bound.delta.sum()))
    assert bound.confidence_term == pytest.approx(3 * math.sqrt(math.log(2 * math.pi**2 / 0.6) / (2 * n)))
    assert bound.train_loss == pytest.approx(float((net(X).detach() - y).abs().clamp(max=1).mean()))
    e0 = (net0(X) - y).detach()
    radius = float(torch.linalg.vector_norm(torch.linalg.pinv(J) @ e0))
    assert bound.lazy_linear == pytest.approx(radius * float(torch.linalg.matrix_norm(J)) / n, rel=1e-6)
    assert sum(bound.terms.values()) == bound.total


def test_delta_bounds_the_change_of_the_jacobian() -> None:
    """Along random directions and along the gradient, and the linearisation error is at most r·δ."""
    net0, net, X, y = trained(radius=0.2)
    bound = generalization_bound(net0, net, X, y, base=0.2 * (1 + 1e-9))
    uphill = copy.deepcopy(net0)
    push = jacobian(net0, X)[0].reshape(net.width, net.width)
    with torch.no_grad():
        uphill.Theta += 0.2 * push / push.norm() * (math.sqrt(net.width) / net.implicit_scale)
    for moved in (net, uphill):
        change = torch.linalg.vector_norm(jacobian(moved, X) - jacobian(net0, X), dim=1)
        assert bool((change <= bound.delta).all())
        linear = jacobian(net0, X) @ (moved.A - net0.A).detach().flatten()
        assert bool(((moved(X) - net0(X) - linear).abs() <= 0.2 * bound.delta).all())


def test_no_network_in_the_ball_fits_random_signs_better() -> None:
    """Projected gradient ascent on mean ε_i f(x_i), over draws of ε, stays below the Rademacher bound."""
    net0, net, X, y = trained(width=200, radius=0.1)
    bound = generalization_bound(net0, net, X, y, base=0.1 * (1 + 1e-9))
    reached = []
    for seed in range(8):
        signs = torch.randint(0, 2, (len(X),), generator=torch.Generator().manual_seed(seed)).double() * 2 - 1
        climber = copy.deepcopy(net0)
        for _ in range(4):
            gain = (signs * (climber(X) - net0(X).detach())).mean()
            (slope,) = torch.autograd.grad(gain, climber.Theta)
            with torch.no_grad():
                # A linear function is largest where its gradient meets the sphere; then follow the bend.
                climber.Theta.copy_(
                    net0.Theta + slope / slope.norm() * (0.1 * math.sqrt(net.width) / net.implicit_scale)
                )
        reached.append(float((signs * (climber(X) - net0(X))).mean().detach()))
    complexity = (bound.linear + bound.remainder) / 2
    assert sum(reached) / len(reached) <= complexity
    assert sum(reached) / len(reached) >= 0.8 * bound.linear / 2, "the linear term is nearly attained"


def test_the_remainder_is_infinite_where_nothing_is_known() -> None:
    net0, net, X, y = trained(scale=0.5, radius=0.1)
    bound = generalization_bound(net0, net, X, y)
    assert bound.rho0 + bound.radius >= 1
    assert math.isinf(bound.remainder)
    assert math.isinf(bound.total)
    assert bound.vacuous
    assert "unbounded" in str(bound)


def test_random_labels_make_it_vacuous() -> None:
    """Noise is fitted as well as anything, and the bound says that this proves nothing."""
    X = it.data.sphere(60, 5, seed=0)
    net0, net, X, y = trained(n=60, radius=0.1, y=it.data.noise(X, seed=3))
    bound = generalization_bound(net0, net, X, y)
    assert bound.vacuous
    smooth = generalization_bound(net0, net0, X, it.data.linear(X))
    assert bound.lazy_linear > 1.2 * smooth.lazy_linear, "random labels cost more than a linear function"


def test_a_network_that_hardly_moves_is_certified() -> None:
    """Not every bound is vacuous: labels that are the network's own, up to a little, and many of them."""
    X = it.data.sphere(400, 5, seed=0)
    net0 = it.EquilibriumNetwork(5, 500, implicit_scale=0.2, seed=0)
    net = copy.deepcopy(net0)
    bound = generalization_bound(net0, net, X, net0(X).detach())
    assert not bound.vacuous
    assert bound.movement == 0
    assert bound.radius == 2.0**-10


def test_it_grows_with_the_movement_by_powers_of_two() -> None:
    radii = [generalization_bound(*trained(radius=r)).radius for r in (0.01, 0.0156, 0.02, 0.1)]
    assert radii == [2.0**-6, 2.0**-6, 2.0**-5, 2.0**-3]
    bounds = [generalization_bound(*trained(radius=r)) for r in (0.01, 0.1)]
    assert bounds[0].linear * 8 == pytest.approx(bounds[1].linear)
    assert bounds[0].remainder * 8 < bounds[1].remainder
    assert bounds[0].confidence_term < bounds[1].confidence_term


def test_a_wide_network_has_the_infinite_width_term() -> None:
    X = it.data.sphere(10, 5, seed=1)
    y = it.data.linear(X)
    values = []
    for seed in range(6):
        net0 = it.EquilibriumNetwork(5, 700, implicit_scale=0.4, output_scale=0.5, seed=seed)
        values.append(generalization_bound(net0, net0, X, y).lazy_linear ** 2)
    expected = infinite_width_prediction(X, y, X, implicit_scale=0.4, output_scale=0.5).bound
    assert math.sqrt(sum(values) / 6) == pytest.approx(expected, rel=0.1)


def test_losses_respect_their_constants() -> None:
    f = torch.linspace(-3, 3, 2001, dtype=torch.float64)
    for loss in LOSSES.values():
        for y in (-1.0, 1.0):
            value = loss.value(f, torch.full_like(f, y))
            assert 0 <= float(value.min()) <= float(value.max()) == loss.largest
            steepest = float((value.diff() / f.diff()).abs().max())
            assert 0.99 * loss.lipschitz < steepest <= loss.lipschitz * (1 + 1e-9)
    ramp = LOSSES["ramp"].value(f, torch.ones_like(f))
    assert bool((ramp >= (f <= 0).double()).all())


def test_what_it_refuses() -> None:
    net0, net, X, y = trained(radius=0.1)
    other = copy.deepcopy(net)
    with torch.no_grad():
        other.v += 1
    with pytest.raises(ValueError, match="differ in v"):
        generalization_bound(net0, other, X, y)
    with pytest.raises(ValueError, match="width=400"):
        generalization_bound(net0, it.EquilibriumNetwork(5, 10), X, y)
    with pytest.raises(ValueError, match="y has shape"):
        generalization_bound(net0, net, X, y[:3])
    with pytest.raises(ValueError, match="confidence=2"):
        generalization_bound(net0, net, X, y, confidence=2.0)
    with pytest.raises(ValueError, match="loss='hinge'"):
        generalization_bound(net0, net, X, y, loss="hinge")
    with pytest.raises(ValueError, match="base=0"):
        generalization_bound(net0, net, X, y, base=0.0)
    own = BoundedLoss("constant", lambda f, y: 0 * f, 0.0, 1.0)
    assert generalization_bound(net0, net, X, y, loss=own).linear == 0


def test_the_radii_share_the_confidence_out() -> None:
    """δ_k, taken back out of the confidence term of each radius: they add up to δ, and not to more."""
    net0, net, X, y = trained(n=6, width=40, radius=0.1)
    delta, shares = 0.1, []
    for k in range(60):
        bound = generalization_bound(net0, net, X, y, base=0.1 * 2.0**-k * (1 + 1e-9), confidence=delta)
        assert bound.radius == pytest.approx(0.1)
        shares.append(2 * math.exp(-2 * len(X) * (bound.confidence_term / (3 * bound.loss.largest)) ** 2))
    assert 0.97 * delta < sum(shares) <= delta
    assert shares == sorted(shares, reverse=True)
    assert shares[1] == pytest.approx(shares[0] / 4)
