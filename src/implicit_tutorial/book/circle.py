"""The problem on the circle, learned at many widths and scales: what chapters 8, 9 and 10 show of it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from implicit_tutorial.book.analysis import Estimate, mean_interval
from implicit_tutorial.book.drawing import angle_axis
from implicit_tutorial.book.networks import trained
from implicit_tutorial.book.study import Study, grid
from implicit_tutorial.book.tasks import (
    CIRCLE_ANGLES,
    CIRCLE_SAMPLES,
    CIRCLE_SCALE,
    circle_target,
    on_circle,
    task,
)
from implicit_tutorial.explorer import style
from implicit_tutorial.generalization import Prediction, infinite_width_prediction

CIRCLE_OUTPUTS, CIRCLE_WIDTHS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0), (32, 64, 128, 256, 512)
CIRCLE_SEEDS = range(8)


def circle_network(**setting: Any) -> dict[str, Any]:
    """The row of a trained network with the function that it shows at :data:`CIRCLE_ANGLES`."""
    row, _, net = trained(target="circle", implicit_scale=CIRCLE_SCALE, **setting)
    shown = net(on_circle(CIRCLE_ANGLES)).tolist() if row["status"] == "finished" else None
    return row | {"function": shown and [float(f"{f:.4g}") for f in shown]}


CIRCLE = Study(
    "circle",
    "On the circle: how does the error depend on the width, and how on the scale?",
    circle_network,
    grid(output_scale=CIRCLE_OUTPUTS, width=CIRCLE_WIDTHS, seed=CIRCLE_SEEDS),
)


@cache
def circle_runs(width: int, output_scale: float) -> pd.DataFrame:
    """The finished networks of one width and output scale, one row a seed.

    ``features`` is what their movement changes: the error, less that of the network with its kernel frozen.
    """
    frame = CIRCLE.table
    chosen = (frame["width"] == width) & (frame["output_scale"] == output_scale)
    runs = frame[chosen & (frame["status"] == "finished")]
    return runs.assign(features=runs["test_error"] - runs["frozen_error"])


def circle_lost(width: int, output_scale: float) -> str:
    """A sentence for the line below a figure where not all networks finish, else nothing."""
    lost = len(CIRCLE_SEEDS) - len(circle_runs(width, output_scale))
    return f" {lost} of {len(CIRCLE_SEEDS)} networks did not finish." if lost else ""


def circle_mean(width: int, output_scale: float, column: str = "test_error") -> Estimate | None:
    """The mean of a column with its 95 % interval, where two networks or more finished."""
    values = circle_runs(width, output_scale)[column].to_numpy()
    return mean_interval(values) if len(values) > 1 else None


@cache
def circle_prediction(output_scale: float) -> Prediction:
    """What infinite width says of it (C16)."""
    return infinite_width_prediction(*task("circle"), implicit_scale=CIRCLE_SCALE, output_scale=output_scale)


def gap_share(width: int, output_scale: float) -> float:
    """Share of the summed squared error that lies between the two samples that are farthest apart."""
    x = CIRCLE_ANGLES[:-1]
    last = int(np.argmax(np.diff(CIRCLE_SAMPLES)))
    inside = (x > CIRCLE_SAMPLES[last]) & (x < CIRCLE_SAMPLES[last + 1])
    shown = np.array(circle_runs(width, output_scale)["function"].tolist())[:, :-1]
    off = np.square(shown - circle_target(x))
    return float(off[:, inside].sum() / off.sum())


def in_the_gap(width: int, output_scale: float) -> tuple[np.ndarray, float, float]:
    """At 270°, in the middle of the gap: all networks, the mean at infinite width, and the target."""
    (row,) = np.flatnonzero(CIRCLE_ANGLES == 270)
    networks = np.array(circle_runs(width, output_scale)["function"].tolist())[:, row]
    limit = circle_prediction(output_scale).mean
    return networks, float(limit[row]), float(circle_target(CIRCLE_ANGLES)[row])


def circle_functions(width: int, output_scale: float, **look: Any) -> go.Figure:
    """All functions that the finished networks of one setting show, before the band of infinite width."""
    figure = style.figure(x_title="input angle φ", y_range=(-3.5, 3.5), **look)
    angle_axis(figure)
    p, x = circle_prediction(output_scale), CIRCLE_ANGLES
    low, mean, high = (np.append(v, v[0]) for v in (p.band[0], p.mean, p.band[1]))
    outline = {"x": np.concatenate([x, x[::-1]]), "y": np.concatenate([high, low[::-1]])}
    shade = {"fill": "toself", "fillcolor": "rgba(128,128,128,0.2)", "line": {"width": 0}}
    figure.add_scatter(**outline, name="± two deviations", hoverinfo="skip", **shade)
    figure.add_scatter(x=x, y=mean, **style.theory("mean at infinite width"))
    # One trace for all of them, with a gap between two.
    shown = [np.append(f, np.nan) for f in circle_runs(width, output_scale)["function"]]
    together = {"x": np.tile(np.append(x, np.nan), len(shown)), "y": np.concatenate([*shown, []])}
    figure.add_scatter(**together, **style.measured("networks", width=1))
    figure.add_scatter(x=x, y=circle_target(x), **style.guide("target", style.TARGET, width=2))
    samples = style.points("samples", style.TARGET)
    return figure.add_scatter(x=CIRCLE_SAMPLES, y=circle_target(CIRCLE_SAMPLES), **samples)
