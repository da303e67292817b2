"""The terms of the bound on trained networks, for true labels and for shuffled ones (C15)."""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go

from implicit_tutorial.book.ch07_a_bound_you_can_compute.setting import SUMMANDS, TERMS, nothing_learned
from implicit_tutorial.book.ch07_a_bound_you_can_compute.studies import BOUND
from implicit_tutorial.book.evidence import THEOREM, stored
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style

LABELS = {"true": "labels in their order", "shuffled": "the same labels, shuffled"}
N_SAMPLES = 200
_SCALES, _OUTPUTS = (
    sorted({cell[key] for cell in BOUND.cells}) for key in ("implicit_scale", "output_scale")
)
_WHY = {
    "left the well-posed region": "leaves the well-posed region",
    "steps done": "has not reached the loss after 100 steps",
}


def row(labels: str, implicit_scale: float, output_scale: float) -> pd.Series:
    """One network of the grid."""
    scales = {"implicit_scale": implicit_scale, "output_scale": output_scale}
    return BOUND.at(labels=labels, n_samples=N_SAMPLES, **scales)


def least(labels: str, column: str) -> float:
    """The smallest value of a term over the finished networks of the grid."""
    t = BOUND.table
    return float(t.loc[(t["labels"] == labels) & (t["n_samples"] == N_SAMPLES), column].min())


@explorer("bound-terms")
def bound_terms() -> Explorer:
    """Every term of C15 and the measured test loss, against σ_A and κ."""
    return Explorer(
        lambda implicit_scale, output_scale: [
            _panel(title, row(labels, implicit_scale, output_scale)) for labels, title in LABELS.items()
        ],
        [
            Control("output_scale", _OUTPUTS, start=1000.0, label="output_scale $\\kappa$", fmt=_power),
            Control("implicit_scale", _SCALES, start=0.2, label="implicit_scale $\\sigma_A$", fmt="g"),
        ],
        tag=THEOREM | stored(BOUND, where=f"n_samples == {N_SAMPLES}"),
        caption=(
            "The four terms, their sum and the test loss that it bounds, for a centered network of width "
            f"512 and {N_SAMPLES} inputs in $\\mathbb R^3$. Above the dotted line at 1 the bound says "
            f"nothing; the line of dots and dashes, at {nothing_learned():.2f}, is the loss of $f = 0$. "
            f"**Move** $\\kappa$ up. {_what_to_notice()} {_shuffled()}"
        ),
        alt=(
            "Two panels with four terms and their sum on a logarithmic axis, and a diamond for the measured "
            f"test loss. {_towers()} {_shuffled()}"
        ),
        readout=_readout,
    )


def _power(x: float) -> str:
    return f"{x:g}" if x <= 100 else f"10{'⁰¹²³⁴⁵⁶⁷⁸⁹'[round(math.log10(x))]}"


def _panel(title: str, values: pd.Series) -> go.Figure:
    figure = style.figure(
        title=title, y_title="loss", y_log=True, y_range=(1e-4, 3e5), height=405, legend_rows=3
    )
    shown = [*SUMMANDS, "total"]
    names, colors = zip(*(TERMS[column] for column in shown), strict=True)
    for level, name, dash in ((1.0, "vacuous above", "dot"), (nothing_learned(), "f = 0", "longdashdot")):
        line = style.guide(name, dash=dash)
        figure.add_scatter(x=[names[0], names[-1]], y=[level, level], **line)
    there = bool(values["status"] == "finished")
    squares = style.points("terms of the bound", colors, size=13, symbol=["circle"] * 4 + ["square"])
    heights = [float(values[column]) for column in shown] if there else []
    figure.add_scatter(x=names, y=heights, **squares, showlegend=False)
    figure.add_scatter(
        x=["bound"] if there else [],
        y=[float(values["test_loss"])] if there else [],
        **style.points("test loss", style.TEST, size=12, symbol="diamond"),
        showlegend=there,
    )
    return figure.update_xaxes(categoryorder="array", categoryarray=names)


def _readout(implicit_scale: float, output_scale: float) -> str:
    said = []
    for labels in LABELS:
        r = row(labels, implicit_scale, output_scale)
        who = "True labels" if labels == "true" else "Shuffled"
        if r["status"] != "finished":
            said.append(f"{who}: training {_WHY[r['status']]}, so there is no network to bound.")
            continue
        if math.isnan(r["total"]):
            said.append(f"{who}: ‖A₀‖₂ + r = {r['norm'] + r['radius']:.2f} ≥ 1, the remainder is unbounded.")
            continue
        total = f"{r['total']:.3g}" if r["total"] < 1000 else f"{r['total']:.0f}"
        word = "vacuous" if r["total"] >= 1 else "not vacuous"
        largest, _ = TERMS[max(SUMMANDS, key=lambda column: r[column])]
        said.append(f"{who}: test loss {r['test_loss']:.3f} ≤ {total}, {word}; largest term: {largest}.")
    return " ".join(said)


def finished(labels: str, output_scale: float) -> pd.DataFrame:
    """The networks of the grid, one for each σ_A, that have reached the training loss."""
    rows = pd.DataFrame([row(labels, scale, output_scale) for scale in _SCALES])
    return rows[rows["status"] == "finished"]


def _what_to_notice() -> str:
    true = pd.concat([finished("true", k) for k in _OUTPUTS])
    ten, most = (finished("true", k)["remainder"].to_numpy() for k in (10.0, _OUTPUTS[-1]))
    linear = true.groupby("implicit_scale")["linear"].agg(lambda x: x.max() / x.min()).max()
    test = true["test_loss"]
    return says(
        f"**Notice** the remainder fall, from 10 to {_power(_OUTPUTS[-1])} by a factor of "
        f"{(ten / most).min():.0f} to {(ten / most).max():.0f}, while the linear term stays up to the "
        f"rounding of the radius, a factor of two, and the test loss between {test.min():.3f} and "
        f"{test.max():.3f}.",
        len(true) == len(_SCALES) * len(_OUTPUTS)
        and (ten / most).min() > 50
        and linear < 2
        and test.max() < 0.02,
    )


def _shuffled() -> str:
    there = {k: finished("shuffled", k) for k in _OUTPUTS}
    first = min(k for k, rows in there.items() if len(rows))
    return says(
        f"With shuffled labels the linear term alone is {math.floor(least('shuffled', 'linear'))} or more, "
        f"far above one, wherever training reaches its loss: from κ = {_power(first)} on.",
        least("shuffled", "linear") > 10
        and all(len(rows) == (len(_SCALES) if k >= first else 0) for k, rows in there.items()),
    )


def _towers() -> str:
    def largest(rows: pd.DataFrame) -> bool:
        others = rows[[column for column in SUMMANDS if column != "remainder"]].max(axis=1)
        return bool((rows["remainder"].fillna(math.inf) > others).all())

    return says(
        f"With true labels the remainder is the largest term up to κ = {_power(1e3)}, and at "
        f"{_power(_OUTPUTS[-1])} it is below one.",
        all(largest(finished("true", k)) for k in _OUTPUTS if k <= 1e3)
        and finished("true", _OUTPUTS[-1])["remainder"].max() < 1,
    )
