"""From a sample to its source: binary relative entropy, its inverse, and the mean of bounded draws (C21)."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

#: The share of the wealth that is bet on each draw; the rest survives a draw that errs on every sample.
_BET = 0.9
_BISECTIONS = 60


def relative_entropy(p: float, q: float) -> float:
    """kl(p‖q) = p ln(p/q) + (1 − p) ln((1 − p)/(1 − q)), of a coin p from a coin q."""

    def part(a: float, b: float) -> float:
        if a == 0:
            return 0.0
        return a * math.log(a / b) if b > 0 else math.inf

    return part(p, q) + part(1 - p, 1 - q)


def largest_error(p: float, budget: float) -> float:
    """The largest q with kl(p‖q) ≤ ``budget``, from above."""
    low, high = p, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if relative_entropy(p, middle) > budget:
            high = middle
        else:
            low = middle
    return high


def maurer(n: int) -> float:
    """ξ(n) = Σ_k C(n, k)(k/n)^k(1 − k/n)^{n−k} = E e^{n kl(p̂‖p)} for any p in (0, 1); at most 2√n."""
    from scipy import stats

    k = np.arange(n + 1)
    return float(stats.binom.pmf(k, n, k / n).sum())


def mean_at_most(errors: Tensor, delta: float) -> float:
    """u with P(E e > u) ≤ δ, for independent e_j in [0, 1] of one law.

    Were the mean accuracy a, the wealth Π(1 − c + c(1 − e_j)/a) would have mean one, so by Markov's
    inequality it exceeds 1/δ with probability at most δ: every a at which it does is excluded. For errors
    that vary little this costs ln(1/δ)/(cN), with no variance to estimate (Waudby-Smith & Ramdas 2024).
    """
    accuracy = 1 - errors.cpu().numpy().astype(float)

    def excluded(a: float) -> bool:
        return np.log1p(_BET * (accuracy / a - 1)).sum() >= -math.log(delta)

    low, high = 0.0, float(accuracy.mean())
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if middle > 0 and excluded(middle):
            low = middle
        else:
            high = middle
    return 1 - low
