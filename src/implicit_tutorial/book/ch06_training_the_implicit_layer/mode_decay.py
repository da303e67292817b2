"""The error mode by mode, against the matrix exponential of the infinite-width kernel (C14)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch06_training_the_implicit_layer.setting import decayed
from implicit_tutorial.book.ch06_training_the_implicit_layer.studies import (
    MODE_FLOW,
    MODES_OUTPUT,
    MODES_SCALE,
    MODES_TIMES,
    MODES_WIDTHS,
    mode_task,
)
from implicit_tutorial.book.evidence import MEAN_FIELD, stored
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style

#: The fastest mode, one in the middle, and the slowest.
SHOWN = {"fastest": -1, "third": -3, "slowest": 0}


@lru_cache
def mode_curves(width: int, output_scale: float) -> tuple[np.ndarray, np.ndarray]:
    """(times, n) coefficients of e(t)/‖e₀‖ in the modes of K^∞, measured and predicted."""
    X, y = mode_task()
    K = it.limit_kernels(X, implicit_scale=MODES_SCALE, output_scale=output_scale).implicit
    values, vectors = torch.linalg.eigh(K)
    frame = MODE_FLOW.table
    (outputs,) = frame[(frame.width == width) & (frame.output_scale == output_scale)].outputs
    size = float(y.norm())
    measured = (np.array(outputs, dtype=float) - y.numpy()) @ vectors.numpy() / size
    return measured, decayed(K, -y, MODES_TIMES / float(values[-1])) @ vectors.numpy() / size


def deviation(width: int, output_scale: float) -> float:
    """The largest ‖e − e^{−K^∞t}e₀‖/‖e₀‖ at the times shown."""
    measured, predicted = mode_curves(width, output_scale)
    return float(np.linalg.norm(measured - predicted, axis=1).max())


def half_time(width: int, output_scale: float, mode: str) -> float:
    """When a network's part of the error has fallen to one half, in the units of the figure."""
    part = mode_curves(width, output_scale)[0][:, SHOWN[mode]]
    share = part / part[0]
    after = int(np.argmax(share < 0.5))
    pair = slice(after - 1, after + 1)
    return float(np.exp(np.interp(-0.5, -share[pair], np.log(MODES_TIMES[pair]))))


@explorer("mode-decay")
def mode_decay() -> Explorer:
    """Three coefficients of the error over time, solid for a network and dashed for infinite width."""

    def draw(width: int, output_scale: float) -> go.Figure:
        times = {"x_title": "time, in units of 1/λ<sub>max</sub>", "x_log": True, "x_range": (0.03, 300)}
        fig = style.figure(**times, y_title="part of the error left", y_range=(-0.25, 1.1), height=380)
        measured, predicted = mode_curves(width, output_scale)
        for (name, k), color in zip(SHOWN.items(), style.SERIES[:5:2], strict=True):
            solid, dashed = (part[1:, k] / measured[0, k] for part in (measured, predicted))
            fig.add_scatter(x=MODES_TIMES[1:], y=dashed, **style.theory(None, color), showlegend=False)
            fig.add_scatter(x=MODES_TIMES[1:], y=solid, **style.measured(name, color))
        fig.add_scatter(x=[None], y=[None], **style.theory("mean-field"))
        return fig

    def readout(width: int, output_scale: float) -> str:
        gap = deviation(width, output_scale)
        if not np.isfinite(gap):
            return "This network leaves the well-posed region on its way."
        return f"The error vector is never farther from its prediction than {100 * gap:.2g} % of its start."

    return Explorer(
        draw,
        [
            Control("width", MODES_WIDTHS, start=128, label="width $m$"),
            Control("output_scale", MODES_OUTPUT, start=5.0, label="output_scale $\\kappa$", fmt="g"),
        ],
        tag=MEAN_FIELD | stored(MODE_FLOW, samples=len(mode_task()[0])),
        caption=(
            "The error of eight labels, taken apart along the eigenvectors of $K^\\infty$; three of the "
            "eight parts. Dashed: $e^{-\\lambda t}$, mean-field. Solid: one network a setting. **Move** the "
            f"width from 32 to 512. {_what_to_notice()}"
        ),
        alt=(
            "The fastest, the third and the slowest part of the error over a logarithmic time axis, each "
            f"beside a dashed exponential. {_in_order()}"
        ),
        readout=readout,
    )


def _what_to_notice() -> str:
    gaps = {(w, k): 100 * deviation(w, k) for w in MODES_WIDTHS for k in MODES_OUTPUT}
    narrow, middle, wide = MODES_WIDTHS
    overtaken = {cell: half_time(*cell, "third") < half_time(*cell, "fastest") for cell in gaps}
    below = {
        cell: float((m / m[0])[:, list(SHOWN.values())].min())
        for cell in gaps
        for m in [mode_curves(*cell)[0]]
    }
    (cell,) = [cell for cell, yes in overtaken.items() if yes]
    passing = sum(x < -0.01 for x in below.values())
    words = " and ".join(
        f"{gaps[narrow, k]:.0f}, {gaps[middle, k]:.1f} and {gaps[wide, k]:.1f} % for $\\kappa = {k:g}$"
        for k in MODES_OUTPUT
    )
    return " ".join(
        [
            says(
                f"**Notice** how far they part at the most: {words}, of the length of the error at the "
                f"start. From {narrow} to {middle} this falls by a factor of four or more; beyond, these "
                "single networks tell nothing of $1/\\sqrt m$: for that C14 below takes the mean of several.",
                all(gaps[middle, k] < gaps[narrow, k] / 4 for k in MODES_OUTPUT)
                and gaps[wide, MODES_OUTPUT[0]] < gaps[middle, MODES_OUTPUT[0]]
                and gaps[wide, MODES_OUTPUT[1]] > gaps[middle, MODES_OUTPUT[1]],
            ),
            says(
                f"Modes of the limit are not quite modes of the network: in {passing} of the {len(below)} "
                f"settings a part passes zero before it vanishes, and at width {cell[0]} and "
                f"$\\kappa = {cell[1]:g}$ the third overtakes the fastest.",
                passing > len(below) / 2 and cell[0] == narrow,
            ),
        ]
    )


def _in_order() -> str:
    order = all(
        half_time(w, k, "fastest") < half_time(w, k, "third") < half_time(w, k, "slowest")
        for w in MODES_WIDTHS
        for k in MODES_OUTPUT
        if w > MODES_WIDTHS[0]
    )
    early = all(
        (np.diff(m[:4, k]) * np.sign(m[0, k]) < 0).all()
        for cell in ((w, k) for w in MODES_WIDTHS for k in MODES_OUTPUT)
        for m in [mode_curves(*cell)[0]]
        for k in SHOWN.values()
    )
    return says(
        "All fall from the start, and from width 128 on they reach one half in this order.", order and early
    )
