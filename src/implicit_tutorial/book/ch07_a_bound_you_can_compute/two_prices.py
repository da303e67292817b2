"""The linear term at infinite width: what the labels cost, and what the initialization costs (C15)."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book import evidence
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.generalization import Prediction
from implicit_tutorial.prose import powers

N_SAMPLES, N_INPUTS, WIDTH, SEEDS = 40, 6, 256, 3
SCALES = (0.1, 0.3, 0.5, 0.9)
TARGETS = ("linear", "linear + quadratic", "noise")
_KAPPA = np.geomspace(0.03, 30, 41)
_MEASURED = (0.1, 1.0, 10.0)
_AXES = {"x_log": True, "y_log": True, "x_range": (0.03, 30), "y_range": (0.01, 30)}


@cache
def _sample(target: str) -> tuple[Tensor, Tensor]:
    X = it.data.sphere(N_SAMPLES, N_INPUTS, seed=0)
    return X, it.data.TARGETS[target](X)


@cache
def prediction(target: str, implicit_scale: float) -> Prediction:
    """Both prices for this sample, at κ = 1."""
    X, y = _sample(target)
    return it.infinite_width_prediction(X, y, X, implicit_scale=implicit_scale)


@cache
def measured(target: str, implicit_scale: float, output_scale: float) -> float:
    """√(mean of e₀ᵀK⁻¹e₀ tr K)/n over networks of width 256 at initialization."""
    X, y = _sample(target)
    squares = []
    for seed in range(SEEDS):
        net = it.EquilibriumNetwork(
            N_INPUTS, WIDTH, implicit_scale=implicit_scale, output_scale=output_scale, seed=seed
        )
        squares.append(it.generalization_bound(net, net, X, y).lazy_linear ** 2)
    return math.sqrt(sum(squares) / SEEDS)


@explorer("two-prices")
def two_prices() -> Explorer:
    """The two shares of the linear term against κ, and networks of width 256 (C15)."""
    return Explorer(
        _draw,
        [
            Control("implicit_scale", SCALES, start=0.5, label="implicit_scale $\\sigma_A$", fmt="g"),
            Control("target", TARGETS),
        ],
        tag=evidence.MEAN_FIELD | evidence.measured(width=WIDTH, seeds=SEEDS, samples=N_SAMPLES),
        caption=(
            f"The Rademacher complexity of lazy training on {N_SAMPLES} inputs in $\\mathbb R^6$, without "
            "centering. Dashed: infinite width, mean-field, and the two shares whose squares add up to it. "
            f"Points: networks of width {WIDTH}, root mean square of {SEEDS}. **Move** $\\sigma_A$ and the "
            f"target. {_what_to_notice()}"
        ),
        alt=(
            "Complexity over the output scale, both logarithmic. A flat dashed line for the labels, a dashed "
            "line of slope one for the initialization, and their root sum of squares, which bends from one "
            f"to the other. {_near()}"
        ),
        readout=_readout,
    )


def _draw(implicit_scale: float, target: str) -> go.Figure:
    p = prediction(target, implicit_scale)
    labels, start = np.full_like(_KAPPA, p.bound_labels), _KAPPA * p.bound_initialization
    figure = style.figure(
        x_title="output_scale κ", y_title="√(e₀ᵀK⁻¹e₀ · tr K) / n", **_AXES, height=390, legend_rows=3
    )
    figure.add_scatter(x=_KAPPA, y=labels, **style.theory("labels", style.SERIES[2]))
    figure.add_scatter(x=_KAPPA, y=start, **style.theory("initialization", style.SERIES[1]))
    figure.add_scatter(x=_KAPPA, y=np.hypot(labels, start), **style.theory("both", style.MEASURED))
    y = [measured(target, implicit_scale, k) for k in _MEASURED]
    return figure.add_scatter(x=_MEASURED, y=y, **style.points(f"width {WIDTH}"))


def _readout(implicit_scale: float, target: str) -> str:
    p = prediction(target, implicit_scale)
    crossing = p.bound_labels / p.bound_initialization
    return (
        f"yᵀK₁⁻¹y = {powers(p.labels_price, 3)}, tr(K₁⁻¹Q) = {powers(p.initialization_price, 3)}: the "
        f"initialization costs more than the labels from κ = {crossing:.2g} on."
    )


def _what_to_notice() -> str:
    same = all(
        abs(prediction(t, s).bound_initialization / prediction(TARGETS[0], s).bound_initialization - 1) < 1e-9
        for t in TARGETS
        for s in SCALES
    )
    # At κ = 0.1 networks show the labels' share alone, at 10 that of the initialization.
    flat, steep = (
        [measured(t, s, k) / (k**power * getattr(prediction(t, s), share)) for t in TARGETS for s in SCALES]
        for k, power, share in ((0.1, 0, "bound_labels"), (10.0, 1, "bound_initialization"))
    )
    return says(
        "**Notice** that the labels' share does not know about $\\kappa$, while the initialization's is "
        "proportional to it and the same for all labels.",
        same and max(flat) < 1.25 and min(flat) > 1 and max(steep) < 1.25 and min(steep) > 1,
    )


def _near() -> str:
    over = [
        measured(t, s, k)
        / math.hypot(prediction(t, s).bound_labels, k * prediction(t, s).bound_initialization)
        - 1
        for t in TARGETS
        for s in SCALES
        for k in _MEASURED
    ]
    return says(
        f"The points of finite networks lie {100 * min(over):.0f} to {100 * max(over):.0f} % above it.",
        min(over) > 0 and max(over) < 0.25,
    )
