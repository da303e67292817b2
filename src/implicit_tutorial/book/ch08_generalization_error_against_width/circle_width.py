"""The problem on the circle at many widths: what networks show, and their error against the width (C17)."""

from __future__ import annotations

import plotly.graph_objects as go

from implicit_tutorial.book.analysis import Estimate
from implicit_tutorial.book.circle import (
    CIRCLE,
    CIRCLE_SEEDS,
    CIRCLE_WIDTHS,
    circle_functions,
    circle_lost,
    circle_mean,
    circle_prediction,
    circle_runs,
    gap_share,
)
from implicit_tutorial.book.drawing import intervals
from implicit_tutorial.book.evidence import MEAN_FIELD, stored
from implicit_tutorial.book.says import says
from implicit_tutorial.book.tasks import CIRCLE_SAMPLES
from implicit_tutorial.explorer import Control, Explorer, explorer, style

OUTPUTS = (0.5, 1.0, 2.0, 5.0)
_LOOK = {"height": 430, "legend_rows": 5}


def circle_means(output_scale: float, column: str = "test_error") -> dict[int, Estimate]:
    """Means over the finished networks by the width, with their 95 % intervals."""
    means = {m: circle_mean(m, output_scale, column) for m in CIRCLE_WIDTHS}
    return {m: mean for m, mean in means.items() if mean}


@explorer("circle-width")
def circle_width() -> Explorer:
    """All networks of one width, and the test error against the width."""
    gap = min(gap_share(m, k) for m in CIRCLE_WIDTHS for k in OUTPUTS)
    half = circle_means(0.5)
    return Explorer(
        lambda width, output_scale: [
            circle_functions(width, output_scale, title="the functions", **_LOOK),
            _errors(width, output_scale),
        ],
        [
            Control("width", CIRCLE_WIDTHS, start=128, label="width $m$"),
            Control("output_scale", OUTPUTS, start=0.5, label="output_scale $\\kappa$", fmt="g"),
        ],
        tag=MEAN_FIELD | stored(CIRCLE, samples=len(CIRCLE_SAMPLES)),
        caption=f"First: the functions of up to {len(CIRCLE_SEEDS)} networks of one width; dashed, with its "
        "band, mean and two standard deviations at infinite width. Second: the mean square error over the "
        "circle, with means and their 95 % intervals; dashed, its value at infinite width. Infinite width is "
        "mean-field for these networks. "
        + says(
            f"**Move** the width: at $\\kappa = 0.5$ the mean error falls from {half[128].value:.2f} at "
            f"$m = 128$ to {half[512].value:.2f} at 512, and these two intervals do not meet. ",
            half[512].high < half[128].low,
        )
        + says(
            "**Notice** where it lies: in every state nearly all of the error, "
            f"{100 * gap:.0f} % or more, is in the gap between the samples.",
            gap > 0.85,
        ),
        alt="Two panels. First, over the angle, functions through thirteen samples of a dotted target, with "
        "a wide gap between two of them. Second, errors over the width: "
        + says(
            "at an output scale of one half every mean is above the dashed line, and the lowest is that of "
            "the widest networks.",
            all(e.value > circle_prediction(0.5).test_error for e in half.values())
            and min(half, key=lambda m: half[m].value) == max(half),
        ),
        readout=_readout,
    )


def _errors(width: int, output_scale: float) -> go.Figure:
    x = {"x_title": "width m", "x_log": True, "x_range": (24, 680), "x_ticks": CIRCLE_WIDTHS}
    figure = style.figure(title="test error", **x, y_log=True, y_range=(0.007, 3), **_LOOK)
    runs = [circle_runs(m, output_scale) for m in CIRCLE_WIDTHS]
    x, y = ([v for r in runs for v in r[column]] for column in ("width", "test_error"))
    figure.add_scatter(x=x, y=y, **style.points("one network", style.SERIES[5], size=5))
    means = circle_means(output_scale)
    # Below zero there is no error, nor a logarithm.
    bars = [Estimate(e.value, max(e.low, 0.1 * e.value), e.high) for e in means.values()]
    look = style.points("mean", size=9) | {"error_y": intervals(bars, thickness=1.5)}
    figure.add_scatter(x=list(means), y=[e.value for e in bars], **look)
    line = [circle_prediction(output_scale).test_error] * 2
    figure.add_scatter(x=[24, 680], y=line, **style.theory("infinite width"))
    ring = style.points(None, style.SERIES[1], symbol="circle-open", size=20, line={"width": 3})
    here = [means[width].value] if width in means else []
    return figure.add_scatter(x=[width] * len(here), y=here, **ring, showlegend=False, hoverinfo="skip")


def _readout(width: int, output_scale: float) -> str:
    line, lost = circle_prediction(output_scale).test_error, circle_lost(width, output_scale)
    mean = str(circle_means(output_scale)[width]).replace("-", "−")
    return f"Mean error {mean}, at infinite width {line:.3g}.{lost}"
