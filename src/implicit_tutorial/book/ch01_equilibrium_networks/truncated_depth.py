"""How far a network of finitely many equal layers is from its equilibrium (C3)."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch01_equilibrium_networks.setting import WIDTH, network, tied_states
from implicit_tutorial.book.evidence import MEAN_FIELD, THEOREM, measured
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.prose import at_most, powers

#: The lowest distance in the plot; below the second one sees rounding.
_LOWEST, _FLOOR = 1e-10, 1e-12
DEPTHS = [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60]
N_ANGLES = 73
#: The scale at which the figure opens.
_START = 0.8


class Truncation(NamedTuple):
    """What layers 0 … 60 of a network know of its equilibrium, for inputs all around the circle."""

    error: np.ndarray
    """(61,) ‖z_L − z*‖/‖z*‖, all inputs together."""
    norm: float
    """‖A‖₂"""
    outputs: np.ndarray
    """(61, n) output of the network cut off after L layers."""
    limit: np.ndarray
    """(n,) output at the equilibrium."""


@lru_cache
def truncation(scale: float) -> Truncation:
    """Measure C3 on one network of width 256."""
    angles = torch.linspace(0, 2 * math.pi, N_ANGLES, dtype=torch.float64)
    X = it.data.circle(angles)
    net, A, b = network(scale, X)
    with torch.no_grad():
        z_star = net.equilibrium(X, solver=it.Picard(rtol=1e-13, max_steps=2000)).z
        z = tied_states(A, b, DEPTHS[-1])
        error = torch.linalg.matrix_norm(z - z_star) / torch.linalg.matrix_norm(z_star)
        norm = float(torch.linalg.matrix_norm(A, 2))
        return Truncation(error.numpy(), norm, net.output(z).numpy(), net.output(z_star).numpy())


def _what_depth_does(scales: list[float]) -> str:
    """What the first plot shows at all scales: the slope, how it adds up, and where a certificate ends."""
    slower, off = 1.0, 1.0
    for scale in scales:
        error, typical = truncation(scale).error, scale / math.sqrt(2)
        seen = np.flatnonzero(error > _LOWEST)[2:]
        ratio = error[seen] / typical**seen
        slower, off = max(slower, (ratio ** (1 / seen)).max()), max(off, ratio.max())
    last = max(scale for scale in scales if truncation(scale).norm < 1)
    safe = all(
        (t.error <= t.norm ** np.arange(len(t.error)) + _FLOOR).all()
        for t in map(truncation, scales)
        if t.norm < 1
    )
    share = at_most(100 * (slower - 1), 1)
    slope = (
        f"on average over depth a layer leaves at most {share} % more than the dashed mean-field rate says"
    )
    return (
        says(
            f"{slope}, which adds up to a factor of {at_most(off)} at most in this plot. ",
            1 < slower < 1.08 < off,
        )
        + says("Until rounding, the dotted certificate is safe, and pessimistic; ", safe)
        + f"beyond $\\sigma_A = {last:g}$ there is none."
    )


def _about_the_dashes() -> str:
    """On which side of the mean-field line the view that opens begins and ends."""
    error = truncation(_START).error
    ratio = error[error > _LOWEST] / (_START / math.sqrt(2)) ** np.flatnonzero(error > _LOWEST)
    return says(
        "At first it is a little below the dashed mean-field line, and in the end above it.",
        (ratio[1:10] > 0.8).all() and (ratio[1:10] < 1).all() and ratio[-1] > 2,
    )


@explorer("truncated-depth")
def truncated_depth() -> Explorer:
    """Distance to the equilibrium against depth, with the lines of C3, and the cut-off network's function."""
    layers = np.arange(DEPTHS[-1] + 1)
    degrees = np.linspace(0, 360, N_ANGLES)

    def draw(depth: int, implicit_scale: float) -> list[go.Figure]:
        t = truncation(implicit_scale)
        gap = style.figure(
            title="relative distance to the equilibrium",
            x_title="depth L",
            y_log=True,
            y_range=(_LOWEST, 3),
            height=350,
        )
        certified = t.norm**layers if t.norm < 1 else np.full(len(layers), np.nan)
        gap.add_scatter(x=layers, y=certified, **style.guide("certified", style.BOUND))
        gap.add_scatter(
            x=layers,
            y=(implicit_scale / math.sqrt(2)) ** layers,
            **style.theory("mean-field"),
        )
        gap.add_scatter(x=layers, y=np.where(t.error > _FLOOR, t.error, np.nan), **style.measured("measured"))
        here = t.error[depth] if t.error[depth] > _LOWEST else np.nan
        gap.add_scatter(x=[depth], y=[here], **style.points(size=11), showlegend=False)
        gap.update_layout(  # three names are too wide for one line above the plot
            legend={"orientation": "v", "x": 1, "xanchor": "right", "y": 1, "yanchor": "top"}
        )
        function = style.figure(
            title="output, all around the circle",
            x_title="angle of the input, in °",
            x_range=(0, 360),
            y_range=(-2.6, 2.6),
            height=350,
        )
        function.update_xaxes(tickvals=[0, 90, 180, 270, 360])
        function.add_scatter(x=degrees, y=t.limit, **style.theory("equilibrium"))
        function.add_scatter(x=degrees, y=t.outputs[depth], **style.measured("L layers"))
        return [gap, function]

    def readout(depth: int, implicit_scale: float) -> str:
        t = truncation(implicit_scale)
        predicted = (implicit_scale / math.sqrt(2)) ** depth
        found = powers(t.error[depth]) if t.error[depth] > _FLOOR else "lost in rounding, which is 10⁻¹³ here"
        bound = f"certified below {powers(t.norm**depth)}" if t.norm < 1 else "no certificate, as ‖A‖₂ ≥ 1"
        return (
            f"Depth {depth}, scale {implicit_scale:.1f}: relative distance {found}; "
            f"the typical rate alone gives {powers(predicted)}; {bound}."
        )

    scales = [round(0.1 * k, 1) for k in range(1, 13)]
    return Explorer(
        draw,
        [
            Control("depth", DEPTHS, start=6, label="depth $L$"),
            Control("implicit_scale", scales, start=_START, label="implicit_scale $\\sigma_A$", fmt=".1f"),
        ],
        tag=THEOREM | MEAN_FIELD | measured(width=WIDTH, seeds=1, samples=N_ANGLES),
        caption=(
            "Move `depth`: the function of the cut-off network (second plot) slides onto that of the "
            f"equilibrium. Move `implicit_scale`: {_what_depth_does(scales)}"
        ),
        alt=(
            "First, the relative distance to the equilibrium falls along a nearly straight line on a "
            f"logarithmic axis. {_about_the_dashes()} Where there is a dotted certificate it is below that "
            "until rounding. Second, the output for "
            "inputs around the circle: the curve of the network with L layers against the dashed curve of "
            "the equilibrium."
        ),
        readout=readout,
    )
