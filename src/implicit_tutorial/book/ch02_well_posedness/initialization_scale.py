"""The chapter's centrepiece: one Gaussian draw, scaled from 0 to 1.6, seen from four sides (C4 … C6)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch02_well_posedness.counts import DRAWS, INJECTIONS, LABELS, WIDTH, fractions
from implicit_tutorial.book.ch02_well_posedness.setting import COUNT_COLORS, LADDER
from implicit_tutorial.book.drawing import array
from implicit_tutorial.book.evidence import MEAN_FIELD, measured
from implicit_tutorial.book.picard import picard_path
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style

WIDE, SEED, SWEEPS, FLOOR = 300, 3, 120, 1e-12
SCALES = [round(0.05 * k, 2) for k in range(33)]
CONDITIONS = ("perron_frobenius", "row_sum", "spectral_norm", "monotone", "spectral_radius")


@explorer("initialization-scale")
def initialization_scale() -> Explorer:
    """Spectra, conditions, Picard's residual and the number of equilibria as σ_A grows (C4, C5, C6)."""
    return Explorer(
        lambda implicit_scale: [
            _spectra(implicit_scale),
            _conditions(implicit_scale),
            _residuals(implicit_scale),
            _numbers(implicit_scale),
        ],
        [Control("implicit_scale", SCALES, start=0.6, label="implicit_scale $\\sigma_A$", fmt=".2f")],
        tag=MEAN_FIELD | measured(width=(WIDTH, WIDE), seeds=(1, DRAWS), samples=(1, INJECTIONS)),
        caption=(
            f"One Gaussian network of width {WIDE} and one input. First: eigenvalues of $A$ and of $DA$, "
            "with circles of radius $\\sigma_A$ and $\\sigma_A/\\sqrt2$ (dashed, mean-field) and the unit "
            "circle (dotted). Second: each condition's value against its threshold 1; a bar ends at 2. "
            "Third: Picard's relative residual against $(\\sigma_A/\\sqrt2)^k$. Fourth: how many "
            f"equilibria networks of width {WIDTH} have. **Move** $\\sigma_A$ slowly from 0. **Notice** the "
            f"order in which the bars turn, that Picard does not care, and that {_where_picard_ends()}"
        ),
        alt=(
            "Four panels that share the implicit scale: eigenvalues of A and DA in the complex plane "
            "filling two discs; bars of five well-posedness conditions and of the spectral radius of DA "
            "against their threshold; Picard's residual on a logarithmic axis with its predicted straight "
            "line; and a bar chart of the number of equilibria of small networks."
        ),
        readout=_readout,
    )


@dataclass(frozen=True)
class _Draw:
    """What does not depend on σ_A: the matrix at σ_A = 1, its eigenvalues, the values of the conditions."""

    B: torch.Tensor
    b: torch.Tensor
    eigenvalues: np.ndarray
    values: dict[str, float]


@cache
def _draw() -> _Draw:
    net = it.EquilibriumNetwork(n_inputs=3, width=WIDE, implicit_scale=1.0, seed=SEED)
    x = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64)
    B, b = net.A.detach(), net.injection(x).detach()[0]
    names = [name for name in CONDITIONS if name != "spectral_radius"]
    certificate = it.certify(B, conditions=names)
    eigenvalues = _eigenvalues(B)
    values = {name: certificate[name].value for name in names}
    return _Draw(B, b, eigenvalues, values | {"spectral_radius": float(np.abs(eigenvalues).max())})


def _eigenvalues(M: torch.Tensor) -> np.ndarray:
    """Eigenvalues in an order that rounding cannot change: the upper half by real part, then its mirror."""
    found = array(torch.linalg.eigvals(M))
    upper = found[found.imag >= 0]
    upper = upper[np.argsort(upper.real)]
    return np.concatenate([upper, upper[upper.imag > 0].conj()])


@dataclass(frozen=True)
class _State:
    """One σ_A: Picard's residuals, the spectrum of DA, and whether its pattern belongs to an equilibrium."""

    residual: np.ndarray
    eigenvalues: np.ndarray
    radius: float
    steps: int | None


@cache
def state(implicit_scale: float) -> _State:
    """Solve at one σ_A; where Picard finds nothing, D is the pattern it has after ``SWEEPS`` sweeps."""
    draw = _draw()
    A = implicit_scale * draw.B
    path = picard_path(A, draw.b, torch.zeros_like(draw.b), SWEEPS + 1)
    size = torch.linalg.vector_norm(path[1:], dim=1)
    residual = torch.linalg.vector_norm(path[1:] - path[:-1], dim=1) / size
    solution = it.solve(A, draw.b[None], solver=it.Picard(max_steps=2000), throw=False)
    found = bool(solution.converged[0])
    on = (solution.z[0] if found else path[-1]) > 0
    eigenvalues = _eigenvalues(A[on][:, on])
    radius = float(np.abs(eigenvalues).max())
    return _State(
        np.maximum(array(residual), FLOOR), eigenvalues, radius, int(solution.steps[0]) if found else None
    )


def _where_picard_ends() -> str:
    """Picard fails at the scales at which ρ(DA) is above one, and at no other; near them it is slow."""
    ends = [scale for scale in SCALES if state(scale).radius >= 1]
    last = max(scale for scale in SCALES if scale < ends[0])
    rule = all((state(scale).steps is None) == (scale in ends) for scale in SCALES)
    slow = state(last).steps / (math.log(1e-10) / math.log(last / math.sqrt(2)))
    return (
        says("it gives up where the *smaller* disc reaches the unit circle: ", rule)
        + f"for this draw between {last:g} and {ends[0]:g}, in mean field at $\\sqrt2$. "
        + says(
            f"At {last:g} it takes {slow:.1f} times as many sweeps as the mean-field rate says.", slow > 1.5
        )
    )


def _circle(figure: go.Figure, radius: float, look: dict) -> None:
    angle = np.linspace(0, 2 * np.pi, 73)
    outline = look | {"hoverinfo": "skip", "showlegend": False}
    figure.add_scatter(x=radius * np.cos(angle), y=radius * np.sin(angle), **outline)


def _spectra(implicit_scale: float) -> go.Figure:
    figure = style.figure(
        title="eigenvalues",
        x_title="real part",
        y_title="imaginary part",
        x_range=(-1.75, 1.75),
        y_range=(-1.75, 1.75),
        height=400,
        equal=True,
    )
    spectra = (
        ("A", implicit_scale * _draw().eigenvalues, implicit_scale, style.SERIES[5], "dash"),
        ("DA", state(implicit_scale).eigenvalues, implicit_scale / math.sqrt(2), style.SERIES[1], "longdash"),
    )
    for name, values, _, color, _ in spectra:
        figure.add_scatter(x=values.real, y=values.imag, **style.points(name, color, size=4, opacity=0.7))
    # Over the points, which would hide them, and in another colour than theirs.
    _circle(figure, 1, style.guide("unit circle"))
    for name, _, radius, _, dash in spectra:
        _circle(figure, radius, style.theory(f"mean-field, {name}", width=3, dash=dash))
    return figure


def values(implicit_scale: float) -> dict[str, float]:
    """The value of each condition, by its formula."""
    found = {LADDER[name][0]: implicit_scale * _draw().values[name] for name in CONDITIONS}
    return found | {"ρ(DA) < 1, this input": state(implicit_scale).radius}


def _conditions(implicit_scale: float) -> go.Figure:
    shown = dict(reversed(values(implicit_scale).items()))
    formulas, sizes = list(shown), np.array(list(shown.values()))
    figure = style.figure(title="conditions", x_title="value", x_range=(0, 3), height=400)
    colors = [style.HOLDS if v < 1 else style.FAILURE for v in sizes]
    figure.add_bar(x=np.minimum(sizes, 2.0), y=formulas, orientation="h", width=0.55, **_bars(colors))
    words = [f"{'✓' if v < 1 else '✗'} {v:.3g}" for v in sizes]
    text = {"mode": "text", "text": words, "textposition": "middle right", "hoverinfo": "skip"}
    figure.add_scatter(x=[2.06] * len(shown), y=formulas, showlegend=False, **text)
    figure.add_vline(x=1, line=style.guide()["line"])
    return figure


def _bars(colors: list[str]) -> dict[str, Any]:
    return {"marker": {"color": colors}, "opacity": 0.75, "hoverinfo": "skip", "showlegend": False}


def _residuals(implicit_scale: float) -> go.Figure:
    figure = style.figure(
        title="Picard",
        x_title="sweep k",
        y_title="relative residual",
        x_range=(0, SWEEPS),
        y_range=(1e-11, 30),
        y_log=True,
        height=400,
    )
    k = np.arange(SWEEPS + 1)
    rate = implicit_scale / math.sqrt(2)
    figure.add_scatter(x=k, y=state(implicit_scale).residual, **style.measured("measured"))
    figure.add_scatter(x=k, y=np.maximum(rate**k, FLOOR), **style.theory("(σ<sub>A</sub>/√2)<sup>k</sup>"))
    return figure


def _numbers(implicit_scale: float) -> go.Figure:
    share, _ = fractions(implicit_scale)
    figure = style.figure(
        title=f"equilibria at width {WIDTH}",
        x_title="number of equilibria",
        y_title="fraction of draws",
        y_range=(0, 1.12),
        height=400,
    )
    values = {"text": [f"{s:.2f}" for s in share], "textposition": "outside"}
    look = _bars(list(COUNT_COLORS.values())) | values
    figure.add_bar(x=list(LABELS.values()), y=list(share), width=0.6, **look)
    return figure


def _readout(implicit_scale: float) -> str:
    here, conditions = state(implicit_scale), _draw().values
    proofs = [
        what
        for name, what in (("spectral_norm", "the norm"), ("monotone", "monotonicity"))
        if implicit_scale * conditions[name] < 1
    ]
    proof = f"Well-posed, by {' and '.join(proofs)}" if proofs else "No condition proves it well-posed"
    if here.steps is None:
        return f"{proof}. Picard finds no equilibrium."
    rate = implicit_scale / math.sqrt(2)
    predicted = f" (mean-field: {math.log(1e-10) / math.log(rate):.0f})" if 0 < rate < 1 else ""
    return f"{proof}. Picard reaches 10⁻¹⁰ in {here.steps} sweeps{predicted}."
