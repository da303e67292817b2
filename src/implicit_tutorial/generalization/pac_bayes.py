"""A bound on the error of the sign that says something at ordinary widths (C21)."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from implicit_tutorial.equilibrium.checks import check_finite, check_least, check_rows, checked
from implicit_tutorial.generalization.bound import check_confidence, check_pair
from implicit_tutorial.generalization.confidence import largest_error, maurer, mean_at_most
from implicit_tutorial.generalization.posterior import Posterior, Tangent, quietest
from implicit_tutorial.generalization.signs import Signs
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.training.least_squares import check_labels

#: Standard deviations that the prior gives to an output of a unit input: the scales λ that are tried.
SPREADS = tuple(2.0 ** (k / 2) for k in range(-8, 3))
#: How many of the λ are tried on the network itself, and by how many draws.
_CANDIDATES, _PILOT = 4, 8
#: How many of the draws are looked at on the test sample, whose error needs no confidence.
_TESTED = 200
#: Added to the seed: networks are drawn from seeds as well, and E must not be the numbers that Θ₀ is made of.
_DRAWS = 4_000_037


@dataclass(frozen=True)
class PacBayesBound:
    """error of the sign ≤ ``total``, for networks drawn at random about a mean, with probability 1 − δ."""

    total: float
    """The bound: the largest error q with kl(training_error_at_most‖q) ≤ (sum of ``terms``)/n."""
    training_error: float
    """Share of errors on the sample, over all draws; what is not known counts as an error."""
    training_error_at_most: float
    """Its expectation over the posterior, with the confidence that finitely many draws allow."""
    divergence: float
    """KL(posterior‖prior) = ½(log_determinant − trace + price), exact for this network."""
    log_determinant: float
    """ln det(I + λ²K/s²)."""
    trace: float
    """tr(λ²K(λ²K + s²)⁻¹)."""
    price: float
    """‖mean − Θ₀‖²/λ²."""
    choice_term: float
    """ln G for choosing λ out of G after seeing the sample; s is free of charge."""
    sample_term: float
    """ln(ξ(n)/δ') for a sample that may be a lucky one."""
    scale: float
    """λ, the standard deviation of the prior over Θ; λκ at infinite width."""
    noise: float
    """s, the noise with which the posterior takes the labels."""
    confidence: float
    """δ: with at most this probability the bound is wrong; half of it is the sample's, half the draws'."""
    n_samples: int
    n_draws: int
    """Zero at infinite width, where the training error is an integral and the sample has all of δ."""
    guessing: float
    """The error of guessing: one half, or 1 − 1/k."""
    certified: float
    """Share of the draws whose equilibria are unique and whose signs are proved."""
    unknown: float
    """Share of the signs that are not known and count as errors."""
    test_error: float | None = None
    """The error that is bounded, as the first two hundred draws have it on the test sample."""
    vote_error: float | None = None
    """Test error of their majority, which is at most twice the error that is bounded."""
    mean_error: float | None = None
    """Test error of the network at the mean."""
    network: EquilibriumNetwork | None = field(default=None, repr=False)
    """The network at the mean of the posterior."""
    errors: Tensor | None = field(default=None, repr=False)
    """(N,) training error of each draw."""

    @classmethod
    def about(cls, posterior: Posterior, **rest: Any) -> PacBayesBound:
        """The bound for a posterior, whose divergence, scale and noise it takes over."""
        own = ("divergence", "log_determinant", "trace", "price", "scale", "noise")
        return cls(**{name: getattr(posterior, name) for name in own}, **rest)

    @property
    def vacuous(self) -> bool:
        """True when the bound says no more than what guessing achieves."""
        return not self.total < self.guessing

    @property
    def terms(self) -> dict[str, float]:
        """What is divided by n, by name: the budget of relative entropy between training and test error."""
        return {"divergence": self.divergence, "choice": self.choice_term, "sample": self.sample_term}

    @property
    def margin(self) -> float:
        """guessing − total: positive when the bound says something."""
        return self.guessing - self.total

    def __str__(self) -> str:
        terms = " + ".join(f"{value:.1f} ({name})" for name, value in self.terms.items())
        draws = (
            f", {self.training_error_at_most:.3f} with the confidence of {self.n_draws} draws"
            if self.n_draws
            else ""
        )
        verdict = "says nothing" if self.vacuous else "not vacuous"
        test = "" if self.test_error is None else f"; test error {self.test_error:.3f}"
        return (
            f"error ≤ {self.total:.3f} with probability {1 - self.confidence:g}, where guessing has "
            f"{self.guessing:.3g}: {verdict}. Training error {self.training_error:.3f}{draws}; "
            f"relative entropy ({terms})/{self.n_samples} = {sum(self.terms.values()) / self.n_samples:.4f}; "
            f"{'λ' if self.n_draws else 'λκ'} = {self.scale:.3g}, s = {self.noise:.3g}{test}"
        )


@checked
def pac_bayes_bound(
    net0: EquilibriumNetwork,
    X: Tensor,
    y: Tensor,
    *,
    net: EquilibriumNetwork | None = None,
    X_test: Tensor | None = None,
    y_test: Tensor | None = None,
    confidence: float = 0.05,
    scales: Sequence[float] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> PacBayesBound:
    """kl(training ‖ test) ≤ (KL(Q‖P) + ln G + ln(ξ(n)/δ'))/n for the errors of the sign under Q (C21).

    The prior P is N(Θ₀, λ²I). The posterior Q is the Gaussian that the tangent kernel K = JJᵀ suggests,
    N(Θ₀ + λ²JᵀM⁻¹(y − f₀), λ²I − λ⁴JᵀM⁻¹J) with M = λ²K + s²I. Its errors are those of the network itself.
    It holds if Θ₀, W, v and the inputs' centring were chosen without the sample, whose points are independent
    (PAC-Bayes: McAllester 1999, Seeger 2002, Maurer 2004; for networks Dziugaite & Roy 2017).

    Args:
        net0: the network at initialization.
        X: (n, d) training inputs. y: (n,) labels, whose sign is to be predicted, or (n, k), whose largest is.
        net: the same network with Θ trained, as the posterior's mean; Θ₀ + λ²JᵀM⁻¹(y − f₀) by default.
        X_test, y_test: other samples, on which the first two hundred draws are tested.
        confidence: δ, half of it for the sample and half for the draws.
        scales: the λ to choose from, fixed without the sample; by default eleven that give the outputs
            standard deviations from 1/16 to 2.
        draws: N, of networks from the posterior, after eight for each of four λ by which one is chosen.
        seed: of the draws. They are double precision's Gaussians, and linear algebra is taken as exact; the
            sign of each output carries its certified error, rounding included, in the network's precision.

    Raises:
        ValueError: networks that differ in more than Θ, a constrained one, labels of the wrong shape, a
            confidence outside (0, 1), scales that are not positive.
        EquilibriumError: an equilibrium or adjoint of net0 or net did not converge.
    """
    _check(net0, net, X, y, X_test, y_test, confidence, draws)
    grid = default_scales(net0) if scales is None else tuple(float(s) for s in scales)
    if not grid or not all(0 < s < math.inf for s in grid):
        raise ValueError(f"scales={scales!r}: give at least one standard deviation λ > 0.")
    n = len(X)
    choice, sample = math.log(len(grid)), math.log(maurer(n) / (confidence / 2))
    tangent = Tangent(net0, net, X, y)
    generator = torch.Generator().manual_seed(seed + _DRAWS)
    posterior = _chosen(tangent, X, y, grid, choice + sample, generator)

    mean = tangent.mean(posterior)
    signs, test = (None if x is None else Signs(tangent.net, x, t) for x, t in ((X, y), (X_test, y_test)))
    for one in filter(None, (signs, test)):
        one.begin_at(mean)
    decisions, wrong = [], []
    for k in range(draws):
        Theta = tangent.draw(posterior, generator)
        decisions.append(signs(Theta))
        if test is not None and k < _TESTED:
            wrong.append(test(Theta).wrong)
    errors = torch.stack([d.wrong.double().mean() for d in decisions])
    at_most = mean_at_most(errors, confidence / 2)
    budget = (posterior.divergence + choice + sample) / n
    centre = copy.deepcopy(tangent.net)
    with torch.no_grad():
        centre.Theta.copy_(mean)
    tested = {}
    if test is not None:
        shares = torch.stack(wrong).double().mean(dim=0)
        tested = {
            "test_error": float(shares.mean()),
            "vote_error": float((shares >= 0.5).double().mean()),
            "mean_error": float(test(mean).wrong.double().mean()),
        }
    return PacBayesBound.about(
        posterior,
        total=largest_error(at_most, budget),
        training_error=float(errors.mean()),
        training_error_at_most=at_most,
        choice_term=choice,
        sample_term=sample,
        confidence=confidence,
        n_samples=n,
        n_draws=draws,
        guessing=0.5 if y.ndim == 1 else 1 - 1 / y.shape[1],
        certified=sum(d.certified for d in decisions) / draws,
        unknown=sum(d.unknown for d in decisions) / (draws * n),
        network=centre,
        errors=errors,
        **tested,
    )


def default_scales(net: EquilibriumNetwork) -> tuple[float, ...]:
    """The λ of :data:`SPREADS`: an output's variance under the prior is λ²κ²σ_A²σ_U²/(2 − σ_A²)² (C10).

    None is larger than one, or than what keeps a Gaussian A monotone, σ_A²(1 + λ²) ≤ 1/2 (C5).
    """
    sigma = net.implicit_scale
    if not (0 < sigma**2 < 2 and net.input_scale > 0 and net.output_scale > 0):
        raise ValueError(
            f"implicit_scale={sigma:g}, input_scale={net.input_scale:g}, output_scale={net.output_scale:g}: "
            "scales for the prior follow from them between 0 and √2, 0, 0; elsewhere give scales=[…]."
        )
    unit = (2 - sigma**2) / (net.output_scale * sigma * net.input_scale)
    largest = max(1.0, math.sqrt(max(0.5 / sigma**2 - 1, 0)))
    return tuple(sorted({min(spread * unit, largest) for spread in SPREADS}))


def _chosen(
    tangent: Tangent,
    X: Tensor,
    y: Tensor,
    grid: Sequence[float],
    constant: float,
    generator: torch.Generator,
) -> Posterior:
    """The posterior whose bound is least: at the tangent's error for s, at a few networks' own for λ."""

    def by_tangent(scale: float) -> tuple[float, Posterior]:
        return quietest(lambda noise: tangent.posterior(scale, noise), tangent.outputs, y, constant)

    found = sorted((by_tangent(scale) for scale in grid), key=lambda item: item[0])[:_CANDIDATES]
    posteriors = [posterior for _, posterior in found]
    if len(posteriors) == 1:
        return posteriors[0]
    signs = Signs(tangent.net, X, y)

    def tried(posterior: Posterior) -> float:
        signs.begin_at(tangent.mean(posterior))
        errors = [signs(tangent.draw(posterior, generator)).wrong.double().mean() for _ in range(_PILOT)]
        budget = (posterior.divergence + constant) / len(y)
        return largest_error(float(sum(errors) / _PILOT), budget)

    return min(posteriors, key=tried)


def check_together(X_test: Tensor | None, y_test: Tensor | None) -> None:
    """Raise unless both are given, or neither."""
    if (X_test is None) != (y_test is None):
        raise ValueError("X_test and y_test go together: give both, or neither.")


def _check(
    net0: EquilibriumNetwork,
    net: EquilibriumNetwork | None,
    X: Tensor,
    y: Tensor,
    X_test: Tensor | None,
    y_test: Tensor | None,
    confidence: float,
    draws: int,
) -> None:
    for one in (net0,) if net is None else (net0, net):
        if parametrize.is_parametrized(one):
            raise ValueError("this network is constrained; the posterior is a Gaussian over a free Θ.")
        for layer in ("W", "v") if one.centered else ():
            if not torch.equal(getattr(one, layer), getattr(one, f"initial_{layer}")):
                raise ValueError(f"{layer} has been trained; the bound is for the implicit layer alone.")
    if net is not None:
        check_pair(net0, net)
    check_together(X_test, y_test)
    for name, inputs, labels in (("X", X, y), ("X_test", X_test, y_test)):
        if inputs is None:
            continue
        check_rows(inputs, net0.n_inputs, name, net0.W, row="input", column="input dimension")
        if len(inputs) == 0:
            raise ValueError(f"{name} holds no sample; give at least one.")
        check_labels(net0, inputs, labels, name.replace("X", "y"))
        check_finite(**{name: inputs})
    check_least(1, draws=draws)
    check_confidence(confidence)
