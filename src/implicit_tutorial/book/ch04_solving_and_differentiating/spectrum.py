"""A disc of eigenvalues cannot be accelerated, an interval and an outlier can (C6)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.ch04_solving_and_differentiating.setting import PLAIN_ANDERSON
from implicit_tutorial.book.evidence import THEOREM, measured
from implicit_tutorial.book.oracles import gaussian, normal
from implicit_tutorial.book.says import says
from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.explorer import Control, Explorer, explorer, style

WIDTH, LIMIT = 1024, 2000
SPECTRA = ("disc", "interval", "outlier")
RADII = (0.5, 0.7, 0.85)
#: With its defaults Anderson would be Picard on a disc, and there would be nothing to compare.
RACERS = {"Picard": it.Picard(max_steps=LIMIT), "Anderson": PLAIN_ANDERSON(max_steps=LIMIT)}


def matrix(spectrum: str, radius: float) -> Tensor:
    """(m, m) A for which ρ(DA) is about ``radius`` when half of the units are on.

    ``disc``: Gaussian. ``interval``: its symmetric part, scaled. ``outlier``: a Gaussian one of radius 0.4
    and a strong feedback through one direction.
    """
    G = gaussian(WIDTH, seed=0)
    if spectrum == "disc":
        return math.sqrt(2) * radius * G
    if spectrum == "interval":
        # G + Gᵀ has the edge 2√2, and the block of the active half √2 times less.
        return radius * (G + G.T) / 2
    direction = normal(WIDTH, seed=1)
    direction = direction / direction.norm()
    # Half of the direction's squared length is on active units.
    return math.sqrt(2) * 0.4 * G + 2 * radius * torch.outer(direction, direction)


@dataclass(frozen=True)
class Race:
    """Eigenvalues of DA, and relative residuals after each sweep of two solvers."""

    eigenvalues: np.ndarray
    residuals: dict[str, np.ndarray]
    """Relative residual after sweep 1, 2, …, by the name of the solver."""

    @property
    def radius(self) -> float:
        """ρ(DA)."""
        return float(np.abs(self.eigenvalues).max())


class _Recorded(Problem):
    """A problem of one sample that notes the residual of every state at which it is evaluated."""

    seen: list[float]

    def __call__(self, z: Tensor, rows: Tensor | None = None) -> Tensor:
        image = super().__call__(z, rows)
        self.seen.append(float(torch.linalg.vector_norm(image - z)))
        return image


@cache
def race(spectrum: str, radius: float) -> Race:
    """One injection: Picard and Anderson from zero to a relative residual of 1e-10."""
    A, b = matrix(spectrum, radius), normal(1, WIDTH, seed=2)
    z = it.solve(A, b, solver=it.Newton()).z[0]
    on = z > 0
    block = A[on][:, on]
    # Besides zeros, the eigenvalues of DA are those of this block.
    eigenvalues = torch.linalg.eigvalsh(block) if spectrum == "interval" else torch.linalg.eigvals(block)
    residuals = {}
    for name, solver in RACERS.items():
        problem = _Recorded(A, b)
        problem.seen = []
        solver.run(problem, None)
        residuals[name] = np.array(problem.seen) / float(torch.linalg.vector_norm(z))
    return Race(np.sort_complex(eigenvalues.numpy()), residuals)


def predicted(spectrum: str, race: Race, sweeps: np.ndarray) -> np.ndarray:
    """Residual of the best polynomial for the spectrum, up to a factor: ρᵏ, or Chebyshev's on an interval."""
    rho = race.radius
    if spectrum == "interval":
        rho = rho / (1 + math.sqrt(1 - rho**2))
    if spectrum == "outlier":
        # One factor removes the outlier; the disc remains.
        rho = float(np.sort(np.abs(race.eigenvalues))[-2])
    return race.residuals["Picard"][0] * rho ** (sweeps - 1)


@explorer("spectrum")
def spectrum() -> Explorer:
    """Eigenvalues of DA beside the residuals of Picard and Anderson, for three shapes (C6)."""
    return Explorer(
        _draw,
        [
            Control("shape", list(SPECTRA), label="shape of the spectrum"),
            Control("radius", list(RADII), start=0.85, label="radius $\\rho$", fmt=".2f"),
        ],
        tag=THEOREM | measured(width=WIDTH, seeds=1, samples=1),
        caption=(
            "First: the eigenvalues of $DA$ at the equilibrium. Second: relative residuals of Picard and "
            "of Anderson, mixing at every sweep. Dashed: the rate of the best method of this kind, "
            "$\\rho$ for a disc, $\\rho/(1 + \\sqrt{1-\\rho^2})$ for an interval, and the rate of "
            f"the rest when a single eigenvalue stands out. {_below_the_dashes()} **Move** the shape at "
            "$\\rho = 0.85$. **Notice** that Picard sees mostly the radius, and Anderson the shape."
        ),
        alt=(
            "First, the complex plane with the unit circle and eigenvalues that fill a disc, an interval of "
            "the real axis, or a small disc with one more eigenvalue to its right. Second, two falling "
            f"curves on a logarithmic axis: {_how_far_apart()}"
        ),
        readout=_readout,
    )


def _how_far_apart() -> str:
    """Anderson's sweeps as a share of Picard's, over the radii."""
    share = {
        shape: [
            len(race(shape, r).residuals["Anderson"]) / len(race(shape, r).residuals["Picard"]) for r in RADII
        ]
        for shape in SPECTRA
    }
    apart = share["interval"] + share["outlier"][1:]
    return says(
        "close together for the disc, and for the outlier at the smallest radius; else apart, and the "
        "farther the larger the radius.",
        min(share["disc"] + share["outlier"][:1]) > 0.85
        and max(apart) < 0.65
        and all(share[shape] == sorted(share[shape], reverse=True) for shape in ("interval", "outlier")),
    )


def _below_the_dashes() -> str:
    """On the disc both curves end below the dashed line, by little against all that they have fallen.

    Not because the eigenvalues did not reach the rim: the outermost ones lie beyond it.
    """
    disc = [race("disc", radius) for radius in RADII]
    beyond = [(np.abs(run.eigenvalues) > r).mean() for run, r in zip(disc, RADII, strict=True)]
    ends = [
        run.residuals[name][-1] / predicted("disc", run, np.array([len(run.residuals[name])]))[0]
        for run in disc
        for name in RACERS
    ]
    return says(
        "A finite disc has one eigenvalue or a few beyond its rim, but many inside of it, and of these so "
        "few sweeps tell: there both curves end below the dashed line.",
        min(ends) > 1e-3 and max(ends) < 1 and min(beyond) > 0 and max(beyond) < 0.02,
    )


def _draw(shape: str, radius: float) -> list[go.Figure]:
    run = race(shape, radius)
    look, ends = {"height": 400, "legend_rows": 2}, (-1.08, 1.08)
    axes = {"x_title": "real part", "y_title": "imaginary part", "x_range": ends, "y_range": ends}
    plane = style.figure(title="eigenvalues of DA", **axes, equal=True, **look)
    angle = np.linspace(0, 2 * np.pi, 73)
    plane.add_scatter(x=np.cos(angle), y=np.sin(angle), **style.guide("1"))
    dots = style.points("eigenvalues", size=5, opacity=0.7)
    plane.add_scatter(x=run.eigenvalues.real, y=run.eigenvalues.imag, **dots)
    top = len(run.residuals["Picard"])
    axes = {"x_title": "sweep", "x_range": (0, 1.03 * top), "y_range": (1e-11, 3), "y_log": True}
    curves = style.figure(title="relative residual", **axes, **look)
    sweeps = np.linspace(1, top, 40)
    curves.add_scatter(x=sweeps, y=predicted(shape, run, sweeps), **style.theory("best rate"))
    for name, color in (("Picard", style.SERIES[1]), ("Anderson", style.SERIES[0])):
        y = run.residuals[name]
        # A hundred points draw a line as well as a thousand.
        kept = np.unique(np.linspace(0, len(y) - 1, 100).round().astype(int))
        curves.add_scatter(x=kept + 1, y=y[kept], **style.measured(name, color))
    plane.update_layout(showlegend=False)
    return [plane, curves]


def _readout(shape: str, radius: float) -> str:
    run = race(shape, radius)
    picard, anderson = (len(run.residuals[name]) for name in ("Picard", "Anderson"))
    return (
        f"ρ(DA) = {run.radius:.2f}. Picard: {picard} sweeps. Anderson: {anderson}, "
        f"{100 * anderson / picard:.0f} % of them."
    )
