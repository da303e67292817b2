"""The fits find what was put in, and say so when there is nothing to find."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from implicit_tutorial.book.analysis import edge_slope, mean_interval, proportion_interval, width_law


def rows(C: float, p: float, noise: float, seeds: int = 8, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    widths = np.repeat([64, 128, 256, 512, 1024], seeds)
    return pd.DataFrame(
        {"width": widths, "deviation": C / widths**p + noise * rng.standard_normal(len(widths))}
    )


@pytest.mark.parametrize(("C", "p"), [(-3.0, 1.0), (3.0, 1.0), (-0.5, 0.5)])
def test_width_law_finds_constant_sign_and_exponent(C: float, p: float) -> None:
    law = width_law(rows(C, p, noise=0.02 * abs(C) / 64**p))
    assert law.C.sign == math.copysign(1, C)
    assert law.exponent.low <= p + 0.05
    assert law.exponent.high >= p - 0.05
    assert law.exponent.value == pytest.approx(p, abs=0.15)
    if p == 1:
        assert law.C.low <= C <= law.C.high


def test_width_law_claims_no_sign_where_there_is_none() -> None:
    signs = [width_law(rows(0.0, 1.0, noise=0.1, seed=s), resamples=200).C.sign for s in range(30)]
    assert sum(map(abs, signs)) <= 6, "an interval of 95 % excludes zero rarely"


def test_width_law_ignores_narrow_networks_and_needs_two_widths() -> None:
    frame = rows(-3.0, 1.0, noise=1e-3)
    frame.loc[frame["width"] == 64, "deviation"] = 100.0
    assert width_law(frame, smallest=128).widths == (128, 256, 512, 1024)
    assert width_law(frame, smallest=128).C.value == pytest.approx(-3.0, rel=0.1)
    with pytest.raises(ValueError, match="two widths"):
        width_law(frame, smallest=1024)


def test_intervals_cover() -> None:
    rng = np.random.default_rng(0)
    inside = [
        abs(e.value - 0) < 9 and e.low <= 0 <= e.high for e in map(mean_interval, rng.normal(size=(400, 5)))
    ]
    assert 0.92 <= np.mean(inside) <= 0.98
    single = mean_interval([1.0])
    assert single.low == -math.inf
    sure = proportion_interval(100, 100)
    assert sure.value == sure.high == 1
    assert 0.95 < sure.low < 0.97
    assert str(proportion_interval(50, 100)) == "0.5 [0.404, 0.596]"
    assert str(proportion_interval(50, 100) * 100) == "50 [40.4, 59.6]"


@pytest.mark.parametrize("slope", [-2.0, -0.7])
def test_edge_slope_finds_the_line_that_was_drawn(slope: float) -> None:
    rng, table = np.random.default_rng(0), []
    for scale in np.geomspace(0.1, 1, 7):
        for m in np.geomspace(4, 4096, 31).round():
            for seed in range(3):
                # Each run has an edge of its own, a little off the line 16 κ^slope.
                broken = m < 16 * scale**slope * np.exp(0.1 * rng.standard_normal())
                status = "left the well-posed region" if broken else "finished"
                table.append({"output_scale": scale, "width": m, "seed": seed, "status": status})
    found = edge_slope(pd.DataFrame(table), resamples=100)
    assert found.value == pytest.approx(slope, abs=0.1)
    assert found.high - found.low < 0.3
    assert found.sign == -1


@pytest.mark.parametrize(
    ("n", "quantile"), [(2, math.tan(0.475 * math.pi)), (3, 0.95 * math.sqrt(2 / 0.0975))]
)
def test_the_interval_of_a_mean_is_students(n: int, quantile: float) -> None:
    """Closed forms for one and two degrees of freedom: 12.706 and 4.303, not those of one more."""
    x = np.arange(n, dtype=float)
    half = quantile * x.std(ddof=1) / math.sqrt(n)
    found = mean_interval(x)
    assert (found.low, found.high) == pytest.approx((x.mean() - half, x.mean() + half), rel=1e-9)


def test_the_interval_of_a_mean_covers_it_as_often_as_it_says() -> None:
    x = np.random.default_rng(0).standard_normal((4000, 4))
    covered = np.mean([interval.low <= 0 <= interval.high for interval in map(mean_interval, x)])
    assert abs(covered - 0.95) < 0.012
