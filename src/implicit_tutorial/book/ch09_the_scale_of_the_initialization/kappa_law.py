"""Test error and movement against the output scale, measured and predicted (C16, C18)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from implicit_tutorial.book.ch09_the_scale_of_the_initialization.setting import lazy_movement, prediction
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.studies import OUTPUT_SCALE
from implicit_tutorial.explorer import Control, Explorer, explorer, style

_GRID = tuple(float(k) for k in np.geomspace(0.15, 16, 41))
_OUTPUTS = {"as drawn": False, "centered": True}


def runs(width: int, *, centered: bool) -> pd.DataFrame:
    """The finished networks of one width, one row a seed and output scale."""
    return OUTPUT_SCALE.table.query("width == @width and centered == @centered and status == 'finished'")


def predicted(width: int, *, centered: bool) -> tuple[list[float], list[float]]:
    """bias² + κ² var, and the lazy movement, on the grid of κ."""
    return (
        [float(prediction(k, centered=centered).test_error) for k in _GRID],
        [lazy_movement(k, width, centered=centered) for k in _GRID],
    )


@explorer("kappa-law")
def kappa_law() -> Explorer:
    """The κ-law of the test error beside the movement ∝ 1/(κ√m) (C16, C18)."""

    def draw(output: str, width: int) -> list[go.Figure]:
        centered = _OUTPUTS[output]
        rows = runs(width, centered=centered)
        scale = {"x_title": "output_scale κ", "x_log": True, "x_range": (0.15, 16), "y_log": True}
        shared = scale | {"height": 360, "legend_rows": 2}
        error = style.figure(title="test error", y_range=(0.01, 8), **shared)
        moved = style.figure(title="movement ‖A − A₀‖", y_range=(0.02, 8), **shared)
        theory = predicted(width, centered=centered)
        for fig, column, line in zip((error, moved), ("test_error", "movement"), theory, strict=True):
            fig.add_scatter(x=rows["output_scale"], y=rows[column], **style.points("networks"))
            fig.add_scatter(x=_GRID, y=line, **style.theory("infinite width, or lazy"))
        moved.update_layout(showlegend=False)
        return [error, moved]

    def readout(output: str, width: int) -> str:
        rows = runs(width, centered=_OUTPUTS[output])
        ends = []
        for k in (rows["output_scale"].min(), rows["output_scale"].max()):
            here = rows[rows["output_scale"] == k]
            error = float((here["test_error"] / here["infinite_error"]).mean())
            moved = float((here["movement"] / here["predicted_movement"]).mean())
            ends.append(f"{error:.2f} and {moved:.2f} at κ = {k:g}")
        return f"Measured over predicted, error and movement: {'; '.join(ends)}."

    return Explorer(
        draw,
        [
            Control("output", list(_OUTPUTS), label="output at the start"),
            Control("width", [128, 512], start=512, label="width $m$"),
        ],
        caption=(
            "Points: trained networks. Dashed: $\\text{bias}^2 + \\kappa^2\\,\\text{var}$ in the first plot, "
            "the lazy movement in the second. **Choose** the output *centered*: the error no longer rises "
            "with $\\kappa$, and the movement falls all the way. **Notice** the left end of both panels, "
            "where the points leave the lines: the networks move less than lazy training would, and err less."
        ),
        alt=(
            "Two log-log plots over the output scale. First, the test error: flat, then rising with slope "
            "two; the networks' points lie below the flat part and near the rise. Second, the movement: a "
            "falling line of slope minus one that levels off at large scale; the points level off at small "
            "scale."
        ),
        readout=readout,
    )
