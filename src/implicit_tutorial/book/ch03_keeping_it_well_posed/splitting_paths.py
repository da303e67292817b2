"""Three solvers on the spiral of two units that turn about their equilibrium (C8)."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from implicit_tutorial.book.ch03_keeping_it_well_posed.paths import (
    PATHS,
    START,
    SWEEPS,
    add_paths,
    plane,
    row,
    words,
)
from implicit_tutorial.book.drawing import array, move
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.explorer import Control, Explorer, explorer, style

TURNS = tuple(round(0.2 * k, 1) for k in range(13))


def turning(turn: float) -> tuple[Tensor, Tensor]:
    """An antisymmetric A, and the injection b (2,) whose equilibrium is (1, 1)."""
    A = torch.stack([row(0.0, turn), row(-turn, 0.0)])
    return A, 1 - A.sum(dim=1)


@explorer("splitting-paths")
def splitting_paths() -> Explorer:
    """Picard's spiral beside the paths and errors of the two splittings, as A turns faster (C8)."""
    return Explorer(
        _spiral,
        [Control("antisymmetric", TURNS, start=1.2, label="antisymmetric part $a$", fmt=".1f")],
        tag=measured(width=2, seeds=None, samples=None),
        caption=(
            "Unit 2 excites unit 1 with weight $a$, and unit 1 inhibits unit 2 with the same weight; $b$ is "
            "such that the equilibrium is $(1, 1)$. The symmetric part is zero: well-posed for every $a$. "
            "First: the states of three solvers. Second: their distance to the equilibrium. **Move** $a$ "
            "across 1. **Notice** that Picard's spiral turns outward, forward–backward slows down, and "
            "Peaceman–Rachford hardly minds."
        ),
        alt=(
            "First, the plane of two states with three paths from one start to the equilibrium (1, 1); "
            "Picard's is a spiral, which widens for a above one. Second, the distance to the equilibrium on "
            "a logarithmic axis against the sweep: straight lines of different slopes."
        ),
        readout=lambda antisymmetric: words(*turning(antisymmetric)),
    )


def _spiral(antisymmetric: float) -> list[go.Figure]:
    A, b = turning(antisymmetric)
    figure = style.figure(
        title="distance to the equilibrium",
        x_title="sweep",
        y_title="‖z − z*‖",
        x_range=(0, SWEEPS),
        y_range=(1e-10, 30),
        y_log=True,
        height=450,
        legend_rows=3,
    )
    for name, (path, color) in PATHS.items():
        error = array(torch.linalg.vector_norm(path(A, b, START, SWEEPS) - 1, dim=1))
        look = style.measured(name, color)
        figure.add_scatter(x=np.arange(SWEEPS + 1), y=np.maximum(error, 1e-12), **look)
    states = add_paths(plane("states"), A, b)
    move(states, "equilibrium", showlegend=False)
    return [states, figure.update_layout(showlegend=False)]
