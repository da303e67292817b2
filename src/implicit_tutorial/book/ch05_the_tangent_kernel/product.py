"""The kernel as a product, and as a function of the angle between two inputs (C9, C10)."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from implicit_tutorial.book.ch05_the_tangent_kernel.setting import (
    LAYERS,
    N_CIRCLE,
    circle_angles,
    drawn,
    limit,
    scale_control,
)
from implicit_tutorial.explorer import Control, Explorer, explorer, style

_WIDTHS = ("64", "512", "infinite")
_EVERY = 3
_SIDE, _GAP = 0.29, 0.065


def _kernels(width: str, scale: float):
    return limit(scale) if width == "infinite" else drawn(scale, width=int(width))


@explorer("factors")
def factors() -> Explorer:
    """Q, Π and K = σ_A² Q ∘ Π between points of the circle, for three widths."""
    degrees = np.degrees(circle_angles()[::_EVERY])
    matrices = {"forward": "forward Q", "backward": "backward Π", "implicit": "product K"}

    def draw(width: str, implicit_scale: float) -> go.Figure:
        kernels, exact = _kernels(width, implicit_scale), limit(implicit_scale)
        fig = style.figure(height=240)
        fig.update_layout(margin={"l": 36, "r": 4, "t": 34, "b": 30})
        for i, (field, title) in enumerate(matrices.items()):
            left, axis = i * (_SIDE + _GAP), str(i + 1) if i else ""
            top = float(getattr(exact, field)[0, 0])
            fig.add_heatmap(
                x=degrees, y=degrees, z=getattr(kernels, field)[::_EVERY, ::_EVERY].numpy(),
                zmin=0, zmax=1.3 * top, showscale=False, xaxis=f"x{axis}", yaxis=f"y{axis}",
                hovertemplate="%{x:.0f}°, %{y:.0f}°: %{z:.3g}<extra></extra>",
            )  # fmt: skip
            square = {"constrain": "domain", "tickvals": [0, 180], "showgrid": False}
            square["ticktext"] = ["0°", "180°"]
            x_axis = {"domain": [left, left + _SIDE], "anchor": f"y{axis}"}
            y_axis = {"scaleanchor": f"x{axis}", "anchor": f"x{axis}", "autorange": "reversed"}
            fig.update_layout({f"xaxis{axis}": square | x_axis, f"yaxis{axis}": square | y_axis})
            fig.update_layout({f"yaxis{axis}": {"showticklabels": i == 0}})
            middle, label = left + _SIDE / 2, {"xref": "paper", "yref": f"y{axis} domain", "showarrow": False}
            fig.add_annotation(x=middle, y=1.02, xanchor="center", yanchor="bottom", text=title, **label)
            sign = ("", "∘", "=")[i]
            fig.add_annotation(x=left - _GAP / 2, y=0.5, xanchor="center", text=sign, font_size=20, **label)
        return fig

    def readout(width: str, implicit_scale: float) -> str:
        if width == "infinite":
            return "Infinite width: a function of the angle, the same for every draw."
        kernels, exact = _kernels(width, implicit_scale), limit(implicit_scale)
        gap = float((kernels.implicit - exact.implicit).norm() / exact.implicit.norm())
        return f"Width {width}: K differs from its limit by {100 * gap:.3g} %."

    return Explorer(
        draw,
        [
            Control("width", _WIDTHS, start="512", label="width $m$"),
            Control(
                "implicit_scale", [0.2, 0.5, 0.8], start=0.5, label="implicit_scale $\\sigma_A$", fmt="g"
            ),
        ],
        caption=(
            "Two inputs on the circle, one along each axis. What they share on the way in, times what they "
            "share on the way back, is the kernel: entry by entry. **Move** the width from 64 to infinite. "
            "**Notice** how the ragged stripes of one random draw straighten into a function of the angle."
        ),
        alt=(
            "Three square heat maps over pairs of angles: forward, backward, and their product. Each has a "
            "bright diagonal band; the product's is the narrowest. At finite width the bands are irregular."
        ),
        readout=readout,
    )


@explorer("angle")
def angle() -> Explorer:
    """The three kernels as functions of the angle between two inputs, and the same relative to angle zero."""
    half = N_CIRCLE // 2 + 1
    degrees = np.degrees(circle_angles()[:half])

    def draw(implicit_scale: float, width: int) -> list[go.Figure]:
        exact, measured = limit(implicit_scale), drawn(implicit_scale, width=width)
        raw = style.figure(title="kernel", x_title="angle between the inputs", height=360)
        shape = style.figure(
            title="relative to angle zero",
            x_title="angle between the inputs",
            y_range=(-0.75, 1.3),
            height=360,
        )
        top = max(float(getattr(exact, layer)[0, 0]) for layer in LAYERS)
        low = min(float(exact.input.min()), 0.0)
        raw.update_yaxes(range=[1.4 * low, 1.3 * top])
        for fig, relative in ((raw, False), (shape, True)):
            ticks = [0, 45, 90, 135, 180]
            fig.update_xaxes(range=[0, 180], tickvals=ticks, ticktext=[f"{t}°" for t in ticks])
            for layer, color in LAYERS.items():
                theory = getattr(exact, layer)[0, :half].numpy()
                unit = theory[0] if relative else 1.0
                if measured is None:
                    y = np.full(half, np.nan)
                else:
                    y = getattr(measured, layer)[0, :half].numpy()
                fig.add_scatter(x=degrees, y=y / unit, **style.measured(layer, color))
                fig.add_scatter(x=degrees, y=theory / unit, **style.theory(None, color), showlegend=False)
        shape.update_layout(showlegend=False)
        return [raw, shape]

    def readout(implicit_scale: float, width: int) -> str:
        exact = limit(implicit_scale)
        values = ", ".join(f"{layer} {float(getattr(exact, layer)[0, 0]):.3g}" for layer in LAYERS)
        if drawn(implicit_scale, width=width) is None:
            return (
                f"At angle zero, infinite width: {values}. "
                "This network is not drawn: it does not settle in time for all of the inputs."
            )
        return f"At angle zero, infinite width: {values}."

    return Explorer(
        draw,
        [scale_control(0.8), Control("width", [64, 512], start=512, label="width $m$")],
        caption=(
            "Solid: one network, one input fixed and the other turned away from it. Dashed: infinite width. "
            "**Move** $\\sigma_A$ up. **Notice** that the implicit kernel overtakes the others, and that in "
            "the second panel it closes to a spike, while the output layer's stays round at the top."
        ),
        alt=(
            "Two plots over the angle from 0 to 180 degrees, three curves each. First the kernels, second "
            "the same divided by their value at zero. The implicit and the input kernel have a corner at "
            "angle zero; the output kernel is smooth there, and falls least."
        ),
        readout=readout,
    )
