"""What the implicit layer contributes: each layer trained alone, and all of them, from the stored runs."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from implicit_tutorial.book.ch06_training_the_implicit_layer.studies import CHOICES, TRAINED_LAYERS
from implicit_tutorial.book.evidence import stored
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style

SCALES, _WIDTH, _SAMPLES = (0.3, 0.7, 1.1), 256, 24
#: The mean square training error at which every run stops.
STOP = 1e-3


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
            ("training error", "curve_error", (2e-4, 3)),
            ("test error", "curve_test", (0.1, 3)),
        ):
            look = {"y_log": True, "y_range": limits, "height": 400, "legend_rows": 2}
            fig = style.figure(title=title, x_title="time", x_log=True, x_range=(0.01, 3e3), **look)
            for layers in CHOICES:
                found = runs(layers, implicit_scale)
                color = style.LAYERS["all" if layers == "all three" else layers]
                first = found.iloc[0]
                curve = style.measured(layers, color)
                fig.add_scatter(x=first["curve_time"][1:], y=first[column][1:], **curve)
                ends = [curve[-1] for curve in found[column]]
                fig.add_scatter(x=found.time, y=ends, **style.points(None, color), showlegend=False)
            panels.append(fig)
        panels[1].update_layout(showlegend=False)
        return panels

    def readout(implicit_scale: float) -> str:
        rate = {layers: runs(layers, implicit_scale).limit_rate.iloc[0] for layers in CHOICES}
        alone, without = rate["implicit"] / rate["output"], rate["implicit"] / rate["all three"]
        ends = ", ".join(f"{layers} {mean_test_error(layers, implicit_scale):.3f}" for layers in CHOICES)
        return (
            f"Slowest rate at infinite width: implicit alone {alone:.2g} times that of output alone, "
            f"{100 * without:.2g} % of that of all three. Test errors in the end, means of three: {ends}."
        )

    return Explorer(
        draw,
        [Control("implicit_scale", SCALES, start=0.7, label="implicit_scale $\\sigma_A$", fmt="g")],
        tag=stored(TRAINED_LAYERS, width=_WIDTH, samples=_SAMPLES),
        caption=(
            "The same networks and the same 24 inputs in $\\mathbb R^6$, width 256; only the choice of what "
            f"is trained differs. Each run stops with the first step that ends below a mean square error of "
            f"$10^{{{round(math.log10(STOP))}}}$. Lines: one network; points: the ends of three. **Move** "
            f"$\\sigma_A$ from 0.3 to 1.1. {_what_to_notice()}"
        ),
        alt=(
            "Training and test error against time for four choices of what is trained, and where three "
            f"networks end. {_who_is_slow()} {_who_guesses()}"
        ),
        readout=readout,
    )


def mean_test_error(layers: str, implicit_scale: float) -> float:
    """Mean over the seeds of the final test error."""
    return float(np.mean(runs(layers, implicit_scale).test_error))


def mean_time(layers: str, implicit_scale: float) -> float:
    """Mean over the seeds of the time until the run stops."""
    return float(np.mean(runs(layers, implicit_scale).time))


def _what_to_notice() -> str:
    times = [mean_time("implicit", s) / mean_time("output", s) for s in SCALES]
    fits = all(curve[-1] <= STOP for s in SCALES for c in CHOICES for curve in runs(c, s).curve_error)
    errors = [{c: mean_test_error(c, s) for c in CHOICES} for s in SCALES]
    return " ".join(
        [
            says(
                "**Notice** how the implicit layer overtakes the output layer: in the mean it takes "
                f"{times[0]:.1f} times as long at ${SCALES[0]:g}$, and {times[-1]:.2f} times as long at "
                f"${SCALES[-1]:g}$.",
                times[0] > 2 and (np.diff(times) < 0).all() and times[-1] < 0.5,
            ),
            says(
                "All choices fit; but at each $\\sigma_A$ the output layer, with its smoother kernel, has "
                "the least test error in the mean of the three, and the implicit layer the greatest.",
                fits
                and all(min(e, key=e.get) == "output" and max(e, key=e.get) == "implicit" for e in errors),
            ),
        ]
    )


def _who_is_slow() -> str:
    small = {c: mean_time(c, SCALES[0]) for c in CHOICES}
    slower = small["implicit"] / max(t for c, t in small.items() if c != "implicit")
    implicit, of_input = (runs(c, SCALES[-1]).time.to_numpy() for c in ("implicit", "input"))
    return says(
        f"At 0.3 training the implicit layer alone is the slowest, by a factor of {slower:.1f} in the mean; "
        "at 1.1 it is faster than the input layer in each network.",
        slower > 3 and (implicit < of_input).all(),
    )


def _who_guesses() -> str:
    tests = np.array([[runs(c, s).test_error for c in CHOICES] for s in SCALES])  # scales, choices, seeds
    highest = (tests.argmax(axis=1) == list(CHOICES).index("implicit")).all()
    lowest = int((tests.argmin(axis=1) == list(CHOICES).index("output")).sum())
    cases = tests.shape[0] * tests.shape[2]
    return says(
        "The test errors end apart: the implicit layer's is the highest in every network at every scale, the "
        f"output layer's the lowest, or as low as any, in {lowest} of the {cases} cases.",
        highest and cases / 2 < lowest < cases,
    )
