"""What a deep network forgets whose first layer alone sees the input."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch01_equilibrium_networks.setting import WIDTH, network, tied_states
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.prose import powers

SCALES = tuple(round(0.2 * k, 1) for k in range(1, 11))
#: Of the two inputs.
_ANGLES = (0.3, 0.3 + math.pi / 2)


@lru_cache
def _norm_and_angle(scale: float, inject: bool) -> tuple[np.ndarray, np.ndarray]:
    """Size of the state of one input, and the angle in degrees between the states of two, layer by layer."""
    X = it.data.circle(torch.tensor(_ANGLES, dtype=torch.float64))
    _, A, b = network(scale, X)
    z = tied_states(A, b, 60, inject=inject)[1:]
    norm = torch.linalg.vector_norm(z, dim=-1)
    cosine = (z[:, 0] * z[:, 1]).sum(-1) / (norm[:, 0] * norm[:, 1])
    return norm[:, 0].numpy(), torch.rad2deg(torch.arccos(cosine.clamp(-1, 1))).numpy()


def _by_decades() -> str:
    """How the state's size changes where the input enters once; near √2 it keeps its order."""
    decades = {s: math.log10(norm[-1] / norm[0]) for s in SCALES for norm in [_norm_and_angle(s, False)[0]]}
    falls = all(d < -3 for s, d in decades.items() if s < 1.4)
    rises = all(d > 3 for s, d in decades.items() if s > 1.4)
    return says(
        "it falls by three decades or more below 1.4, and rises by as many above",
        falls and rises and abs(decades[1.4]) < 1,
    )


@explorer("lost-input")
def lost_input() -> Explorer:
    """Size and angle of the states of two perpendicular inputs, which all layers see or only the first."""
    floor, ceiling = 1e-6, 1e9
    layers = np.arange(1, 61)

    def draw(implicit_scale: float) -> list[go.Figure]:
        size = style.figure(
            title="size of the state", x_title="layer", y_log=True, y_range=(floor, ceiling), height=320
        )
        angle = style.figure(
            title="angle between the states, in °", x_title="layer", y_range=(0, 90), height=320
        )
        for inject, look in (
            (False, style.measured("input once", style.FAILURE)),
            (True, style.measured("in every layer", style.HOLDS)),
        ):
            norm, degrees = _norm_and_angle(implicit_scale, inject)
            inside = np.where((norm > floor / 10) & (norm < ceiling * 10), norm, np.nan)
            size.add_scatter(x=layers, y=inside, **look)
            angle.add_scatter(x=layers, y=degrees, **look, showlegend=False)
        return [size, angle]

    def readout(implicit_scale: float) -> str:
        (norm, degrees), (norm_in, degrees_in) = (_norm_and_angle(implicit_scale, k) for k in (False, True))
        return (
            f"After 60 layers: input once, size {powers(norm[-1])} and angle {degrees[-1]:.1f}°; "
            f"in every layer, size {powers(norm_in[-1], 3)} and angle {degrees_in[-1]:.1f}°."
        )

    return Explorer(
        draw,
        [Control("implicit_scale", SCALES, start=1.0, label="implicit_scale $\\sigma_A$", fmt=".1f")],
        tag=measured(width=WIDTH, seeds=1, samples=len(_ANGLES)),
        caption=(
            "Move `implicit_scale`. If the input enters once, the scale decides whether the state shrinks or "
            "grows, and the angle in the second plot does not move at all: no scale brings the input back. "
            "If it enters in every layer, the state settles, until the scale is too large for that as well."
        ),
        alt=(
            "Two plots over sixty layers. First, the size of the state on a logarithmic axis: with the "
            f"input at the first layer only {_by_decades()}, with the input at every "
            "layer it levels off below a scale of about 1.4. Second, the angle between the states of two "
            "inputs: with the input at the first layer only it shrinks to a few degrees, else it stays "
            "large up to that scale."
        ),
        readout=readout,
    )
