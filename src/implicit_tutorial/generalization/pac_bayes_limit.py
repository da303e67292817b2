"""The bound on the error of the sign at infinite width, where nothing is left to be drawn (C19, C21)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.checks import checked
from implicit_tutorial.generalization.bound import check_confidence
from implicit_tutorial.generalization.confidence import maurer
from implicit_tutorial.generalization.pac_bayes import SPREADS, PacBayesBound, check_together
from implicit_tutorial.generalization.posterior import Posterior, Spectrum, linear_error, quietest
from implicit_tutorial.generalization.prediction import check_samples
from implicit_tutorial.kernels.limit import limit_kernels


@checked
def pac_bayes_limit(
    X: Tensor,
    y: Tensor,
    *,
    implicit_scale: float,
    input_scale: float = 1.0,
    X_test: Tensor | None = None,
    y_test: Tensor | None = None,
    confidence: float = 0.05,
    spreads: Sequence[float] = SPREADS,
) -> PacBayesBound:
    """The bound for the Gaussian process N(0, ℓ²K₁) as prior and its regression on (X, y) as posterior (C19).

    It is what :func:`pac_bayes_bound` of a centered network tends to as m → ∞ and then λ → 0 with ℓ = λκ
    fixed: the outputs are Gaussian, so that the errors are integrals (Seeger 2002).

    Args:
        X: (n, d) inputs. y: (n,) values, whose sign is to be predicted.
        implicit_scale, input_scale: σ_A, σ_U of K₁ = σ_A² Q ∘ Π.
        X_test, y_test: other samples, on which the posterior is tested.
        confidence: δ.
        spreads: standard deviations of an output of a unit input under the priors to choose from.

    Returns:
        A :class:`PacBayesBound` without draws; its ``scale`` is ℓ.

    Raises:
        ValueError: shapes that do not match, spreads that are not positive, a confidence outside (0, 1).
        LargestScaleError: implicit_scale ≥ √2.
    """
    check_together(X_test, y_test)
    check_samples(X, y, X_test, y_test)
    check_confidence(confidence)
    if y.ndim != 1:
        raise ValueError(f"y has shape {tuple(y.shape)}; at infinite width there is one output: (n,) values.")
    if not spreads or not all(0 < s < math.inf for s in spreads):
        raise ValueError(f"spreads={spreads!r}: give at least one standard deviation above zero.")
    scales = {"implicit_scale": implicit_scale, "input_scale": input_scale}
    n, unit = len(X), _unit(implicit_scale, input_scale)
    choice, sample = math.log(len(spreads)), math.log(maurer(n) / confidence)
    spectrum = Spectrum.of(limit_kernels(X, **scales).implicit.to(torch.float64), y.to(torch.float64))
    zero = torch.zeros_like(spectrum.values)

    def by_scale(scale: float) -> tuple[float, Posterior]:
        return quietest(lambda noise: Posterior(spectrum, scale, noise), zero, y, choice + sample)

    total, posterior = min((by_scale(spread / unit) for spread in spreads), key=lambda item: item[0])
    error = linear_error(posterior, zero, y)
    tested = {}
    if X_test is not None:
        cross = limit_kernels(X_test, X, **scales).implicit.to(torch.float64) @ spectrum.vectors
        cross = posterior.scale**2 * cross
        own = (posterior.scale * unit) ** 2 * X_test.square().sum(dim=1).to(torch.float64)
        variance = own - (cross * posterior.weights(cross)).sum(dim=1)
        margin = (cross @ posterior.weights(spectrum.residual)) * y_test.sign()
        wrong = torch.special.ndtr(-margin / variance.clamp(min=1e-300).sqrt())
        vote = float((margin <= 0).double().mean())
        tested = {"test_error": float(wrong.mean()), "vote_error": vote, "mean_error": vote}
    return PacBayesBound.about(
        posterior,
        total=total,
        training_error=error,
        training_error_at_most=error,
        choice_term=choice,
        sample_term=sample,
        confidence=confidence,
        n_samples=n,
        n_draws=0,
        guessing=0.5,
        certified=1.0,
        unknown=0.0,
        **tested,
    )


def _unit(implicit_scale: float, input_scale: float) -> float:
    """√K₁(x, x) for a unit input; σ_A = 0, or ≥ √2, has none."""
    if implicit_scale == 0 or input_scale == 0:
        raise ValueError("implicit_scale and input_scale are positive: with zero nothing can be learned.")
    return implicit_scale * input_scale / abs(2 - implicit_scale**2)
