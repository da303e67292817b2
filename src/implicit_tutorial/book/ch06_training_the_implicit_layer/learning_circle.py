"""A function on the circle while it is learned: target, network and kernel prediction."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch06_training_the_implicit_layer.studies import (
    ANGLES,
    CIRCLE_FLOW,
    CIRCLE_OUTPUT,
    CIRCLE_SCALE,
    CIRCLE_TIMES,
    CIRCLE_WIDTHS,
    SAMPLES,
    circle,
    target,
)
from implicit_tutorial.book.drawing import angle_axis
from implicit_tutorial.explorer import Control, Explorer, explorer, style


@lru_cache
def predicted() -> np.ndarray:
    """(times, angles) K(x, X) K⁻¹ (1 − e^{−Kt}) y with the kernel of infinite width; the same for every κ."""
    X, y = circle(SAMPLES), torch.as_tensor(target(SAMPLES))
    K = it.limit_kernels(X, implicit_scale=CIRCLE_SCALE).implicit
    cross = it.limit_kernels(circle(ANGLES), X, implicit_scale=CIRCLE_SCALE).implicit
    values, vectors = torch.linalg.eigh(K)
    grown = -torch.expm1(-values * torch.tensor(CIRCLE_TIMES, dtype=K.dtype)[:, None]) / values
    return (((vectors.T @ y) * grown) @ vectors.T @ cross.T).numpy()


@lru_cache
def learned(width: int, output_scale: float) -> np.ndarray:
    """(times, angles) the network's function, from the stored runs; NaN once it has lost its equilibria."""
    frame = CIRCLE_FLOW.table
    (found,) = frame[(frame.width == width) & (frame.output_scale == output_scale)].function
    return np.array(found, dtype=float)


@explorer("learning-circle")
def learning_circle() -> Explorer:
    """The function at one time, for a width and an output scale."""

    def draw(time: float, width: int, output_scale: float) -> go.Figure:
        row = CIRCLE_TIMES.index(time)
        fig = style.figure(x_title="input angle φ", y_range=(-2.6, 2.6), height=400)
        angle_axis(fig)
        fig.add_scatter(x=ANGLES, y=target(ANGLES), **style.guide("target", style.TARGET, width=2))
        fig.add_scatter(x=ANGLES, y=predicted()[row], **style.theory("kernel prediction"))
        fig.add_scatter(x=ANGLES, y=learned(width, output_scale)[row], **style.measured("network"))
        fig.add_scatter(x=SAMPLES, y=target(SAMPLES), **style.points("samples", style.TARGET))
        return fig

    def readout(time: float, width: int, output_scale: float) -> str:
        row = CIRCLE_TIMES.index(time)
        f = learned(width, output_scale)[row]
        if not np.isfinite(f).all():
            return "Training has left the well-posed region: there is no function any more."
        gap = math.sqrt(np.mean((f - predicted()[row]) ** 2))
        error = math.sqrt(np.mean((f - target(ANGLES)) ** 2))
        return f"Root mean square distance: {gap:.2g} to the prediction, {error:.2g} to the target."

    return Explorer(
        draw,
        [
            Control("time", CIRCLE_TIMES, start=5, label="time $\\kappa^2 t$", fmt="g"),
            Control("width", CIRCLE_WIDTHS, start=192, label="width $m$"),
            Control("output_scale", CIRCLE_OUTPUT, start=3.0, label="output_scale $\\kappa$", fmt="g"),
        ],
        caption=(
            "A function on the circle, learned from 13 samples by $\\Theta$ alone. **Scrub** the time from 0 "
            "to 1000: the slow wave comes first, the fast one later, and the gap between the samples is "
            "filled by the kernel's taste, not by the target. Then **move** the width and $\\kappa$. "
            "**Notice** where network and prediction part."
        ),
        alt=(
            "A function of the angle: a dotted target with 13 samples, a dashed kernel prediction and the "
            "network's function as a solid line. Both start flat, follow the slow wave and then the fast "
            "one; in a gap without samples both miss the target."
        ),
        readout=readout,
    )
