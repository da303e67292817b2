"""A function on the circle while it is learned: target, network and kernel prediction."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.explorer import Control, Explorer, style
from implicit_tutorial.figures.training.common import SOLVER, watch

SCALE, SEED = 0.8, 0
WIDTHS, OUTPUT = (64, 192), (0.3, 1.0, 3.0)
#: Times in units of 1/κ², so that they mean the same for each κ.
TIMES = (0, 0.5, 1, 2, 5, 10, 20, 50, 200, 1000)
_ANGLES = np.linspace(0, 360, 49)
_SAMPLES = np.array([8, 30, 52, 74, 96, 118, 140, 162, 184, 206, 228, 310, 332], dtype=float)


def target(degrees: np.ndarray) -> np.ndarray:
    """A slow wave with a faster one on it."""
    phi = np.radians(degrees)
    return np.sin(phi) + 0.6 * np.cos(4 * phi)


def _inputs(degrees: np.ndarray) -> Tensor:
    return it.data.circle(torch.as_tensor(np.radians(degrees)))


@lru_cache
def predicted() -> np.ndarray:
    """(times, angles) K(x, X) K⁻¹ (1 − e^{−Kt}) y with the kernel of infinite width; the same for every κ."""
    X, y = _inputs(_SAMPLES), torch.as_tensor(target(_SAMPLES))
    K = it.limit_kernels(X, implicit_scale=SCALE).implicit
    cross = it.limit_kernels(_inputs(_ANGLES), X, implicit_scale=SCALE).implicit
    values, vectors = torch.linalg.eigh(K)
    grown = -torch.expm1(-values * torch.tensor(TIMES, dtype=K.dtype)[:, None]) / values
    return (((vectors.T @ y) * grown) @ vectors.T @ cross.T).numpy()


@lru_cache
def learned(width: int, output_scale: float) -> np.ndarray:
    """(times, angles) the network's function."""
    net = it.EquilibriumNetwork(
        2, width, implicit_scale=SCALE, output_scale=output_scale, centered=True, seed=SEED, solver=SOLVER
    )
    X, y = _inputs(_SAMPLES), torch.as_tensor(target(_SAMPLES))
    return watch(net, X, y, [t / output_scale**2 for t in TIMES], _inputs(_ANGLES))


def learning_circle() -> Explorer:
    """The function at one time, for a width and an output scale."""

    def draw(time: float, width: int, output_scale: float) -> go.Figure:
        row = TIMES.index(time)
        fig = style.figure(x_title="input angle φ", x_range=(0, 360), y_range=(-2.6, 2.6), height=400)
        ticks = [0, 90, 180, 270, 360]
        fig.update_xaxes(tickvals=ticks, ticktext=[f"{t}°" for t in ticks])
        fig.add_scatter(x=_ANGLES, y=target(_ANGLES), **style.guide("target", style.TARGET, width=2))
        fig.add_scatter(x=_ANGLES, y=predicted()[row], **style.theory("kernel prediction"))
        fig.add_scatter(x=_ANGLES, y=learned(width, output_scale)[row], **style.measured("network"))
        fig.add_scatter(x=_SAMPLES, y=target(_SAMPLES), **style.points("samples", style.TARGET))
        return fig

    def readout(time: float, width: int, output_scale: float) -> str:
        row = TIMES.index(time)
        f = learned(width, output_scale)[row]
        gap = math.sqrt(np.mean((f - predicted()[row]) ** 2))
        error = math.sqrt(np.mean((f - target(_ANGLES)) ** 2))
        return f"Root mean square distance: {gap:.2g} to the prediction, {error:.2g} to the target."

    return Explorer(
        draw,
        [
            Control("time", TIMES, start=5, label="time $\\kappa^2 t$", fmt="g"),
            Control("width", WIDTHS, start=192, label="width $m$"),
            Control("output_scale", OUTPUT, start=3.0, label="output_scale $\\kappa$", fmt="g"),
        ],
        name="learning-circle",
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
