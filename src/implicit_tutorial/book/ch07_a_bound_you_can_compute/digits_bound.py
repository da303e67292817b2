"""The bound on the error of the sign for real digits, against everything that one chooses (C21)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from implicit_tutorial.book.ch07_a_bound_you_can_compute.studies import (
    CENTRE,
    DIGITS_BOUND,
    DIGITS_LIMIT,
    VARIED,
)
from implicit_tutorial.book.evidence import MEAN_FIELD, THEOREM, stored
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style

#: What is varied, by the name of the control's stop.
AXES = {
    "samples n": "n_train",
    "output scale κ": "output_scale",
    "implicit scale σ_A": "implicit_scale",
    "width m": "width",
}
_RANGES = {
    "n_train": (130, 1400),
    "output_scale": (0.2, 150),
    "implicit_scale": (0.05, 1.25),
    "width": (26, 630),
}


def rows(varied: str, labels: str = "true") -> pd.DataFrame:
    """The networks that differ from the centre in one setting alone, in its order."""
    t = DIGITS_BOUND.table
    fixed = {**CENTRE, "labels": labels}
    chosen = np.logical_and.reduce([t[k] == v for k, v in fixed.items() if k != varied])
    return t[chosen].sort_values(varied)


def limit(varied: str) -> pd.DataFrame:
    """The bound at infinite width along the same axis; it knows neither κ nor m."""
    t = DIGITS_LIMIT.table
    if varied == "implicit_scale":
        return t[t["n_train"] == CENTRE["n_train"]]
    same = t[t["implicit_scale"] == CENTRE["implicit_scale"]]
    if varied == "n_train":
        return same
    ends = pd.concat([same[same["n_train"] == CENTRE["n_train"]]] * 2)
    return ends.assign(**{varied: _RANGES[varied]})


@explorer("digits-bound")
def digits_bound() -> Explorer:
    """Bound and test error on digits against n, κ, σ_A or m, the others at the centre."""
    return Explorer(
        _draw,
        [Control("against", tuple(AXES), label="against")],
        tag=THEOREM | MEAN_FIELD | stored(DIGITS_BOUND),
        caption=_caption(),
        alt=_alt(),
        readout=_readout,
    )


def _draw(against: str) -> go.Figure:
    varied = AXES[against]
    log = varied != "implicit_scale"
    ticks = VARIED[varied] if log else (0.1, 0.35, 0.5, 0.65, 0.8, 1.0, 1.2)
    figure = style.figure(
        x_title=against,
        y_title="share of errors",
        x_log=log,
        x_range=_RANGES[varied],
        x_ticks=ticks,
        y_range=(0, 0.75),
        height=420,
        legend_rows=3,
    )
    t, far = rows(varied), limit(varied)
    figure.add_scatter(x=far[varied], y=far["total"], **style.theory("bound, infinite width", style.BOUND))
    figure.add_scatter(x=t[varied], y=t["total"], **style.marked("bound", style.BOUND))
    figure.add_scatter(x=t[varied], y=t["test_error"], **style.marked("test error", style.TEST))
    shuffled = rows("n_train", "shuffled") if varied == "n_train" else t[:0]
    look = style.marked("bound, labels shuffled", style.SERIES[3])
    figure.add_scatter(x=shuffled["n_train"], y=shuffled["total"], **look, showlegend=len(shuffled) > 0)
    level = style.guide("guessing")
    return figure.add_scatter(x=_RANGES[varied], y=[0.5, 0.5], **level, showlegend=False)


def _readout(against: str) -> str:
    varied = AXES[against]
    t = rows(varied)
    b = t.loc[t["total"].idxmin()]
    return (
        f"Lowest at {against.split()[-1]} = {b[varied]:g}: error ≤ {b['total']:.3f}; training {b['training_error']:.3f}, "
        f"test {b['test_error']:.3f}; KL {b['divergence']:.0f} for {b['trace']:.0f} directions out of "
        f"{int(b['width']) ** 2:,}."
    )
