"""What the scale of the implicit layer does: the room to the edge, and the way to go (C6, C16, C18)."""

from __future__ import annotations

import math

import numpy as np
import plotly.graph_objects as go

from implicit_tutorial.book.ch09_the_scale_of_the_initialization.setting import (
    lazy_movement,
    prediction,
    sample,
)
from implicit_tutorial.book.evidence import MEAN_FIELD, stored
from implicit_tutorial.book.networks import WIDTH_IMPLICIT_SCALE
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style

SCALES = tuple(float(s) for s in np.linspace(0.1, 1.36, 43))


def room(implicit_scale: float) -> float:
    """1 − σ_A/√2: from the disc of DA's eigenvalues at initialization to a fold (C6)."""
    return 1 - implicit_scale / math.sqrt(2)


def inside(output_scale: float, width: int) -> list[float]:
    """The scales σ_A of the figure at which the lazy way is shorter than the room."""
    return [s for s in SCALES if lazy_movement(output_scale, width, s) < room(s)]


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
        room_for = inside(output_scale, width)
        where = f"for σ_A from {room_for[0]:.2f} to {room_for[-1]:.2f}" if room_for else "for no σ_A shown"
        return f"The lazy way is shorter than the room {where}; " + says(
            f"the error at infinite width is least at the smallest σ_A shown, {best:.2f}.", best == SCALES[0]
        )

    # The ways at two widths differ by a factor; so one width is enough.
    scales = (0.3, 1.0, 3.0)
    ways = [np.log([lazy_movement(k, 1, s) for s in SCALES]) for k in scales]
    rooms = np.log([room(s) for s in SCALES])
    shorter = all(np.all(np.diff(way) < 0) for way in ways)
    faster = all(np.all(np.diff(rooms) < np.diff(way)) for way in ways)
    parts = [[getattr(prediction(1.0, s), part) for s in SCALES] for part in ("bias2", "var")]

    return Explorer(
        draw,
        [
            Control("output_scale", [0.3, 1.0, 3.0], start=1.0, label="output_scale $\\kappa$", fmt="g"),
            Control("width", [32, 128, 512], start=512, label="width $m$"),
        ],
        tag=MEAN_FIELD | stored(WIDTH_IMPLICIT_SCALE, samples=len(sample().y)),
        caption="Dashed, mean-field. First: how far lazy training moves $A$, and how much room there is "
        "between the eigenvalues of $DA$ at the start and a fold. Second: the two parts of the "
        "infinite-width error, and their sum. Points: trained networks, at $\\kappa = 1$. "
        "**Move** $m$ and $\\kappa$. "
        + says(
            "**Notice** that a larger $\\sigma_A$ shortens the way, and the room by a larger factor, ",
            shorter and faster,
        )
        + says(
            "and that both parts of the error rise with it: the kernel gets too sharp for this target.",
            all(np.all(np.diff(part) > 0) for part in parts),
        ),
        alt="Two plots over the implicit scale. First, the lazy movement, which falls, slowly at first, and "
        + says(
            "the room, which falls faster, towards zero at 1.41. Second, bias squared, the variance's part "
            "and their sum, all rising; at output scale one also points of trained networks, "
            "at up to three scales.",
            faster and abs(room(2**0.5)) < 1e-9,
        ),
        readout=readout,
    )
