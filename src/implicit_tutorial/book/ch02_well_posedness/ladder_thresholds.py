"""The ladder C5 in wide networks: up to which scale each condition holds, against the width."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch02_well_posedness.setting import LADDER
from implicit_tutorial.book.evidence import MEAN_FIELD, measured
from implicit_tutorial.explorer import Figure, explorer, style

WIDTHS = (8, 16, 32, 64, 128, 256, 512)
#: Largest σ_A as a function of the width, m → ∞ (C5).
PREDICTED: dict[str, Callable[[float], float]] = {
    "perron_frobenius": lambda m: math.sqrt(math.pi / (2 * m)),
    "spectral_norm": lambda m: 0.5,
    "monotone": lambda m: 1 / math.sqrt(2),
    "spectral_radius": lambda m: 1.0,
}


def draws(width: int) -> int:
    """How many matrices of a width are drawn."""
    return 15 if width <= 64 else 3


@cache
def gaussian_threshold(name: str, width: int) -> float:
    """Median over draws of the largest σ_A for which σ_A Θ/√m satisfies a condition of C5.

    Each value is homogeneous in A, so one matrix gives its threshold. The exact one is 1/max of the real
    eigenvalues of all principal submatrices of Θ/√m, for there a principal minor of I − A first vanishes.
    """
    generator = torch.Generator().manual_seed(width)
    thresholds = []
    for _ in range(draws(width)):
        B = torch.randn(width, width, generator=generator, dtype=torch.float64) / math.sqrt(width)
        if name == "p_matrix":
            thresholds.append(exact_threshold(B))
        elif name == "spectral_radius":
            # All eigenvalues: at these widths as quick as Arnoldi, and as exact as it gets.
            thresholds.append(1 / float(torch.linalg.eigvals(B).abs().max()))
        else:
            thresholds.append(1 / it.certify(B, conditions=[name])[name].value)
    return float(np.median(thresholds))


def exact_threshold(B: torch.Tensor) -> float:
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
        look = style.theory(color=color, width=1.5) | {"showlegend": False, "hoverinfo": "skip"}
        figure.add_scatter(x=m, y=[prediction(k) for k in m], **look)
    symbols = dict(zip(LADDER, ("circle", "square", "diamond", "triangle-up", "x", "star"), strict=True))
    for name, (formula, color, _) in LADDER.items():
        widths = [k for k in (8, 12) if name == "p_matrix"] or list(WIDTHS)
        marks = style.points(formula, color, symbol=symbols[name], size=9)
        figure.add_scatter(x=widths, y=[gaussian_threshold(name, k) for k in widths], **marks)
    return Figure(
        figure,
        tag=MEAN_FIELD | measured(width=WIDTHS, seeds=map(draws, WIDTHS), samples=None),
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
