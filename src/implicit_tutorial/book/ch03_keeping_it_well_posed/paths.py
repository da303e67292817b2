"""Two units: the paths of three solvers among their states, drawn and in words."""

from __future__ import annotations

from typing import NamedTuple

import plotly.graph_objects as go
import torch
from torch import Tensor

from implicit_tutorial.book.sweeps import RTOL, Sweep, ended, ending
from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.equilibrium.splitting import damped, reflected, resolved
from implicit_tutorial.explorer import style
from implicit_tutorial.explorer.computed import repeated
from implicit_tutorial.explorer.point import Point

TOP, SWEEPS = 3.0, 40
#: The solvers that are compared, each with its colour.
COLORS = {
    "Picard": style.SERIES[1],
    "forward–backward": style.SERIES[0],
    "Peaceman–Rachford": style.SERIES[2],
}
#: Where all paths begin.
START = Point(x="s1", y="s2", start=(2.5, 0.3), label="Where the solvers start")
LINE = (
    f"‖A‖₂ = {{norm:.2f}}. Picard {ending('picard')} from the start. "
    "Forward–backward in {forward_sweeps:d}, Peaceman–Rachford in {reflected_sweeps:d}."
)


class Setting(NamedTuple):
    """Two units, and the steps of the splittings on them."""

    problem: Problem
    damping: Tensor
    reflection: Tensor


def sweep_of(setting: Setting) -> Sweep:
    """One sweep of each solver, a row each; the last row is that of s, with z = relu(s)."""
    problem, damping, reflection = setting
    eye = torch.eye(2, dtype=problem.M.dtype)
    V = torch.linalg.solve_ex(eye + reflection * (eye - problem.M), eye)[0]

    def sweep(states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y, w, turned = reflected(problem, V, reflection, states[2:], problem.b)
        image = resolved(problem, reflection, y, w)
        # As the solver does: near the end it is the image that is looked at.
        near = torch.linalg.vector_norm(image - w) <= RTOL * torch.linalg.vector_norm(image)
        z = torch.cat([states[:2], torch.where(near, image, w)])
        h = problem.preactivation(torch.cat([states[:2], image]))
        images = problem.activate(h)
        new = torch.cat([images[:1], damped(problem, z[1:2], h[1:2], damping), turned])
        return new, z, torch.cat([images[:2], torch.where(near, images[2:], image)])

    return sweep


def paths(setting: Setting, start: Tensor, sweeps: int = SWEEPS) -> Tensor:
    """(sweeps + 1, 3, 2) states of each solver from ``start`` (2,)."""
    sweep = sweep_of(setting)
    states = repeated(sweeps, lambda states: sweep(states)[0], start.expand(3, 2))
    return torch.cat([states[:, :2], torch.relu(states[:, 2:])], dim=1)


def ends(setting: Setting, start: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """How each solver ends, for :data:`LINE`; and the equilibrium (2,), as forward–backward finds it."""
    # The third solver's first sweep looks at the start, and at the reflections' state that belongs to it.
    begin = start.expand(3, 2)
    turned = torch.lerp(begin, setting.problem.preactivation(begin), setting.reflection)
    most = torch.tensor([300, 1000, 1000], dtype=start.dtype)
    end, sweeps, last = ended(sweep_of(setting), torch.cat([begin[:2], turned[2:]]), most)
    said = {
        "picard": end[0],
        "picard_sweeps": sweeps[0],
        "forward_sweeps": sweeps[1],
        "reflected_sweeps": sweeps[2] + 1,
    }
    return said, last[1]


def plane(title: str | None = None) -> go.Figure:
    """The plane of the two states."""
    limits = (-0.06, TOP)
    axes = {"x_title": "z<sub>1</sub>", "y_title": "z<sub>2</sub>", "x_range": limits, "y_range": limits}
    return style.figure(title=title, height=450, legend_rows=3, equal=True, **axes)


def add_paths(figure: go.Figure) -> go.Figure:
    """Lines for every solver's path, and a mark for the equilibrium that they are looking for."""
    for name, color in COLORS.items():
        figure.add_scatter(**style.marked(name, color, size=5))
    edge = {"color": "white", "width": 1}
    diamond = style.points("equilibrium", style.TARGET, symbol="diamond", size=12, line=edge)
    return figure.add_scatter(**diamond)


def drawn(states: Tensor) -> dict[str, Tensor]:
    """The paths as they lie in the first panel."""
    places = states.clamp(max=5 * TOP)
    return {
        f"0/{name}/{axis}": places[:, k, i] for k, name in enumerate(COLORS) for i, axis in enumerate("xy")
    }
