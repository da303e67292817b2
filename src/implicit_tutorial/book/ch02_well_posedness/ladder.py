"""The ladder C5: how much of the truth each sufficient condition sees, in two units and in wide networks."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.drawing import signed
from implicit_tutorial.explorer import Control, Explorer, Figure, explorer, style

#: Conditions in the order of the ladder: name in the library, formula, colour, dash.
LADDER = {
    "perron_frobenius": ("ρ(|A|) < 1", style.SERIES[3], "solid"),
    "row_sum": ("‖A‖<sub>∞</sub> < 1", style.SERIES[4], "solid"),
    "spectral_norm": ("‖A‖₂ < 1", style.SERIES[0], "solid"),
    "monotone": ("λ<sub>max</sub>((A + Aᵀ)/2) < 1", style.SERIES[1], "solid"),
    "spectral_radius": ("ρ(A) < 1", style.GUIDE, "dash"),
    "p_matrix": ("P-matrix (exact)", style.SERIES[2], "solid"),
}

SELF = [round(-1.6 + 0.2 * k, 1) for k in range(14)]
_REACH = 4.3


@explorer("ladder-map")
def ladder_map() -> Explorer:
    """Where A = [[s, p], [q, s]] satisfies each condition of C5, inside the exact region (C4)."""
    return Explorer(
        _regions,
        [Control("s", SELF, start=-0.4, label="self-connection $s$", fmt=signed(1))],
        caption=(
            "All networks of two units with $A = \\begin{pmatrix} s & p\\\\ q & s\\end{pmatrix}$, a point "
            "each. Green: well-posed, exactly. The outlines are what each sufficient condition sees of it. "
            "**Move** $s$ on to the left: all outlines but one shrink to nothing while the green region "
            "grows. **Notice** where $\\rho(A) < 1$ (dashed) leaves out well-posed networks; that it also "
            "lets in others takes unequal self-connections, as in the second exercise."
        ),
        alt=(
            "The plane of the two cross weights p and q. The exact region lies between two hyperbolas; "
            "inside it a strip for the monotone condition, a rounded square for the spectral norm, a "
            "square for the row sums, and a four-pointed star for the Perron root."
        ),
        readout=lambda s: (
            f"Self-connection {signed(1)(s)}: well-posed exactly when pq < {(1 - s) ** 2:.2f}; "
            f"‖A‖₂ < 1 {'is still possible' if abs(s) < 1 else 'holds nowhere'}."
        ),
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
        "p_matrix": p * q - (1 - s) ** 2,
    }


def _outline(inside: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Outline of a region that is star-shaped about 0, by bisection along rays; empty if 0 lies outside."""
    # Rays are crowded near the axes, where the hyperbolas run off.
    crowded = np.sin(np.linspace(0, 1, 33) * np.pi / 2) ** 2
    crowded = np.sin(crowded * np.pi / 2) ** 2
    angle = np.concatenate([(k + crowded) * np.pi / 2 for k in range(4)])
    direction = np.stack([np.cos(angle), np.sin(angle)])
    edge = _REACH / np.abs(direction).max(axis=0)  # the frame's own outline
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
    )
    figure.update_layout(yaxis={"scaleanchor": "x", "constrain": "domain"}, xaxis={"constrain": "domain"})
    for name in ("p_matrix", "monotone", "spectral_norm", "row_sum", "perron_frobenius", "spectral_radius"):
        formula, color, dash = LADDER[name]
        x, y = _outline(lambda p, q, name=name: _values(s, p, q)[name] < 0)
        fill = {"fill": "toself", "opacity": 0.45} if name == "p_matrix" else {}
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            name=formula,
            line={"color": color, "width": 2, "dash": dash},
            hoverinfo="skip",
            **fill,
        )
    return figure


WIDTHS = (8, 16, 32, 64, 128, 256, 512)
#: Largest σ_A as a function of the width, m → ∞ (C5).
PREDICTED: dict[str, Callable[[float], float]] = {
    "perron_frobenius": lambda m: math.sqrt(math.pi / (2 * m)),
    "spectral_norm": lambda m: 0.5,
    "monotone": lambda m: 1 / math.sqrt(2),
    "spectral_radius": lambda m: 1.0,
}


@cache
def gaussian_threshold(name: str, width: int, draws: int = 15) -> float:
    """Median over draws of the largest σ_A for which σ_A Θ/√m satisfies a condition of C5.

    Each value is homogeneous in A, so one matrix gives its threshold. The exact one is 1/max of the real
    eigenvalues of all principal submatrices of Θ/√m, for there a principal minor of I − A first vanishes.
    """
    generator = torch.Generator().manual_seed(width)
    thresholds = []
    for _ in range(draws if width <= 64 else 3):
        B = torch.randn(width, width, generator=generator, dtype=torch.float64) / math.sqrt(width)
        if name == "p_matrix":
            thresholds.append(_exact_threshold(B))
        elif name == "spectral_radius":
            # All eigenvalues: at these widths as quick as Arnoldi, and as exact as it gets.
            thresholds.append(1 / float(torch.linalg.eigvals(B).abs().max()))
        else:
            thresholds.append(1 / it.certify(B, conditions=[name])[name].value)
    return float(np.median(thresholds))


def _exact_threshold(B: torch.Tensor) -> float:
    m = B.shape[0]
    codes = torch.arange(1, 2**m)
    on = ((codes[:, None] >> torch.arange(m)) & 1).to(B.dtype)
    eigenvalues = torch.linalg.eigvals(on[:, :, None] * B)
    return 1 / float(eigenvalues.real[eigenvalues.imag == 0].max())


@explorer("ladder-thresholds")
def ladder_thresholds() -> Figure:
    """The largest σ_A for which a Gaussian matrix satisfies each condition of C5, against the width."""
    figure = style.figure(
        x_title="width m",
        y_title="largest σ<sub>A</sub>",
        x_log=True,
        y_log=True,
        x_range=(7, 600),
        y_range=(0.035, 2.2),
        height=430,
    )
    figure.update_xaxes(tickmode="array", tickvals=list(WIDTHS))
    figure.update_yaxes(tickmode="array", tickvals=[0.05, 0.1, 0.2, 0.5, 1, 2], dtick=None)
    m = np.geomspace(7, 600, 40)
    for name, prediction in PREDICTED.items():
        _, color, _ = LADDER[name]
        figure.add_scatter(
            x=m,
            y=[prediction(k) for k in m],
            showlegend=False,
            hoverinfo="skip",
            **style.theory(None, color, width=1.5),
        )
    symbols = dict(zip(LADDER, ("circle", "square", "diamond", "triangle-up", "x", "star"), strict=True))
    for name, (formula, color, _) in LADDER.items():
        widths = [k for k in (8, 12) if name == "p_matrix"] or list(WIDTHS)
        figure.add_scatter(
            x=widths,
            y=[gaussian_threshold(name, k) for k in widths],
            **style.points(formula, color, symbol=symbols[name], size=9),
        )
    return Figure(
        figure,
        caption=(
            "The largest `implicit_scale` for which $A = \\sigma_A\\Theta/\\sqrt m$ satisfies each "
            "condition: measured (marks) and predicted for wide networks (dashed). **Notice** that the "
            "conditions on absolute values fade like $1/\\sqrt m$, while the norm and the monotone "
            "condition settle at $1/2$ and $1/\\sqrt2$. The exact threshold (stars) can be enumerated only "
            "for small $m$."
        ),
        alt=(
            "Log-log plot of the largest implicit scale against the width from 8 to 512. Two conditions, "
            "on the Perron root and on the row sums, fall like one over the square root of the width; the "
            "spectral norm settles at one half, the monotone condition at 0.71 and the spectral radius at "
            "one. The exact threshold lies at about one."
        ),
    )
