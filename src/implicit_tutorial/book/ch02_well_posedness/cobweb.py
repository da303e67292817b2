"""One unit: z = relu(az + b), its cobweb and the map of all (a, b)."""

from __future__ import annotations

import plotly.graph_objects as go
import torch
from torch import Tensor

from implicit_tutorial.book.ch02_well_posedness.setting import COUNT_COLORS, equilibria
from implicit_tutorial.book.drawing import array
from implicit_tutorial.book.evidence import THEOREM, measured
from implicit_tutorial.book.sweeps import ended, ending, picard
from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.explorer import Control, explorer, style
from implicit_tutorial.explorer.computed import Computation, Computed, repeated
from implicit_tutorial.explorer.point import Point
from implicit_tutorial.prose import signed

TOP = 4.5
START = 3.0
_GRID = torch.linspace(0, TOP, 73, dtype=torch.float64)
_DRAWN, _SWEEPS = 24, 300
STAIRCASES = {"from 0": style.SERIES[0], "from your start": style.SERIES[3]}
A_VALUES = [round(-2 + 0.25 * k, 2) for k in range(17)]
B_VALUES = [round(-1 + 0.25 * k, 2) for k in range(9)]


@explorer("cobweb")
def cobweb() -> Computed:
    """z ← relu(az + b) as a staircase between map and diagonal, beside the (a, b) plane of counts (C4)."""
    computation = Computation(
        observe=observe,
        constants={"grid": _GRID},
        choices={"0/equilibrium/marker.symbol": ["circle-open", "circle"]},
        line=(
            "{count?No equilibrium|Exactly one equilibrium: z = {only:.3g}{beyond?|, right of the picture}|"
            "Two equilibria: z = 0 and z = {upper:.3g}{beyond?|, right of the picture}|Infinitely many "
            "equilibria: every z ≥ 0}. Picard "
            f"{ending('from_zero')} from 0, and {ending('from_start')} from {{start:.3g}}."
        ),
    )
    return Computed(
        lambda: [_staircase(), _map()],
        computation,
        [
            Control("a", A_VALUES, start=0.5, label="weight $a$", fmt=signed(2)),
            Control("b", B_VALUES, start=1.0, label="injection $b$", fmt=signed(2)),
        ],
        [Point(x="start", start=(START, 0.0), label="Where the second staircase starts")],
        tag=THEOREM | measured(width=1, seeds=None, samples=None),
        caption=(
            "Equilibria are where the map (solid) crosses the diagonal (dotted); each stair is one "
            "application of the layer. **Drag** the start of the second staircase along the axis. **Move** "
            "$a$ past 1 with $b > 0$, and the crossing is gone; then take $b < 0$, and there are two. "
            "**Notice** that from a start below the upper one the staircase goes down to zero, and from one "
            "above it runs away. **Notice** also $a < -1$ with $b > 0$: there is exactly one equilibrium, "
            "and the staircase gets there only if it starts there."
        ),
        alt=(
            "First, a cobweb diagram: the map relu(az + b), the diagonal, the equilibria where they cross, "
            "and the staircases of Picard iteration from 0 and from a start that can be dragged. Second, the "
            "plane of a and b in three regions: one equilibrium for a below 1, none for a above 1 and b "
            "positive, two for a above 1 and b negative."
        ),
    )


def observe(a: Tensor, b: Tensor, start: Tensor, grid: Tensor) -> dict[str, Tensor]:
    """Everything that depends on a, b and the start."""
    one = torch.ones((), dtype=a.dtype)
    layer = Problem(a.reshape(1, 1), b.expand(2, 1))
    z0 = torch.stack([0 * start, start])[:, None]
    shown = {"0/relu(az + b)/y": torch.relu(a * grid + b), "1/here/x": a[None], "1/here/y": b[None]}
    # What leaves the frame need not be followed further.
    path = torch.clamp(repeated(_DRAWN, layer, z0), max=3 * TOP)
    for k, name in enumerate(STAIRCASES):
        twice = torch.stack([path[:, k, 0]] * 2, dim=1).reshape(-1)
        shown[f"0/{name}/x"] = twice[:-1]
        shown[f"0/{name}/y"] = torch.cat([0 * twice[:1], twice[2:]])
    end, sweeps, _ = ended(picard(layer), z0, torch.full_like(start, _SWEEPS))
    for k, name in enumerate(("from_zero", "from_start")):
        shown |= {name: end[k], f"{name}_sweeps": sweeps[k]}

    off, on, all_of_them = solutions(a, b)
    upper = b / (1 - a)
    found = torch.stack([torch.where(off, 0 * b, torch.nan), torch.where(on, upper, torch.nan)])
    return shown | {
        "0/equilibrium/x": found,
        "0/equilibrium/y": found,
        # Picard returns to a unit that is off, and to one that is on while |a| < 1.
        "0/equilibrium/marker.symbol": torch.stack([one, (a.abs() < 1) * one]),
        "0/all of these/x": torch.where(all_of_them, grid[:: len(grid) - 1], torch.nan),
        "0/all of these/y": torch.where(all_of_them, grid[:: len(grid) - 1], torch.nan),
        "count": torch.where(all_of_them, 3 * one, off * one + on * one),
        "only": torch.where(on, upper, 0 * b),
        "upper": upper,
        "beyond": (on & (upper > TOP)) * one,
    }


def solutions(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Whether z = 0 is an equilibrium, whether b/(1 − a) > 0 is, and whether every z ≥ 0 is (C4)."""
    all_of_them = (a == 1) & (b == 0)
    return (b <= 0) & ~all_of_them, b * (1 - a) > 0, all_of_them


def _staircase() -> go.Figure:
    """The diagram without what is computed."""
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
    line = style.measured("relu(az + b)", style.GUIDE)
    figure.add_scatter(x=array(_GRID), showlegend=False, **line)
    for name, color in STAIRCASES.items():
        figure.add_scatter(**style.measured(name, color, width=1.5))
    band = style.measured("all of these", style.HOLDS, width=7)
    figure.add_scatter(opacity=0.5, showlegend=False, **band)
    figure.add_scatter(**equilibria(size=12))
    return figure


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
