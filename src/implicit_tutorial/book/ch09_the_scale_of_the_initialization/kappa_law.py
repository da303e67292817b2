"""Test error and movement against the output scale, measured and predicted (C16, C18)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from implicit_tutorial.book.ch09_the_scale_of_the_initialization.setting import (
    lazy_movement,
    prediction,
    sample,
)
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.studies import OUTPUT_SCALE
from implicit_tutorial.book.evidence import MEAN_FIELD, stored
from implicit_tutorial.book.says import says
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


def ratios(width: int, *, centered: bool) -> pd.DataFrame:
    """Means over the draws at each κ: the test error, and error and movement over their predictions."""
    rows = runs(width, centered=centered)
    rows = rows.assign(
        error=rows["test_error"] / rows["infinite_error"], moved=rows["movement"] / rows["predicted_movement"]
    )
    return rows.groupby("output_scale")[["test_error", "error", "moved"]].mean()


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
            fig.add_scatter(x=_GRID, y=line, **style.theory("mean-field"))
        moved.update_layout(showlegend=False)
        return [error, moved]

    def readout(output: str, width: int) -> str:
        found = ratios(width, centered=_OUTPUTS[output]).iloc[[0, -1]]
        ends = [f"{row.error:.2f} and {row.moved:.2f} at κ = {k:g}" for k, row in found.iterrows()]
        return f"Measured over predicted, error and movement: {'; '.join(ends)}."

    drawn, centered = ([ratios(m, centered=c) for m in (128, 512)] for c in (False, True))
    dashed = [predicted(m, centered=True) for m in (128, 512)]
    flat = all(np.ptp(error) < 1e-9 and np.all(np.diff(moved) < 0) for error, moved in dashed)
    rises = all(found["test_error"].is_monotonic_increasing for found in drawn + centered)
    late = [found["test_error"][12.0] / found["test_error"][3.0] for found in centered]
    grows = [found["test_error"][12.0] / found["test_error"][3.0] for found in drawn]
    small = [found.loc[:0.4, ["error", "moved"]].to_numpy().max() for found in drawn + centered]
    large = [(found["moved"].loc[3.0:] - 1).abs().max() for found in drawn + centered]
    at = centered[1]["test_error"]

    return Explorer(
        draw,
        [
            Control("output", list(_OUTPUTS), label="output at the start"),
            Control("width", [128, 512], start=512, label="width $m$"),
        ],
        tag=MEAN_FIELD | stored(OUTPUT_SCALE, samples=len(sample().y)),
        caption="Points: trained networks, five draws at each $\\kappa$. Dashed, mean-field: $\\text{bias}^2 "
        "+ \\kappa^2\\,\\text{var}$ in the first plot, the lazy movement in the second. "
        + says(
            "**Choose** the output *centered*: the dashed error no longer depends on $\\kappa$, and the "
            "dashed movement falls all the way. ",
            flat,
        )
        + says(
            f"The networks' mean error still rises with $\\kappa$, at $m = 512$ from {at[0.2]:.3f} to "
            f"{at[12.0]:.3f}, but it levels off: from $\\kappa = 3$ to 12 by {100 * late[1] - 100:.0f} %, "
            f"where as drawn it grows {grows[1]:.0f}-fold. ",
            rises and max(late) < 1.1 and min(grows) > 10,
        )
        + says(
            "**Notice** the end of small $\\kappa$ in both plots: there the networks move less than lazy "
            "training would, and err less.",
            max(small) < 0.75,
        ),
        alt="Two log-log plots over the output scale. First, the test error: the dashed line is flat and "
        + says(
            "then rises with slope two, or is flat throughout for a centered output; the means of the "
            "networks rise, from far below it. ",
            rises and flat and max(found["error"].iloc[0] for found in drawn + centered) < 0.4,
        )
        + says(
            "Second, the movement: a falling dashed line, which levels off at large scale as drawn; the "
            "points lie below it at small scale, and within 15 % of it on average from 3 on.",
            max(small) < 0.75 and max(large) < 0.15,
        ),
        readout=readout,
    )
