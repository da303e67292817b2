"""Three solvers on the energy landscape of two symmetric units (C8)."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.ch03_keeping_it_well_posed.paths import START, TOP, add_paths, plane, row, words
from implicit_tutorial.book.drawing import array
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.prose import signed

SELF = -0.5
COUPLINGS = tuple(round(-1.2 + 0.2 * k, 1) for k in range(13))
_GRID = np.linspace(0, TOP, 49)


def coupled(coupling: float) -> tuple[Tensor, Tensor]:
    """A symmetric A with λ_max(A) = −½ + |c|, and an injection b (2,)."""
    return torch.stack([row(SELF, coupling), row(coupling, SELF)]), row(1.5, 0.9)


@explorer("energy-landscape")
def energy_landscape() -> Explorer:
    """Xie's energy over the states of two symmetric units, with the paths of three solvers (C8)."""
    return Explorer(
        _landscape,
        [Control("coupling", COUPLINGS, start=0.6, label="coupling $c$", fmt=signed(1))],
        tag=measured(width=2, seeds=None, samples=None),
        caption=(
            "Two units that act on themselves with weight $-1/2$ and on each other with weight $c$. Colour: "
            "how far the energy $\\tfrac12 z^\\top(I - A)z - b^\\top z$ is above its minimum over "
            "$z \\ge 0$, the equilibrium (diamond); dark is low. Lines: three solvers from the same start. "
            f"**Move** $c$. **Notice** that {_what_picard_does()} while the other two find its lowest point."
        ),
        alt=(
            "The plane of two states with a valley of an energy. A diamond marks its minimum, the "
            "equilibrium. Three paths lead from one start: forward–backward and Peaceman–Rachford end at the "
            "diamond for every coupling, Picard's does not when the coupling is strong: it jumps back and "
            "forth, or runs away."
        ),
        readout=lambda coupling: words(*coupled(coupling)),
    )


def _what_picard_does() -> str:
    """Picard settles exactly while ‖A‖₂ < 1; beyond that it jumps, and at the largest coupling it is lost."""
    picard = it.Picard(max_steps=300)
    ends = {
        c: it.Status(it.solve(A, b[None], solver=picard, z0=START[None], throw=False).status.item())
        for c in COUPLINGS
        for A, b in [coupled(c)]
    }
    settles = {c for c, end in ends.items() if end is it.Status.CONVERGED}
    lost = {c for c, end in ends.items() if end is it.Status.DIVERGED}
    return (
        says("Picard no longer settles once ", settles == {c for c in COUPLINGS if 0.5 + abs(c) < 1})
        + "$\\lVert A\\rVert_2 = 1/2 + \\lvert c\\rvert$ has passed one: it jumps across the valley, "
        + says(f"and at $c = {COUPLINGS[-1]}$ it runs away,", lost == {COUPLINGS[-1]})
    )


def landscape(coupling: float) -> np.ndarray:
    """(49, 49) energy above its minimum, one row for each z₂."""
    A, b = coupled(coupling)
    z1, z2 = np.meshgrid(_GRID, _GRID)
    z = torch.as_tensor(np.stack([z1.ravel(), z2.ravel()], axis=1))
    lowest = it.energy(A, b[None], it.solve(A, b[None], solver=it.Newton()).z)
    return array(it.energy(A, b.expand_as(z), z) - lowest).reshape(z1.shape)


def _landscape(coupling: float) -> go.Figure:
    # The root makes the bottom of the valley, where the solvers end, as visible as its walls.
    depth = np.sqrt(np.maximum(landscape(coupling), 0))
    look = {"colorscale": style.SEQUENTIAL, "opacity": 0.75, "zsmooth": "best", "hoverinfo": "skip"}
    bar = {"title": {"text": "√(E − E*)"}}
    figure = plane().add_heatmap(
        x=_GRID, y=_GRID, z=depth, zmin=0, zmax=4, name="energy", colorbar=bar, **look
    )
    return add_paths(figure, *coupled(coupling))
