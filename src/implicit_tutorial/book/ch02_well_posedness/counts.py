"""How often a small random network has no, one, two or more equilibria, counted exactly."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch02_well_posedness.setting import COUNT_COLORS, COUNT_PATTERNS
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Figure, explorer, style

WIDTH, DRAWS, INJECTIONS = 8, 60, 10
SCALES = tuple(round(0.1 * k, 2) for k in range(26))
LABELS = {0: "none", 1: "one", 2: "two", 3: "three", 4: "more"}


@cache
def _draws() -> tuple[torch.Tensor, torch.Tensor]:
    """(draws, m, m) matrices Θ/√m and (draws, n, m) injections."""
    generator = torch.Generator().manual_seed(2)
    Theta = torch.randn(DRAWS, WIDTH, WIDTH, generator=generator, dtype=torch.float64) / math.sqrt(WIDTH)
    b = torch.randn(DRAWS, INJECTIONS, WIDTH, generator=generator, dtype=torch.float64)
    return Theta, b


@cache
def fractions(implicit_scale: float) -> tuple[tuple[float, ...], float]:
    """Fractions of draws (A, b) with 0, 1, 2, 3 and more equilibria; and of A with a P-matrix I − A (C4)."""
    tally = np.zeros(len(LABELS))
    exact = 0
    eye = torch.eye(WIDTH, dtype=torch.float64)
    for Theta, b in zip(*_draws(), strict=True):
        A = implicit_scale * Theta
        for count in it.count_equilibria(A, b).counts.tolist():
            tally[int(min(count, 4))] += 1
        exact += bool(it.is_p_matrix(eye - A))
    return tuple(float(t) / (DRAWS * INJECTIONS) for t in tally), exact / DRAWS


def _how_many_are_served() -> str:
    """The share of the draws with one equilibrium, among matrices that are not well-posed for every b."""
    served = [(ones - exact) / (1 - exact) for (_, ones, *_), exact in map(fractions, SCALES) if exact < 1]
    failing = [scale for scale in SCALES if fractions(scale)[1] < 1]
    half = max(scale for scale, share in zip(failing, served, strict=True) if share > 0.5)
    alike = all((share > 0.5) == (scale <= half) for scale, share in zip(failing, served, strict=True))
    return says(
        f"up to $\\sigma_A = {half:g}$ more than half of them, and at {SCALES[-1]:g} every fourth",
        alike and abs(served[-1] - 0.25) < 0.02,
    )


@explorer("counts")
def counts() -> Figure:
    """Fractions of random networks of width 8 with 0, 1, 2, … equilibria as σ_A grows (C4)."""
    table = np.array([fractions(s)[0] for s in SCALES])
    exact = [fractions(s)[1] for s in SCALES]
    figure = style.figure(
        x_title="implicit_scale σ<sub>A</sub>",
        y_title="fraction of draws",
        x_range=(0, SCALES[-1]),
        y_range=(0, 1),
        height=380,
    )
    for count in (1, 0, 2, 3, 4):
        look = style.measured(LABELS[count], COUNT_COLORS[count], width=0.5)
        look |= {"fillpattern": {"shape": COUNT_PATTERNS.get(count, ""), "size": 7, "solidity": 0.25}}
        figure.add_scatter(x=list(SCALES), y=table[:, count], stackgroup="counts", **look)
    figure.add_scatter(x=list(SCALES), y=exact, **style.theory("A well-posed for every b", width=3))
    return Figure(
        figure,
        tag=measured(width=WIDTH, seeds=DRAWS, samples=INJECTIONS),
        caption=(
            f"Networks of width {WIDTH}: {DRAWS} Gaussian matrices with {INJECTIONS} injections each, every "
            f"one of the {2**WIDTH} activation patterns tried. Colours tell how many equilibria a draw has. "
            "The dashed line is the fraction of matrices for which $I - A$ is a P-matrix. **Notice** that "
            "it falls before the area of the draws with one does: a matrix that fails for *some* injection "
            f"can serve others, {_how_many_are_served()}."
        ),
        alt=(
            "A stacked area chart over the implicit scale from 0 to 2.5. Up to about 0.8 all draws have "
            "exactly one equilibrium; then draws with none, two, three and more appear. A dashed line, the "
            "fraction of matrices that are well-posed for every injection, falls from one to zero between "
            "scales of 0.7 and 1.8."
        ),
    )
