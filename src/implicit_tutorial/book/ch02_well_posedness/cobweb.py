"""One unit: z = relu(az + b), its cobweb and the map of all (a, b)."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch02_well_posedness.setting import COUNT_COLORS, count_words, equilibria
from implicit_tutorial.book.drawing import array, move
from implicit_tutorial.book.evidence import THEOREM, measured
from implicit_tutorial.book.picard import attracts, picard_path, picard_words
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.prose import signed

TOP = 4.5
_GRID = np.linspace(0, TOP, 73)
STARTS = {"from 0": (0.0, style.SERIES[0]), "from 3": (3.0, style.SERIES[3])}
A_VALUES = [round(-2 + 0.25 * k, 2) for k in range(17)]
B_VALUES = [round(-1 + 0.25 * k, 2) for k in range(9)]


@explorer("cobweb")
def cobweb() -> Explorer:
    """z ← relu(az + b) as a staircase between map and diagonal, beside the (a, b) plane of counts (C4)."""
    # Two figures that are moved from frame to frame: to build one takes ten times longer than to move it.
    staircase, plane = _staircase(), _map()

    def draw(a: float, b: float) -> list[go.Figure]:
        _climb(staircase, a, b)
        move(plane, "here", x=[a], y=[b])
        return [staircase, plane]

    return Explorer(
        draw,
        [
            Control("a", A_VALUES, start=0.5, label="weight $a$", fmt=signed(2)),
            Control("b", B_VALUES, start=1.0, label="injection $b$", fmt=signed(2)),
        ],
        tag=THEOREM | measured(width=1, seeds=None, samples=None),
        caption=(
            "Equilibria are where the map (solid) crosses the diagonal (dotted); each stair is one "
            "application of the layer. **Move** $a$ past 1 with $b > 0$, and the crossing is gone; then "
            "take $b < 0$, and there are two. **Notice** also $a < -1$ with $b > 0$: there is exactly one "
            "equilibrium, and the staircase never gets there."
        ),
        alt=(
            "First, a cobweb diagram: the map relu(az + b), the diagonal, the equilibria where they cross, "
            "and the staircases of Picard iteration from 0 and from 3. Second, the plane of a and b in "
            "three regions: one equilibrium for a below 1, none for a above 1 and b positive, two for a "
            "above 1 and b negative."
        ),
        readout=_readout,
    )


def _unit(a: float, b: float) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor([[a]], dtype=torch.float64), torch.tensor([b], dtype=torch.float64)


@cache
def _equilibria(a: float, b: float) -> it.equilibrium.EquilibriumCount:
    A, b_ = _unit(a, b)
    return it.count_equilibria(A, b_[None])


def _staircase() -> go.Figure:
    """The diagram without what depends on a and b."""
    figure = style.figure(
        title="the iteration",
        x_title="z",
        y_title="relu(az + b)",
        x_range=(0, TOP),
        y_range=(0, TOP),
        height=390,
    )
    figure.update_layout(margin_t=64)
    figure.add_scatter(x=[0, TOP], y=[0, TOP], showlegend=False, **style.guide("diagonal"))
    figure.add_scatter(x=_GRID, y=_GRID, showlegend=False, **style.measured("relu(az + b)", style.GUIDE))
    for name, (_, color) in STARTS.items():
        figure.add_scatter(**style.measured(name, color, width=1.5))
    band = style.measured("all of these", style.HOLDS, width=7)
    figure.add_scatter(opacity=0.5, showlegend=False, **band)
    figure.add_scatter(**equilibria(size=12))
    return figure


def _climb(figure: go.Figure, a: float, b: float) -> None:
    A, b_ = _unit(a, b)
    move(figure, "relu(az + b)", x=_GRID, y=np.maximum(a * _GRID + b, 0))
    for name, (start, _) in STARTS.items():
        path = array(picard_path(A, b_, _start(start), 24)[:, 0])
        path = np.minimum(path, 3 * TOP)  # what leaves the frame need not be followed further
        move(figure, name, x=np.repeat(path, 2)[:-1], y=np.concatenate([[0.0], np.repeat(path[1:], 2)]))
    found = _equilibria(a, b)
    continuum = math.isinf(float(found.counts[0]))
    zs = [] if continuum else array(found.solutions[0][:, 0])
    symbols = ["circle" if attracts(A, torch.tensor([z])) else "circle-open" for z in zs]
    move(figure, "equilibrium", x=zs, y=zs, marker={"symbol": symbols or "circle"})
    ends = [0, TOP] if continuum else []
    move(figure, "all of these", x=ends, y=ends)


def _map() -> go.Figure:
    """The plane of all (a, b) in its three regions."""
    figure = style.figure(
        title="how many equilibria",
        x_title="weight a",
        y_title="injection b",
        x_range=(-2.1, 2.1),
        y_range=(-1.1, 1.1),
        height=390,
    )
    regions = {1: ((-2.1, 1), (-1.1, 1.1)), 0: ((1, 2.1), (0, 1.1)), 2: ((1, 2.1), (-1.1, 0))}
    for count, ((x0, x1), (y0, y1)) in regions.items():
        color = {"fillcolor": COUNT_COLORS[count], "opacity": 0.22, "line_width": 0, "layer": "below"}
        figure.add_shape(type="rect", x0=x0, x1=x1, y0=y0, y1=y1, **color)
        word = {0: "none", 1: "one", 2: "two"}[count]
        figure.add_annotation(x=(x0 + x1) / 2, y=(y0 + y1) / 2, text=word, showarrow=False, font_size=15)
    figure.add_scatter(x=[1, 1], y=[-1.1, 1.1], showlegend=False, **style.guide(dash="solid"))
    here = style.points("here", size=13, line={"color": "white", "width": 2})
    figure.add_scatter(showlegend=False, cliponaxis=False, **here)
    return figure


def _readout(a: float, b: float) -> str:
    A, b_ = _unit(a, b)
    found = _equilibria(a, b)
    count = float(found.counts[0])
    where = " and ".join(f"{v:.3g}" for v in sorted(found.solutions[0][:, 0].tolist()))
    where = ": every z ≥ 0" if math.isinf(count) else f": z = {where}" if count else ""
    starts = {name.removeprefix("from "): _start(z) for name, (z, _) in STARTS.items()}
    return f"{count_words(count).capitalize()}{where}. {picard_words(A, b_, starts)}"


def _start(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=torch.float64)
