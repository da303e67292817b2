"""What a step of `SingleSweep` costs against the width."""

from __future__ import annotations

import numpy as np

from implicit_tutorial.book.benchmarks.table import SAMPLES, table
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Figure, explorer, style


@explorer("step-cost")
def step_cost() -> Figure:
    """Time of a SingleSweep step against width, with the power law that fits it, and the floor."""
    rows = table().measured("exponent")
    m, seconds, floor = (
        np.array([row[key] for row in rows]) for key in ("width", "seconds", "floor_seconds")
    )
    exponent = rows[0]["value"]
    line = np.exp(np.mean(np.log(seconds / m**exponent))) * m**exponent
    logs = {"x_log": True, "x_range": (200, 11000), "x_ticks": m, "y_log": True}
    fig = style.figure(x_title="width m", y_title="milliseconds a step", **logs)
    fig.add_scatter(x=m, y=1e3 * seconds, **style.points("SingleSweep, measured"))
    fig.add_scatter(x=m, y=1e3 * line, **style.theory(f"m to the {exponent:.2f}"))
    fig.add_scatter(x=m, y=1e3 * floor, **style.guide("three bare products"))
    fig.update_yaxes(dtick=1)
    return Figure(
        fig,
        tag=measured(width=m, seeds=1, samples=SAMPLES),
        caption=(
            f"Time of one step of `SingleSweep` against the width, {SAMPLES} samples. Dashed: the power law "
            "that fits best. Dotted: three products of size $n \\cdot m \\cdot m$ and nothing else. Notice "
            "how little lies between the points and the floor once the layer is wide."
        ),
        alt="Milliseconds of a step over width, both logarithmic: points near a dashed straight line, and "
        + says(
            "a dotted line for three matrix products, which is less than half as high for the narrowest "
            "layer and within a tenth of the points for the two widest.",
            floor[0] < seconds[0] / 2 and max(abs(floor[-2:] / seconds[-2:] - 1)) < 0.1,
        ),
    )
