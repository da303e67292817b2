"""A feed-forward network as an equilibrium network without a loop (C2)."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.prose import powers

LAYERS, UNITS, STEPS = 6, 6, 24


def example_weights() -> tuple[list[Tensor], Tensor, Tensor]:
    """Six random layers of six units, weights of the last layer back to the first, and one input."""
    generator = torch.Generator().manual_seed(3)

    def gaussian(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64) * math.sqrt(2 / shape[-1])

    weights = [gaussian(UNITS, 2)] + [gaussian(UNITS, UNITS) for _ in range(LAYERS - 1)]
    return weights, gaussian(UNITS, UNITS), it.data.circle(torch.tensor([0.6], dtype=torch.float64))


@explorer("feed-forward")
def feed_forward() -> Explorer:
    """The matrix of a six-layer network, and the error of every layer after each Picard step."""
    weights, back, x = example_weights()

    @lru_cache
    def history(feedback: float) -> tuple[np.ndarray, np.ndarray, int]:
        A, b = it.as_equilibrium(weights, x, feedback=feedback * back)
        solution = it.solve(A, b, solver=it.Picard(rtol=1e-14, max_steps=2000))
        z, errors = torch.zeros_like(b), []
        for _ in range(STEPS + 1):
            errors.append((z - solution.z).view(LAYERS, UNITS).norm(dim=1) / solution.z.norm())
            z = torch.relu(torch.addmm(b, z, A.T))  # as the solver does it, to the last bit
        return A.numpy(), torch.stack(errors, dim=1).flip(0).numpy(), int(solution.steps)

    def draw(feedback: float) -> list[go.Figure]:
        A, errors, _ = history(feedback)
        size = LAYERS * UNITS
        middle = [UNITS * k + (UNITS - 1) / 2 for k in range(LAYERS)]
        names = [f"z<sub>{LAYERS - k}</sub>" for k in range(LAYERS)]
        matrix = style.figure(title="the matrix A", height=360)
        hover = "row %{y}, column %{x}: %{z:.2f}<extra></extra>"
        look = {"colorscale": style.DIVERGING, "zmid": 0, "zmin": -1.5, "zmax": 1.5, "showscale": False}
        matrix.add_heatmap(z=np.where(A == 0, np.nan, A), hovertemplate=hover, **look)
        faint = {"type": "line", "opacity": 0.35}
        for edge in (UNITS * k - 0.5 for k in range(1, LAYERS)):
            matrix.add_shape(x0=edge, x1=edge, y0=-0.5, y1=size - 0.5, **faint)
            matrix.add_shape(y0=edge, y1=edge, x0=-0.5, x1=size - 0.5, **faint)
        plain = {"tickvals": middle, "ticktext": names, "showgrid": False, "zeroline": False}
        matrix.update_xaxes(title_text="from", range=[-0.5, size - 0.5], **plain)
        matrix.update_yaxes(
            title_text="to", range=[size - 0.5, -0.5], scaleanchor="x", constrain="domain", **plain
        )

        wave = style.figure(title="error of each layer (empty: exact)", x_title="Picard step", height=360)
        exponent = np.log10(np.where(errors > 0, errors, np.nan))
        hover = "step %{x}, layer %{y}: 10^%{z:.1f}<extra></extra>"
        bar = {"tickvals": [0, -4, -8], "ticktext": ["1", "10<sup>−4</sup>", "10<sup>−8</sup>"]}
        look = {"zmin": -8, "zmax": 0, "xgap": 1, "ygap": 1, "hovertemplate": hover, "colorbar": bar}
        wave.add_heatmap(x=np.arange(STEPS + 1), y=np.arange(1, LAYERS + 1), z=exponent, **look)
        wave.update_yaxes(title_text="layer", range=[0.5, LAYERS + 0.5], dtick=1, showgrid=False)
        wave.update_xaxes(range=[-0.5, STEPS + 0.5], showgrid=False, zeroline=False)
        return [matrix, wave]

    def readout(feedback: float) -> str:
        _, errors, steps = history(feedback)
        exact = (errors == 0).all(axis=0)
        if feedback == 0:
            return f"No loop: exact after {int(np.argmax(exact))} steps, and step {steps} confirms it."
        left = float(np.linalg.norm(errors[:, -1]))
        return f"A loop of strength {feedback:g}: {STEPS} steps leave a relative error of {powers(left)}."

    return Explorer(
        draw,
        [Control("feedback", [0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0], fmt="g")],
        tag=measured(width=LAYERS * UNITS, seeds=1, samples=len(x)),
        caption=(
            "Without feedback the matrix has blocks above its diagonal only, and exactness moves up one "
            "layer a step: a staircase. Move `feedback`: one block appears in the lower left corner, and "
            "the staircase becomes an infinite, fading ramp."
        ),
        alt=(
            "First, a block matrix of six layers with five blocks just above the diagonal, and one in the "
            "lower left corner when there is feedback. Second, the error of each layer after each step: an "
            "empty staircase of exact zeros without feedback, a gradual fading with it."
        ),
        readout=readout,
    )
