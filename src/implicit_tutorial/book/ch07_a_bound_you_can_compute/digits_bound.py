"""The bound on the error of the sign for real digits, against everything that one chooses (C21)."""

from __future__ import annotations

from typing import Any

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
from implicit_tutorial.prose import at_most

#: What is varied, by the name of the control's stop: the setting, the axis and its ends.
AXES = {
    "number of images": ("n_train", "images n", (130, 1400)),
    "output scale": ("output_scale", "output_scale κ", (0.2, 150)),
    "implicit scale": ("implicit_scale", "implicit_scale σ<sub>A</sub>", (0.05, 1.25)),
    "width": ("width", "width m", (26, 630)),
}


def digits_rows(varied: str, labels: str = "true") -> pd.DataFrame:
    """The networks that differ from the centre in one setting alone, in its order."""
    t = DIGITS_BOUND.table
    fixed = {**CENTRE, "labels": labels}
    chosen = np.logical_and.reduce([t[k] == v for k, v in fixed.items() if k != varied])
    return t[chosen].sort_values(varied)


def digits_row(**setting: Any) -> pd.Series:
    """One network, at the centre but for ``setting``."""
    return DIGITS_BOUND.at(**{**CENTRE, **setting})


def limit(varied: str) -> pd.DataFrame:
    """The bound at infinite width along the same axis; it knows neither κ nor m."""
    t = DIGITS_LIMIT.table
    if varied == "implicit_scale":
        return t[t["n_train"] == CENTRE["n_train"]]
    same = t[t["implicit_scale"] == CENTRE["implicit_scale"]]
    if varied == "n_train":
        return same
    (ends,) = (ends for name, _, ends in AXES.values() if name == varied)
    return pd.concat([same[same["n_train"] == CENTRE["n_train"]]] * 2).assign(**{varied: ends})


@explorer("digits-bound")
def digits_bound() -> Explorer:
    """Bound and test error on digits against n, κ, σ_A or m, the others at the centre."""
    return Explorer(
        _draw,
        [Control("against", tuple(AXES), label="against")],
        tag=THEOREM | MEAN_FIELD | stored(DIGITS_BOUND),
        caption=(
            "Even digits against odd ones, $\\delta = 0.05$, 400 draws. What is not varied stays at "
            "$n = 600$, $\\kappa = 3$, $\\sigma_A = 1/2$ and $m = 256$. Dotted: guessing. Dashed: the bound "
            "at infinite width, without draws. **Choose** what is varied. " + _what_to_notice()
        ),
        alt="The bound, and below it the test error, as lines over the quantity that is varied. " + _above(),
        readout=_readout,
    )


def _draw(against: str) -> go.Figure:
    varied, title, ends = AXES[against]
    log = varied != "implicit_scale"
    figure = style.figure(
        x_title=title,
        y_title="share of errors",
        x_log=log,
        x_range=ends,
        x_ticks=VARIED[varied] if log else (0.1, 0.35, 0.5, 0.65, 0.8, 1.0, 1.2),
        y_range=(0, 0.75),
        height=420,
        legend_rows=3,
    )
    t, far = digits_rows(varied), limit(varied)
    figure.add_scatter(x=far[varied], y=far["total"], **style.theory("bound, infinite width", style.BOUND))
    figure.add_scatter(x=t[varied], y=t["total"], **style.marked("bound", style.BOUND))
    figure.add_scatter(x=t[varied], y=t["test_error"], **style.marked("test error", style.TEST))
    shuffled = digits_rows("n_train", "shuffled") if varied == "n_train" else t[:0]
    look = style.marked("bound, labels shuffled", style.SERIES[3])
    figure.add_scatter(x=shuffled["n_train"], y=shuffled["total"], **look, showlegend=len(shuffled) > 0)
    return figure.add_scatter(x=ends, y=[0.5, 0.5], **style.guide("guessing"), showlegend=False)


def _readout(against: str) -> str:
    varied, title, _ = AXES[against]
    t = digits_rows(varied)
    b = t.loc[t["total"].idxmin()]
    return (
        f"Lowest at {title.split()[0].replace('_', ' ')} = {b[varied]:g}: error ≤ {at_most(b['total'], 3)}; "
        "training "
        f"error {b['training_error']:.3f}, test error {b['test_error']:.3f}; divergence "
        f"{b['divergence']:.0f}, for {b['trace']:.0f} directions out of {int(b['width']) ** 2:,}."
    )


def _what_to_notice() -> str:
    n = digits_rows("n_train").set_index("n_train")["total"]
    scales, outputs = (
        digits_rows(name).set_index(name)["total"] for name in ("implicit_scale", "output_scale")
    )
    flat = [*scales, *outputs.loc[3.0:]]
    return says(
        f"**Notice** that the images matter most: {at_most(n[150], 3)} is guaranteed from "
        f"150, {at_most(n[1200], 3)} from 1200. The scales hardly do: {at_most(min(flat), 3)} to "
        f"{at_most(max(flat), 3)} for every $\\sigma_A$ up to {scales.index[-1]:g} and each "
        "$\\kappa$ from 3 on.",
        n.is_monotonic_decreasing and max(flat) - min(flat) < 0.03 < n[150] - n[1200],
    )


def _above() -> str:
    t = DIGITS_BOUND.table
    true = t[t["labels"] == "true"]
    return says(
        "The bound is above the test error everywhere, and with shuffled labels above one half.",
        (true["total"] > true["test_error"]).all() and (t["total"][t["labels"] == "shuffled"] > 0.5).all(),
    )
