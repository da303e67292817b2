"""From rows to statements: means with intervals, the law of the width, the edge of the phase diagram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def sign(self) -> int:
        """+1 or −1 where the interval excludes zero, else 0."""
        return int(self.low > 0) - int(self.high < 0)

    def __mul__(self, unit: float) -> Estimate:
        """In other units, of which a positive number makes one of these."""
        return Estimate(unit * self.value, unit * self.low, unit * self.high)

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


def mean_interval(values: Sequence[float]) -> Estimate:
    """The mean with Student's 95 % interval; infinitely wide for a single value."""
    x = np.asarray(values, dtype=float)
    x = x[np.isfinite(x)]
    if len(x) < 2:
        return Estimate(float(x.mean()) if len(x) else np.nan, -np.inf, np.inf)
    half = stats.t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x))
    return Estimate(float(x.mean()), float(x.mean() - half), float(x.mean() + half))


def proportion_interval(successes: float, trials: int) -> Estimate:
    """A proportion with Wilson's 95 % interval, right near 0 and 1 too."""
    ci = stats.binomtest(round(successes), trials).proportion_ci(method="wilson")
    return Estimate(successes / trials, float(ci.low), float(ci.high))


@dataclass(frozen=True)
class WidthLaw:
    """E(m) − E_∞ = C/m^p near infinite width."""

    C: Estimate
    """Least-squares C at p = 1, in units of the error."""
    exponent: Estimate
    """The p of the least-squares fit with C and p both free, between 0 and 3."""
    widths: tuple[int, ...]
    """The widths that entered the fit."""


def width_law(
    frame: pd.DataFrame, deviation: str = "deviation", *, smallest: int = 64, resamples: int = 1000
) -> WidthLaw:
    """Fit C/m and C/m^p to the mean of ``deviation`` over seeds; intervals by resampling seeds.

    The intervals are those of resampling within each width, widened as Student's are for so few seeds.

    Args:
        frame: one row a (width, seed), failed rows already dropped.
        deviation: column that holds E(m) − E_∞.
        smallest: widths below this one, where o(1/m) matters, stay out of the fit.
        resamples: of the seeds within each width.

    Raises:
        ValueError: fewer than two widths with three seeds each.
    """
    groups = {
        int(m): g.to_numpy(dtype=float)
        for m, g in frame[frame["width"] >= smallest].groupby("width")[deviation]
    }
    groups = {m: g for m, g in groups.items() if len(g) >= 3}
    if len(groups) < 2:
        raise ValueError(f"a law of the width needs two widths from {smallest} on with three seeds each.")
    m = np.array(list(groups), dtype=float)
    seeds = np.array([len(g) for g in groups.values()], dtype=float)
    powers = np.linspace(0, 3, 301)
    basis = (m[0] / m) ** powers[:, None]

    def fit(means: np.ndarray) -> tuple[float, float]:
        C = (seeds * means / m).sum() / (seeds / m**2).sum()
        scale = (seeds * means * basis).sum(axis=1) / (seeds * basis**2).sum(axis=1)
        misfit = (seeds * (means - scale[:, None] * basis) ** 2).sum(axis=1)
        return float(C), float(powers[misfit.argmin()])

    rng = np.random.default_rng(0)
    draws = np.array(
        [fit(np.array([rng.choice(g, len(g)).mean() for g in groups.values()])) for _ in range(resamples)]
    )
    best, fewest = np.array(fit(np.array([g.mean() for g in groups.values()]))), seeds.min()
    wider = stats.t.ppf(0.975, fewest - 1) / stats.norm.ppf(0.975) * np.sqrt(fewest / (fewest - 1))
    low, high = best + wider * (np.quantile(draws, [0.025, 0.975], axis=0) - best)
    C, p = (Estimate(*map(float, values)) for values in zip(best, low, high, strict=True))
    return WidthLaw(C, p, tuple(groups))


def edge_slope(frame: pd.DataFrame, *, largest_scale: float = 1.5, resamples: int = 200) -> Estimate:
    """The slope of log m_c against log κ for κ up to ``largest_scale``, and how far resampled runs move it.

    m_c is where half of the runs fail in a logistic regression on log m and log κ, which uses every run. Were
    training lazy up to the edge the slope would be −2, by the movement's κ⁻² yᵀK₁⁻¹y (C18).
    """
    frame = frame[frame["output_scale"] <= largest_scale]
    logs = np.log(frame[["output_scale", "width"]].to_numpy(dtype=float))
    points = np.column_stack([np.ones(len(frame)), logs - logs.mean(axis=0)])
    failed = (frame["status"] != "finished").to_numpy()
    cells = frame.reset_index(drop=True).groupby(["output_scale", "width"]).indices

    def fit(rows: np.ndarray) -> float:
        x, y = points[rows], failed[rows]
        coefficients = np.zeros(3)
        for _ in range(50):
            p = 1 / (1 + np.exp(-x @ coefficients))
            # The faint penalty keeps the coefficients finite where a line separates all runs.
            hessian = (x * (p * (1 - p))[:, None]).T @ x + 1e-2 * np.eye(3)
            step = np.linalg.solve(hessian, x.T @ (y - p) - 1e-2 * coefficients)
            # A full Newton step may overshoot where nearly all runs are certain.
            coefficients += step / max(1, np.abs(step).max() / 2)
            if np.abs(step).max() < 1e-8:
                break
        return float(-coefficients[1] / coefficients[2])

    rng = np.random.default_rng(0)
    draws = [fit(np.concatenate([rng.choice(i, len(i)) for i in cells.values()])) for _ in range(resamples)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return Estimate(fit(np.arange(len(frame))), float(low), float(high))
