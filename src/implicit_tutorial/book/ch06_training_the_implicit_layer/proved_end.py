"""The moments of a run from which its end is proved (C20), and the steps that are (C22)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from implicit_tutorial.book.ch06_training_the_implicit_layer.studies import (
    END_OUTPUTS,
    END_SAMPLES,
    END_SCALES,
    END_WIDTHS,
    PROVED_END,
)
from implicit_tutorial.book.evidence import THEOREM, stored
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.prose import powers

_TIMES, _LOSSES = (1e-2, 1e5), (1e-24, 1e3)


def proved(output_scale: float, width: int, implicit_scale: float) -> pd.Series:
    """The stored run of one network."""
    return PROVED_END.at(output_scale=output_scale, width=width, implicit_scale=implicit_scale)


def certified_loss(run: pd.Series) -> float:
    """The loss from which on the flow is proved to reach a global minimum; NaN where that never is."""
    return run["curve_loss"][int(run["certified"])] if run["certified"] == run["certified"] else np.nan


@explorer("proved-end")
def proved_end() -> Explorer:
    """The loss of a run, with the two moments from which its end is proved."""
    return Explorer(
        _draw,
        [
            Control("output_scale", END_OUTPUTS, start=1.0, label="output_scale $\\kappa$", fmt="g"),
            Control("width", END_WIDTHS, start=256, label="width $m$"),
            Control("implicit_scale", END_SCALES, start=0.5, label="implicit_scale $\\sigma_A$", fmt="g"),
        ],
        tag=THEOREM | stored(PROVED_END, samples=END_SAMPLES),
        caption=(
            "The loss of gradient flow on twenty inputs with labels of mean square one. Diamond: from here on "
            "an exact global minimum is proved to lie near the network; at the left edge, before the first "
            "step. Disc: from here on the flow is proved to reach one. Dotted: what {prf:ref}`C12` would have "
            "certified at the start. **Move** $\\kappa$ and $m$. " + _what_to_notice()
        ).replace("{prf:ref}`C12`", "C12"),
        alt="A loss that falls over time, both logarithmic, with a diamond and a disc on it. " + _alt(),
        readout=_readout,
    )


def _draw(output_scale: float, width: int, implicit_scale: float) -> go.Figure:
    run = proved(output_scale, width, implicit_scale)
    time = np.array(run["curve_time"], dtype=float) * output_scale**2
    time[0], loss = _TIMES[0], np.array(run["curve_loss"], dtype=float)
    figure = style.figure(
        x_title="time κ² t",
        x_log=True,
        x_range=_TIMES,
        x_ticks=(1e-2, 1, 1e2, 1e4),
        y_title="loss L",
        y_log=True,
        y_range=_LOSSES,
        height=400,
        legend_rows=2,
    )
    figure.add_scatter(x=time, y=loss, **style.marked("loss", style.TRAIN, size=4))
    exists, certified = ([] if row != row else [int(row)] for row in (run["exists"], run["certified"]))
    for name, rows, symbol, color in (
        ("a minimum exists nearby", exists, "diamond", style.BOUND),
        ("the flow reaches one", certified, "circle", style.HOLDS),
    ):
        look = style.points(name, color, symbol=symbol, size=13)
        figure.add_scatter(x=time[rows], y=loss[rows], **look)
    level = run["certified_at_start"] ** 2 / 2
    level = [level] * 2 if level > _LOSSES[0] else []
    return figure.add_scatter(x=_TIMES[: len(level)], y=level, **style.guide("C12 at the start"))


def _readout(output_scale: float, width: int, implicit_scale: float) -> str:
    run = proved(output_scale, width, implicit_scale)
    if run["exists"] != run["exists"]:
        first = "No global minimum is proved to exist near any network of this run."
    else:
        when = "Before the first step" if run["exists"] == 0 else f"After {int(run['exists'])} steps"
        first = f"{when} a global minimum is proved to lie within {run['within']:.2g} of A."
    if run["certified"] != run["certified"]:
        return f"{first} The flow is never proved to reach one ({run['status']}); ‖A‖₂ = {run['norm']:.2f}."
    return (
        f"{first} From a loss of {powers(certified_loss(run))} on the flow is proved to reach one "
        f"({run['claim']}); ‖A‖₂ = {run['norm']:.2f}. Descent from there: proved for steps up to "
        f"{100 * run['largest_step'] / run['stable_step']:.0f} % of 2/λ_max."
    )


def _what_to_notice() -> str:
    return ""


def _alt() -> str:
    return ""
