"""Two units: the paths of three solvers among their states, drawn and in words."""

from __future__ import annotations

import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.drawing import array
from implicit_tutorial.book.picard import picard_path, picard_words
from implicit_tutorial.explorer import style

TOP, SWEEPS = 3.0, 40


def row(*x: float) -> Tensor:
    """A vector in double precision."""
    return torch.tensor(x, dtype=torch.float64)


#: Where all paths begin.
START = row(2.5, 0.3)


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


#: The solvers that are compared, each with its colour.
PATHS = {
    "Picard": (picard_path, style.SERIES[1]),
    "forward–backward": (forward_backward_path, style.SERIES[0]),
    "Peaceman–Rachford": (peaceman_rachford_path, style.SERIES[2]),
}


def plane(title: str | None = None) -> go.Figure:
    """The plane of the two states."""
    limits = (-0.06, TOP)
    axes = {"x_title": "z<sub>1</sub>", "y_title": "z<sub>2</sub>", "x_range": limits, "y_range": limits}
    return style.figure(title=title, height=450, legend_rows=3, equal=True, **axes)


def add_paths(figure: go.Figure, A: Tensor, b: Tensor) -> go.Figure:
    """Draw every solver's path and the equilibrium that they are looking for."""
    for name, (path, color) in PATHS.items():
        z = array(path(A, b, START, SWEEPS).clamp(max=5 * TOP))
        figure.add_scatter(x=z[:, 0], y=z[:, 1], **style.marked(name, color, size=5))
    z = it.solve(A, b[None], solver=it.Newton()).z
    edge = {"color": "white", "width": 1}
    diamond = style.points("equilibrium", style.TARGET, symbol="diamond", size=12, line=edge)
    return figure.add_scatter(x=z[:, 0].tolist(), y=z[:, 1].tolist(), **diamond)


def words(A: Tensor, b: Tensor) -> str:
    """How each solver ends, in sentences."""
    sweeps = [
        f"{name} in {it.solve(A, b[None], solver=solver, z0=START[None]).steps.item()}"
        for name, solver in (
            ("Forward–backward", it.ForwardBackward()),
            ("Peaceman–Rachford", it.PeacemanRachford()),
        )
    ]
    norm = float(torch.linalg.matrix_norm(A, 2))
    return f"‖A‖₂ = {norm:.2f}. {picard_words(A, b, {'the start': START})} {', '.join(sweeps)}."
