"""The two conditions of the convergence certificate, over κ (C12)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch06_training_the_implicit_layer.setting import unit_labels
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.kernels.network import states
from implicit_tutorial.training.certificate import Ball

KAPPAS = np.geomspace(1, 1e6, 25)


@lru_cache
def conditions(width: int, implicit_scale: float) -> tuple[np.ndarray, np.ndarray, it.ConvergenceCertificate]:
    """ρ₀ + r* and Δ(r*)/(s₀/2) over the output scales, and the certificate at κ = 1.

    One evaluation is enough: Δ and s₀ are proportional to κ, and r* to 1/κ.
    """
    X = it.data.sphere(4, 10, seed=0)
    net = it.EquilibriumNetwork(10, width, implicit_scale=implicit_scale, centered=True, seed=0)
    one = it.convergence_certificate(net, X, unit_labels(X))
    with torch.no_grad():
        ball = Ball(net, X, *states(net, X))
    radii = one.r_star / KAPPAS
    delta = [float(torch.linalg.vector_norm(ball.bounds(r)[3])) for r in radii]
    return one.rho0 + radii, np.array(delta) / (one.s0 / 2), one


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
            f"At κ = 1: ‖e₀‖ up to {first.largest_error:.1e} is certified, and ours is "
            f"{first.initial_error:.3g}; so κ > {first.initial_error / first.largest_error:.2g} is needed."
        )

    return Explorer(
        draw,
        [
            Control("width", [64, 256, 1024], start=256, label="width $m$"),
            Control("implicit_scale", [0.1, 0.2, 0.4], start=0.2, label="implicit_scale $\\sigma_A$"),
        ],
        caption=(
            "The two conditions of C12 for four inputs with labels of mean square one, as the output scale "
            "grows. **Move** $\\sigma_A$. **Notice** that the second condition is by far the harder one. It "
            "falls slowly as long as a change of $A$ within the ball may flip many activations, and like "
            "$1/\\kappa$ once it can flip none."
        ),
        alt=(
            "Two falling curves over the output scale on logarithmic axes. The condition for well-posedness "
            "is below one almost from the start; that for the Jacobian falls slowly at first and crosses one "
            "only when the output scale is in the hundreds or many thousands."
        ),
        readout=readout,
    )
