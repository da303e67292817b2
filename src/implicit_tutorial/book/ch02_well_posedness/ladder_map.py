"""The ladder C5 in two units: how much of the truth each sufficient condition sees."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import plotly.graph_objects as go

from implicit_tutorial.book.ch02_well_posedness.setting import LADDER
from implicit_tutorial.book.evidence import THEOREM
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.prose import signed

SELF = [round(-1.6 + 0.2 * k, 1) for k in range(14)]
REACH = 4.3


@explorer("ladder-map")
def ladder_map() -> Explorer:
    """Where A = [[s, p], [q, s]] satisfies each condition of C5, inside the exact region (C4)."""
    return Explorer(
        _regions,
        [Control("s", SELF, start=-0.4, label="self-connection $s$", fmt=signed(1))],
        tag=THEOREM,
        caption=(
            "All networks of two units with $A = \\begin{pmatrix} s & p\\\\ q & s\\end{pmatrix}$, a point "
            "each. Filled: well-posed, exactly. The outlines are what each sufficient condition sees of it. "
            f"**Move** $s$ on to the left: {_what_is_left()} "
            "**Notice** where $\\rho(A) < 1$ (grey) leaves out well-posed networks; that it also "
            "lets in others takes unequal self-connections, as in the second exercise."
        ),
        alt=(
            "The plane of the two cross weights p and q. The exact region lies between the branches of a "
            "hyperbola; inside it a strip for the monotone condition, a square with two rounded corners for "
            "the spectral norm, a square for the row sums, a four-pointed star for the Perron root, and in "
            "grey the spectral radius."
        ),
        readout=lambda s: (
            f"Self-connection {signed(1)(s)}: "
            + (f"well-posed exactly when pq < {(1 - s) ** 2:.2f}; " if s < 1 else "well-posed nowhere; ")
            + f"‖A‖₂ < 1 {'is still possible' if abs(s) < 1 else 'holds nowhere'}."
        ),
    )


def _what_is_left() -> str:
    """Which outlines are there at the first scale, and how large the exact region is."""
    here = [
        name for name in LADDER if _outline(lambda p, q, name=name: _values(SELF[0], p, q)[name] < 0)[0].size
    ]
    return says(
        "all outlines but one shrink to nothing while the filled region grows.",
        set(here) == {"p_matrix", "monotone"} and (1 - SELF[0]) > (1 - SELF[1]) > 0,
    )


def _values(s: float, p: np.ndarray, q: np.ndarray) -> dict[str, np.ndarray]:
    """Value of each condition minus its threshold, for A = [[s, p], [q, s]]."""
    A = np.stack([np.stack([np.full_like(p, s), p], -1), np.stack([q, np.full_like(p, s)], -1)], -2)
    symmetric = (A + np.swapaxes(A, -1, -2)) / 2
    return {
        "perron_frobenius": abs(s) + np.sqrt(np.abs(p * q)) - 1,
        "row_sum": abs(s) + np.maximum(np.abs(p), np.abs(q)) - 1,
        "spectral_norm": np.linalg.norm(A, ord=2, axis=(-2, -1)) - 1,
        "monotone": np.linalg.eigvalsh(symmetric)[..., -1] - 1,
        "spectral_radius": np.where(
            p * q >= 0, abs(s) + np.sqrt(np.abs(p * q)), np.sqrt(s * s + np.abs(p * q))
        )
        - 1,
        "p_matrix": np.maximum(s - 1, p * q - (1 - s) ** 2),
    }


def _outline(inside: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Outline of a region that is star-shaped about 0, by bisection along rays; empty if 0 lies outside."""
    # Rays are crowded near the axes, where the hyperbolas run off.
    crowded = np.sin(np.linspace(0, 1, 33) * np.pi / 2) ** 2
    crowded = np.sin(crowded * np.pi / 2) ** 2
    angle = np.concatenate([(k + crowded) * np.pi / 2 for k in range(4)])
    direction = np.stack([np.cos(angle), np.sin(angle)])
    edge = REACH / np.abs(direction).max(axis=0)  # the frame's own outline
    low, high = np.zeros_like(edge), edge.copy()
    if not bool(inside(*(1e-9 * direction)).all()):
        return np.empty(0), np.empty(0)
    for _ in range(40):
        middle = (low + high) / 2
        good = inside(*(middle * direction))
        low, high = np.where(good, middle, low), np.where(good, high, middle)
    return low * direction[0], low * direction[1]


@cache
def _regions(s: float) -> go.Figure:
    figure = style.figure(
        x_title="p: unit 2 drives unit 1",
        y_title="q: unit 1 drives unit 2",
        x_range=(-4, 4),
        y_range=(-4, 4),
        height=500,
        legend_rows=3,
        equal=True,
    )
    for name in ("p_matrix", "monotone", "spectral_norm", "row_sum", "perron_frobenius", "spectral_radius"):
        formula, color, dash = LADDER[name]
        x, y = _outline(lambda p, q, name=name: _values(s, p, q)[name] < 0)
        fill = {"fill": "toself", "opacity": 0.45} if name == "p_matrix" else {}
        outline = style.measured(formula, color, dash=dash)
        figure.add_scatter(x=x, y=y, hoverinfo="skip", **outline, **fill)
    return figure
