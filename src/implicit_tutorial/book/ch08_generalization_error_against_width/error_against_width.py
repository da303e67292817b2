"""Test error against width in the stored studies, the infinite-width line, and moving features (C17)."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from implicit_tutorial.book.analysis import Estimate
from implicit_tutorial.book.ch08_generalization_error_against_width.setting import (
    SETTINGS,
    finished,
    infinite,
    lost,
    mean_error,
    rows,
)
from implicit_tutorial.book.drawing import intervals
from implicit_tutorial.explorer import Control, Explorer, explorer, style


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
    return figure.add_scatter(x=[12, 5500], y=[infinite(name)] * 2, **style.theory("infinite width"))


def _movement(name: str) -> go.Figure:
    figure = _over_width(title="movement", y_title="relative change", y_range=(0.02, 300))
    shown = {
        "feature_movement": ("features", style.SERIES[0]),
        "kernel_movement": ("kernel", style.SERIES[4]),
    }
    for column, look in shown.items():
        mean = finished(name).groupby("width")[column].mean()
        look = style.measured(*look) | {"mode": "lines+markers"}
        figure.add_scatter(x=mean.index.to_numpy(), y=mean.to_numpy(), **look)
    return figure


def _readout(setting: str) -> str:
    means = mean_error(setting)
    widest = max(m for m in means if m <= 512)
    failed = f" {lost(setting)} of {len(rows(setting))} runs did not finish." if lost(setting) else ""
    return f"E_∞ = {infinite(setting):.3g}; at m = {widest} the mean is {means[widest]}.{failed}"
