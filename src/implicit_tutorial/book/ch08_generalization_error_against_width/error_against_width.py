"""Test error against width in the stored sweeps, the infinite-width line, and moving features (C17)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from implicit_tutorial.book.analysis import Estimate, mean_interval
from implicit_tutorial.book.ch08_generalization_error_against_width.studies import WIDE, WIDTH, WIDTH_NOISE
from implicit_tutorial.book.networks import WIDTH_IMPLICIT_SCALE
from implicit_tutorial.book.study import Study
from implicit_tutorial.explorer import Control, Explorer, explorer, style


@dataclass(frozen=True)
class Setting:
    """One curve: the sweeps that hold it, and the values that select its rows."""

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
        f"linear + quadratic, σ_A = {s:g}": Setting((WIDTH_IMPLICIT_SCALE,), {"implicit_scale": s})
        for s in (0.3, 0.8, 1.1)
    },
}


@cache
def rows(name: str) -> pd.DataFrame:
    """All runs of a curve, failed ones too, with the three differences that the chapter is about.

    ``total`` = test error − E_∞ is the sum of ``fluctuation``, what a frozen but finite kernel and its f₀
    change, and ``features``, what their movement changes.
    """
    setting = SETTINGS[name]
    frames = []
    for study in setting.studies:
        frame = study.table
        chosen = np.logical_and.reduce([frame[key] == value for key, value in setting.values.items()])
        frames.append(frame[chosen])
    found = pd.concat(frames, ignore_index=True)
    found["total"] = found["test_error"] - found["infinite_error"]
    found["fluctuation"] = found["frozen_error"] - found["infinite_error"]
    found["features"] = found["test_error"] - found["frozen_error"]
    found["paired"] = found["test_error"] - found["lazy_error"]
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


@explorer("error-against-width")
def error_against_width() -> Explorer:
    """Test errors of every run against width, and how much the features moved (C17)."""
    return Explorer(
        lambda setting: [_errors(setting), _movement(setting)],
        [Control("setting", list(SETTINGS), start="linear + quadratic, κ = 1")],
        caption=(
            "First: mean square test error. Small points are single networks, large ones their mean with its "
            "95 % interval; dashed is the expected error at infinite width; the thin line is the mean error "
            "of the same networks with their kernels held fixed. Second: how far features and kernel moved, "
            "relative to their start. **Choose** the setting. **Notice** on which side of the dashed line "
            "the networks are, and that where they are below it, the thin line is mostly above."
        ),
        alt=(
            "Two panels over the width. First, test errors with their means: for most targets below the "
            "dashed infinite-width line, for pure noise above it. Second, the relative movement of "
            "features and kernel, falling with the width on logarithmic axes."
        ),
        readout=_readout,
    )


def _axis(figure: go.Figure) -> go.Figure:
    widths = [16, 64, 256, 1024, 4096]
    return figure.update_xaxes(tickvals=widths, ticktext=[str(m) for m in widths])


def _errors(name: str) -> go.Figure:
    runs, means, frozen = finished(name), mean_error(name), mean_error(name, "frozen_error")
    figure = style.figure(
        title="test error", x_title="width m", y_title="mean square error",
        x_log=True, y_log=True, x_range=(12, 5500), y_range=(0.005, 2), height=430, legend_rows=3,
    )  # fmt: skip
    figure.add_scatter(
        x=runs["width"],
        y=runs["test_error"],
        **style.points("one network", style.SERIES[5], size=4),
        showlegend=False,
    )
    y = np.array([e.value for e in means.values()])
    interval = {
        "type": "data",
        "symmetric": False,
        "array": [e.high - e.value for e in means.values()],
        # Below zero there is no error, nor a logarithm.
        "arrayminus": [min(e.value - e.low, 0.9 * e.value) for e in means.values()],
        "thickness": 1.5,
    }
    look = style.points("mean", style.MEASURED, size=9) | {"error_y": interval}
    figure.add_scatter(x=list(means), y=y, **look)
    y = [e.value for e in frozen.values()]
    figure.add_scatter(x=list(frozen), y=y, **style.measured("kernel fixed", style.SERIES[2], width=1))
    line = [infinite(name)] * 2
    return _axis(figure.add_scatter(x=[12, 5500], y=line, **style.theory("infinite width")))


def _movement(name: str) -> go.Figure:
    figure = style.figure(
        title="movement", x_title="width m", y_title="relative change",
        x_log=True, y_log=True, x_range=(12, 5500), y_range=(0.02, 300), height=430, legend_rows=3,
    )  # fmt: skip
    for column, label, color in (
        ("feature_movement", "features", style.SERIES[0]),
        ("kernel_movement", "kernel", style.SERIES[4]),
    ):
        mean = finished(name).groupby("width")[column].mean()
        look = style.measured(label, color) | {"mode": "lines+markers"}
        figure.add_scatter(x=mean.index.to_numpy(), y=mean.to_numpy(), **look)
    return _axis(figure)


def _readout(setting: str) -> str:
    means = mean_error(setting)
    widest = max(m for m in means if m <= 512)
    failed = f" {lost(setting)} of {len(rows(setting))} runs did not finish." if lost(setting) else ""
    return f"E_∞ = {infinite(setting):.3g}; at m = {widest} the mean is {means[widest]}.{failed}"
