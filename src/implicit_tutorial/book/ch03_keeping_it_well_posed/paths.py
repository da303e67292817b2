"""Two units: solvers on the energy landscape of a symmetric A, and on the spiral of an antisymmetric one."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.drawing import array, move, signed
from implicit_tutorial.book.picard import picard_path, picard_words
from implicit_tutorial.explorer import Control, Explorer, explorer, style

TOP, SWEEPS = 3.0, 40
SELF, START = -0.5, (2.5, 0.3)
COUPLINGS = tuple(round(-1.2 + 0.2 * k, 1) for k in range(13))
TURNS = tuple(round(0.2 * k, 1) for k in range(13))
_GRID = np.linspace(0, TOP, 49)
_COLORS = {
    "Picard": style.SERIES[1],
    "forward–backward": style.SERIES[0],
    "Peaceman–Rachford": style.SERIES[2],
}


def _row(*x: float) -> Tensor:
    return torch.tensor(x, dtype=torch.float64)


def coupled(coupling: float) -> tuple[Tensor, Tensor]:
    """A symmetric A with λ_max(A) = −½ + |c|, and an injection b (2,)."""
    return torch.stack([_row(SELF, coupling), _row(coupling, SELF)]), _row(1.5, 0.9)


def turning(turn: float) -> tuple[Tensor, Tensor]:
    """An antisymmetric A, and the injection b (2,) whose equilibrium is (1, 1)."""
    A = torch.stack([_row(0.0, turn), _row(-turn, 0.0)])
    return A, 1 - A.sum(dim=1)


def forward_backward_path(A: Tensor, b: Tensor, z0: Tensor, steps: int) -> Tensor:
    """(steps + 1, m) states of the damped iteration, at the step that the library chooses."""
    alpha = it.ForwardBackward().step_for(A)
    path = [z0]
    for _ in range(steps):
        z = path[-1]
        path.append(torch.relu((1 - alpha) * z + alpha * (A @ z + b)))
    return torch.stack(path)


def peaceman_rachford_path(A: Tensor, b: Tensor, z0: Tensor, steps: int) -> Tensor:
    """(steps + 1, m) states relu(s) of the two reflections, at the step that the library chooses."""
    alpha = it.PeacemanRachford().step_for(A)
    eye = torch.eye(len(b), dtype=A.dtype)
    s = z0
    path = [z0]
    for _ in range(steps):
        y = 2 * torch.relu(s) - s
        s = 2 * torch.linalg.solve(eye + alpha * (eye - A), y + alpha * b) - y
        path.append(torch.relu(s))
    return torch.stack(path)


_PATHS = {
    "Picard": picard_path,
    "forward–backward": forward_backward_path,
    "Peaceman–Rachford": peaceman_rachford_path,
}


@explorer("energy-landscape")
def energy_landscape() -> Explorer:
    """Xie's energy over the states of two symmetric units, with the paths of three solvers (C8)."""
    return Explorer(
        _landscape,
        [Control("coupling", COUPLINGS, start=0.6, label="coupling $c$", fmt=signed(1))],
        caption=(
            "Two units that act on themselves with weight $-1/2$ and on each other with weight $c$. Colour: "
            "how far the energy $\\tfrac12 z^\\top(I - A)z - b^\\top z$ is above its minimum over "
            "$z \\ge 0$, the equilibrium (diamond); dark is low. Lines: three solvers from the same start. "
            "**Move** $c$. **Notice** that Picard jumps across the valley for ever once "
            "$\\lVert A\\rVert_2 = 1/2 + \\lvert c\\rvert$ has passed one, while the other two find its "
            "lowest point."
        ),
        alt=(
            "The plane of two states with a valley of an energy. A diamond marks its minimum, the "
            "equilibrium. Three paths lead from one start: forward–backward and Peaceman–Rachford end at the "
            "diamond for every coupling, Picard's jumps back and forth when the coupling is strong."
        ),
        readout=lambda coupling: _words(*coupled(coupling)),
    )


@explorer("splitting-paths")
def splitting_paths() -> Explorer:
    """Picard's spiral beside the paths and errors of the two splittings, as A turns faster (C8)."""
    return Explorer(
        _spiral,
        [Control("antisymmetric", TURNS, start=1.2, label="antisymmetric part $a$", fmt=".1f")],
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
        readout=lambda antisymmetric: _words(*turning(antisymmetric)),
    )


def _states(title: str | None = None) -> go.Figure:
    figure = style.figure(
        title=title,
        x_title="z<sub>1</sub>",
        y_title="z<sub>2</sub>",
        x_range=(-0.06, TOP),
        y_range=(-0.06, TOP),
        height=450,
        legend_rows=3,
        equal=True,
    )
    return figure


def _add_paths(figure: go.Figure, A: Tensor, b: Tensor) -> go.Figure:
    for name, path in _PATHS.items():
        z = array(path(A, b, _row(*START), SWEEPS).clamp(max=5 * TOP))
        figure.add_scatter(
            x=z[:, 0],
            y=z[:, 1],
            mode="lines+markers",
            name=name,
            line={"color": _COLORS[name], "width": 2},
            marker={"color": _COLORS[name], "size": 5},
        )
    z = it.solve(A, b[None], solver=it.Newton()).z[0].tolist()
    diamond = {
        "symbol": "diamond",
        "size": 12,
        "color": style.SERIES[3],
        "line": {"color": "white", "width": 1},
    }
    figure.add_scatter(x=[z[0]], y=[z[1]], mode="markers", name="equilibrium", marker=diamond)
    return figure


def landscape(coupling: float) -> np.ndarray:
    """(49, 49) energy above its minimum, one row for each z₂."""
    A, b = coupled(coupling)
    z1, z2 = np.meshgrid(_GRID, _GRID)
    z = torch.as_tensor(np.stack([z1.ravel(), z2.ravel()], axis=1))
    lowest = it.energy(A, b[None], it.solve(A, b[None], solver=it.Newton()).z)
    return array(it.energy(A, b.expand_as(z), z) - lowest).reshape(z1.shape)


def _landscape(coupling: float) -> go.Figure:
    figure = _states()
    # The root makes the bottom of the valley, where the solvers end, as visible as its walls.
    figure.add_heatmap(
        x=_GRID,
        y=_GRID,
        z=np.sqrt(np.maximum(landscape(coupling), 0)),
        zmin=0,
        zmax=4,
        opacity=0.75,
        zsmooth="best",
        hoverinfo="skip",
        colorscale=style.SEQUENTIAL,
        colorbar={"title": {"text": "√(E − E*)"}, "outlinewidth": 0, "thickness": 12},
        name="energy",
    )
    return _add_paths(figure, *coupled(coupling))


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
    for name, path in _PATHS.items():
        error = torch.linalg.vector_norm(path(A, b, _row(*START), SWEEPS) - 1, dim=1)
        figure.add_scatter(
            x=np.arange(SWEEPS + 1),
            y=np.maximum(array(error), 1e-12),
            **style.measured(name, _COLORS[name]),
        )
    plane = _add_paths(_states("states"), A, b)
    move(plane, "equilibrium", showlegend=False)
    figure.update_layout(showlegend=False)
    return [plane, figure]


def _words(A: Tensor, b: Tensor) -> str:
    start = _row(*START)
    splittings = (
        (it.ForwardBackward(), "forward–backward"),
        (it.PeacemanRachford(), "Peaceman–Rachford"),
    )
    sweeps = [
        f"{name} in {it.solve(A, b[None], solver=solver, z0=start[None]).steps.item()}"
        for solver, name in splittings
    ]
    norm = float(torch.linalg.matrix_norm(A, 2))
    return f"‖A‖₂ = {norm:.2f}. {picard_words(A, b, {'the start': start})} {sweeps[0]}, {sweeps[1]}.".replace(
        ". forward", ". Forward"
    )
