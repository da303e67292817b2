"""Starting from the last equilibrium: the steps of training (C8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from implicit_tutorial.book.ch04_solving_and_differentiating.setting import (
    SAMPLES,
    STARTS,
    TOLERANCES,
    tolerance_control,
)
from implicit_tutorial.book.ch04_solving_and_differentiating.studies import (
    WARM_SCALE,
    WARM_STEPS,
    WARM_TRAINING,
    WARM_WIDTH,
)
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Explorer, explorer, style


@dataclass(frozen=True)
class Descent:
    """Mean sweeps at each step of training: forward and adjoint, from zero and from the last step."""

    forward: tuple[np.ndarray, np.ndarray]
    adjoint: tuple[np.ndarray, np.ndarray]


def descent(tolerance: float) -> Descent:
    """The stored run."""
    row = WARM_TRAINING.at(tolerance=tolerance)
    cold, warm, back, again = (np.array(row[name]) for name in ("cold", "warm", "back", "again"))
    return Descent((cold, warm), (back, again))


@explorer("warm-training")
def warm_training() -> Explorer:
    """Sweeps of the forward and the adjoint solve along a training run, cold and warm."""
    return Explorer(
        _draw,
        [tolerance_control()],
        tag=measured(width=WARM_WIDTH, seeds=1, samples=SAMPLES).ending(WARM_TRAINING.table["end"]),
        caption=(
            f"Gradient descent on $\\Theta$, width {WARM_WIDTH}, $\\sigma_A = {WARM_SCALE}$. Mean sweeps "
            "of the forward solve (first) and of the adjoint solve (second) at each step, from zero and from "
            f"the last step's solution. **Move** the tolerance. **Notice** {_what_stays()} that the "
            "adjoint gains "
            "less: where a unit switches, it jumps."
        ),
        alt=(
            "Two plots of sweeps against the step of training. In each a flat line for cold starts, and a "
            "lower one for warm starts that falls as training settles."
        ),
        readout=_readout,
    )


def _what_stays() -> str:
    """How far the lines rise from the loosest tolerance to the tightest, and how much farther they part."""
    loose, tight = (descent(tolerance) for tolerance in (TOLERANCES[0], TOLERANCES[-1]))
    rise = [tight.forward[k][-1] - loose.forward[k][-1] for k in (0, 1)]
    forward, adjoint = ((cold - warm)[1:].mean() for cold, warm in (loose.forward, loose.adjoint))
    return says(
        f"that a tighter tolerance lifts both lines of the first plot, by {rise[0]:.0f} and {rise[1]:.0f} "
        "sweeps in the end, and",
        0 < 6 * (rise[0] - rise[1]) < min(rise) and 0 < adjoint < forward,
    )


def _draw(tolerance: float) -> list[go.Figure]:
    found = descent(tolerance)
    panels = []
    for title, run in (("forward", found.forward), ("adjoint", found.adjoint)):
        axes = {"x_range": (0, WARM_STEPS), "y_title": "sweeps", "y_range": (0, 50)}
        panel = style.figure(title=title, x_title="step of gradient descent", **axes, height=310)
        for sweeps, (start, color) in zip(run, STARTS.items(), strict=True):
            panel.add_scatter(y=sweeps, **style.measured(start, color))
        panels.append(panel)
    return panels


def _readout(tolerance: float) -> str:
    run = descent(tolerance)
    (cold, warm), (back, again) = run.forward, run.adjoint
    return (
        f"{100 * (1 - warm.sum() / cold.sum()):.0f} % of the forward sweeps saved, "
        f"{100 * (1 - again.sum() / back.sum()):.0f} % of the adjoint's."
    )
