"""How exactly each method follows the gradient flow, and what it costs, from the stored runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from implicit_tutorial.book.ch06_training_the_implicit_layer.studies import INTEGRATION, WIDTH, sample
from implicit_tutorial.book.evidence import stored
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style

_COLORS = {
    "gradient descent": style.SERIES[1],
    "single sweep": style.SERIES[2],
    "exponential flow": style.SERIES[0],
}
_INPUTS = {"24 on the sphere": "sphere", "24 on the circle": "circle"}
_COSTS = {"kernel evaluations": ("evaluations", (3, 5e4)), "products n×m×m": ("products", (60, 3e6))}


def runs(inputs: str, method: str) -> pd.DataFrame:
    """The stored runs of a method, from the cheapest to the most expensive."""
    frame = INTEGRATION.table
    return frame[(frame.inputs == inputs) & (frame.method == method)].sort_values("evaluations")


def cheapest(inputs: str, method: str, cost: str, error: float) -> float:
    """The least cost at which a stored run is within ``error`` of the flow; NaN if none is."""
    found = runs(inputs, method)
    return float(found[found.error <= error][cost].min())


def orders() -> list[float]:
    """p of error ∝ cost^−p that fits best in the logarithms: each method, on both inputs, at both costs."""
    fits = [
        (runs(inputs, method)[cost].astype(float), runs(inputs, method).error.astype(float))
        for inputs in _INPUTS.values()
        for method in _COLORS
        for cost, _ in _COSTS.values()
    ]
    return [-float(np.polyfit(np.log(cost), np.log(error), 1)[0]) for cost, error in fits]


@explorer("following-the-flow")
def following_the_flow() -> Explorer:
    """Error of the final predictor against cost, for three methods."""

    def draw(inputs: str, cost: str) -> go.Figure:
        column, limits = _COSTS[cost]
        distance = {"y_title": "distance to the flow", "y_log": True, "y_range": (3e-4, 0.2)}
        fig = style.figure(x_title=cost, x_log=True, x_range=limits, **distance, height=380)
        percents = (0.001, 0.01, 0.1)
        fig.update_yaxes(tickvals=percents, ticktext=[f"{100 * p:g} %" for p in percents])
        for method, color in _COLORS.items():
            found = runs(_INPUTS[inputs], method)
            line = style.measured(method, color) | {"mode": "lines+markers"}
            fig.add_scatter(x=found[column].astype(float), y=found.error.astype(float), **line)
        return fig

    def readout(inputs: str, cost: str) -> str:
        column, _ = _COSTS[cost]
        least = {m: cheapest(_INPUTS[inputs], m, column, 0.01) for m in _COLORS}
        words = ", ".join(f"{m} {value:,.0f}" for m, value in least.items())
        condition = runs(_INPUTS[inputs], "single sweep").condition.iloc[0]
        return f"Condition number {condition:.3g}. Cheapest stored run within one per cent: {words}."

    return Explorer(
        draw,
        [
            Control("inputs", list(_INPUTS)),
            Control("cost", list(_COSTS), start="products n×m×m", label="cost, counted in"),
        ],
        tag=stored(INTEGRATION, width=WIDTH, samples=(len(sample(inputs)[0]) for inputs in _INPUTS.values())),
        caption=(
            "Distance of the final predictor from that of the gradient flow, against what the run cost; "
            "width 128, one network, stored runs. **Change** the inputs to the circle, where the condition "
            f"number is hundreds. {_what_to_notice()}"
        ),
        alt=(
            "Error against cost on logarithmic axes for gradient descent, single sweep and exponential flow. "
            f"{_falls()}"
        ),
        readout=readout,
    )


def _what_to_notice() -> str:
    steps = {
        (inputs, method): cheapest(inputs, method, "evaluations", 0.01)
        for inputs in _INPUTS.values()
        for method in _COLORS
    }
    fewer = steps["circle", "exponential flow"] <= steps["sphere", "exponential flow"]
    more = [steps["circle", m] / steps["sphere", m] for m in ("gradient descent", "single sweep")]
    return says(
        "**Notice** that the steps of descent must follow the fastest mode however slow the last one is: "
        f"both descents need {min(more):.1f} times as many evaluations there as on the sphere, for one per "
        "cent. Those of the exponential flow need not, and it needs no more.",
        min(more) > 4 and round(min(more), 1) == round(max(more), 1) and fewer,
    )


def _falls() -> str:
    fewest = all(
        min(_COLORS, key=lambda m: cheapest(inputs, m, "evaluations", 0.01)) == "exponential flow"
        for inputs in _INPUTS.values()
    )
    most = all(
        max(_COLORS, key=lambda m: cheapest(inputs, m, "products", 0.01)) == "gradient descent"
        for inputs in _INPUTS.values()
    )
    slopes = orders()
    return says(
        f"Each falls on the whole, with a slope between −{min(slopes):.1f} and −{max(slopes):.1f}. For one "
        "per cent the exponential flow needs the fewest kernel evaluations, and gradient descent the most "
        "products.",
        min(slopes) > 0.6 and max(slopes) < 1.4 and fewest and most,
    )
