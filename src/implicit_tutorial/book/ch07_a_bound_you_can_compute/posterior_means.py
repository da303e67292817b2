"""A posterior about the trained network against that of the tangent kernel: does movement pay? (C21)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from implicit_tutorial.book.ch07_a_bound_you_can_compute.studies import DIGITS_BOUND_TRAINED
from implicit_tutorial.book.evidence import THEOREM, stored
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.prose import at_most

OUTPUTS = tuple(sorted({cell["output_scale"] for cell in DIGITS_BOUND_TRAINED.cells}))
_CURVES = {
    "total": ("bound", style.BOUND),
    "training_error": ("training error", style.TRAIN),
    "test_error": ("test error", style.TEST),
}


def trained(output_scale: float) -> pd.DataFrame:
    """The posteriors about trained networks, those that are trained longest last."""
    t = DIGITS_BOUND_TRAINED.table
    chosen = (t["output_scale"] == output_scale) & t["trained_to"].notna() & (t["status"] == "finished")
    return t[chosen].sort_values("trained_to", ascending=False)


def tangent(output_scale: float) -> pd.Series:
    """The posterior that the tangent kernel suggests."""
    t = DIGITS_BOUND_TRAINED.table
    return t[(t["output_scale"] == output_scale) & t["trained_to"].isna()].iloc[0]


def distance(output_scale: float) -> pd.Series:
    """κ‖Θ − Θ₀‖_F by the training loss of the mean: the same for all κ, were training lazy."""
    t = trained(output_scale).set_index("trained_to")
    return output_scale * t["price"] ** 0.5 * t["scale"]


@explorer("posterior-means")
def posterior_means() -> Explorer:
    """Bound and errors against how far the network at the posterior's mean was trained."""
    return Explorer(
        _draw,
        [Control("output_scale", OUTPUTS, start=1.0, label="output_scale $\\kappa$", fmt="g")],
        tag=THEOREM | stored(DIGITS_BOUND_TRAINED),
        caption=(
            "Posteriors about networks that gradient flow has trained, from left to right for longer, on "
            "500 digits at width 256 and $\\sigma_A = 1/2$. Dashed: the bound with the mean that the "
            "tangent suggests. **Move** "
            "$\\kappa$. " + _what_to_notice()
        ),
        alt="Bound, training error and test error over the training loss of the mean, and a dashed level. "
        + _alt(),
        readout=_readout,
    )


def _draw(output_scale: float) -> go.Figure:
    t = trained(output_scale)
    figure = style.figure(
        x_title="training loss of the mean, falling",
        y_title="share of errors",
        x_log=True,
        x_range=(0.75, 0.08),
        x_ticks=(0.6, 0.4, 0.2, 0.1),
        y_range=(0, 0.9),
        height=380,
        legend_rows=2,
    )
    for column, (name, color) in _CURVES.items():
        figure.add_scatter(x=t["trained_to"], y=t[column], **style.marked(name, color))
    level = style.theory("bound of the tangent's mean", style.BOUND)
    figure.add_scatter(x=[0.75, 0.08], y=[tangent(output_scale)["total"]] * 2, **level)
    return figure.add_scatter(x=[0.75, 0.08], y=[0.5, 0.5], **style.guide("guessing"), showlegend=False)


def _readout(output_scale: float) -> str:
    t, other = trained(output_scale), tangent(output_scale)
    b = t.loc[t["total"].idxmin()]
    return (
        f"κ = {output_scale:g}: at best {at_most(b['total'], 3)} about a trained network (training error "
        f"{b['training_error']:.3f}, divergence {b['divergence']:.0f}), {at_most(other['total'], 3)} about "
        f"the tangent's mean ({other['training_error']:.3f}, {other['divergence']:.0f})."
    )


def _what_to_notice() -> str:
    rows = {k: trained(k) for k in OUTPUTS}
    return says(
        "**Notice** that draws about the network trained longest err less on new images than those about the "
        "one trained least, and that the bound never comes below the dashed line all the same.",
        all(
            t["total"].min() > tangent(k)["total"] and t["test_error"].iloc[-1] < t["test_error"].iloc[0]
            for k, t in rows.items()
        ),
    )


def _alt() -> str:
    small, large = (trained(k)["total"].to_numpy() for k in (OUTPUTS[0], OUTPUTS[-1]))
    above = large.min() / tangent(OUTPUTS[-1])["total"] - 1
    return says(
        "At the smallest scale the bound rises as training goes on; at the largest it comes down to within "
        f"{at_most(100 * above, 1)} % of the level, and ends a little higher.",
        (np.diff(small) > 0).all() and above < 0.05 and large[0] > large[-1] > large.min(),
    )
