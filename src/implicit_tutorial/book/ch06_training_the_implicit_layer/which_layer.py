"""What the implicit layer contributes: each layer trained alone, and all of them, from the stored runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from implicit_tutorial.book.ch06_training_the_implicit_layer.studies import CHOICES, TRAINED_LAYERS
from implicit_tutorial.explorer import Control, Explorer, explorer, style

SCALES = (0.3, 0.7, 1.1)


def runs(layers: str, implicit_scale: float) -> pd.DataFrame:
    """The stored runs of one choice of layers, one a seed."""
    frame = TRAINED_LAYERS.table
    return frame[(frame.layers == layers) & (frame.implicit_scale == implicit_scale)]


def contributions(implicit_scale: float) -> str:
    """Rates, time to fit, movement of A and test error, one choice of layers a line: means over the seeds."""
    head = f"{'trained':<10}{'λ_min, m = ∞':>13}{'m = 256':>9}{'time':>8}{'‖A − A₀‖':>10}{'test error':>12}"
    lines = [head, "─" * len(head)]
    for layers in CHOICES:
        found = runs(layers, implicit_scale)
        mean = {c: found[c].mean() for c in ("limit_rate", "rate", "time", "movement", "test_error")}
        lines.append(
            f"{layers:<10}{mean['limit_rate']:>13.3g}{mean['rate']:>9.3g}{mean['time']:>8.3g}"
            f"{mean['movement']:>10.2f}{mean['test_error']:>12.3f}"
        )
    return "\n".join(lines)


@explorer("which-layer")
def which_layer() -> Explorer:
    """Training and test error over time for four choices of what is trained."""

    def draw(implicit_scale: float) -> list[go.Figure]:
        panels = []
        for title, column, limits in (
            ("training error", "curve_error", (8e-4, 3)),
            ("test error", "curve_test", (0.1, 3)),
        ):
            look = {"y_log": True, "y_range": limits, "height": 400, "legend_rows": 2}
            fig = style.figure(title=title, x_title="time", x_log=True, x_range=(0.01, 3e3), **look)
            for layers in CHOICES:
                first = runs(layers, implicit_scale).iloc[0]
                curve = style.measured(layers, style.LAYERS["all" if layers == "all three" else layers])
                fig.add_scatter(x=first["curve_time"][1:], y=first[column][1:], **curve)
            panels.append(fig)
        panels[1].update_layout(showlegend=False)
        return panels

    def readout(implicit_scale: float) -> str:
        rate = {layers: runs(layers, implicit_scale).limit_rate.iloc[0] for layers in CHOICES}
        alone, without = rate["implicit"] / rate["output"], rate["implicit"] / rate["all three"]
        return (
            f"Slowest rate at infinite width: implicit alone {alone:.2g} times that of output alone, "
            f"{100 * without:.2g} % of that of all three."
        )

    return Explorer(
        draw,
        [Control("implicit_scale", SCALES, start=0.7, label="implicit_scale $\\sigma_A$", fmt="g")],
        caption=(
            "The same network and the same 24 inputs in $\\mathbb R^6$; only the choice of what is trained "
            "differs. **Move** $\\sigma_A$ from 0.3 to 1.1. **Notice** how the implicit layer's curve "
            "overtakes the output layer's; and that all choices fit, but that the smoother kernel of the "
            "output layer guesses better."
        ),
        alt=(
            "Training and test error against time for four choices. At a small implicit scale the implicit "
            "layer alone is the slowest by far; at 1.1 it keeps up with the input layer. The test errors end "
            "apart: the output layer's is the lowest, the implicit layer's the highest."
        ),
        readout=readout,
    )


def mean_test_error(layers: str, implicit_scale: float) -> float:
    """Mean over the seeds of the final test error."""
    return float(np.mean(runs(layers, implicit_scale).test_error))
