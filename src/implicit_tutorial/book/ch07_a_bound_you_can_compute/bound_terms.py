"""The terms of the bound on trained networks, for true labels and for shuffled ones (C15)."""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go

from implicit_tutorial.book.ch07_a_bound_you_can_compute.setting import SUMMANDS, TERMS, nothing_learned
from implicit_tutorial.book.ch07_a_bound_you_can_compute.studies import BOUND
from implicit_tutorial.explorer import Control, Explorer, explorer, style

LABELS = {"true": "labels in their order", "shuffled": "the same labels, shuffled"}
N_SAMPLES = 200
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
    scales, outputs = (
        sorted({cell[key] for cell in BOUND.cells}) for key in ("implicit_scale", "output_scale")
    )
    return Explorer(
        lambda implicit_scale, output_scale: [
            _panel(title, row(labels, implicit_scale, output_scale)) for labels, title in LABELS.items()
        ],
        [
            Control("output_scale", outputs, start=1000.0, label="output_scale $\\kappa$", fmt=_power),
            Control("implicit_scale", scales, start=0.2, label="implicit_scale $\\sigma_A$", fmt="g"),
        ],
        caption=(
            "The four terms, their sum and the test loss that it bounds, for a centered network of width "
            f"512 and {N_SAMPLES} inputs in $\\mathbb R^3$. Above the dotted line at 1 the bound says "
            "nothing; the lower one is the loss of $f = 0$. **Move** $\\kappa$ to the right. **Notice** the "
            "remainder fall by powers of ten while the linear term and the test loss stay. With shuffled "
            "labels the linear term alone is vacuous."
        ),
        alt=(
            "Two panels with five terms side by side on a logarithmic axis, and a diamond for the measured "
            "test loss. With true labels the remainder towers over the others for small κ and falls below "
            "one for large κ. With shuffled labels the linear term alone is far above one."
        ),
        readout=_readout,
    )


def _power(x: float) -> str:
    return f"{x:g}" if x <= 100 else f"10{'⁰¹²³⁴⁵⁶⁷⁸⁹'[round(math.log10(x))]}"


def _panel(title: str, values: pd.Series) -> go.Figure:
    figure = style.figure(title=title, y_title="loss", y_log=True, y_range=(1e-4, 3e5), height=370)
    shown = [*SUMMANDS, "total"]
    names, colors = zip(*(TERMS[column] for column in shown), strict=True)
    for level, name in ((1.0, "vacuous above"), (nothing_learned(), "loss of f = 0")):
        figure.add_scatter(x=[names[0], names[-1]], y=[level, level], **style.guide(name), showlegend=False)
    finished = values["status"] == "finished"
    squares = style.points("terms of the bound", colors, size=13, symbol=["circle"] * 4 + ["square"])
    heights = [float(values[column]) for column in shown] if finished else []
    figure.add_scatter(x=names, y=heights, **squares, showlegend=False)
    figure.add_scatter(
        x=["bound"] if finished else [],
        y=[float(values["test_loss"])] if finished else [],
        **style.points("test loss", style.TEST, size=12, symbol="diamond"),
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
