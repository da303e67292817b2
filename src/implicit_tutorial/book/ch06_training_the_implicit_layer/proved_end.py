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
from implicit_tutorial.prose import at_least, at_most, powers

#: Where the start is drawn, and what lies beyond all times; the axes.
_START, _END = 1e-2, 1e5
_TIMES, _LOSSES = (6e-3, 2e5), (1e-20, 1e3)


def proved(output_scale: float, width: int, implicit_scale: float) -> pd.Series:
    """The stored run of one network."""
    return PROVED_END.at(output_scale=output_scale, width=width, implicit_scale=implicit_scale)


def certified_loss(run: pd.Series) -> float:
    """The loss from which on the flow is proved to reach a global minimum; NaN where that never is."""
    return run["curve_loss"][int(run["certified"])] if pd.notna(run["certified"]) else np.nan


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
            "The loss of gradient flow on twenty inputs with labels of mean square one. Diamond: from here "
            "on an exact global minimum is proved to lie near the network; at the left edge, before the "
            "first step. Disc: from here on the flow is proved to reach one. Dotted: what C12 would have "
            "certified at the start, where that is above the lower edge. **Move** $\\kappa$ and $m$. "
            + _what_to_notice()
        ),
        alt="A loss over time, both logarithmic, with a diamond and a disc on it where these are proved. "
        + _alt(),
        readout=_readout,
    )


def _draw(output_scale: float, width: int, implicit_scale: float) -> go.Figure:
    run = proved(output_scale, width, implicit_scale)
    time = np.array(run["curve_time"], dtype=float) * output_scale**2
    time[0], loss = _START, np.array(run["curve_loss"], dtype=float)
    time[~np.isfinite(time)] = _END  # the last step of the flow can be without end
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
    exists, certified = ([] if pd.isna(row) else [int(row)] for row in (run["exists"], run["certified"]))
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
    if pd.isna(run["exists"]):
        first = "No global minimum is proved to exist near any network of this run."
    else:
        count = int(run["exists"])
        when = f"After {count} step{'s' if count > 1 else ''}" if count else "Before the first step"
        first = f"{when} a global minimum is proved to lie within {at_most(run['within'])} of A."
    if pd.isna(run["certified"]):
        return f"{first} The flow is never proved to reach one ({run['status']}); ‖A‖₂ = {run['norm']:.2f}."
    share = run["largest_step"] / run["stable_step"]
    step = (
        f"proved for steps up to {at_least(100 * share, 3)} % of the longest stable one"
        if share > 0
        else "no step is proved"
    )
    return (
        f"{first} From a loss of {powers(certified_loss(run))} on the flow is proved to reach one "
        f"({run['claim']}); ‖A‖₂ = {run['norm']:.2f}. Descent from there: {step}."
    )


def _runs() -> pd.DataFrame:
    """All runs, with the losses from which on their end is proved, along them and at the start."""
    t = PROVED_END.table
    losses = [certified_loss(run) for _, run in t.iterrows()]
    return t.assign(loss=losses, first_loss=t["certified_at_start"] ** 2 / 2)


def moments() -> dict[str, object]:
    """What the text says of all the runs: how many are proved, and from which losses on."""
    t = _runs()
    loss, late = t["loss"].dropna(), t[t["exists"] != 0]
    # A run that never is, or not at the start, counts as zero.
    middle, first = t["loss"].fillna(0.0).median(), t["first_loss"].fillna(0.0)
    says("above what is certified at the start", middle > first.median())
    medians = t.fillna({"loss": 0.0}).groupby("output_scale")["loss"].median()
    says("the median is the later the smaller κ is", medians.loc[0.3:].is_monotonic_increasing)
    says("mostly for a small κ", (late["output_scale"] <= 0.3).mean() > 0.7 and late["width"].max() < 128)
    says("the others have a small κ", t[t["certified"].isna()]["output_scale"].max() <= 0.3)
    losses = {"latest": loss.min(), "earliest": loss.max(), "middle": middle}
    losses |= {"first": first.max(), "first_middle": first.median()}
    counts = {"exist": len(t) - len(late), "runs": len(t), "certified": len(loss)}
    return {name: powers(float(value), 1) for name, value in losses.items()} | counts


def _what_to_notice() -> str:
    t = _runs()
    # Runs that never are count as zero.
    medians = t.fillna({"loss": 0.0}).groupby("output_scale")["loss"].median()
    low, high = 0.3, END_OUTPUTS[-1]
    return says(
        "**Notice** that from width 128 on existence is proved before the first step at every $\\kappa$, and "
        f"that the disc comes earlier for larger $\\kappa$: its median loss, zero for a run without one, is "
        f"{powers(medians[low], 1)} at $\\kappa = {low:g}$ and {powers(medians[high], 1)} at ${high:g}$.",
        (t[t["width"] >= 128]["exists"] == 0).all() and medians.loc[low:].is_monotonic_increasing,
    )


def _alt() -> str:
    t = PROVED_END.table
    certified = t[t["certified"].notna()]
    climbs = np.array([(np.diff(run["curve_loss"]) > 0).any() for _, run in t.iterrows()])
    return says(
        "The diamond is at the disc or before it. ",
        (certified["exists"] <= certified["certified"]).all(),
    ) + says(
        f"The loss falls from step to step in all but {climbs.sum()} of the {len(t)} runs; there the output "
        "scale is 0.3 at the most, and for a moment the computed steps are too long to follow the flow.",
        t["output_scale"][climbs].max() <= 0.3,
    )
