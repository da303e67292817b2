"""How many sweeps Picard takes at initialization, against the mean-field prediction (C6)."""

from __future__ import annotations

import math

import numpy as np
import plotly.graph_objects as go

from implicit_tutorial.book.ch02_well_posedness.studies import (
    LIMIT,
    PICARD_SWEEPS,
    SCALES,
    TOLERANCE,
    WIDTHS,
)
from implicit_tutorial.book.evidence import MEAN_FIELD, stored
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style


def predicted_steps(implicit_scale: float, tolerance: float = TOLERANCE) -> float:
    """1 + ln ε / ln(σ_A/√2): sweeps to a relative residual ε; it is 1 after the first, from zero (C6)."""
    return 1 + math.log(tolerance) / math.log(implicit_scale / math.sqrt(2))


def measured_steps(width: int, implicit_scale: float) -> list[float]:
    """Sweeps to the tolerance for one input of each of the stored networks; nan if not in 1000."""
    rows = PICARD_SWEEPS.table
    return rows[(rows["width"] == width) & (rows["implicit_scale"] == implicit_scale)]["sweeps"].to_list()


@explorer("rate")
def rate() -> Explorer:
    """Picard's sweeps to 1e-10 against σ_A, measured at several widths and predicted (C6)."""
    networks = PICARD_SWEEPS.table["seed"].nunique()
    return Explorer(
        _figure,
        [Control("width", WIDTHS, start=64, label="width $m$")],
        tag=MEAN_FIELD | stored(PICARD_SWEEPS, samples=1),
        caption=(
            f"Sweeps until the relative residual is below $10^{{-10}}$, for {networks} random networks at "
            "each scale (dots), and the prediction $1 + \\ln\\varepsilon/\\ln(\\sigma_A/\\sqrt2)$ (dashed), "
            "since the first sweep, from zero, leaves the residual 1. **Move** the width up. "
            f"{_what_to_notice()}"
        ),
        alt=(
            "Number of Picard sweeps on a logarithmic axis against the implicit scale from 0.1 to 1.3. The "
            "predicted curve rises towards a vertical line at 1.41. Dots, one for each random network, "
            "scatter about it."
        ),
        readout=_readout,
    )


def _gathered(width: int, up_to: float) -> bool:
    """Whether all runs at scales up to this one are within 15 % of the prediction."""
    runs = [steps / predicted_steps(s) for s in SCALES if s <= up_to for steps in measured_steps(width, s)]
    return all(abs(ratio - 1) < 0.15 for ratio in runs)  # not one that is nan


def _what_to_notice() -> str:
    smallest = {s: min(m for m in WIDTHS if _gathered(m, s)) for s in (0.2, 0.8, 1.0)}
    apart = [
        np.abs(np.array(measured_steps(m, SCALES[-1])) / predicted_steps(SCALES[-1]) - 1) for m in WIDTHS
    ]
    return says(
        "**Notice** how the dots gather on the curve, first at small scales; ",
        smallest[0.2] < smallest[0.8] < smallest[1.0],
    ) + says(
        "near $\\sqrt2$ (dotted) they never quite do.",
        all(np.nan_to_num(a, nan=1).max() > 0.5 for a in apart),
    )


def _figure(width: int) -> go.Figure:
    figure = style.figure(
        x_title="implicit_scale σ<sub>A</sub>",
        y_title="sweeps to 10⁻¹⁰",
        x_range=(0, 1.5),
        y_range=(5, 1100),
        y_log=True,
        height=400,
    )
    scales = np.linspace(0.05, 1.395, 80)
    figure.add_scatter(x=scales, y=[predicted_steps(s) for s in scales], **style.theory("predicted"))
    figure.add_scatter(x=[math.sqrt(2)] * 2, y=[1, 2000], **style.guide("√2"))
    runs = [(s, steps) for s in SCALES for steps in measured_steps(width, s)]
    settled = np.array([run for run in runs if not math.isnan(run[1])]).T
    lost = [s for s, steps in runs if math.isnan(steps)]
    figure.add_scatter(x=settled[0], y=settled[1], **style.points("measured", opacity=0.7))
    crosses = style.points("not converged", style.FAILURE, symbol="x", opacity=0.7)
    figure.add_scatter(x=lost, y=[LIMIT] * len(lost), **crosses)
    return figure


def _readout(width: int) -> str:
    runs = np.array([measured_steps(width, s) for s in SCALES])
    small = np.array(SCALES) <= 1
    predicted = np.array([predicted_steps(s) for s in SCALES])
    # A run that does not converge takes longer than all that do.
    ratio = np.median(np.where(np.isnan(runs), np.inf, runs)[small], axis=1) / predicted[small]
    return (
        f"Width {width}: up to scale 1 the median run takes {ratio.min():.2f} to {ratio.max():.2f} times "
        f"the predicted sweeps. Of all {runs.size} runs, {int(np.isnan(runs).sum())} "
        f"did not converge in {LIMIT} sweeps."
    )
