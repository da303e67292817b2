"""Where each solver finds the equilibrium, on the plane of symmetric and antisymmetric parts (C6, C8)."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import plotly.graph_objects as go
import torch

from implicit_tutorial.book.ch04_solving_and_differentiating.setting import SOLVERS
from implicit_tutorial.book.ch04_solving_and_differentiating.studies import (
    PLANE,
    PLANE_SAMPLES,
    PLANE_WIDTH,
    SOLVER_PLANE,
    plane_matrix,
)
from implicit_tutorial.book.evidence import MEAN_FIELD, THEOREM, measured
from implicit_tutorial.explorer import Control, Explorer, explorer, style

_TOP = 2.4


def stored(solver: str) -> np.ndarray:
    """(25, 25) mean sweeps, one row a value of a; nan where no equilibrium was found."""
    rows = SOLVER_PLANE.table.query("solver == @solver")["sweeps"]
    return np.array(rows.tolist(), dtype=float)


@cache
def norm_boundary() -> tuple[np.ndarray, np.ndarray]:
    """The points (s, a) with ‖sS + aR‖₂ = 1: the norm is homogeneous, so each direction has one."""
    angles = np.linspace(0, np.pi / 2, 46)
    scale = [1 / float(torch.linalg.matrix_norm(plane_matrix(math.cos(t), math.sin(t)), 2)) for t in angles]
    return scale * np.cos(angles), scale * np.sin(angles)


def typical_boundary() -> tuple[np.ndarray, np.ndarray]:
    """max(s², a²) = √(2(s² + a²)): the longer half axis of the elliptic law of DA reaches one."""
    angles = np.linspace(0, np.pi / 2, 91)
    scale = math.sqrt(2) / np.maximum(np.cos(angles) ** 2, np.sin(angles) ** 2)
    return scale * np.cos(angles), scale * np.sin(angles)


@explorer("solver-plane")
def solver_plane() -> Explorer:
    """Sweeps of the chosen solver over the plane, and three boundaries from theory (C5, C6, C8)."""
    return Explorer(
        _draw,
        [Control("solver", list(SOLVERS))],
        tag=THEOREM | MEAN_FIELD | measured(width=PLANE_WIDTH, seeds=1, samples=PLANE_SAMPLES),
        caption=(
            "$A = sS + aR$ with $S$ symmetric, $\\lambda_{\\max}(S) = 1$, and $R$ antisymmetric of norm one, "
            "both from one Gaussian matrix of width 64; along the diagonal $s = a$ lie Gaussian matrices, "
            "nearly. Colour: sweeps to $10^{-10}$, on a logarithmic scale; empty: not found in 500 sweeps, "
            "or refused. Lines: $\\lVert A\\rVert_2 = 1$ (dashed), the monotone limit $s = 1$ (solid), and "
            "the typical limit $\\rho(DA) = 1$ of Picard (dotted). **Move** the solver. **Notice** which of "
            "the three lines, if any, stops it."
        ),
        alt=(
            "A plane with the size of the symmetric part to the right and that of the antisymmetric part "
            "upwards, coloured by sweeps. Picard fills most of the region under a dotted curve, the "
            "splittings the strip left of a vertical line, Anderson, Broyden and Newton nearly all of the "
            "plane left of about 1.7."
        ),
        readout=_readout,
    )


def _draw(solver: str) -> go.Figure:
    axes = {"x_title": "symmetric part s", "y_title": "antisymmetric part a", "height": 520}
    ends = (-0.05, _TOP + 0.05)
    figure = style.figure(**axes, x_range=ends, y_range=ends, equal=True)
    ticks = (3, 10, 30, 100, 300)
    figure.add_heatmap(
        x=PLANE,
        y=PLANE,
        z=np.round(np.log10(stored(solver)), 3),
        zmin=math.log10(2),
        zmax=math.log10(500),
        colorscale=style.SEQUENTIAL,
        colorbar={
            "title": {"text": "sweeps"},
            "tickvals": [math.log10(t) for t in ticks],
            "ticktext": [str(t) for t in ticks],
            "outlinewidth": 0,
            "thickness": 12,
            # Below the plot, which would otherwise be narrow on a phone.
            "orientation": "h",
            "y": -0.22,
            "yanchor": "top",
        },
        hovertemplate="s = %{x}, a = %{y}<extra></extra>",
        name="sweeps",
    )
    for (x, y), name, dash in (
        (norm_boundary(), "‖A‖₂ = 1", "dash"),
        ((np.array([1.0, 1.0]), np.array([0.0, _TOP])), "monotone", "solid"),
        (typical_boundary(), "ρ(DA) = 1", "dot"),
    ):
        figure.add_scatter(x=x, y=y, **style.theory(name, style.FAILURE, width=2.5, dash=dash))
    return figure


def _readout(solver: str) -> str:
    found = stored(solver)
    words = [f"{solver} arrives at {np.isfinite(found).mean():.0%} of the points"]
    for s, a in ((0.5, 0.5), (0.5, 2.0), (1.5, 0.5)):
        sweeps = found[PLANE.index(a), PLANE.index(s)]
        words.append((f"{sweeps:.0f} sweeps" if sweeps > 0 else "none") + f" at s = {s:g}, a = {a:g}")
    return "; ".join(words).replace("%", " %") + "."
