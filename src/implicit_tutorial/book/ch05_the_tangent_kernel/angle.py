"""The kernels as functions of the angle between two inputs (C9, C10)."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from implicit_tutorial.book.ch05_the_tangent_kernel.setting import (
    LAYERS,
    N_CIRCLE,
    NOT_DRAWN,
    SCALES,
    circle_angles,
    drawn,
    limit,
    scale_control,
)
from implicit_tutorial.book.drawing import angle_axis
from implicit_tutorial.explorer import Control, Explorer, explorer, style


@explorer("angle")
def angle() -> Explorer:
    """The three kernels as functions of the angle between two inputs, and the same relative to angle zero."""
    half = N_CIRCLE // 2 + 1
    degrees = np.degrees(circle_angles()[:half])

    def draw(implicit_scale: float, width: int) -> list[go.Figure]:
        exact, measured = limit(implicit_scale), drawn(implicit_scale, width=width)
        top = max(float(getattr(exact, layer)[0, 0]) for layer in LAYERS)
        low = min(float(exact.input.min()), 0.0)
        look = {"x_title": "angle between the inputs", "height": 360}
        raw = style.figure(title="kernel", y_range=(1.4 * low, 1.3 * top), **look)
        shape = style.figure(title="relative to angle zero", y_range=(-0.75, 1.3), **look)
        for fig, relative in ((raw, False), (shape, True)):
            angle_axis(fig, 180)
            for layer in LAYERS:
                color, theory = style.LAYERS[layer], getattr(exact, layer)[0, :half].numpy()
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
        text = f"At angle zero, infinite width: {values}."
        return text if drawn(implicit_scale, width=width) is not None else f"{text} {NOT_DRAWN}"

    return Explorer(
        draw,
        [scale_control(SCALES, start=0.8), Control("width", [64, 512], start=512, label="width $m$")],
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
