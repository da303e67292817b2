"""The bound on the error of the sign: each of its parts by another route, and where the truth is known."""

from __future__ import annotations

import copy
import math
from statistics import NormalDist

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

import implicit_tutorial as it
from implicit_tutorial.generalization.confidence import maurer, mean_at_most, relative_entropy
from implicit_tutorial.generalization.pac_bayes import SPREADS, default_scales
from implicit_tutorial.generalization.posterior import Tangent

SHAPES = {"one output": None, "three outputs": 3}


def network(width: int = 6, n_inputs: int = 3, **keys) -> it.EquilibriumNetwork:
    scales = {"implicit_scale": 0.5, "output_scale": 3.0, "centered": True, "seed": 3}
    return it.EquilibriumNetwork(n_inputs, width, **{**scales, **keys})


def sample(n: int, n_outputs: int | None = None, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    X = it.data.sphere(n, 3, seed=seed)
    if n_outputs is None:
        return X, it.data.linear(X).sign()
    classes = (X @ it.data.sphere(n_outputs, 3, seed=9).T).argmax(dim=1)
    return X, 2.0 * torch.nn.functional.one_hot(classes, n_outputs).double() - 1.0


def dense(net: it.EquilibriumNetwork, X: torch.Tensor) -> torch.Tensor:
    """(labels, m²) Jacobian in Θ by autograd."""
    outputs = net(X).flatten()
    rows = [torch.autograd.grad(f, net.Theta, retain_graph=True)[0].flatten() for f in outputs]
    return torch.stack(rows)


def gaussians(net0, X, y, scale, noise, mean=None, at=None):
    """Prior and posterior over all m² entries of Θ, by the textbook formula for linear regression."""
    J = dense(at or net0, X)
    precision = torch.eye(J.shape[1], dtype=J.dtype) / scale**2 + J.T @ J / noise**2
    covariance = torch.linalg.inv(precision)
    if mean is None:
        residual = (y - net0(X).detach()).flatten()
        mean = net0.Theta.detach().flatten() + covariance @ J.T @ residual / noise**2
    prior = MultivariateNormal(net0.Theta.detach().flatten(), scale**2 * torch.eye(J.shape[1], dtype=J.dtype))
    return prior, MultivariateNormal(mean, (covariance + covariance.T) / 2)


@pytest.mark.parametrize("n_outputs", SHAPES.values(), ids=SHAPES)
def test_divergence_and_mean_are_those_of_dense_gaussians(n_outputs):
    net, (X, y) = network(n_outputs=n_outputs), sample(5, n_outputs)
    tangent = Tangent(net, None, X, y)
    posterior = tangent.posterior(0.7, 0.3)
    prior, expected = gaussians(net, X, y, 0.7, 0.3)
    assert posterior.divergence == pytest.approx(float(kl_divergence(expected, prior)), rel=1e-9)
    assert torch.allclose(tangent.mean(posterior).flatten(), expected.mean, atol=1e-10)


@pytest.mark.parametrize("n_outputs", SHAPES.values(), ids=SHAPES)
def test_divergence_of_a_given_mean_is_that_of_dense_gaussians(n_outputs):
    net0, (X, y) = network(n_outputs=n_outputs), sample(5, n_outputs)
    net = copy.deepcopy(net0)
    it.train(net, X, y, method=it.ExponentialFlow(steps=5), until=it.Until(time=0.2))
    tangent = Tangent(net0, net, X, y)
    posterior = tangent.posterior(0.7, 0.3)
    prior, expected = gaussians(net0, X, y, 0.7, 0.3, mean=net.Theta.detach().flatten(), at=net)
    assert posterior.price > 0.05
    assert posterior.divergence == pytest.approx(float(kl_divergence(expected, prior)), rel=1e-9)
    assert torch.equal(tangent.mean(posterior), net.Theta.detach())


@pytest.mark.parametrize("trained", [False, True])
def test_the_draws_have_the_posteriors_mean_and_covariance(trained):
    net0, (X, y) = network(width=4), sample(3)
    net = copy.deepcopy(net0) if trained else None
    if trained:
        with torch.no_grad():
            net.Theta += 0.1
    mean = net.Theta.detach().flatten() if trained else None
    _, expected = gaussians(net0, X, y, 0.8, 0.2, mean=mean, at=net)
    tangent = Tangent(net0, net, X, y)
    posterior, generator = tangent.posterior(0.8, 0.2), torch.Generator().manual_seed(5)
    draws = torch.stack([tangent.draw(posterior, generator).flatten() for _ in range(10_000)])
    assert torch.allclose(draws.mean(dim=0), expected.mean, atol=0.035)
    assert torch.allclose(torch.cov(draws.T), expected.covariance_matrix, atol=0.035)
    assert float(expected.covariance_matrix.diagonal().min()) < 0.5, "the labels have decided something"


def test_the_outputs_variance_is_that_of_the_tangent():
    net, (X, y) = network(), sample(5)
    _, expected = gaussians(net, X, y, 0.7, 0.3)
    J = dense(net, X)
    posterior = Tangent(net, None, X, y).posterior(0.7, 0.3)
    assert torch.allclose(posterior.variance, (J @ expected.covariance_matrix @ J.T).diagonal(), atol=1e-10)
    moved = J @ (expected.mean - net.Theta.detach().flatten())
    assert torch.allclose(posterior.fitted, moved, atol=1e-10)


@pytest.fixture(scope="module")
def result() -> it.generalization.PacBayesBound:
    X, y = sample(200)
    X_test, y_test = sample(300, seed=1)
    return it.pac_bayes_bound(network(width=40), X, y, X_test=X_test, y_test=y_test, draws=200, seed=2)


def test_the_total_is_what_its_parts_say(result):
    assert result.training_error == pytest.approx(float(result.errors.mean()))
    assert result.training_error_at_most == mean_at_most(result.errors, 0.025)
    assert result.choice_term == math.log(len(default_scales(network(width=40))))
    assert result.sample_term == math.log(maurer(200) / 0.025)
    halves = result.log_determinant - result.trace + result.price
    assert result.divergence == pytest.approx(halves / 2)
    budget = sum(result.terms.values()) / 200
    assert relative_entropy(result.training_error_at_most, result.total) == pytest.approx(budget, rel=1e-6)
    assert result.terms == {
        "divergence": result.divergence,
        "choice": result.choice_term,
        "sample": result.sample_term,
    }


def test_a_useful_bound_is_above_what_it_bounds_and_reads_well(result):
    assert result.test_error < result.total < 0.5 == result.guessing
    assert not result.vacuous
    assert result.margin == 0.5 - result.total
    assert result.vote_error <= 2 * result.test_error
    assert result.mean_error < 0.1
    assert result.certified == 1
    text = str(result)
    assert text.startswith(f"error ≤ {result.total:.3f} with probability 0.95, where guessing has 0.5")
    assert f"{result.training_error_at_most:.3f} with the confidence of 200 draws" in text


def test_the_mean_is_a_network_and_the_first_one_is_untouched(result):
    net = network(width=40)
    before = net.Theta.detach().clone()
    X, y = sample(200)
    again = it.pac_bayes_bound(net, X, y, draws=2, seed=2)
    assert torch.equal(net.Theta, before)
    price = float((again.network.Theta - before).detach().square().sum()) / again.scale**2
    assert price == pytest.approx(again.price, rel=1e-9)
    X_test, y_test = sample(300, seed=1)
    wrong = result.network(X_test).sign() != y_test
    assert result.mean_error == pytest.approx(float(wrong.double().mean()), abs=1 / 300)


def test_the_same_seed_gives_the_same_draws_and_another_one_others():
    X, y = sample(20)
    errors = [it.pac_bayes_bound(network(), X, y, draws=20, seed=s).errors for s in (0, 0, 1)]
    assert torch.equal(errors[0], errors[1])
    assert not torch.equal(errors[0], errors[2])


def test_no_draw_is_made_of_the_numbers_of_the_initialization(monkeypatch):
    """Seed zero draws Θ₀ and seed zero draws E: the same Gaussian numbers would not be independent of Θ₀."""
    seen = []
    applied = Tangent._applied

    def spy(self, E):
        seen.append(E.clone())
        return applied(self, E)

    monkeypatch.setattr(Tangent, "_applied", spy)
    net, (X, y) = network(seed=0), sample(5)
    it.pac_bayes_bound(net, X, y, draws=3, seed=0)
    flat = torch.cat([E.flatten() for E in seen])
    assert len(seen) > 3
    assert not any(bool((flat == value).any()) for value in net.Theta.detach().flatten()[:10])


def test_the_pilots_draws_are_not_counted(monkeypatch):
    """They have chosen λ, so their errors are not a fresh sample from its posterior."""
    made = []
    draw = Tangent.draw

    def spy(self, posterior, generator):
        made.append(draw(self, posterior, generator))
        return made[-1]

    monkeypatch.setattr(Tangent, "draw", spy)
    X, y = sample(20)
    one = it.pac_bayes_bound(network(), X, y, draws=5)
    assert len(one.errors) == 5
    assert len(made) == 4 * 8 + 5
    made.clear()
    it.pac_bayes_bound(network(), X, y, draws=5, scales=[0.4])
    assert len(made) == 5, "nothing to choose, nothing to try"


def test_the_scales_are_what_they_are_said_to_be():
    """Outputs of standard deviation 1/16 … 2 under the prior, for a wide network, and no matrix beyond C5."""
    net = it.EquilibriumNetwork(3, 400, implicit_scale=0.4, output_scale=50.0, centered=True)
    X = it.data.sphere(40, 3, seed=0)
    K = it.network_kernels(net, X).implicit
    scales = default_scales(net)
    assert len(scales) == len(SPREADS)
    assert scales[4] * float(K.diagonal().mean().sqrt()) == pytest.approx(SPREADS[4], rel=0.15)
    quiet = it.EquilibriumNetwork(3, 8, implicit_scale=0.5, output_scale=0.5)
    assert max(default_scales(quiet)) == 1.0
    assert 0.5**2 * (1 + max(default_scales(quiet)) ** 2) <= 0.5 + 1e-12
    with pytest.raises(ValueError, match="scales="):
        default_scales(it.EquilibriumNetwork(3, 8, implicit_scale=0.0))


def test_random_labels_are_not_learned():
    X = it.data.sphere(80, 3, seed=0)
    y = it.data.noise(X, seed=4).sign()
    bound = it.pac_bayes_bound(network(width=40), X, y, draws=100)
    assert bound.vacuous
    assert bound.total > 0.5
    assert "says nothing" in str(bound)


def test_each_draw_without_an_equilibrium_counts_as_an_error():
    """Far beyond the well-posed region no draw has one at every input, and the bound knows."""
    solver = it.Picard(rtol=1e-6, max_steps=60)
    net0 = it.EquilibriumNetwork(3, 30, implicit_scale=0.5, centered=True, solver=solver)
    X, y = sample(20)
    bound = it.pac_bayes_bound(net0, X, y, draws=20, scales=[30.0])
    assert bound.certified == 0
    assert bound.unknown > 0.5
    assert bound.training_error >= bound.unknown
    assert bound.total > 0.9


def test_several_outputs_are_bounded_by_their_count():
    X, y = sample(60, 3)
    X_test, y_test = sample(300, 3, seed=1)
    net0 = network(width=40, n_outputs=3)
    bound = it.pac_bayes_bound(net0, X, y, X_test=X_test, y_test=y_test, draws=200)
    assert bound.guessing == pytest.approx(2 / 3)
    assert bound.test_error < bound.total < 2 / 3
    wrong = bound.network(X_test).argmax(dim=1) != y_test.argmax(dim=1)
    assert bound.mean_error == pytest.approx(float(wrong.double().mean()), abs=1 / 300)


def test_a_trained_network_as_mean_pays_for_its_movement():
    net0, (X, y) = network(width=40), sample(200)
    net = copy.deepcopy(net0)
    it.train(net, X, y, method=it.ExponentialFlow(rtol=0.1), until=it.Until(loss=20.0))
    bound = it.pac_bayes_bound(net0, X, y, net=net, draws=200)
    moved = float((net.Theta - net0.Theta).detach().square().sum())
    assert bound.price == pytest.approx(moved / bound.scale**2)
    assert torch.equal(bound.network.Theta, net.Theta)
    assert bound.total < 0.5


def test_what_it_refuses():
    net0, (X, y) = network(), sample(10)
    with pytest.raises(ValueError, match="X_test and y_test go together"):
        it.pac_bayes_bound(net0, X, y, X_test=X)
    with pytest.raises(ValueError, match="y has shape"):
        it.pac_bayes_bound(net0, X, y[:3])
    with pytest.raises(ValueError, match="width=6"):
        it.pac_bayes_bound(net0, X, y, net=network(width=8))
    with pytest.raises(ValueError, match="scales="):
        it.pac_bayes_bound(net0, X, y, scales=[0.1, 0.0])
    other = copy.deepcopy(net0)
    with torch.no_grad():
        other.v += 1
    with pytest.raises(ValueError, match="v has been trained"):
        it.pac_bayes_bound(other, X, y)
    with pytest.raises(ValueError, match="constrained"):
        it.pac_bayes_bound(it.constrain(network(), it.SpectralScaling(0.9)), X, y)


# ---- a network of one unit and two inputs, whose error is a Gaussian integral ----

_PHI = NormalDist().cdf
_UNIT_SCALE = 0.5


def unit() -> it.EquilibriumNetwork:
    """z = θz/2 + x, f − f₀ = 2(z − x): the sign of θ where θ < 2, and no equilibrium beyond."""
    net = it.EquilibriumNetwork(
        1, 1, implicit_scale=0.5, output_scale=2.0, centered=True, solver=it.Picard(max_steps=50)
    )
    for layer, value in (("Theta", 0.0), ("W", 1.0), ("v", 1.0)):
        torch.nn.init.constant_(getattr(net, layer), value)
        torch.nn.init.constant_(getattr(net, f"initial_{layer}"), value)
    return net


def true_error(bound, X: torch.Tensor, chance: float) -> float:
    """P(wrong): labels are +1 with probability ``chance``; f = 2x((1 − θ/2)⁻¹ − 1), df/dθ = x at zero."""
    mean = bound.network.Theta.item()
    square = float(X.square().sum())
    deviation = (1 / bound.scale**2 + square / bound.noise**2) ** -0.5
    positive = _PHI((2 - mean) / deviation) - _PHI(-mean / deviation)
    return 1 - chance * positive - (1 - chance) * _PHI(-mean / deviation)


def repetition(seed: int, *, n: int, chance: float, confidence: float):
    generator = torch.Generator().manual_seed(seed)
    X = torch.where(torch.rand(n, 1, generator=generator) < 0.5, 1.0, 0.5).double()
    y = torch.where(torch.rand(n, generator=generator) < chance, 1.0, -1.0).double()
    bound = it.pac_bayes_bound(unit(), X, y, confidence=confidence, draws=10, scales=[_UNIT_SCALE], seed=seed)
    return bound, true_error(bound, X, chance)


def test_the_true_error_of_the_unit_is_what_its_draws_measure():
    X = torch.tensor([[1.0], [0.5], [1.0], [1.0]], dtype=torch.float64)
    y = torch.tensor([1.0, 1.0, -1.0, 1.0], dtype=torch.float64)
    bound = it.pac_bayes_bound(unit(), X, y, X_test=X, y_test=y, draws=4000, scales=[_UNIT_SCALE])
    assert bound.training_error == pytest.approx(true_error(bound, X, 0.75), abs=0.01)
    assert bound.test_error == pytest.approx(float(bound.errors[:200].mean()))


@pytest.mark.some(1)
@pytest.mark.parametrize(("chance", "confidence"), [(0.5, 0.5), (0.8, 0.05)])
def test_the_confidence_is_kept_in_repetitions(chance, confidence):
    """One unit, two inputs, labels with noise: the true error is an integral, and the bound is above it."""
    found = [repetition(s, n=6, chance=chance, confidence=confidence) for s in range(250)]
    failures = sum(bound.total < truth for bound, truth in found)
    assert failures <= confidence * len(found)
    alone = sum(bound.training_error < truth for bound, truth in found)
    assert alone > 0.4 * len(found), "which the training error alone is not"
