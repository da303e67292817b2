"""The same number of trained parameters, spent in three ways."""

from __future__ import annotations

from functools import cache

import pandas as pd
import plotly.graph_objects as go
import torch

from implicit_tutorial.book.analysis import mean_interval
from implicit_tutorial.book.ch08_generalization_error_against_width.studies import (
    EXPLICIT_NETWORK,
    OUTPUT_LAYER,
    WIDTH,
)
from implicit_tutorial.book.evidence import stored
from implicit_tutorial.book.says import says
from implicit_tutorial.book.tasks import TARGETS, task
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.generalization import infinite_width_prediction
from implicit_tutorial.kernels import limit_kernels

WAYS = {
    "implicit layer (m²)": (WIDTH, style.SERIES[0]),
    "explicit network ((d + 1) m)": (EXPLICIT_NETWORK, style.SERIES[2]),
    "output layer alone (m)": (OUTPUT_LAYER, style.SERIES[4]),
}


@cache
def spent(way: str, target: str) -> pd.DataFrame:
    """Mean, low and high of the test error over seeds, by the number of trained parameters."""
    study, _ = WAYS[way]
    frame = study.table.query("target == @target and output_scale == 1 and status == 'finished'")
    parameters = frame["width"] ** 2 if study is WIDTH else frame["parameters"]
    groups = frame.groupby(parameters.rename("parameters"))["test_error"]
    estimates = {p: mean_interval(g.to_numpy()) for p, g in groups if len(g) >= 2}
    return pd.DataFrame({p: vars(e) for p, e in estimates.items()}).T.rename_axis("parameters")


def limit(target: str, layer: str) -> float:
    """Expected test error at infinite width when one layer is trained, κ = 1, σ_A = 0.5 (C16)."""
    return infinite_width_prediction(*task(target), implicit_scale=0.5, layers=(layer,)).test_error


def condition(layer: str) -> float:
    """Largest over smallest eigenvalue of a layer's limit kernel on the training sample."""
    values = torch.linalg.eigvalsh(getattr(limit_kernels(task("linear").X, implicit_scale=0.5), layer))
    return float(values[-1] / values[0])


@explorer("same-parameters")
def same_parameters() -> Explorer:
    """Test error against trained parameters for the implicit layer, an explicit network, the output layer."""
    output = [spent("output layer alone (m)", target)["value"] for target in TARGETS]
    first = {min(WAYS, key=lambda way, t=target: spent(way, t)["value"].min()) for target in TARGETS}
    peak = all(e[64] > max(e[32], e[128]) for e in output)
    return Explorer(
        _draw,
        [Control("target", TARGETS, start="linear + quadratic")],
        tag=stored(
            *(s for s, _ in WAYS.values()), where="output_scale == 1", samples=len(task(TARGETS[0]).y)
        ),
        caption="Mean test error at $\\kappa = 1$, $n = 60$, $d = 6$ against the number of parameters that "
        "are trained, each way with as many as it is given. **Choose** the target. "
        + says(
            "**Notice** the peak of the output layer where it has about as many parameters as there are "
            "samples (dotted), ",
            peak,
        )
        + says("and that no way has the lowest mean for all targets.", len(first) > 1),
        alt="Test error over the number of trained parameters, both logarithmic, for three kinds of network. "
        + says("The error of the output layer alone is higher at 64 parameters than at 32 and at 128.", peak),
        readout=_readout,
    )


def _draw(target: str) -> go.Figure:
    x = {"x_title": "trained parameters", "x_log": True, "x_range": (10, 2e6)}
    y = {"y_title": "mean square error", "y_log": True, "y_range": (0.005, 100)}
    figure = style.figure(**x, **y, height=400, legend_rows=4)
    for way, (_, color) in WAYS.items():
        t = spent(way, target)
        look = style.measured(way, color) | {"mode": "lines+markers"}
        figure.add_scatter(x=t.index.to_numpy(), y=t["value"].to_numpy(), **look)
    return figure.add_scatter(x=[60, 60], y=[0.005, 100], **style.guide("n parameters"), showlegend=False)


def _readout(target: str) -> str:
    best = {way: spent(way, target)["value"] for way in WAYS}
    said = [f"{way.split(' (')[0]} {e.min():.3g} with {e.idxmin():,.0f}" for way, e in best.items()]
    return f"Lowest mean error: {'; '.join(said)}."
