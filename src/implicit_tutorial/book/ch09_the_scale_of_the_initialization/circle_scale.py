"""The problem on the circle at many output scales: what networks show, and their error against κ (C16)."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from implicit_tutorial.book.analysis import Estimate, mean_interval
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.setting import RICH
from implicit_tutorial.book.circle import (
    CIRCLE,
    CIRCLE_OUTPUTS,
    CIRCLE_SEEDS,
    circle_functions,
    circle_lost,
    circle_mean,
    circle_prediction,
    circle_runs,
)
from implicit_tutorial.book.drawing import intervals
from implicit_tutorial.book.evidence import MEAN_FIELD, stored
from implicit_tutorial.book.says import says
from implicit_tutorial.book.tasks import CIRCLE_SAMPLES, CIRCLE_SCALE
from implicit_tutorial.explorer import Control, Explorer, explorer, style

WIDTHS = (64, 128, 256, 512)
_GRID = tuple(float(k) for k in np.geomspace(0.08, 13, 25))
_LOOK = {"height": 430, "legend_rows": 5}


def circle_means(width: int, column: str = "test_error") -> dict[float, Estimate]:
    """Means over the finished networks by the output scale, with their 95 % intervals."""
    means = {k: circle_mean(width, k, column) for k in CIRCLE_OUTPUTS}
    return {k: mean for k, mean in means.items() if mean}


def excess(width: int, output_scale: float) -> Estimate:
    """Mean over the draws of what the error is larger than that of the same draw at κ = 1."""
    here, one = (circle_runs(width, k).set_index("seed")["test_error"] for k in (output_scale, 1.0))
    return mean_interval((here - one).to_numpy())


@explorer("circle-scale")
def circle_scale() -> Explorer:
    """All networks of one output scale, and the test error against the output scale."""
    faint, loud = min(CIRCLE_OUTPUTS), max(CIRCLE_OUTPUTS)
    more = [excess(512, k) for k in (faint, loud)]
    told = [f"{e.value:.2g}, with a 95 % interval from {e.low:.2g} to {e.high:.2g}" for e in more]
    lowest = [min(means, key=lambda k: means[k].value) for m in WIDTHS if (means := circle_means(m))]
    return Explorer(
        lambda output_scale, width: [
            circle_functions(width, output_scale, title="the functions", **_LOOK),
            _errors(output_scale, width),
        ],
        [
            Control("output_scale", CIRCLE_OUTPUTS, start=0.5, label="output_scale $\\kappa$", fmt="g"),
            Control("width", WIDTHS, start=512, label="width $m$"),
        ],
        tag=MEAN_FIELD | stored(CIRCLE, where=f"width in {WIDTHS}", samples=len(CIRCLE_SAMPLES)),
        caption=f"First: the functions of up to {len(CIRCLE_SEEDS)} networks, at $\\sigma_A = "
        f"{CIRCLE_SCALE:g}$; dashed, with its band, mean "
        "and two standard deviations at infinite width. Second: their mean square error over the circle, "
        "filled where a network is rich and open where it is lazy, with means and 95 % intervals; dashed, "
        "mean-field: $\\text{bias}^2 + \\kappa^2\\,\\text{var}$. **Move** $\\kappa$ through its range. "
        + says(
            f"**Notice**, at $m = 512$, that neither end is the best: the same draws err more at {faint:g} "
            f"than at 1, by {told[0]}, and at {loud:g} by {told[1]}.",
            min(e.low for e in more) > 0,
        ),
        alt="Two panels. First, over the angle, functions through thirteen samples of a dotted target. "
        "Second, errors over the output scale: "
        + says(
            "at each width the lowest mean is at a scale from 0.5 to 2; the dashed line is flat at first and "
            "then rises steeply. ",
            all(0.5 <= k <= 2 for k in lowest)
            and circle_prediction(0.5).test_error < 1.05 * circle_prediction(0.1).bias2
            and circle_prediction(10.0).test_error > 5 * circle_prediction(0.1).bias2,
        )
        + says(
            "Where the scale is smallest all networks are rich, where it is largest all are lazy.",
            all((circle_runs(m, faint)["feature_movement"] > RICH).all() for m in WIDTHS)
            and all((circle_runs(m, loud)["feature_movement"] < RICH).all() for m in WIDTHS),
        ),
        readout=_readout,
    )


def _errors(output_scale: float, width: int) -> go.Figure:
    x = {"x_title": "output_scale κ", "x_log": True, "x_range": (0.08, 13), "x_ticks": CIRCLE_OUTPUTS}
    figure = style.figure(title="test error", **x, y_log=True, y_range=(0.007, 10), **_LOOK)
    rows = [circle_runs(width, k) for k in CIRCLE_OUTPUTS]
    for name, symbol, rich in (("rich", "circle", True), ("lazy", "circle-open", False)):
        x, y = ([], [])
        for runs in rows:
            kept = runs[(runs["feature_movement"] > RICH) == rich]
            x, y = [*x, *kept["output_scale"]], [*y, *kept["test_error"]]
        figure.add_scatter(x=x, y=y, **style.points(name, style.SERIES[5], symbol=symbol, size=6))
    means = circle_means(width)
    # Below zero there is no error, nor a logarithm.
    bars = [Estimate(e.value, max(e.low, 0.1 * e.value), e.high) for e in means.values()]
    look = style.points("mean", size=9) | {"error_y": intervals(bars, thickness=1.5)}
    figure.add_scatter(x=list(means), y=[e.value for e in bars], **look)
    p = circle_prediction(1.0)
    line = [p.bias2 + k**2 * p.var for k in _GRID]
    figure.add_scatter(x=_GRID, y=line, **style.theory("infinite width"))
    ring = style.points(None, style.SERIES[1], symbol="circle-open", size=20, line={"width": 3})
    here = [means[output_scale].value] if output_scale in means else []
    return figure.add_scatter(
        x=[output_scale] * len(here), y=here, **ring, showlegend=False, hoverinfo="skip"
    )


def _readout(output_scale: float, width: int) -> str:
    means, lost = circle_means(width), circle_lost(width, output_scale)
    line = f"at infinite width {circle_prediction(output_scale).test_error:.3g}"
    if output_scale not in means:
        return f"Expected {line}.{lost}"
    mean = str(means[output_scale]).replace("-", "−")
    moved = circle_mean(width, output_scale, "feature_movement").value
    return f"Mean error {mean}, {line}. Features move by {100 * moved:.0f} % of their length.{lost}"
