"""What the scale of the implicit layer does: the room to the edge, and the way to go (C6, C16, C18)."""

from __future__ import annotations

import math

import numpy as np
import plotly.graph_objects as go

from implicit_tutorial.book.ch09_the_scale_of_the_initialization.setting import lazy_movement, prediction
from implicit_tutorial.book.networks import WIDTH_IMPLICIT_SCALE
from implicit_tutorial.explorer import Control, Explorer, explorer, style

SCALES = tuple(float(s) for s in np.linspace(0.1, 1.36, 43))


def room(implicit_scale: float) -> float:
    """1 − σ_A/√2: from the disc of DA's eigenvalues at initialization to a fold (C6)."""
    return 1 - implicit_scale / math.sqrt(2)


@explorer("double-role")
def double_role() -> Explorer:
    """Way and room, and beside them bias² and κ² var, against σ_A."""
    measured = WIDTH_IMPLICIT_SCALE.table

    def draw(output_scale: float, width: int) -> list[go.Figure]:
        found = [prediction(output_scale, s) for s in SCALES]
        lazy = [lazy_movement(output_scale, width, s) for s in SCALES]
        shared = {"x_title": "implicit_scale σ<sub>A</sub>", "x_range": (0.08, 1.4), "y_log": True}
        shared |= {"height": 420, "legend_rows": 4}
        way = style.figure(title="way and room", y_range=(0.03, 12), **shared)
        error = style.figure(title="test error", y_range=(0.003, 3), **shared)
        way.add_scatter(x=SCALES, y=lazy, **style.theory("lazy movement"))
        left = style.theory("room 1 − σ<sub>A</sub>/√2", style.FAILURE)
        way.add_scatter(x=SCALES, y=[room(s) for s in SCALES], **left)
        error.add_scatter(x=SCALES, y=[p.bias2 for p in found], **style.theory("bias²", style.SERIES[2]))
        var = [output_scale**2 * p.var for p in found]
        error.add_scatter(x=SCALES, y=var, **style.theory("κ² var", style.SERIES[4]))
        error.add_scatter(x=SCALES, y=[p.test_error for p in found], **style.theory("their sum"))
        rows = measured[(measured["width"] == width) & (measured["status"] == "finished")]
        rows = rows if output_scale == 1.0 else rows.iloc[:0]
        for fig, column in ((way, "movement"), (error, "test_error")):
            fig.add_scatter(x=rows["implicit_scale"], y=rows[column], **style.points("networks, κ = 1"))
        return [way, error]

    def readout(output_scale: float, width: int) -> str:
        best = min(SCALES, key=lambda s: prediction(output_scale, s).test_error)
        inside = [s for s in SCALES if lazy_movement(output_scale, width, s) < room(s)]
        where = f"for σ_A from {inside[0]:.2f} to {inside[-1]:.2f}" if inside else "for no σ_A"
        return (
            f"The lazy way is shorter than the room {where}; least error at infinite width: σ_A = {best:.2f}."
        )

    return Explorer(
        draw,
        [
            Control("output_scale", [0.3, 1.0, 3.0], start=1.0, label="output_scale $\\kappa$", fmt="g"),
            Control("width", [32, 128, 512], start=512, label="width $m$"),
        ],
        caption=(
            "First: how far lazy training moves $A$, and how much room there is between the eigenvalues of "
            "$DA$ at the start and a fold. Second: the two parts of the infinite-width error, and their "
            "sum, with which the networks compare. **Move** $m$ and $\\kappa$. **Notice** that "
            "a larger $\\sigma_A$ shortens the way a little and takes the room faster, and that both parts "
            "of the error rise in the end: the kernel gets too sharp for this target."
        ),
        alt=(
            "Two plots over the implicit scale. First, the lazy movement, nearly flat and then falling, and "
            "the room, which falls to zero at 1.41. Second, bias squared, the variance's part and their sum; "
            "points of trained networks at three scales."
        ),
        readout=readout,
    )
