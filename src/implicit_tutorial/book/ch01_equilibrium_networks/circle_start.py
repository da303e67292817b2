"""On the circle, before training: what functions untrained networks are (C16's f₀)."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.drawing import angle_axis
from implicit_tutorial.book.evidence import MEAN_FIELD, measured
from implicit_tutorial.book.says import says
from implicit_tutorial.book.tasks import (
    CIRCLE_ANGLES,
    CIRCLE_SAMPLES,
    CIRCLE_SCALE,
    circle_target,
    on_circle,
)
from implicit_tutorial.explorer import Control, Explorer, explorer, style

WIDTH, NETWORKS, SCALES = 192, 6, (0.2, 0.4, 0.6, CIRCLE_SCALE, 1.0, 1.2)


@cache
def functions(implicit_scale: float) -> np.ndarray:
    """(networks, angles) outputs of untrained networks that differ in their seed; the first is the book's."""
    nets = [
        it.EquilibriumNetwork(2, WIDTH, implicit_scale=implicit_scale, seed=seed, solver=it.Newton())
        for seed in range(NETWORKS)
    ]
    with torch.no_grad():
        return np.stack([net(on_circle(CIRCLE_ANGLES)).numpy() for net in nets])


def typical_size(implicit_scale: float) -> float:
    """Standard deviation of f at a point over many wide networks: (2 − σ_A²)^−½, for σ_U = κ = 1 (C6)."""
    return 1 / math.sqrt(2 - implicit_scale**2)


def size(f: np.ndarray) -> float:
    """Root mean square over the angles, the first and the last of which are one point, and all networks."""
    return float(np.sqrt(np.square(f[..., :-1]).mean()))


@explorer("circle-start")
def circle_start() -> Explorer:
    """The functions of six untrained networks at one scale, the target, and how large they typically are."""
    return Explorer(
        _draw,
        [
            Control(
                "implicit_scale", SCALES, start=CIRCLE_SCALE, label="implicit_scale $\\sigma_A$", fmt=".1f"
            )
        ],
        caption=(
            f"The functions of {NETWORKS} untrained networks of width {WIDTH} on the circle, the book's own "
            f"as the thick line; dotted, the target with its {len(CIRCLE_SAMPLES)} samples; dashed, the "
            "typical size of an output at infinite width (mean-field). **Move** $\\sigma_A$. "
            f"**Notice** {_what_they_are()}"
        ),
        alt="Six curves over the angle of the input, a dotted target with thirteen dots on it, and two "
        "dashed levels above and below zero. "
        + says(
            "No curve follows the target at any scale, but by chance and in part.", _least_distance() > 0.5
        ),
        readout=_readout,
        tag=MEAN_FIELD | measured(width=WIDTH, seeds=NETWORKS, samples=len(CIRCLE_ANGLES) - 1),
    )


def _distances(implicit_scale: float) -> list[float]:
    return [size(f - circle_target(CIRCLE_ANGLES)) for f in functions(implicit_scale)]


def _least_distance() -> float:
    """The least distance of a network from the target, in units of the target's size."""
    return min(min(_distances(s)) for s in SCALES) / size(circle_target(CIRCLE_ANGLES))


def _what_they_are() -> str:
    sizes = [size(functions(s)) for s in SCALES]
    distances = [np.sqrt(np.mean(np.square(_distances(s)))) for s in SCALES]
    nothing = size(circle_target(CIRCLE_ANGLES))
    return says(
        "that their size, of all together, grows with the scale, and that they know nothing of the "
        "target: in "
        f"the root mean square over all six they are {min(distances):.2f} to {max(distances):.2f} away "
        "from it, where the function "
        f"$f = 0$ is {nothing:.2f} away.",
        np.diff(sizes).min() > 0 and min(distances) > nothing,
    )


def _draw(implicit_scale: float) -> go.Figure:
    figure = style.figure(
        x_title="input angle φ", y_title="f", y_range=(-3.2, 3.2), height=400, legend_rows=2
    )
    angle_axis(figure)
    own, *others = functions(implicit_scale)
    for number, f in enumerate(others):
        thin = style.measured("other networks", style.MEASURED, width=1) | {"opacity": 0.8}
        figure.add_scatter(x=CIRCLE_ANGLES, y=f, **thin, showlegend=number == 0)
    figure.add_scatter(x=CIRCLE_ANGLES, y=own, **style.measured("the book's network", width=3))
    for sign in (1, -1):
        level = [sign * typical_size(implicit_scale)] * 2
        figure.add_scatter(x=[0, 360], y=level, **style.theory("typical size"), showlegend=sign > 0)
    fine = np.linspace(0, 360, 145)
    figure.add_scatter(x=fine, y=circle_target(fine), **style.guide("target", style.TARGET, width=2))
    samples = style.points("samples", style.TARGET)
    return figure.add_scatter(x=CIRCLE_SAMPLES, y=circle_target(CIRCLE_SAMPLES), **samples)


def _readout(implicit_scale: float) -> str:
    found = functions(implicit_scale)
    return (
        f"Root mean square: {size(found[0]):.2f} for the book's network, {size(found):.2f} for all "
        f"{NETWORKS}, {typical_size(implicit_scale):.2f} typical at infinite width."
    )
