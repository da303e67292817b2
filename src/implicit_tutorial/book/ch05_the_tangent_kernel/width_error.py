"""How fast the kernels of a network approach their limit (C10)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go

import implicit_tutorial as it
from implicit_tutorial.book.ch05_the_tangent_kernel.setting import LAYERS, scale_control
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Explorer, explorer, style

WIDTHS, SEEDS = (64, 128, 256, 512), (48, 48, 32, 16)
_SCALES, _SAMPLES = (0.2, 0.5, 0.8), 6


@lru_cache
def _relative_errors() -> dict[float, dict[str, np.ndarray]]:
    X = it.data.sphere(_SAMPLES, 4, seed=0)
    exact = {scale: it.limit_kernels(X, implicit_scale=scale) for scale in _SCALES}
    gaps = {scale: {layer: np.zeros(len(WIDTHS)) for layer in LAYERS} for scale in _SCALES}
    for w, (width, seeds) in enumerate(zip(WIDTHS, SEEDS, strict=True)):
        found: dict[tuple[float, str], list[float]] = {}
        for seed in range(seeds):
            net = it.EquilibriumNetwork(4, width, solver=it.Picard(rtol=1e-8), seed=seed)
            for scale, limit in exact.items():
                net.implicit_scale = scale  # the same draw at every scale
                kernels = it.network_kernels(net, X)
                for layer in LAYERS:
                    K = getattr(limit, layer)
                    gap = float((getattr(kernels, layer) - K).norm() / K.norm())
                    found.setdefault((scale, layer), []).append(gap)
        for (scale, layer), values in found.items():
            gaps[scale][layer][w] = np.median(values)
    return gaps


def kernel_errors(scale: float) -> dict[str, np.ndarray]:
    """Median over random networks of ‖K_m − K^∞‖/‖K^∞‖ at each of the :data:`WIDTHS`, for each layer.

    Not the mean square: the closer σ_A is to √2, the more it is made by rare draws that nearly explode.
    """
    return _relative_errors()[scale]


def fitted_exponent(x: np.ndarray, y: np.ndarray) -> float:
    """p of the power law y ∝ x^p that fits best in the logarithms."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def price(scale: float, layer: str) -> float:
    """c of the law c/√m that fits best in the logarithms."""
    return float(np.exp(np.mean(np.log(kernel_errors(scale)[layer] * np.sqrt(WIDTHS)))))


@explorer("width-error")
def width_error() -> Explorer:
    """Distance of a network's kernels from their limit against its width."""
    widths = np.array(WIDTHS)

    def draw(implicit_scale: float) -> go.Figure:
        width = {"x_title": "width m", "x_log": True, "x_range": (50, 660)}
        fig = style.figure(**width, y_title="relative error of the kernel", y_log=True, y_range=(0.05, 1))
        fig.update_xaxes(tickvals=list(WIDTHS), ticktext=[str(m) for m in WIDTHS])
        percents = (0.05, 0.1, 0.2, 0.5, 1)
        fig.update_yaxes(tickvals=percents, ticktext=[f"{100 * p:g} %" for p in percents])
        for layer in LAYERS:
            color, error = style.LAYERS[layer], kernel_errors(implicit_scale)[layer]
            fig.add_scatter(x=widths, y=error, **style.points(layer, color))
            line = price(implicit_scale, layer) / np.sqrt(widths)
            fig.add_scatter(x=widths, y=line, **style.theory(None, color), showlegend=False)
        fig.add_scatter(x=[None], y=[None], **style.theory("slope −1/2"))
        return fig

    def readout(implicit_scale: float) -> str:
        errors = kernel_errors(implicit_scale)
        fits = ", ".join(f"{layer} {fitted_exponent(widths, errors[layer]):.3f}" for layer in LAYERS)
        return f"Fitted exponents: {fits}.".replace("-", "−")

    return Explorer(
        draw,
        [scale_control(_SCALES, start=0.5)],
        tag=measured(width=WIDTHS, seeds=SEEDS, samples=_SAMPLES),
        caption=(
            "Distance of the kernels from their limit, measured: the median of 16 to 48 random networks at "
            f"each width. {_what_to_notice()}"
        ),
        alt=(f"Relative error over width, both logarithmic, for three layers. {_along_the_lines()}"),
        readout=readout,
    )


def _what_to_notice() -> str:
    errors = [kernel_errors(scale)[layer] for scale in _SCALES for layer in LAYERS]
    fourfold = np.array([e[2:] / e[:-2] for e in errors])
    slopes = [fitted_exponent(np.array(WIDTHS), e) for e in errors]
    dearer = {layer: [price(scale, layer) for scale in _SCALES] for layer in LAYERS}
    factors = {layer: c[-1] / c[0] for layer, c in dearer.items()}
    added = {layer: c[-1] - c[0] for layer, c in dearer.items()}
    rises = all((np.diff(c) > 0).all() for c in dearer.values())
    return " ".join(
        [
            says(
                "Four times the width leaves about half of the error, "
                f"{100 * fourfold.min():.0f} to {100 * fourfold.max():.0f} %.",
                fourfold.min() > 0.4 and fourfold.max() < 0.65,
            ),
            says(
                "**Move** $\\sigma_A$. **Notice** that the slope stays, "
                f"between $-{-max(slopes):.2f}$ and $-{-min(slopes):.2f}$, and the price rises: from "
                f"{_SCALES[0]:g} to {_SCALES[-1]:g} by a factor of {factors['implicit']:.2f} for the "
                "implicit layer, whose price rises the most.",
                min(slopes) > -0.56
                and max(slopes) < -0.46
                and rises
                and max(added, key=added.get) == "implicit",
            ),
        ]
    )


def _along_the_lines() -> str:
    off = max(
        np.abs(np.log(kernel_errors(s)[layer] * np.sqrt(WIDTHS) / price(s, layer))).max()
        for s in _SCALES
        for layer in LAYERS
    )
    highest = all(
        (
            kernel_errors(s)["implicit"] > np.maximum(kernel_errors(s)["output"], kernel_errors(s)["input"])
        ).all()
        for s in _SCALES
    )
    return says(
        f"The points follow dashed lines of slope minus one half to {100 * np.expm1(off):.0f} %; the "
        "implicit layer's are the highest.",
        off < np.log(1.25) and highest,
    )
