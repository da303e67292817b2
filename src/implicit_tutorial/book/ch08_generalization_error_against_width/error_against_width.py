"""Test error against width in the stored studies, the infinite-width line, and moving features (C17)."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from implicit_tutorial.book.analysis import Estimate
from implicit_tutorial.book.ch08_generalization_error_against_width.setting import (
    SETTINGS,
    evidence,
    finished,
    infinite,
    lost,
    mean_error,
    rows,
)
from implicit_tutorial.book.drawing import intervals
from implicit_tutorial.book.evidence import MEAN_FIELD
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style


def sides() -> dict[str, tuple[int, int, int]]:
    """For each setting its means, those below the dashed line, and of these the frozen ones above it."""
    found = {}
    for name in SETTINGS:
        line, means, frozen = infinite(name), mean_error(name), mean_error(name, "frozen_error")
        below = [m for m in means if means[m].value < line]
        found[name] = len(means), len(below), sum(frozen[m].value > line for m in below)
    return found


def movement(name: str) -> pd.DataFrame:
    """Mean relative movement of features and kernel at each width with two finished runs or more."""
    shown = finished(name)
    shown = shown[shown["width"].isin(list(mean_error(name)))]
    return shown.groupby("width")[["feature_movement", "kernel_movement"]].mean()


@explorer("error-against-width")
def error_against_width() -> Explorer:
    """Test errors of every run against width, and how much the features moved (C17)."""
    means, below, thin_above = (sum(counts) for counts in zip(*sides().values(), strict=True))
    noisy = [name for name in SETTINGS if "noise" in name]
    return Explorer(
        lambda setting: [_errors(setting), _movement(setting)],
        [Control("setting", list(SETTINGS), start="linear + quadratic, κ = 1")],
        tag=MEAN_FIELD | evidence(),
        caption="First: mean square test error. Small points are single networks, large ones their mean with "
        "its 95 % interval; dashed is the expected error at infinite width (mean-field for these networks); "
        "the thin line is the mean error of the same networks with their kernels held fixed. Second: how far "
        "features and kernel moved, relative to their start. **Choose** the setting. "
        + says(
            "**Notice** on which side of the dashed line the networks are. In all settings together "
            f"{below} of {means} means are below it; at {thin_above} of these the thin line is above it.",
            2 * below > means and 2 * thin_above > below,
        ),
        alt="Two panels over the width. First, test errors with their means: "
        + says(
            "without noise in the labels they are below the dashed infinite-width line at half of the widths "
            "or more, with noise they are above it at every width. ",
            all(
                count == 0 if name in noisy else 2 * count >= total
                for name, (total, count, _) in sides().items()
            ),
        )
        + says(
            "Second, the relative movement of features and kernel, falling with the width.",
            all(movement(name)[c].is_monotonic_decreasing for name in SETTINGS for c in movement(name)),
        ),
        readout=_readout,
    )


def _over_width(**options: Any) -> go.Figure:
    axis = {"x_title": "width m", "x_range": (12, 5500), "x_ticks": (16, 64, 256, 1024, 4096)}
    return style.figure(**axis, x_log=True, y_log=True, height=430, legend_rows=3, **options)


def _errors(name: str) -> go.Figure:
    runs, means, frozen = finished(name), mean_error(name), mean_error(name, "frozen_error")
    figure = _over_width(title="test error", y_title="mean square error", y_range=(0.005, 2))
    small = style.points("one network", style.SERIES[5], size=4)
    figure.add_scatter(x=runs["width"], y=runs["test_error"], **small, showlegend=False)
    # Below zero there is no error, nor a logarithm.
    positive = [Estimate(e.value, max(e.low, 0.1 * e.value), e.high) for e in means.values()]
    look = style.points("mean", size=9) | {"error_y": intervals(positive, thickness=1.5)}
    figure.add_scatter(x=list(means), y=[e.value for e in positive], **look)
    y = [e.value for e in frozen.values()]
    figure.add_scatter(x=list(frozen), y=y, **style.measured("kernel fixed", style.SERIES[2], width=1))
    return figure.add_scatter(
        x=[12, 5500], y=[infinite(name)] * 2, **style.theory("infinite width (mean-field)")
    )


def _movement(name: str) -> go.Figure:
    figure = _over_width(title="movement", y_title="relative change", y_range=(0.02, 300))
    shown = {
        "feature_movement": ("features", style.SERIES[0]),
        "kernel_movement": ("kernel", style.SERIES[4]),
    }
    for column, look in shown.items():
        mean = movement(name)[column]
        look = style.measured(*look) | {"mode": "lines+markers"}
        figure.add_scatter(x=mean.index.to_numpy(), y=mean.to_numpy(), **look)
    return figure


def _readout(setting: str) -> str:
    means = mean_error(setting)
    widest = max(m for m in means if m <= 512)
    failed = f" {lost(setting)} of {len(rows(setting))} runs did not finish." if lost(setting) else ""
    return (
        f"Expected at infinite width: {infinite(setting):.3g}. Mean of the networks at m = {widest}, "
        f"with its interval: {means[widest]}.{failed}"
    )
