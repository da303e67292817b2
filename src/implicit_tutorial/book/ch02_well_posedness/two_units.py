"""Two units without self-connections: the cones of injections that each pattern solves, and the states."""

from __future__ import annotations

import math

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from implicit_tutorial.book.ch02_well_posedness.setting import equilibria
from implicit_tutorial.book.drawing import array
from implicit_tutorial.book.evidence import THEOREM, measured
from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.explorer import Control, explorer, style
from implicit_tutorial.explorer.computed import Computation, Computed, loop, repeated
from implicit_tutorial.explorer.point import Point
from implicit_tutorial.prose import signed

WEIGHTS = [round(-1.6 + 0.4 * k, 1) for k in range(9)]
TOP = 4.0
_RADIUS, _RIM, _SWEEPS, _DRAWN = 1.3, 1.47, 300, 30
#: The active units of each of the four cones: its name and colour.
PATTERNS = {
    (False, False): ("both off", style.GUIDE),
    (True, False): ("1 on", style.SERIES[0]),
    (False, True): ("2 on", style.SERIES[4]),
    (True, True): ("both on", style.SERIES[2]),
}
#: How far from one pq may be and count as one.
_SINGULAR = 1e-9
_ENDS = f"settles|has not settled in {_SWEEPS} sweeps|runs away"


@explorer("two-units")
def two_units() -> Computed:
    """A = [[0, p], [q, 0]]: its complementary cones with exact counts, and Picard among the states (C4)."""
    computation = Computation(
        observe=observe,
        constants={
            "rim": torch.from_numpy(_DIRECTIONS),
            "nodes": _NODES,
            "turns": torch.linspace(0, 1, 25, dtype=torch.float64),
        },
        choices={
            "0/count/text": ["0", "1", "2", "3", "4", "∞"],
            "1/equilibrium/marker.symbol": ["circle-open", "circle"],
        },
        line=(
            "pq = {product:.6g}{tiles? > 1: not for every b exactly one equilibrium| < 1: one equilibrium "
            "for every b|: some b have none, or infinitely many}. For this b: {count?no equilibrium|"
            "exactly one|two equilibria|three equilibria|four equilibria|infinitely many}. "
            f"Picard {{from_zero?{_ENDS}}} from (0, 0), and {{from_start?{_ENDS}}} from the other start."
        ),
    )
    return Computed(
        _figures,
        computation,
        [
            Control("p", WEIGHTS, start=0.8, label="weight $p$: unit 2 drives unit 1", fmt=signed(1)),
            Control("q", WEIGHTS, start=-0.8, label="weight $q$: unit 1 drives unit 2", fmt=signed(1)),
        ],
        [
            Point(x="b1", y="b2", start=(1.0, 1.0), label="The injection b"),
            Point(x="s1", y="s2", start=(3.0, 2.0), panel=1, label="Where Picard starts"),
        ],
        tag=THEOREM | measured(width=2, seeds=None, samples=None),
        caption=(
            "First: each activation pattern owns a cone of injections for which it solves the equation; the "
            "numbers on the rim count the equilibria exactly, in that direction. Second: the field "
            "$\\operatorname{relu}(Az + b) - z$, its equilibria in this part of the plane (filled: Picard "
            "returns to it from nearby, if slowly), and Picard from two starts. **Drag** the injection $b$, "
            "and the second start. "
            "**Move** $p$ and $q$ both to $-1.6$: the cones overlap, and with $b = (1, 1)$ two winners and a "
            "tie are all equilibria; drag $b$ over the edge of the overlap, and two appear or vanish. "
            "**Notice** that the cones, none of them flat, tile the plane without gap or overlap exactly as "
            "long as $pq < 1$."
        ),
        alt=(
            "First, the plane of injections with four coloured cones, one for each activation pattern of "
            "two units, and around it the number of equilibria in 24 directions. Second, the plane of "
            "states with a field of arrows, the equilibria and two Picard trajectories."
        ),
    )


#: The 24 unit vectors in whose directions equilibria are counted.
_DIRECTIONS = np.stack([f(np.deg2rad(3.75 + 15 * np.arange(24))) for f in (np.cos, np.sin)], axis=1)
_NODES = torch.cartesian_prod(*[torch.linspace(0.2, TOP - 0.2, 8, dtype=torch.float64)] * 2)


def solutions(p: Tensor, q: Tensor, b1: Tensor, b2: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """For each of the four patterns its state (z₁, z₂), and whether it solves the equation (C4).

    A pattern's units are those with Az + b > 0, so that no state is that of two patterns.
    """
    zero = 0 * (p + q + b1 + b2)
    b1, b2, gap = b1 + zero, b2 + zero, 1 - p * q
    many = endless(p, q, b1, b2)
    # Of a half-line of states, or of a segment, one is shown.
    some = torch.where(p > 0, torch.clamp(-b1 / p, min=0) + 1, b2 / 2)
    z1 = torch.where(many, b1 + p * some, (b1 + p * b2) / gap)
    z2 = torch.where(many, some, (b2 + q * b1) / gap)
    return [
        (zero, zero, (b1 <= 0) & (b2 <= 0)),
        (b1, zero, (b1 > 0) & (q * b1 + b2 <= 0)),
        (zero, b2, (b2 > 0) & (p * b2 + b1 <= 0)),
        (z1, z2, many | (~singular(p, q) & (z1 > 0) & (z2 > 0))),
    ]


def singular(p: Tensor, q: Tensor) -> Tensor:
    """Whether pq is one, so that M = I − A has no inverse."""
    return (1 - p * q).abs() <= _SINGULAR


def endless(p: Tensor, q: Tensor, b1: Tensor, b2: Tensor) -> Tensor:
    """Whether infinitely many states with both units on solve the equation: M is singular, b in its range."""
    return singular(p, q) & ((q * b1 + b2).abs() <= _SINGULAR * (1 + b2.abs())) & ((p > 0) | (b1 > 0))


def counted(p: Tensor, q: Tensor, b1: Tensor, b2: Tensor) -> Tensor:
    """How many equilibria there are; 5 stands for infinitely many."""
    count = torch.stack([solves + 0 * p for _, _, solves in solutions(p, q, b1, b2)]).sum(dim=0)
    return torch.where(endless(p, q, b1, b2), 5 + 0 * count, count)


def observe(
    p: Tensor, q: Tensor, b1: Tensor, b2: Tensor, s1: Tensor, s2: Tensor,
    rim: Tensor, nodes: Tensor, turns: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """Everything that depends on p, q, b and the second start."""
    one = torch.ones((), dtype=p.dtype)
    A = torch.stack([torch.stack([0 * p, p]), torch.stack([q, 0 * q])])
    b = torch.stack([b1, b2])
    shown: dict[str, Tensor] = {}

    # b = Mz − w, M = I − A: a cone lies between a column of M for each active unit and −e for each other.
    generators = [{True: (one, -q), False: (-one, 0 * p)}, {True: (-p, one), False: (0 * p, -one)}]
    middles = []
    for pattern, (name, _) in PATTERNS.items():
        first, second = (torch.atan2(*generators[r][on][::-1]) for r, on in enumerate(pattern))
        turn = torch.remainder(second - first + math.pi, 2 * math.pi) - math.pi
        line = turn.abs() > math.pi - _SINGULAR  # where pq = 1 two columns may be opposite
        arc = first + turn * torch.where(line, torch.floor(turns + 0.5), turns)
        ends = torch.zeros_like(turns[:1])
        for axis, rim_of in (("x", torch.cos), ("y", torch.sin)):
            shown[f"0/{name}/{axis}"] = _RADIUS * torch.cat([ends, rim_of(arc), ends])
        middles.append(torch.where(line, first, first + turn / 2))
    middle = torch.stack(middles)
    reach = torch.stack([0.78 * one, 0.7 * one, 0.7 * one, 0.4 * one])  # the last may lie upon the first
    shown |= {
        "0/words/x": _RADIUS * reach * torch.cos(middle),
        "0/words/y": _RADIUS * reach * torch.sin(middle),
        "0/count/text": counted(p, q, rim[:, 0], rim[:, 1]),
        "0/b/x": torch.stack([0 * b1, b1]),
        "0/b/y": torch.stack([0 * b2, b2]),
    }

    push = Problem(A, b.expand(nodes.shape))(nodes) - nodes
    push = torch.where(push.abs() < 1e-9, 0 * push, push)  # an equilibrium up to rounding has no direction
    # Degrees clockwise from up, to a tenth, so that straight down is 180 and never −180.
    degrees = torch.atan2(push[:, 0], push[:, 1]) * (180 / math.pi)
    shown["1/field/marker.angle"] = torch.remainder(torch.floor(degrees * 10 + 0.5) / 10, 360)

    start = torch.stack([torch.stack([0 * s1, 0 * s2]), torch.stack([s1, s2])])
    sweep = Problem(A, b.expand(2, 2))
    path = repeated(_DRAWN, sweep, start)
    for k, name in enumerate(("from (0, 0)", "from the other start")):
        drawn = torch.clamp(path[:, k], max=3 * TOP)
        shown |= {f"1/{name}/x": drawn[:, 0], f"1/{name}/y": drawn[:, 1]}

    def beyond(z: Tensor, _before: Tensor, taken: Tensor) -> tuple[Tensor, ...]:
        return sweep(z), z.clone(), taken + 1

    latest = (path[-1].clone(), path[-2].clone(), _DRAWN + 0 * one)
    last, before, _ = loop(lambda z, before, taken: taken < _SWEEPS, beyond, latest)
    size = torch.linalg.vector_norm(last, dim=1)
    moved = torch.linalg.vector_norm(last - before, dim=1)
    # 0: settles, 1: goes on, 2: runs away.
    end = torch.where(
        moved <= 1e-9 * (1 + size), 0 * size, torch.where(size > 1e4, 0 * size + 2, 0 * size + 1)
    )

    found = solutions(p, q, b1, b2)
    there = torch.stack([solves * one for _, _, solves in found])
    nowhere = torch.where(there > 0, 0 * there, there * 0 / (0 * there))
    tied = (p * q).abs() < 1  # ρ(DA)² of the only pattern in which the units drive one another
    # A unit at its kink may drive the other too. Around a loop whose sign is negative the relu stops it.
    grows = (p * q >= 1 - _SINGULAR) * one
    kinks = [(at.abs() <= _SINGULAR) * one for at in (b1, b2, q * b1 + b2, p * b2 + b1)]
    loose = [grows * kinks[0] * kinks[1] * (p > 0), grows * kinks[2], grows * kinks[3]]
    shown |= {
        "1/equilibrium/x": torch.stack([z1 for z1, _, _ in found]) + nowhere,
        "1/equilibrium/y": torch.stack([z2 for _, z2, _ in found]) + nowhere,
        "1/equilibrium/marker.symbol": torch.stack([*(one - k for k in loose), tied * one]),
        "product": p * q,
        "tiles": torch.where(singular(p, q), 2 * one, (p * q < 1) * one),
        "count": counted(p, q, b1, b2),
        "from_zero": end[0],
        "from_start": end[1],
    }
    return shown


def _square(title: str, x_title: str, y_title: str, limits: tuple[float, float]) -> go.Figure:
    """A plane with units of equal length on both axes, and room for a legend under the title."""
    titles = {"title": title, "x_title": x_title, "y_title": y_title}
    return style.figure(x_range=limits, y_range=limits, equal=True, height=405, legend_rows=2, **titles)


def _figures() -> list[go.Figure]:
    """Both planes without what is computed."""
    figure = _square("injections", "b₁", "b₂", (-1.65, 1.65)).update_layout(showlegend=False)
    for name, color in PATTERNS.values():
        look = style.measured(name, color, width=1.5)
        figure.add_scatter(fill="toself", opacity=0.5, hoverinfo="skip", **look)
    words = [name for name, _ in PATTERNS.values()]
    figure.add_scatter(mode="text", name="words", text=words, textfont={"size": 12}, hoverinfo="skip")
    x, y = _RIM * _DIRECTIONS.T
    rim = {"x": x, "y": y, "textfont": {"size": 13}}
    figure.add_scatter(mode="text", name="count", hoverinfo="skip", **rim)
    figure.add_scatter(**style.marked("b", style.SERIES[1], size=[0.1, 11], width=2.5))

    states = _square("states", "z₁", "z₂", (-0.15, TOP))
    marker = {"symbol": "arrow", "size": 9, "color": style.GUIDE, "opacity": 0.45}
    field = {"x": array(_NODES[:, 0]), "y": array(_NODES[:, 1]), "marker": marker}
    states.add_scatter(mode="markers", name="field", showlegend=False, hoverinfo="skip", **field)
    for name, color in (("from (0, 0)", style.SERIES[0]), ("from the other start", style.SERIES[3])):
        states.add_scatter(**style.marked(name, color, size=4, width=1.5))
    states.add_scatter(**equilibria(size=13))
    return [figure, states]
