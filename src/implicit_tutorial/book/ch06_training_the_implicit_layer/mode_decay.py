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


@explorer("mode-decay")
def mode_decay() -> Explorer:
    """Three coefficients of the error over time, solid for a network and dashed for infinite width."""

    def draw(width: int, output_scale: float) -> go.Figure:
        times = {"x_title": "time, in units of 1/λ<sub>max</sub>", "x_log": True, "x_range": (0.03, 300)}
        fig = style.figure(**times, y_title="part of the error left", y_range=(-0.15, 1.1), height=380)
        measured, predicted = mode_curves(width, output_scale)
        for (name, k), color in zip(SHOWN.items(), style.SERIES[:5:2], strict=True):
            solid, dashed = (part[1:, k] / measured[0, k] for part in (measured, predicted))
            fig.add_scatter(x=MODES_TIMES[1:], y=dashed, **style.theory(None, color), showlegend=False)
            fig.add_scatter(x=MODES_TIMES[1:], y=solid, **style.measured(name, color))
        fig.add_scatter(x=[None], y=[None], **style.theory("infinite width"))
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
        caption=(
            "The error of eight labels, taken apart along the eigenvectors of $K^\\infty$; three of the "
            "eight parts. Dashed: $e^{-\\lambda t}$. **Move** the width from 32 to 512. **Notice** that the "
            "network's kernel has other rates at first, and that a slow part need not fall from the start: "
            "modes of the limit are not quite modes of the network."
        ),
        alt=(
            "Three falling curves over a logarithmic time axis, one after the other: the fastest, the third "
            "and the slowest part of the error, each beside a dashed exponential, to which it comes closer "
            "as the width grows."
        ),
        readout=readout,
    )
