"""C15 and C21: two bounds that are computed from the training sample."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from statistics import NormalDist

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from implicit_tutorial import data
from implicit_tutorial.book.networks import PLAIN
from implicit_tutorial.claims import Measurement, above, below, claim, close
from implicit_tutorial.equilibrium import Picard
from implicit_tutorial.generalization import (
    PacBayesBound,
    generalization_bound,
    infinite_width_prediction,
    pac_bayes_bound,
)
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.training import ExponentialFlow, Until, train


@claim(
    "C15",
    r"With probability $1 - \delta$ the test loss is at most the training loss plus "
    r"$(2cr/n)\bigl(\sqrt{\sum_i\lVert J_i^0\rVert_F^2} + \sum_i\delta_i(r)\bigr)$ and a confidence term: "
    "computed from the training inputs, and vacuous for random labels.",
    subject=generalization_bound,
)
def computable_bound(bound: Callable) -> Iterator[Measurement]:
    """Each term against autograd, gradient ascent on random signs, and labels that nobody can predict."""
    n, d, r = 12, 5, 0.1
    X = data.sphere(n, d, seed=0)
    net0 = EquilibriumNetwork(d, 120, implicit_scale=0.2, seed=0)
    J = _jacobian(net0, X)
    moved = copy.deepcopy(net0)
    _move(moved, net0, J[0].reshape(120, 120), r)
    result = bound(net0, moved, X, data.linear(X), base=r * (1 + 1e-9))
    norm = float(torch.linalg.matrix_norm(J))
    yield close(
        "the linear term is {} times the one by autograd", result.linear / (2 * r / n * norm), 1, rtol=0.01
    )

    change = torch.linalg.vector_norm(_jacobian(moved, X) - J, dim=1)
    yield below(
        "in the ball a Jacobian changes by {} % of what is allowed", float((change / result.delta).max()), 1
    )

    fitted = []
    for seed in range(8):
        signs = data.noise(X, seed=seed).sign()
        climber = copy.deepcopy(net0)
        _move(climber, net0, (signs @ J).reshape(120, 120), r)
        with torch.no_grad():
            fitted.append(float((signs * (climber(X) - net0(X))).mean()))
    complexity = (result.linear + result.remainder) / 2
    yield below("random signs are fitted to {} % of what the bound allows", sum(fitted) / 8 / complexity, 1)

    # On noise the best possible loss is that of f = 0; a bound below it would be wrong.
    noise = data.noise(X, seed=0)
    trained = copy.deepcopy(net0)
    train(trained, X, noise, method=ExponentialFlow(rtol=0.1), until=Until(loss=1e-3), record=PLAIN)
    result = bound(net0, trained, X, noise)
    yield above("the bound on random labels is {}, where 1 already says nothing", result.total, 1)

    squares = []
    for seed in range(5):
        net = EquilibriumNetwork(d, 300, implicit_scale=0.4, seed=seed)
        squares.append(bound(net, net, X, data.linear(X)).lazy_linear ** 2)
    expected = infinite_width_prediction(X, data.linear(X), X, implicit_scale=0.4).bound
    yield close(
        "the linear term at width 300 is {} times that at infinite width",
        math.sqrt(sum(squares) / 5) / expected,
        1,
        rtol=0.2,
    )


@claim(
    "C21",
    r"With probability $1 - \delta$ the errors of networks drawn from a posterior obey "
    r"$\operatorname{kl}(\text{training}, \text{test}) \le B/n$ with $B = \operatorname{KL} + \ln G + "
    r"\ln(2\xi(n)/\delta)$, where KL between two Gaussians is exact at finite width. It says something of "
    "digits at ordinary widths, and nothing where labels are shuffled.",
    subject=pac_bayes_bound,
)
def bound_that_says_something(bound: Callable) -> Iterator[Measurement]:
    """Each term by another route, a network whose error is an integral, digits, and shuffled digits."""
    X = data.sphere(6, 3, seed=0)
    y = data.linear(X).sign()
    net = EquilibriumNetwork(3, 6, implicit_scale=0.5, output_scale=3.0, centered=True, seed=3)
    result = bound(net, X, y, scales=[0.3, 0.7], draws=200)
    yield close(
        "the divergence is {} times that of two dense Gaussians",
        result.divergence / _dense_divergence(net, X, y, result.scale, result.noise),
        1,
        rtol=0.01,
    )
    budget = 6 * _relative_entropy(result.training_error_at_most, result.total) - result.divergence
    chances = [math.comb(6, k) * (k / 6) ** k * (1 - k / 6) ** (6 - k) for k in range(7)]
    yield close(
        "sample and choice of the scale cost {} in relative entropy",
        budget,
        math.log(2) + math.log(sum(chances) / 0.025),
        rtol=0.01,
    )
    accuracy, least = 1 - result.errors, 1 - result.training_error_at_most
    wealth = (0.1 + 0.9 * accuracy / least).log().sum()
    yield close(
        "at the bound on the mean, the draws' wealth has grown by {} in the logarithm",
        float(wealth),
        math.log(1 / 0.025),
        rtol=0.01,
    )

    wrong = [result.total < truth for result, truth, _ in (_one_unit(bound, seed) for seed in range(40))]
    yield below("in {} % of repetitions the bound is below the true error", sum(wrong) / 40, 0.05)
    result, _, expected = _one_unit(bound, 0, draws=1000)
    words = "on the sample a thousand draws of one unit err {} times as often as an integral says"
    yield close(words, result.training_error / expected, 1, rtol=0.1)

    digits = data.digits(n_train=400, n_test=200, n_reference=97)
    net = EquilibriumNetwork(64, 48, implicit_scale=0.5, output_scale=10.0, centered=True, seed=0)
    result = bound(net, digits.X, digits.y, X_test=digits.X_test, y_test=digits.y_test, draws=150)
    yield below("for 400 digits and width 48 the bound is {} %", result.total, 0.45)
    yield below("the draws' test error is {} % of it", result.test_error / result.total, 1)
    order = torch.randperm(400, generator=torch.Generator().manual_seed(0))
    result = bound(net, digits.X, digits.y[order], draws=40)
    yield above("with the labels shuffled the bound is {} %, where guessing has 50 %", result.total, 0.5)


def _relative_entropy(p: float, q: float) -> float:
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


def _dense_divergence(net: EquilibriumNetwork, X: Tensor, y: Tensor, scale: float, noise: float) -> float:
    """KL of Bayesian linear regression on the gradients by autograd, from the prior N(Θ₀, λ²I)."""
    J = _jacobian(net, X) * net.implicit_scale / math.sqrt(net.width)
    eye = torch.eye(J.shape[1], dtype=J.dtype)
    covariance = torch.linalg.inv(eye / scale**2 + J.T @ J / noise**2)
    mean = covariance @ J.T @ (y - net(X).detach()) / noise**2
    prior = MultivariateNormal(torch.zeros_like(mean), scale**2 * eye)
    return float(kl_divergence(MultivariateNormal(mean, (covariance + covariance.T) / 2), prior))


def _one_unit(bound: Callable, seed: int, draws: int = 10) -> tuple[PacBayesBound, float, float]:
    """A bound, the error for which two labels in ten are wrong, and the one on the sample, as integrals.

    f − f₀ = 2((1 − θ/2)⁻¹ − 1) has θ's sign, and from θ = 2 on there is no equilibrium.
    """
    scales = {"implicit_scale": 0.5, "output_scale": 2.0, "centered": True}
    net = EquilibriumNetwork(1, 1, solver=Picard(max_steps=50), **scales)
    for layer, value in (("Theta", 0.0), ("W", 1.0), ("v", 1.0)):
        for name in (layer, f"initial_{layer}"):
            torch.nn.init.constant_(getattr(net, name), value)
    flipped = torch.rand(6, generator=torch.Generator().manual_seed(seed)) < 0.2
    y = torch.where(flipped, -1.0, 1.0).double()
    result = bound(net, torch.ones_like(y)[:, None], y, scales=[0.5], draws=draws, seed=seed)
    mean, deviation = result.network.Theta.item(), (1 / 0.5**2 + 6 / result.noise**2) ** -0.5
    negative, found = (NormalDist().cdf((edge - mean) / deviation) for edge in (0.0, 2.0))
    shares = (0.2, float(flipped.double().mean()))
    true, sample = (1 - (1 - p) * (found - negative) - p * negative for p in shares)
    return result, true, sample


def _jacobian(net: EquilibriumNetwork, X: Tensor) -> Tensor:
    """(n, m²) derivatives of the outputs in A, one sample at a time."""
    rows = [torch.autograd.grad(net(x[None]).sum(), net.Theta)[0].flatten() for x in X]
    return torch.stack(rows) * math.sqrt(net.width) / net.implicit_scale


def _move(net: EquilibriumNetwork, origin: EquilibriumNetwork, direction: Tensor, r: float) -> None:
    """Put A at distance r from the origin's along a direction."""
    with torch.no_grad():
        step = direction / torch.linalg.matrix_norm(direction) * r
        net.Theta.copy_(origin.Theta + step * math.sqrt(net.width) / net.implicit_scale)
