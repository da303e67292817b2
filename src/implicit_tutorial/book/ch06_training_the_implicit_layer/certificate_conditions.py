"""The two conditions of the convergence certificate, over κ (C12)."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch06_training_the_implicit_layer.setting import unit_labels
from implicit_tutorial.book.evidence import THEOREM, measured
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.kernels.network import states
from implicit_tutorial.prose import powers
from implicit_tutorial.training.region import Ball

_SAMPLES = 4
KAPPAS = np.geomspace(1, 1e6, 25)
WIDTHS, SCALES = (64, 256, 1024), (0.1, 0.2, 0.4)


@lru_cache
def conditions(width: int, implicit_scale: float) -> tuple[np.ndarray, np.ndarray, it.ConvergenceCertificate]:
    """ρ₀ + r* and Δ(r*)/(s₀/2) over the output scales, and the certificate at κ = 1.

    One evaluation is enough: Δ and s₀ are proportional to κ, and r* to 1/κ.
    """
    X = it.data.sphere(_SAMPLES, 10, seed=0)
    net = it.EquilibriumNetwork(10, width, implicit_scale=implicit_scale, centered=True, seed=0)
    one = it.convergence_certificate(net, X, unit_labels(X), claim="C12")
    with torch.no_grad():
        ball = Ball(net, X, *states(net, X))
    radii = one.r_star / KAPPAS
    delta = [float(torch.linalg.vector_norm(ball.bounds(r)[3])) for r in radii]
    return one.rho0 + radii, np.array(delta) / (one.s0 / 2), one


def needed(width: int, implicit_scale: float) -> tuple[float, float]:
    """The κ from which on each of the two conditions holds."""
    one = conditions(width, implicit_scale)[2]
    return one.r_star / (1 - one.rho0), one.initial_error / one.largest_error


@explorer("certificate-conditions")
def certificate_conditions() -> Explorer:
    """ρ₀ + r* and Δ/(s₀/2) against κ: both must be below one."""

    def draw(width: int, implicit_scale: float) -> go.Figure:
        kappa = {"x_title": "output_scale κ", "x_log": True, "x_range": (1, 1e6)}
        fig = style.figure(**kappa, y_title="below 1 to certify", y_log=True, y_range=(0.03, 1e3), height=380)
        norm, jacobian, _ = conditions(width, implicit_scale)
        fig.add_scatter(x=[1, 1e6], y=[1, 1], **style.guide("certified below"))
        fig.add_scatter(x=KAPPAS, y=norm, **style.measured("well-posed: ρ₀ + r*", style.SERIES[2]))
        # Where the first condition fails there is no second one to look at.
        jacobian = np.where(np.isfinite(jacobian), jacobian, np.nan)
        fig.add_scatter(x=KAPPAS, y=jacobian, **style.measured("Jacobian: Δ(r*) / ½s₀", style.SERIES[0]))
        return fig

    def readout(width: int, implicit_scale: float) -> str:
        first = conditions(width, implicit_scale)[2]
        return (
            f"At κ = 1: ‖e₀‖ up to {powers(first.largest_error)} is certified, and ours is "
            f"{first.initial_error:.3g}; so κ > {powers(needed(width, implicit_scale)[1])} is needed."
        )

    return Explorer(
        draw,
        [
            Control("width", WIDTHS, start=256, label="width $m$"),
            Control("implicit_scale", SCALES, start=0.2, label="implicit_scale $\\sigma_A$"),
        ],
        tag=THEOREM | measured(width=WIDTHS, seeds=1, samples=_SAMPLES),
        caption=(
            "The two conditions of the theorem C12 for four inputs with labels of mean square one, as the "
            f"output scale grows, computed for one network. **Move** $\\sigma_A$. {_what_to_notice()}"
        ),
        alt=(f"Two falling curves over the output scale on logarithmic axes. {_where_below_one()}"),
        readout=readout,
    )


_CELLS = tuple((width, scale) for width in WIDTHS for scale in SCALES)


def _slopes(width: int, scale: float) -> np.ndarray:
    """Exponents of κ in the second condition, from one κ to the next, where it is finite."""
    jacobian = conditions(width, scale)[1]
    finite = np.isfinite(jacobian)
    return np.diff(np.log(jacobian[finite])) / np.diff(np.log(KAPPAS[finite]))


def _what_to_notice() -> str:
    harder = [second / first for first, second in (needed(*cell) for cell in _CELLS)]
    slopes = [_slopes(*cell) for cell in _CELLS]
    grows = [needed(width, SCALES[-1])[1] / needed(width, SCALES[0])[1] for width in WIDTHS]
    return " ".join(
        [
            says(
                f"**Notice** that from $\\sigma_A = {SCALES[0]:g}$ to ${SCALES[-1]:g}$ the $\\kappa$ that is "
                f"needed grows by a factor of {min(grows):.0f} to {max(grows):.0f}, and that the second "
                f"condition is by far the harder one: it asks for a $\\kappa$ at least "
                f"{math.floor(min(harder))} times that of the first.",
                min(grows) > 50 and min(harder) > 100,
            ),
            says(
                "At first it falls steeply; then slowly, in places more slowly than $1/\\sqrt\\kappa$, as "
                "long "
                "as a change of $A$ within the ball may flip many activations; and like $1/\\kappa$ once it "
                "can flip none.",
                all(s[0] < -1 and s.max() > -0.5 and abs(s[-1] + 1) < 0.01 for s in slopes),
            ),
        ]
    )


def _where_below_one() -> str:
    first, second = zip(*(needed(*cell) for cell in _CELLS), strict=True)
    return says(
        f"The condition for well-posedness is below one from κ = {max(first):.0f} on or earlier; that for "
        f"the Jacobian crosses one only between {powers(min(second))} and {powers(max(second))}.",
        max(first) < 10
        and all(conditions(*cell)[0][own < KAPPAS].max() < 1 for cell, own in zip(_CELLS, first, strict=True))
        and all(
            conditions(*cell)[1][1.01 * own < KAPPAS].max()
            < 1
            < conditions(*cell)[1][own / 1.01 > KAPPAS].min()
            for cell, own in zip(_CELLS, second, strict=True)
        ),
    )
