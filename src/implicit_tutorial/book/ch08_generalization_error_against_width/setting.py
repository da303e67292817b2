"""What the figures of the chapter share: the curves of stored networks over the width (C16, C17)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from implicit_tutorial.book.analysis import Estimate, mean_interval
from implicit_tutorial.book.ch08_generalization_error_against_width.studies import WIDE, WIDTH, WIDTH_NOISE
from implicit_tutorial.book.evidence import Evidence, of_rows
from implicit_tutorial.book.networks import WIDTH_IMPLICIT_SCALE
from implicit_tutorial.book.study import Study
from implicit_tutorial.book.tasks import task


@dataclass(frozen=True)
class Setting:
    """One curve: the studies that hold it, and the values that select its rows."""

    studies: tuple[Study, ...]
    values: dict[str, float | str]


def _width(target: str, kappa: float, *more: Study) -> Setting:
    return Setting((WIDTH, *more), {"target": target, "output_scale": kappa})


def _noise(target: str, noise: float, n: int) -> Setting:
    return Setting((WIDTH_NOISE,), {"target": target, "noise": noise, "n_samples": n})


#: Every curve by its name in the chapter. Where a name is silent, σ_A = 0.5, κ = 1, n = 60, no noise.
SETTINGS: dict[str, Setting] = {
    "linear, κ = 0.5": _width("linear", 0.5),
    "linear, κ = 1": _width("linear", 1.0),
    "linear, κ = 3": _width("linear", 3.0),
    "linear + quadratic, κ = 0.5": _width("linear + quadratic", 0.5),
    "linear + quadratic, κ = 1": _width("linear + quadratic", 1.0, WIDE),
    "linear + quadratic, κ = 3": _width("linear + quadratic", 3.0),
    "ReLU teacher": _width("ReLU teacher", 1.0),
    "degree 3": _width("degree 3", 1.0),
    "pure noise": _width("noise", 1.0),
    "linear, noise 0.5": _noise("linear", 0.5, 60),
    "linear + quadratic, n = 30": _noise("linear + quadratic", 0.0, 30),
    "linear + quadratic, n = 200": _noise("linear + quadratic", 0.0, 200),
    **{
        f"linear + quadratic, implicit scale {s:g}": Setting((WIDTH_IMPLICIT_SCALE,), {"implicit_scale": s})
        for s in (0.3, 0.8, 1.1)
    },
}


def evidence(names: Iterable[str]) -> Evidence:
    """What the curves of these names together rest on."""
    rows = (pair for name in names for pair in _chosen(SETTINGS[name]))
    return of_rows(rows, samples=len(task("linear").y))


def _chosen(setting: Setting) -> Iterator[tuple[Study, pd.DataFrame]]:
    """The rows of a curve, study by study."""
    for study in setting.studies:
        frame = study.table
        yield study, frame[np.logical_and.reduce([frame[key] == v for key, v in setting.values.items()])]


@cache
def rows(name: str) -> pd.DataFrame:
    """All runs of a curve, failed ones too, with the three differences that the chapter is about.

    ``total`` = test error − E_∞ is the sum of ``fluctuation``, what a frozen but finite kernel and its f₀
    change, and ``features``, what their movement changes.
    """
    found = pd.concat([frame for _, frame in _chosen(SETTINGS[name])], ignore_index=True)
    found["total"] = found["test_error"] - found["infinite_error"]
    found["fluctuation"] = found["frozen_error"] - found["infinite_error"]
    found["features"] = found["test_error"] - found["frozen_error"]
    return found


def finished(name: str) -> pd.DataFrame:
    """The runs of a curve that reached the training loss."""
    found = rows(name)
    return found[found["status"] == "finished"]


def mean_error(name: str, column: str = "test_error") -> dict[int, Estimate]:
    """Mean over seeds with Student's 95 % interval at each width with two finished runs or more."""
    groups = finished(name).groupby("width")[column]
    return {int(m): mean_interval(g.to_numpy()) for m, g in groups if len(g) >= 2}


def infinite(name: str) -> float:
    """E_∞ = bias² + κ² var of this training and test sample (C16)."""
    (value,) = rows(name)["infinite_error"].dropna().unique()
    return float(value)


def lost(name: str) -> int:
    """The number of runs of a curve that did not finish."""
    return int((rows(name)["status"] != "finished").sum())
