"""The terms of the bound on trained networks, for true labels and for shuffled ones (C15)."""

from __future__ import annotations

import copy
import math
from functools import cache
from textwrap import fill

import pandas as pd
import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.ch07_a_bound_you_can_compute.studies import BOUND
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.generalization import GeneralizationBound

#: The summands in the order of the formula, by their columns in the stored table.
TERMS = {"train_loss": "training", "linear": "linear", "remainder": "remainder", "confidence": "confidence"}
LABELS = {"true": "labels in their order", "shuffled": "the same labels, shuffled"}
N_SAMPLES = 200


def nothing_learned() -> float:
    """E min(|y|, 1) for the linear target on the sphere of R³, where y is uniform on [−√3, √3]."""
    return 1 - 1 / (2 * 3**0.5)


def fit(
    y: Tensor, X: Tensor, *, output_scale: float = 100.0, width: int = 256
) -> tuple[it.EquilibriumNetwork, it.EquilibriumNetwork]:
    """A centered network before and after gradient flow on Θ alone."""
    net = it.EquilibriumNetwork(
        X.shape[1], width, implicit_scale=0.2, output_scale=output_scale, centered=True, seed=0
    )
    before = copy.deepcopy(net)
    it.train(net, X, y, method=it.ExponentialFlow(rtol=0.1), until=it.Until(loss=len(X) * 5e-5))
    return before, net


@cache
def table() -> pd.DataFrame:
    """The stored sweep."""
    return BOUND.table


def row(labels: str, implicit_scale: float, output_scale: float) -> pd.Series:
    """One network of the grid."""
    t = table()
    chosen = (t["labels"] == labels) & (t["implicit_scale"] == implicit_scale)
    chosen &= (t["output_scale"] == output_scale) & (t["n_samples"] == N_SAMPLES)
    (found,) = t.index[chosen]
    return t.loc[found]


def least(labels: str, column: str) -> float:
    """The smallest value of a term over the finished networks of the grid."""
    t = table()
    return float(t.loc[(t["labels"] == labels) & (t["n_samples"] == N_SAMPLES), column].min())


def wrapped(result: GeneralizationBound) -> str:
    """A bound in lines that fit the page."""
    return fill(str(result), 76)


@explorer("bound-terms")
def bound_terms() -> Explorer:
    """Every term of C15 and the measured test loss, against σ_A and κ."""
    t = table()
    scales = sorted(t["implicit_scale"].unique())
    outputs = sorted(t.loc[t["n_samples"] == N_SAMPLES, "output_scale"].unique())
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
    exponents = "⁰¹²³⁴⁵⁶⁷⁸⁹"
    k = round(torch.log10(torch.tensor(x)).item())
    return f"{x:g}" if x <= 100 else f"10{exponents[k]}"


def _panel(title: str, values: pd.Series) -> go.Figure:
    figure = style.figure(title=title, y_title="loss", y_log=True, y_range=(1e-4, 3e5), height=370)
    names = [*TERMS.values(), "bound"]
    for level, name in ((1.0, "vacuous above"), (nothing_learned(), "loss of f = 0")):
        figure.add_scatter(x=[names[0], names[-1]], y=[level, level], **style.guide(name), showlegend=False)
    heights = [float(values[column]) for column in (*TERMS, "total")]
    finished = values["status"] == "finished"
    colors = [style.TRAIN, style.SERIES[0], style.SERIES[4], style.SERIES[5], style.SERIES[3]]
    figure.add_scatter(
        x=names,
        y=heights if finished else [],
        mode="markers",
        name="terms of the bound",
        marker={"size": 13, "color": colors, "symbol": ["circle"] * 4 + ["square"]},
        showlegend=False,
    )
    figure.add_scatter(
        x=["bound"] if finished else [],
        y=[float(values["test_loss"])] if finished else [],
        mode="markers",
        name="test loss",
        marker={"size": 12, "color": style.TEST, "symbol": "diamond"},
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
        largest = max(TERMS, key=lambda column: r[column])
        said.append(
            f"{who}: test loss {r['test_loss']:.3f} ≤ {total}, {word}; largest term: {TERMS[largest]}."
        )
    return " ".join(said)


_WHY = {
    "left the well-posed region": "leaves the well-posed region",
    "steps done": "has not reached the loss after 100 steps",
}
