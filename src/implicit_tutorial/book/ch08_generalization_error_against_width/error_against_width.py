"""Test error against width in the stored studies, the infinite-width line, and frozen kernels (C16, C17)."""

from __future__ import annotations

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


def movement(name: str) -> pd.Series:
    """Mean relative movement of the features at each width with two finished runs or more."""
    shown = finished(name)
    shown = shown[shown["width"].isin(list(mean_error(name)))]
    return shown.groupby("width")["feature_movement"].mean()


@explorer("error-against-width")
def error_against_width() -> Explorer:
    """Test errors of every run against width (C17)."""
    means, below, thin_above = (sum(counts) for counts in zip(*sides().values(), strict=True))
    noisy = [name for name in SETTINGS if "noise" in name]
    (alone,) = (name for name in SETTINGS if len(movement(name)) == 1)
    return Explorer(
        _draw,
        [Control("setting", list(SETTINGS), start="linear + quadratic, κ = 1")],
        tag=MEAN_FIELD | evidence(SETTINGS),
        caption="Small points: single networks; large ones: their mean with its 95 % interval. Dashed: "
        "$E_\\infty$, mean-field for these networks. Thin line: the mean of the same networks with their "
        "kernels frozen. **Choose** the setting. "
        + says(
            "**Notice** on which side of the dashed line the networks are. In all settings together "
            f"{below} of {means} means are below it; at {thin_above} of these the thin line is above it. ",
            2 * below > means and 2 * thin_above > below,
        )
        + says(
            "The line below the figure says how far the features moved: the less, the wider the "
            f"networks are, in every setting but “{alone}”, where it knows one width only.",
            all(movement(name).is_monotonic_decreasing for name in SETTINGS),
        ),
        alt="Test errors over the width, both logarithmic, with their means: "
        + says(
            "without noise in the labels the means are below the dashed infinite-width line at half of the "
            "widths or more, with noise they are above it at every width.",
            all(
                count == 0 if name in noisy else 2 * count >= total
                for name, (total, count, _) in sides().items()
            ),
        ),
        readout=_readout,
    )


def _draw(setting: str) -> go.Figure:
    runs, means, frozen = finished(setting), mean_error(setting), mean_error(setting, "frozen_error")
    x = {"x_title": "width m", "x_range": (12, 5500), "x_ticks": (16, 64, 256, 1024, 4096), "x_log": True}
    y = {"y_title": "test error (mean square)", "y_range": (0.005, 2), "y_log": True}
    figure = style.figure(**x, **y, height=500, legend_rows=3)
    figure.add_scatter(
        x=runs["width"], y=runs["test_error"], **style.points("one network", style.SERIES[5], size=5)
    )
    # Below zero there is no error, nor a logarithm.
    positive = [Estimate(e.value, max(e.low, 0.1 * e.value), e.high) for e in means.values()]
    look = style.points("mean", size=10) | {"error_y": intervals(positive, thickness=1.5)}
    figure.add_scatter(x=list(means), y=[e.value for e in positive], **look)
    y = [e.value for e in frozen.values()]
    thin = style.marked("kernel frozen", style.SERIES[2], size=4, width=1)  # a line may have one point only
    figure.add_scatter(x=list(frozen), y=y, **thin)
    line = style.theory("infinite width (mean-field)")
    return figure.add_scatter(x=[12, 5500], y=[infinite(setting)] * 2, **line)


def _readout(setting: str) -> str:
    means, moved = mean_error(setting), movement(setting)
    narrow, wide = moved.index[0], max(m for m in means if m <= 512)
    failed = f" {lost(setting)} of {len(rows(setting))} runs did not finish." if lost(setting) else ""
    then = f", by {100 * moved[wide]:.0f} % at m = {wide}" if wide > narrow else ""
    return (
        f"Mean error {means[wide]} at m = {wide}, {infinite(setting):.3g} at infinite width. Features move "
        f"by {100 * moved[narrow]:.0f} % of their length at m = {narrow}{then}.{failed}"
    )
