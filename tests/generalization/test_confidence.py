"""Relative entropy, its inverse, Maurer's constant and the mean of draws, by enumeration and by counting."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy import stats

from implicit_tutorial.generalization.confidence import (
    largest_error,
    maurer,
    mean_at_most,
    relative_entropy,
)


@pytest.mark.parametrize(("p", "q"), [(0.1, 0.3), (0.5, 0.5), (0.9, 0.2)])
def test_relative_entropy_is_that_of_two_coins(p, q):
    assert relative_entropy(p, q) == pytest.approx(float(stats.entropy([p, 1 - p], [q, 1 - q])), abs=1e-15)


def test_relative_entropy_at_the_ends():
    assert relative_entropy(0.0, 0.25) == pytest.approx(-math.log(0.75))
    assert relative_entropy(1.0, 0.25) == pytest.approx(math.log(4))
    assert relative_entropy(0.5, 1.0) == math.inf
    assert relative_entropy(0.0, 0.0) == relative_entropy(1.0, 1.0) == 0


@pytest.mark.parametrize("p", [0.0, 0.05, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("budget", [0.0, 1e-6, 0.08, 1.0, 50.0])
def test_the_largest_error_uses_up_the_budget_and_is_rounded_upwards(p, budget):
    q = largest_error(p, budget)
    assert p <= q <= 1
    if q < 1:
        assert relative_entropy(p, q) == pytest.approx(budget, abs=1e-9)
        assert relative_entropy(p, q) >= budget
    # Pinsker's inequality, and its refinement for small errors.
    assert q <= p + math.sqrt(budget / 2) + 1e-8
    assert q <= p + math.sqrt(2 * p * budget) + 2 * budget + 1e-8


def test_the_largest_error_without_training_errors_is_explicit():
    assert largest_error(0.0, 0.3) == pytest.approx(1 - math.exp(-0.3))


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 20])
def test_maurers_constant_exactly(n):
    exact = sum(math.comb(n, k) * Fraction(k, n) ** k * (1 - Fraction(k, n)) ** (n - k) for k in range(n + 1))
    assert maurer(n) == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 5, 60, 1200, 40_000])
def test_maurers_constant_between_its_bounds(n):
    assert math.sqrt(n) <= maurer(n) <= 2 * math.sqrt(n)


@pytest.mark.parametrize("p", [0.01, 0.3, 0.77])
def test_it_is_the_mean_of_the_exponential_whatever_the_error(p):
    n = 12
    chances = stats.binom.pmf(np.arange(n + 1), n, p)
    mean = sum(c * math.exp(n * relative_entropy(k / n, p)) for k, c in enumerate(chances))
    assert mean == pytest.approx(maurer(n), rel=1e-10)


@pytest.mark.parametrize("n", [5, 20, 100])
def test_one_classifier_is_bounded_with_the_stated_confidence(n):
    """For every true error, by enumeration: the worst is not far below the stated confidence over ξ(n)."""
    delta, worst = 0.5, 0.0
    bounds = [largest_error(k / n, math.log(maurer(n) / delta) / n) for k in range(n + 1)]
    for p in np.linspace(0.005, 0.995, 199):
        chances = stats.binom.pmf(np.arange(n + 1), n, p)
        worst = max(worst, sum(c for c, bound in zip(chances, bounds, strict=True) if bound < p))
    assert 0.02 < worst <= delta, "it is kept, and not for nothing"


LAWS = {
    "coins": lambda g, shape: (torch.rand(shape, generator=g) < 0.1).double(),
    "nearly the same": lambda g, shape: 0.06 + 0.02 * torch.rand(shape, generator=g).double(),
    "a few without equilibrium": lambda g, shape: torch.where(
        torch.rand(shape, generator=g) < 0.02, 1.0, 0.05 + 0.01 * torch.rand(shape, generator=g)
    ).double(),
    "always wrong": lambda g, shape: torch.ones(shape, dtype=torch.float64),
    "never wrong": lambda g, shape: torch.zeros(shape, dtype=torch.float64),
}
MEANS = {
    "coins": 0.1,
    "nearly the same": 0.07,
    "a few without equilibrium": 0.02 + 0.98 * 0.055,
    "always wrong": 1.0,
    "never wrong": 0.0,
}


@pytest.mark.parametrize("law", LAWS)
def test_the_mean_of_the_draws_with_the_stated_confidence(law):
    """A thousand samples of thirty: at most a share δ of the limits is below the mean."""
    draws = LAWS[law](torch.Generator().manual_seed(0), (1000, 30))
    delta = 0.2
    limits = torch.tensor([mean_at_most(row, delta) for row in draws])
    assert float((limits < MEANS[law] - 1e-12).double().mean()) <= delta
    if law != "always wrong":
        assert float((draws.mean(dim=1) < MEANS[law]).double().mean()) > 0.4 or law == "never wrong"
    assert bool((limits >= draws.mean(dim=1) - 1e-12).all())


def test_coins_come_near_the_stated_failure():
    """Otherwise the test above could not tell a limit that is a little too low."""
    draws = LAWS["coins"](torch.Generator().manual_seed(1), (2000, 30))
    failures = [mean_at_most(row, 0.2) < 0.1 for row in draws]
    assert sum(failures) / 2000 > 0.03
    assert float((draws.mean(dim=1) < 0.1).double().mean()) > 0.3, "the mean of the draws alone"


def test_for_equal_draws_it_is_explicit():
    """1 − c + c(1 − e)/a = δ^(−1/N): a thousand draws with δ = 1/40 cost less than half a per cent."""
    limit = mean_at_most(torch.full((1000,), 0.06, dtype=torch.float64), 0.025)
    growth = 0.025 ** (-1 / 1000)
    assert 1 - limit == pytest.approx(0.9 * 0.94 / (growth - 0.1), rel=1e-9)
    assert 0 < limit - 0.06 < 0.005


def test_it_beats_the_empirical_bernstein_bound_on_draws_that_vary_little():
    generator = torch.Generator().manual_seed(0)
    draws = 0.05 + 0.01 * torch.randn(1000, generator=generator, dtype=torch.float64).clamp(-3, 3)
    log = math.log(2 / 0.025)
    bernstein = draws.mean() + math.sqrt(2 * draws.var() * log / 1000) + 7 * log / (3 * 999)
    assert mean_at_most(draws, 0.025) < float(bernstein) - 0.004
