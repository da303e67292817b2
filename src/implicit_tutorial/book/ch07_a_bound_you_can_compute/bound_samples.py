"""The bound against the number of samples: where it begins to say something (C15)."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from implicit_tutorial.book.ch07_a_bound_you_can_compute.setting import TERMS, nothing_learned
from implicit_tutorial.book.ch07_a_bound_you_can_compute.studies import BOUND
from implicit_tutorial.explorer import Control, Explorer, explorer, style

_SCALE, _OUTPUTS = 0.2, (1e2, 1e5)
_SHOWN = ("total", "linear", "remainder", "confidence", "test_loss")
_AXES = {"x_log": True, "y_log": True, "x_range": (40, 2000), "y_range": (2e-3, 30)}


def by_samples(output_scale: float) -> pd.DataFrame:
    """The stored rows with true labels, σ_A = 0.2 and this κ, in the order of n."""
    t = BOUND.table
    chosen = (t["labels"] == "true") & (t["implicit_scale"] == _SCALE) & (t["output_scale"] == output_scale)
    return t[chosen].sort_values("n_samples")


def first_useful(output_scale: float) -> int:
    """The smallest n of the grid from which on the bound is below the loss of f = 0."""
    t = by_samples(output_scale)
    beats = (t["total"] < nothing_learned())[::-1].cummin()[::-1]
    return int(t.loc[beats, "n_samples"].min())


@explorer("bound-samples")
def bound_samples() -> Explorer:
    """The terms of the bound against n, for two output scales."""
    return Explorer(
        _draw,
        [Control("output_scale", _OUTPUTS, start=1e5, label="output_scale $\\kappa$", fmt=",.0f")],
        caption=(
            "The same network trained on more and more inputs, true labels, $\\sigma_A = 0.2$. Dotted: the "
            "loss of $f = 0$, which a useful bound must beat. **Move** $\\kappa$. **Notice** that linear and "
            "confidence term fall like $1/\\sqrt n$, along the dashed line; that the bound beats the dotted "
            "line only at the right end, and only for the larger $\\kappa$; and how far below it the test "
            "loss is."
        ),
        alt=(
            "Terms of the bound over the number of samples, both logarithmic. Linear and confidence terms "
            "fall with slope minus one half. For the larger κ the sum crosses the dotted line of the loss of "
            "the zero function between 400 and 800 samples; the test loss is far below."
        ),
        readout=_readout,
    )


def _draw(output_scale: float) -> go.Figure:
    t = by_samples(output_scale)
    n = t["n_samples"].to_numpy(dtype=float)
    figure = style.figure(x_title="samples n", y_title="loss", **_AXES, x_ticks=n, height=420, legend_rows=4)
    for column in _SHOWN:
        name, color = TERMS[column]
        look = style.measured(name, color) | {"mode": "lines+markers"}
        figure.add_scatter(x=n, y=t[column].to_numpy(dtype=float), **look)
    # Below the terms that it is compared with, since on them it would not be seen.
    guide = 0.3 * t["confidence"].iloc[0] * (n / n[0]) ** -0.5
    figure.add_scatter(x=n, y=guide, **style.theory("slope −1/2"))
    level = [nothing_learned()] * 2
    return figure.add_scatter(x=[40, 2000], y=level, **style.guide("loss of f = 0"), showlegend=False)


def _readout(output_scale: float) -> str:
    last = by_samples(output_scale).iloc[-1]
    verdict = "beats" if last["total"] < nothing_learned() else "does not beat"
    return (
        f"At n = {last['n_samples']}: bound {last['total']:.3g}, which {verdict} the "
        f"{nothing_learned():.3f} of f = 0; test loss {last['test_loss']:.3f}."
    )
