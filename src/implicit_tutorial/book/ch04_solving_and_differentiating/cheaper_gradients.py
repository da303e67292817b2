"""How far off cheaper gradients are, and what that does to training (C8)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.ch04_solving_and_differentiating.setting import (
    GRADIENTS,
    INPUTS,
    SAMPLES,
    WIDTH,
    inputs,
)
from implicit_tutorial.book.ch04_solving_and_differentiating.studies import (
    DESCENT_STEPS,
    GRADIENT_DESCENT,
    GRADIENT_SCALES,
    GRADIENT_TIMES,
    NARROW,
)
from implicit_tutorial.book.evidence import MEAN_FIELD, measured
from implicit_tutorial.book.says import says
from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.explorer import Control, Explorer, explorer, style

PRODUCTS = 12


def network(scale: float) -> it.EquilibriumNetwork:
    """The network whose gradient is taken."""
    return it.EquilibriumNetwork(INPUTS, WIDTH, implicit_scale=scale, seed=0)


def target() -> Tensor:
    """(n,) labels: linear + quadratic."""
    return it.data.linear_quadratic(inputs())


def error(approximate: Tensor, exact: Tensor) -> tuple[float, float]:
    """Relative error, and angle in degrees, between two gradients."""
    relative = float((approximate - exact).norm() / exact.norm())
    # By the chord, because the cosine of a small angle has lost its digits.
    chord = float((approximate / approximate.norm() - exact / exact.norm()).norm())
    return relative, math.degrees(2 * math.asin(min(chord / 2, 1.0)))


@dataclass(frozen=True)
class Errors:
    """(products, 2) relative error and angle after 0, 1, 2 … products with Aᵀ in the backward pass."""

    phantom: np.ndarray
    shine: np.ndarray


@cache
def errors(scale: float) -> Errors:
    """The gradient of ½ mean (f − y)² with k products: phantom of k + 1 steps, or SHINE and k sweeps."""
    net = network(scale)
    with torch.no_grad():
        A, b = net.A, net.injection(inputs())
        forward, inverse = it.Broyden().factor(Problem(A, b), None)
        z = forward.z
        mismatch = (net.output(z) - target()) / (len(z) * math.sqrt(net.width))
        problem = Problem(A.T, mismatch[:, None] * net.v, (z > 0).to(A.dtype))
        exact = it.adjoint(A, z, problem.b, solver=it.Newton()).u.T @ z

        def measured(way: it.Phantom | it.Shine) -> tuple[float, float]:
            return error(way.estimate(problem, inverse.a, inverse.c).T @ z, exact)

        return Errors(
            np.array([measured(it.Phantom(steps=k + 1)) for k in range(PRODUCTS + 1)]),
            np.array([measured(it.Shine(refine=k)) for k in range(PRODUCTS + 1)]),
        )


def predicted(scale: float, products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ρᵏ⁺¹ and arcsin ρᵏ⁺¹ with ρ = σ_A/√2: a phantom gradient of k products, when A is Gaussian."""
    relative = (scale / math.sqrt(2)) ** (products + 1)
    return relative, np.degrees(np.arcsin(np.minimum(relative, 1)))


def training(name: str, scale: float) -> np.ndarray:
    """Stored loss before each step of descent on Θ along the named gradient, and after the last one."""
    return np.array(GRADIENT_DESCENT.at(gradient=name, implicit_scale=scale)["loss"])


def milliseconds(name: str, scale: float) -> float:
    """Stored time of one gradient, forward and backward pass."""
    return 1e3 * GRADIENT_TIMES.at(gradient=name, implicit_scale=scale)["seconds"]


@explorer("cheaper-gradients")
def cheaper_gradients() -> Explorer:
    """Relative error and angle against the products spent, and a training run along the chosen gradient."""
    return Explorer(
        _draw,
        [
            Control("gradient", list(GRADIENTS), start="one step"),
            Control(
                "implicit_scale",
                list(GRADIENT_SCALES),
                start=0.7,
                label="implicit_scale $\\sigma_A$",
                fmt=".1f",
            ),
        ],
        tag=MEAN_FIELD
        | measured(width=(NARROW, WIDTH), seeds=1, samples=SAMPLES).ending(GRADIENT_DESCENT.table["end"]),
        caption=(
            f"First and second: relative error and angle of the gradient of a network of width {WIDTH}, "
            "after so many products with $A^\\top$ in the backward pass; dashed, $\\rho^{k+1}$ and its "
            f"arcsine with $\\rho = \\sigma_A/\\sqrt2$. Third: gradient descent at width {NARROW} along the "
            "chosen gradient, and along the exact one (dashed). **Move** $\\sigma_A$, then the gradient. "
            f"**Notice** that SHINE runs beside the phantom, and {_what_training_feels()}"
        ),
        alt=(
            "Three plots. Two falling lines on logarithmic axes against the number of products, for phantom "
            "gradients and for SHINE, close to each other and to a dashed line: the relative error, and the "
            "angle in degrees. Third, a falling loss beside a dashed one."
        ),
        readout=_readout,
    )


def _what_training_feels() -> str:
    """The final loss along each gradient over that along the exact one, at all scales."""
    over = {
        name: [float(training(name, scale)[-1] / training("exact", scale)[-1]) for scale in GRADIENT_SCALES]
        for name in GRADIENTS
    }
    close = over["phantom, 5 steps"] + over["SHINE + 4 sweeps"]
    worst = over["one step"]
    return says(
        "what training feels: five steps do as well as the exact gradient, ", max(close) < 1.03
    ) + says(f"one step leaves {min(worst):.1f} to {max(worst):.1f} times its loss.", min(worst) > 1.5)


def _draw(gradient: str, implicit_scale: float) -> list[go.Figure]:
    found, k = errors(implicit_scale), np.arange(PRODUCTS + 1)
    look = {"y_log": True, "height": 330, "legend_rows": 2}
    products = {"x_title": "products with Aᵀ", "x_range": (-0.5, PRODUCTS + 0.5)}
    panels = [
        style.figure(title="relative error", **products, y_range=(1e-6, 2.0), **look),
        style.figure(title="angle, in degrees", **products, y_range=(1e-4, 120.0), **look),
    ]
    for column, panel in enumerate(panels):
        panel.add_scatter(x=k, y=predicted(implicit_scale, k)[column], **style.theory("predicted"))
        for name, way, color in (
            ("phantom", found.phantom, style.SERIES[0]),
            ("SHINE", found.shine, style.SERIES[4]),
        ):
            line = style.measured(name, color) | {"mode": "lines+markers"}
            panel.add_scatter(x=k, y=way[:, column], **line)
    steps = {"x_title": "step of gradient descent", "x_range": (0, DESCENT_STEPS)}
    loss = style.figure(title="loss", **steps, y_range=(5e-3, 2.0), **look)
    loss.add_scatter(y=training("exact", implicit_scale), **style.theory("exact"))
    loss.add_scatter(y=training(gradient, implicit_scale), **style.measured("chosen", style.TRAIN))
    return [*panels, loss]


def _readout(gradient: str, implicit_scale: float) -> str:
    run = training(gradient, implicit_scale)
    relative, angle = _of(gradient, implicit_scale)
    return (
        f"{gradient}: relative error {relative:.2f}, angle {angle:.0f}°; "
        f"loss after {len(run) - 1} steps {run[-1]:.2g} "
        f"(exact gradient: {training('exact', implicit_scale)[-1]:.2g}). "
        f"Stored time: {milliseconds(gradient, implicit_scale):.0f} ms, "
        f"exact {milliseconds('exact', implicit_scale):.0f} ms."
    )


def _of(name: str, scale: float) -> tuple[float, float]:
    """Relative error and angle of a named gradient at initialization."""
    if GRADIENTS[name].measured is None:
        return 0.0, 0.0
    curve, products = GRADIENTS[name].measured
    return tuple(getattr(errors(scale), curve)[products])
