"""The bound at infinite width: its parts by dense Gaussians, its confidence where inputs can be counted."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

import implicit_tutorial as it
from implicit_tutorial.generalization.confidence import maurer, relative_entropy

SCALES = {"implicit_scale": 0.5}


def sample(n: int, seed: int = 0, d: int = 3):
    X = it.data.sphere(n, d, seed=seed)
    return X, it.data.linear(X)


def regression(K: torch.Tensor, y: torch.Tensor, n: int, noise: float):
    """Prior and posterior of a Gaussian process at all points, the first n of which have labels."""
    gain = K[:, :n] @ torch.linalg.inv(K[:n, :n] + noise**2 * torch.eye(n).double())
    return gain @ y, K - gain @ K[:n]


def test_divergence_and_errors_are_those_of_the_gaussian_process():
    X, y = sample(30)
    X_test, y_test = sample(40, seed=1)
    bound = it.pac_bayes_limit(X, y, X_test=X_test, y_test=y_test, **SCALES)
    K = bound.scale**2 * it.limit_kernels(torch.cat([X, X_test]), **SCALES).implicit
    mean, covariance = regression(K, y, 30, bound.noise)
    prior = MultivariateNormal(torch.zeros(30).double(), K[:30, :30])
    posterior = MultivariateNormal(mean[:30], (covariance + covariance.T)[:30, :30] / 2)
    assert bound.divergence == pytest.approx(float(kl_divergence(posterior, prior)), rel=1e-6)
    wrong = torch.special.ndtr(-mean * torch.cat([y, y_test]).sign() / covariance.diagonal().sqrt())
    assert bound.training_error == pytest.approx(float(wrong[:30].mean()), rel=1e-6)
    assert bound.test_error == pytest.approx(float(wrong[30:].mean()), rel=1e-6)
    assert (
        bound.vote_error
        == bound.mean_error
        == float(((mean * torch.cat([y, y_test])) <= 0)[30:].double().mean())
    )


def test_the_total_is_what_its_parts_say():
    bound = it.pac_bayes_limit(*sample(100), **SCALES, confidence=0.1)
    budget = (bound.divergence + math.log(11) + math.log(maurer(100) / 0.1)) / 100
    assert relative_entropy(bound.training_error, bound.total) == pytest.approx(budget, rel=1e-6)
    assert bound.n_draws == 0
    assert "draws" not in str(bound)
    assert "λκ" in str(bound)


def test_the_output_scale_of_the_labels_and_of_the_input_are_only_units():
    X, y = sample(50)
    one, other = (it.pac_bayes_limit(X, y, **SCALES, input_scale=s, spreads=(0.5, 1.0)) for s in (1.0, 3.0))
    assert one.total == pytest.approx(other.total, rel=1e-9)
    assert one.scale == pytest.approx(3 * other.scale)


def test_wide_lazy_networks_have_it():
    """KL and training error of one network of width 400 at κ = 100, against the limit."""
    X, y = sample(40)
    y = y.sign()
    net = it.EquilibriumNetwork(3, 400, implicit_scale=0.4, output_scale=100.0, centered=True, seed=1)
    limit = it.pac_bayes_limit(X, y, implicit_scale=0.4, spreads=(1.0,))
    bound = it.pac_bayes_bound(net, X, y, scales=[limit.scale / 100], draws=150)
    assert bound.divergence == pytest.approx(limit.divergence, rel=0.05)
    assert bound.training_error == pytest.approx(limit.training_error, abs=0.015)


@pytest.mark.parametrize("target", ["linear", "linear + quadratic"])
def test_it_falls_with_the_sample_and_stays_above_the_error(target):
    X_test = it.data.sphere(400, 3, seed=1)
    found = []
    for n in (50, 200, 800):
        X = it.data.sphere(n, 3, seed=0)
        y, y_test = (it.data.TARGETS[target](x) for x in (X, X_test))
        found.append(it.pac_bayes_limit(X, y, X_test=X_test, y_test=y_test, **SCALES))
    totals = [bound.total for bound in found]
    assert totals == sorted(totals, reverse=True)
    assert totals[-1] < 0.15
    assert all(bound.test_error < bound.total for bound in found)


def test_the_inequalities_of_the_theorem():
    """KL ≤ ½ ln det + ½‖g‖²/ℓ², and the squared error is at most s²(‖g‖²/ℓ² + d)/n, for a g of known norm."""
    X = it.data.sphere(200, 3, seed=0)
    centres = it.data.sphere(5, 3, seed=4)
    weights = torch.tensor([1.0, -2.0, 1.5, 0.5, -1.0], dtype=torch.float64)
    K = it.limit_kernels(X, **SCALES).implicit
    g = it.limit_kernels(X, centres, **SCALES).implicit @ weights
    square = float(weights @ it.limit_kernels(centres, **SCALES).implicit @ weights)
    for spread in (0.25, 1.0):
        bound = it.pac_bayes_limit(X, g, **SCALES, spreads=(spread,))
        assert bound.divergence <= bound.log_determinant / 2 + square / bound.scale**2 / 2
        assert bound.trace <= bound.log_determinant
        assert bound.price <= square / bound.scale**2
        mean, covariance = regression(bound.scale**2 * K, g, 200, bound.noise)
        error = float(((mean - g).square() + covariance.diagonal()).mean())
        limit = bound.noise**2 * (square / bound.scale**2 + bound.trace) / 200
        assert error <= limit
        assert error > 0.2 * limit, "and not by much"


# ---- eight inputs on the circle, labels with noise: every error is a sum ----

CORNERS = it.data.circle(torch.arange(8, dtype=torch.float64) * math.pi / 4 + 0.1)
CHANCES = torch.tensor([0.9, 0.9, 0.8, 0.6, 0.2, 0.1, 0.1, 0.3], dtype=torch.float64)


def repetition(seed: int, confidence: float):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(8, (15,), generator=generator)
    y = torch.where(torch.rand(15, generator=generator) < CHANCES[rows], 1.0, -1.0).double()
    setting = {**SCALES, "confidence": confidence, "spreads": (0.3, 1.0)}
    bound = it.pac_bayes_limit(CORNERS[rows], y, X_test=CORNERS, y_test=CHANCES, **setting)
    K = bound.scale**2 * it.limit_kernels(torch.cat([CORNERS[rows], CORNERS]), **SCALES).implicit
    mean, covariance = regression(K, y, 15, bound.noise)
    negative = torch.special.ndtr(-mean / covariance.diagonal().sqrt())[15:]
    assert float(negative.mean()) == pytest.approx(bound.test_error, rel=1e-6)
    return bound, float((CHANCES * negative + (1 - CHANCES) * (1 - negative)).mean())


@pytest.mark.some(1)
@pytest.mark.parametrize("confidence", [0.05, 0.9])
def test_the_confidence_is_kept_in_a_thousand_repetitions(confidence):
    found = [repetition(s, confidence) for s in range(500)]
    assert sum(bound.total < truth for bound, truth in found) <= confidence * len(found)
    assert sum(bound.training_error < truth for bound, truth in found) > 0.5 * len(found)


def test_what_it_refuses():
    X, y = sample(10)
    with pytest.raises(ValueError, match="one output"):
        it.pac_bayes_limit(X, y[:, None], **SCALES)
    with pytest.raises(ValueError, match="X_test and y_test go together"):
        it.pac_bayes_limit(X, y, X_test=X, **SCALES)
    with pytest.raises(ValueError, match="spreads="):
        it.pac_bayes_limit(X, y, spreads=(0.0,), **SCALES)
    with pytest.raises(ValueError, match="implicit_scale"):
        it.pac_bayes_limit(X, y, implicit_scale=0.0)
    with pytest.raises(ValueError, match="implicit_scale"):
        it.pac_bayes_limit(X, y, implicit_scale=1.5)
