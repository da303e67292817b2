"""The chapter's centrepiece: one Gaussian draw, scaled from 0 to 1.6, seen from four sides (C4 … C6)."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.ch02_well_posedness.counts import DRAWS, INJECTIONS, LABELS, WIDTH, fractions
from implicit_tutorial.book.ch02_well_posedness.setting import COUNT_COLORS, LADDER
from implicit_tutorial.book.evidence import MEAN_FIELD, measured
from implicit_tutorial.book.says import says
from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.explorer import Control, explorer, style
from implicit_tutorial.explorer.computed import Computation, Computed, loop
from implicit_tutorial.explorer.eigenvalues import eigenvalues

WIDE, SWEEPS, FLOOR = 200, 120, 1e-12
#: Picard has converged when a sweep changes the state by so much of its length; it is given up when the state
#: is so much longer than the injection, or after so many sweeps.
_CLOSE, _FAR, _MOST = 1e-10, 1e6, 1500
SCALES = [round(0.05 * k, 2) for k in range(33)]
CONDITIONS = ("perron_frobenius", "row_sum", "spectral_norm", "monotone", "spectral_radius")
#: The bars from below.
_BARS = ["ρ(DA) < 1, this input", *(LADDER[name][0] for name in reversed(CONDITIONS))]
_RATE = "(σ<sub>A</sub>/√2)<sup>k−1</sup>"
_ANGLE = np.linspace(0, 2 * np.pi, 73)


@explorer("initialization-scale")
def initialization_scale() -> Computed:
    """Spectra, conditions, Picard's residual and the number of equilibria as σ_A grows (C4, C5, C6)."""
    return Computed(
        _figures,
        _computation(),
        [Control("implicit_scale", SCALES, start=0.6, label="implicit_scale $\\sigma_A$", fmt=".2f")],
        tag=MEAN_FIELD | measured(width=(WIDTH, WIDE), seeds=(1, DRAWS), samples=(1, INJECTIONS)),
        caption=(
            f"One Gaussian network of width {WIDE} and one input. First: eigenvalues of $A$ and of $DA$, "
            "with circles of radius $\\sigma_A$ and $\\sigma_A/\\sqrt2$ (dashed, mean-field) and the unit "
            "circle (dotted). Second: each condition's value against its threshold 1; a bar ends at 2. "
            "Third: Picard's relative residual against $(\\sigma_A/\\sqrt2)^{k-1}$. Fourth: how many "
            f"equilibria networks of width {WIDTH} have, at the nearest stop. **Move** $\\sigma_A$ slowly "
            "from 0. **Notice** the order in which the bars turn, that Picard does not care, and that "
            f"{_where_picard_ends()}"
        ),
        alt=(
            "Four panels that share the implicit scale: eigenvalues of A and DA in the complex plane "
            "filling two discs; bars of four conditions that suffice, and of the spectral radii of A "
            "and DA, which do not, against their threshold; Picard's residual on a logarithmic axis with "
            "its predicted straight line; and a bar chart of the number of equilibria of small networks."
        ),
    )


def observe(
    implicit_scale: Tensor, G: Tensor, W: Tensor, spectrum: Tensor, sizes: Tensor, scales: Tensor,
    shares: Tensor, circle: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """Spectra, conditions, Picard's residuals, and how often small networks have how many equilibria."""
    m = G.shape[0]
    sweep = Problem(G * (implicit_scale / math.sqrt(m)), W[:, 0][None])  # the first input is the unit vector
    zero = torch.zeros_like(sweep.b)
    norm = torch.linalg.vector_norm
    after = torch.arange(SWEEPS + 1, dtype=zero.dtype)  # the first sweep, from zero, has the residual 1

    def shown_step(z: Tensor, residual: Tensor, taken: Tensor) -> tuple[Tensor, ...]:
        new = sweep(z)
        return new, torch.where(after == taken, norm(new - z) / norm(new), residual), taken + 1

    def step(z: Tensor, moved: Tensor, taken: Tensor) -> tuple[Tensor, ...]:
        new = sweep(z)
        return new, norm(new - z) / norm(new), taken + 1

    far = _FAR * norm(sweep.b)
    one = torch.ones_like(implicit_scale)
    last, residual, _ = loop(
        lambda z, residual, taken: taken < SWEEPS + 1, shown_step, (zero, 0 * after, 0 * one)
    )
    z, moved, taken = loop(
        lambda z, moved, taken: (moved > _CLOSE) & (norm(z) < far) & (taken < _MOST),
        step,
        (zero, one, 0 * one),
    )
    found = moved <= _CLOSE
    # Where Picard finds nothing, D is the pattern that it has after the sweeps that are shown.
    active = torch.where(found, z, last)[0] > 0
    inner = eigenvalues(torch.where(active[:, None], sweep.M, 0 * sweep.M))
    radius = norm(inner, dim=1).amax()
    nothing = 0 * one / (0 * one)
    inner = torch.where((inner == 0).all(1, keepdim=True), nothing, inner)  # units that are off
    values = torch.cat([radius[None], implicit_scale * sizes])
    rate = implicit_scale / math.sqrt(2)
    apart = torch.abs(scales - implicit_scale - 1e-9)  # in the middle of two stops, the higher one
    nearest = (apart == apart.amin()) * torch.ones_like(apart)
    share = (nearest[:, None] * shares).sum(0) / nearest.sum()
    shown = {
        "0/A/x": implicit_scale * spectrum[:, 0],
        "0/A/y": implicit_scale * spectrum[:, 1],
        "0/DA/x": inner[:, 0],
        "0/DA/y": inner[:, 1],
        "1/bars/x": torch.clamp(values, max=2),
        "1/bars/marker.color": values < 1,
        "1/marks/text": values < 1,
        "1/values/text": values,
        "2/measured/y": torch.clamp(residual, min=FLOOR),
        f"2/{_RATE}/y": torch.clamp(rate**after, min=FLOOR),
        "3/shares/y": share,
        "3/shares/text": share,
        "radius": radius,
        "found": found * one,
        "sweeps": taken,
        # In the order of _BARS; what the norm proves, monotonicity does.
        "proofs": (values[2] < 1) * one + (values[3] < 1) * one,
        "expected": torch.where((rate > 0) & (rate < 1), 1 + math.log(_CLOSE) / torch.log(rate), nothing),
    }
    for name, radius in (("A", implicit_scale), ("DA", rate)):
        for axis, along in (("x", torch.cos), ("y", torch.sin)):
            shown[f"0/mean-field, {name}/{axis}"] = radius * along(circle)
    return {name: found * one if found.dtype == torch.bool else found for name, found in shown.items()}


@cache
def _computation() -> Computation:
    computation = Computation(
        observe=observe,
        draws={"W": (WIDE, 3), "G": (WIDE, WIDE)},
        choices={
            "1/bars/marker.color": [style.FAILURE, style.HOLDS],
            "1/marks/text": ["✗", "✓"],
        },
        texts={"1/values/text": ".3g", "3/shares/text": ".2f"},
        line=(
            "{proofs?No condition proves it well-posed|Well-posed, by monotonicity|Well-posed, by the norm "
            "and monotonicity, if not by more}. Picard {found?gives up|reaches "
            "10⁻¹⁰} after {sweeps:d} sweeps (mean-field: "
            "{expected:d})."
        ),
    )
    B = computation.inputs({})["G"] / math.sqrt(WIDE)
    names = [name for name in CONDITIONS if name != "spectral_radius"]
    certificate = it.certify(B, conditions=names)
    values = {name: certificate[name].value for name in names}
    spectrum = eigenvalues(B)
    values["spectral_radius"] = float(torch.linalg.vector_norm(spectrum, dim=1).max())
    constants = {
        "spectrum": spectrum,
        "sizes": torch.tensor([values[name] for name in reversed(CONDITIONS)], dtype=torch.float64),
        "scales": torch.tensor(SCALES, dtype=torch.float64),
        "shares": torch.tensor([fractions(scale)[0] for scale in SCALES], dtype=torch.float64),
        "circle": torch.from_numpy(_ANGLE),
    }
    return replace(computation, constants=constants)


def state(implicit_scale: float) -> dict[str, Tensor]:
    """All that is shown at one σ_A."""
    return _computation().shown({"implicit_scale": implicit_scale})


#: Between two stops.
_JUST_BEFORE = (1.335, 1.345)


def _where_picard_ends() -> str:
    """Picard fails at the scales at which ρ(DA) is above one, and at no other; near them it is slow."""
    ends = [scale for scale in SCALES if state(scale)["radius"] >= 1]
    last = max(scale for scale in SCALES if scale < ends[0])
    rule = all((not state(scale)["found"]) == (scale in ends) for scale in SCALES)
    slow = float(state(last)["sweeps"] / state(last)["expected"])
    between = {bool(state(scale)["found"]) for scale in _JUST_BEFORE}
    return (
        says("it gives up about where the *smaller* disc reaches the unit circle: ", rule)
        + f"in mean field at $\\sqrt2$, for this draw at the stops from {ends[0]:g} on. "
        + says("Just before, between the stops, success comes and goes. ", between == {False, True})
        + says(
            f"At {last:g} it takes {slow:.1f} times as many sweeps as the mean-field rate says.", slow > 1.5
        )
    )


def _figures() -> list[go.Figure]:
    """The four views without what is computed."""
    return [_spectra(), _conditions(), _residuals(), _numbers()]


def _spectra() -> go.Figure:
    limits = (-1.75, 1.75)
    axes = {"x_title": "real part", "y_title": "imaginary part", "x_range": limits, "y_range": limits}
    figure = style.figure(title="eigenvalues", **axes, height=400, equal=True)
    kinds = (("A", style.SERIES[5], "dash"), ("DA", style.SERIES[1], "longdash"))
    for name, color, _ in kinds:
        figure.add_scatter(**style.points(name, color, size=4, opacity=0.7))
    # Over the points, which would hide them, and in another colour than theirs.
    outline = {"x": np.cos(_ANGLE), "y": np.sin(_ANGLE), "hoverinfo": "skip", "showlegend": False}
    figure.add_scatter(**style.guide("unit circle") | outline)
    for name, _, dash in kinds:
        figure.add_scatter(**style.theory(f"mean-field, {name}", width=3, dash=dash) | outline)
    return figure


def _conditions() -> go.Figure:
    figure = style.figure(title="conditions", x_title="value", x_range=(0, 3), height=400)
    figure.add_bar(name="bars", y=_BARS, orientation="h", width=0.55, **_bars())
    for name, at in (("marks", 2.06), ("values", 2.28)):
        text = {"mode": "text", "name": name, "textposition": "middle right", "hoverinfo": "skip"}
        figure.add_scatter(x=[at] * len(_BARS), y=_BARS, showlegend=False, **text)
    figure.add_vline(x=1, line=style.guide()["line"])
    return figure


def _bars() -> dict[str, Any]:
    return {"opacity": 0.75, "hoverinfo": "skip", "showlegend": False}


def _residuals() -> go.Figure:
    x = {"x_title": "sweep k", "x_range": (0, SWEEPS + 2)}
    y = {"y_title": "relative residual", "y_range": (1e-11, 30), "y_log": True}
    figure = style.figure(title="Picard", **x, **y, height=400)
    k = np.arange(1, SWEEPS + 2)
    figure.add_scatter(x=k, **style.measured("measured"))
    return figure.add_scatter(x=k, **style.theory(_RATE))


def _numbers() -> go.Figure:
    figure = style.figure(
        title=f"equilibria at width {WIDTH}",
        x_title="number of equilibria",
        y_title="fraction of draws",
        y_range=(0, 1.12),
        height=400,
    )
    look = _bars() | {"name": "shares", "textposition": "outside", "width": 0.6}
    return figure.add_bar(x=list(LABELS.values()), marker_color=list(COUNT_COLORS.values()), **look)
