"""The kernels as functions of the angle between two inputs (C9, C10)."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from implicit_tutorial.book.ch05_the_tangent_kernel.setting import (
    LAYERS,
    N_CIRCLE,
    NOT_DRAWN,
    SCALES,
    WIDTH,
    circle_angles,
    drawn,
    limit,
    scale_control,
)
from implicit_tutorial.book.drawing import angle_axis
from implicit_tutorial.book.evidence import MEAN_FIELD, measured
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.kernels import Kernels

_WIDTHS = (64, WIDTH)


def relative(kernels: Kernels, layer: str) -> np.ndarray:
    """A kernel against the angle, 0 to 180 degrees, divided by its own value at angle zero."""
    values = getattr(kernels, layer)[0, : N_CIRCLE // 2 + 1].numpy()
    return values / values[0]


def halved(kernels: Kernels, layer: str) -> float:
    """The angle, in degrees, at which a kernel is down to half of its value at zero; infinite if nowhere."""
    share = relative(kernels, layer)
    if share.min() >= 0.5:
        return float("inf")
    below = int(np.argmax(share < 0.5))
    pair = slice(below - 1, below + 1)
    return float(np.interp(-0.5, -share[pair], np.degrees(circle_angles()[pair])))


@explorer("angle")
def angle() -> Explorer:
    """The three kernels as functions of the angle between two inputs, and the same relative to angle zero."""
    half = N_CIRCLE // 2 + 1
    degrees = np.degrees(circle_angles()[:half])

    def curve(kernels: Kernels, layer: str, own: bool) -> np.ndarray:
        return relative(kernels, layer) if own else getattr(kernels, layer)[0, :half].numpy()

    def draw(implicit_scale: float, width: int) -> list[go.Figure]:
        exact, measured = limit(implicit_scale), drawn(implicit_scale, width=width)
        shown = [curve(k, layer, False) for k in (exact, measured) if k is not None for layer in LAYERS]
        low, top = float(np.min(shown)), float(np.max(shown))
        look = {"x_title": "angle between the inputs", "height": 360}
        raw = style.figure(title="kernel", y_range=(1.1 * low, 1.1 * top), **look)
        shape = style.figure(title="relative to angle zero", y_range=(-0.75, 1.3), **look)
        for fig, own in ((raw, False), (shape, True)):
            angle_axis(fig, 180)
            for layer in LAYERS:
                color = style.LAYERS[layer]
                found = np.full(half, np.nan) if measured is None else curve(measured, layer, own)
                fig.add_scatter(x=degrees, y=found, **style.measured(layer, color))
                y = curve(exact, layer, own)
                fig.add_scatter(x=degrees, y=y, **style.theory(None, color), showlegend=False)
        shape.update_layout(showlegend=False)
        return [raw, shape]

    def readout(implicit_scale: float, width: int) -> str:
        exact = limit(implicit_scale)
        values = ", ".join(f"{layer} {float(getattr(exact, layer)[0, 0]):.3g}" for layer in LAYERS)
        text = f"At angle zero, infinite width: {values}."
        return text if drawn(implicit_scale, width=width) is not None else f"{text} {NOT_DRAWN}"

    return Explorer(
        draw,
        [scale_control(SCALES, start=0.8), Control("width", _WIDTHS, start=WIDTH, label="width $m$")],
        tag=MEAN_FIELD | measured(width=_WIDTHS, seeds=1, samples=N_CIRCLE),
        caption=(
            "Solid: one network, one input fixed and the other turned away from it. Dashed: infinite width, "
            f"mean-field. **Move** $\\sigma_A$ up. {_what_to_notice()}"
        ),
        alt=(
            "Two plots over the angle from 0 to 180 degrees, three curves each, solid for a network and "
            "dashed for infinite width. First the kernels, second each curve divided by its own value at "
            f"zero. {_shapes()}"
        ),
        readout=readout,
    )


def _what_to_notice() -> str:
    exact = [limit(scale) for scale in SCALES]
    gains = [float(k.implicit[0, 0] / max(k.output[0, 0], k.input[0, 0])) for k in exact]
    implicit, output = ([halved(k, layer) for k in exact] for layer in ("implicit", "output"))
    overtakes = all((gain < 1) == (scale < 1) for gain, scale in zip(gains, SCALES, strict=True))
    overtakes = overtakes and abs(gains[SCALES.index(1.0)] - 1) < 1e-9
    opens = (np.diff(implicit) < 0).all() and (np.diff(output[:-1]) > 0).all() and np.isinf(output[-1])
    last = max(scale for scale in SCALES if drawn(scale) is not None)
    network, there = halved(drawn(last), "implicit"), halved(limit(last), "implicit")
    return " ".join(
        [
            says(
                "**Notice** that at angle zero the dashed implicit kernel meets the other two at "
                "$\\sigma_A = 1$ and is above them from there on.",
                overtakes,
            ),
            says(
                "In the second panel, where each curve is divided by its own value at zero, it closes to a "
                f"spike: it has fallen to one half at {implicit[0]:.0f}° for $\\sigma_A = {SCALES[0]:g}$, "
                f"and at {implicit[-1]:.0f}° for ${SCALES[-1]:g}$. The output layer's opens meanwhile: from "
                f"{output[0]:.0f}° on it is below one half at first, and in the end nowhere.",
                opens and implicit[-1] < implicit[0] / 2,
            ),
            says(
                f"The network of width {WIDTH} lags behind, at {network:.0f}° in place of {there:.0f}° for "
                f"$\\sigma_A = {last:g}$, the last scale at which it settles for all of these inputs.",
                network > 1.1 * there,
            ),
        ]
    )


def _shapes() -> str:
    exact = [limit(scale) for scale in SCALES]
    # At the first angle, of six degrees.
    lost = {layer: [1 - relative(k, layer)[1] for k in exact] for layer in LAYERS}
    corner = min(lost["implicit"] + lost["input"]) > 0.035 and max(lost["output"]) < 0.005
    highest = all(
        (relative(k, "output") >= relative(k, layer) - 1e-12).all() for k in exact for layer in LAYERS
    )
    return says(
        "At infinite width the implicit and the input kernel have a corner at angle zero; the output kernel "
        "is smooth there, and of the three it keeps the largest share at every angle.",
        corner and highest,
    )
