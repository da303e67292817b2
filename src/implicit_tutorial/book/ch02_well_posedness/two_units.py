"""Two units without self-connections: the cones of injections that each pattern solves, and the states."""

from __future__ import annotations

from functools import cache

import numpy as np
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch02_well_posedness.setting import count_words, equilibria
from implicit_tutorial.book.drawing import array, move
from implicit_tutorial.book.picard import attracts, picard_path, picard_words
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.prose import signed

WEIGHTS = [round(-1.6 + 0.4 * k, 1) for k in range(9)]
INJECTIONS = {
    "(1, 1)": (1.0, 1.0),
    "(0.4, 1)": (0.4, 1.0),
    "(1, −0.6)": (1.0, -0.6),
    "(−1, −1)": (-1.0, -1.0),
}
TOP = 4.0
_RIM = np.stack([f(np.deg2rad(3.75 + 15 * np.arange(24))) for f in (np.cos, np.sin)], axis=1)
_NODES = torch.cartesian_prod(*[torch.linspace(0.2, TOP - 0.2, 10, dtype=torch.float64)] * 2)
#: The active units of each of the four cones: its name and colour.
PATTERNS = {
    (False, False): ("both off", style.GUIDE),
    (True, False): ("1 on", style.SERIES[0]),
    (False, True): ("2 on", style.SERIES[4]),
    (True, True): ("both on", style.SERIES[2]),
}


@explorer("two-units")
def two_units() -> Explorer:
    """A = [[0, p], [q, 0]]: its complementary cones with exact counts, and Picard among the states (C4)."""
    # Two figures that are moved from frame to frame: to build one takes ten times longer than to move it.
    injections, states = _injections(), _plane_of_states()

    def draw(p: float, q: float, b: str) -> list[go.Figure]:
        _tile(injections, p, q, b)
        _flow(states, p, q, b)
        return [injections, states]

    return Explorer(
        draw,
        [
            Control("p", WEIGHTS, start=0.8, label="weight $p$: unit 2 drives unit 1", fmt=signed(1)),
            Control("q", WEIGHTS, start=-0.8, label="weight $q$: unit 1 drives unit 2", fmt=signed(1)),
            Control("b", list(INJECTIONS), label="injection $b$"),
        ],
        caption=(
            "First: each activation pattern owns a cone of injections for which it solves the equation; the "
            "numbers on the rim count the equilibria exactly, in that direction. Second: the field "
            "$\\operatorname{relu}(Az + b) - z$, all equilibria (filled: Picard returns to it), and Picard "
            "from two starts. **Move** $p$ and $q$ both to $-1.6$: the cones overlap, and with $b = (1, "
            "1)$ two winners and a tie are all equilibria. **Notice** that the cones tile the plane, "
            "without gap or overlap, exactly as long as $pq < 1$."
        ),
        alt=(
            "First, the plane of injections with four coloured cones, one for each activation pattern of "
            "two units, and around it the number of equilibria in 24 directions. Second, the plane of "
            "states with a field of arrows, the equilibria and two Picard trajectories."
        ),
        readout=_readout,
    )


@cache
def _matrix(p: float, q: float) -> torch.Tensor:
    return torch.tensor([[0, p], [q, 0]], dtype=torch.float64)


def _injection(b: str) -> torch.Tensor:
    return torch.tensor(INJECTIONS[b], dtype=torch.float64)


def _injections() -> go.Figure:
    """The plane of injections without what depends on p, q and b."""
    figure = _square("injections", "b₁", "b₂", (-1.65, 1.65)).update_layout(showlegend=False)
    for name, color in PATTERNS.values():
        look = style.measured(name, color, width=1.5)
        figure.add_scatter(fill="toself", opacity=0.5, hoverinfo="skip", **look)
    words = [name for name, _ in PATTERNS.values()]
    figure.add_scatter(mode="text", name="words", text=words, textfont={"size": 12}, hoverinfo="skip")
    rim = {"x": 1.47 * _RIM[:, 0], "y": 1.47 * _RIM[:, 1], "textfont": {"size": 13}}
    figure.add_scatter(mode="text", name="count", hoverinfo="skip", **rim)
    figure.add_scatter(**style.marked("b", style.SERIES[1], size=[0.1, 11], width=2.5))
    return figure


def _tile(figure: go.Figure, p: float, q: float, b: str) -> None:
    A = _matrix(p, q)
    M = array(torch.eye(2, dtype=torch.float64) - A)
    middles = []
    for pattern, (name, _) in PATTERNS.items():
        x, y = _cone(M, pattern)
        move(figure, name, x=x, y=y)
        middles.append((0.62 * x[len(x) // 2], 0.62 * y[len(y) // 2]))
    x, y = zip(*middles, strict=True)
    move(figure, "words", x=x, y=y)
    counts = it.count_equilibria(A, torch.from_numpy(_RIM)).counts.tolist()
    move(figure, "count", text=[f"{count:g}" for count in counts])
    x, y = 0.8 * np.array(INJECTIONS[b]) / np.abs(INJECTIONS[b]).max()
    move(figure, "b", x=[0, x], y=[0, y])


def _square(title: str, x_title: str, y_title: str, limits: tuple[float, float]) -> go.Figure:
    """A plane with units of equal length on both axes, and room for a legend under the title."""
    titles = {"title": title, "x_title": x_title, "y_title": y_title}
    figure = style.figure(x_range=limits, y_range=limits, equal=True, height=390, **titles)
    return figure.update_layout(margin_t=64)


def _cone(M: np.ndarray, pattern: tuple[bool, bool]) -> tuple[np.ndarray, np.ndarray]:
    """The b = Mz − w that this pattern solves: a fan of radius 1.3 between its two generators."""
    generators = [M[:, r] if pattern[r] else -np.eye(2)[r] for r in range(2)]
    first, second = (np.arctan2(g[1], g[0]) for g in generators)
    turn = (second - first + np.pi) % (2 * np.pi) - np.pi
    arc = first + turn * np.linspace(0, 1, 25)
    return 1.3 * np.concatenate([[0], np.cos(arc), [0]]), 1.3 * np.concatenate([[0], np.sin(arc), [0]])


def _plane_of_states() -> go.Figure:
    """The plane of states without what depends on p, q and b."""
    figure = _square("states", "z₁", "z₂", (-0.15, TOP))
    marker = {"symbol": "arrow", "size": 8, "color": style.GUIDE, "opacity": 0.45}
    field = {"x": array(_NODES[:, 0]), "y": array(_NODES[:, 1]), "marker": marker}
    figure.add_scatter(mode="markers", name="field", showlegend=False, hoverinfo="skip", **field)
    for name, (_, color) in _starts().items():
        figure.add_scatter(**style.marked(name, color, size=4, width=1.5))
    figure.add_scatter(**equilibria(size=13))
    return figure


def _flow(figure: go.Figure, p: float, q: float, b: str) -> None:
    A, b_ = _matrix(p, q), _injection(b)
    push = array(torch.relu(_NODES @ A.T + b_) - _NODES)
    push[np.abs(push) < 1e-9] = 0  # a node that is an equilibrium up to rounding has no direction
    # Degrees clockwise from up; rounded, so that straight down is 180 and never −180.
    move(figure, "field", marker={"angle": np.round(np.rad2deg(np.arctan2(push[:, 0], push[:, 1])), 1) % 360})
    for name, (start, _) in _starts().items():
        path = array(picard_path(A, b_, start, 30).clamp(max=3 * TOP))
        move(figure, name, x=path[:, 0], y=path[:, 1])
    zs = it.count_equilibria(A, b_[None]).solutions[0]
    symbols = ["circle" if attracts(A, z) else "circle-open" for z in zs]
    move(figure, "equilibrium", x=array(zs[:, 0]), y=array(zs[:, 1]), marker={"symbol": symbols or "circle"})


def _starts() -> dict[str, tuple[torch.Tensor, str]]:
    return {
        "from (0, 0)": (torch.zeros(2, dtype=torch.float64), style.SERIES[0]),
        "from (3, 2)": (torch.tensor([3.0, 2.0], dtype=torch.float64), style.SERIES[3]),
    }


def _readout(p: float, q: float, b: str) -> str:
    A, b_ = _matrix(p, q), _injection(b)
    exact = bool(it.is_p_matrix(torch.eye(2, dtype=torch.float64) - A))
    verdict = "< 1: one equilibrium for every b" if exact else "> 1: not for every b exactly one"
    count = float(it.count_equilibria(A, b_[None]).counts[0])
    starts = {name.removeprefix("from "): start for name, (start, _) in _starts().items()}
    return (
        f"pq = {signed(2)(p * q)} {verdict}. For this b: {count_words(count)}. {picard_words(A, b_, starts)}"
    )
