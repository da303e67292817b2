"""One linear unit, whose flow is known in closed form, and the steps of gradient descent on it."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from implicit_tutorial.book.evidence import THEOREM, measured
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style

LABELS = (0.5, 1.5, 2.0, 3.0)
FRACTIONS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8)
STEPS, LIMIT = 400, 1e-3


def descend(label: float, fraction: float) -> np.ndarray:
    """Feedbacks a₀ = 0, a₁, … of descent on ½(1/(1 − a) − y)², η a fraction of 2/K(0) = 2.

    It stops where the error is below 10⁻³, or with the first a ≥ 1, for which there is no equilibrium.
    """
    path = [0.0]
    while len(path) <= STEPS:
        f = 1 / (1 - path[-1])
        if abs(f - label) < LIMIT:
            break
        path.append(path[-1] - 2 * fraction * (f - label) * f**2)
        if path[-1] >= 1:
            break
    return np.array(path)


def flow_time(f: np.ndarray, label: float) -> np.ndarray:
    """The time at which the flow df/dt = −f⁴ (f − y) from f = 1 passes f."""

    def antiderivative(s: np.ndarray) -> np.ndarray:
        y = label
        return np.log(s / np.abs(y - s)) / y**4 - 1 / (y**3 * s) - 1 / (2 * y**2 * s**2) - 1 / (3 * y * s**3)

    return antiderivative(f) - antiderivative(np.ones(1))


@explorer("unit-descent")
def unit_descent() -> Explorer:
    """The loss of one unit over its feedback with the steps of descent, and the error in time."""

    def draw(label: float, fraction: float) -> list[go.Figure]:
        a = np.linspace(-2.5, 0.985, 140)
        path = descend(label, fraction)
        inside = path[path < 1]
        look = {"height": 400, "legend_rows": 4}
        loss = style.figure(title="loss", x_title="feedback a", x_range=(-2.5, 2), y_range=(-0.3, 6), **look)
        loss.add_scatter(x=[1, 1], y=[-0.3, 6], **style.guide("no equilibrium beyond"))
        values = (1 / (1 - a) - label) ** 2 / 2
        loss.add_scatter(x=a, y=np.where(values < 7, values, np.nan), **style.theory("L(a)"))
        missed = 1 / (1 - inside) - label
        loss.add_scatter(x=inside, y=missed**2 / 2, **style.points("descent"))
        gone = bool(path[-1] >= 1)
        lost = style.points("lost", style.FAILURE, symbol="x", size=12)
        x = [min(path[-1], 1.95) if gone else np.nan]
        loss.add_scatter(x=x, y=[0.0], **lost, showlegend=gone)
        f = label + (1 - label) * np.geomspace(1, LIMIT, 60)
        times = {"x_title": "time t", "x_range": (0, 12)}
        error = style.figure(title="error |f − y|", **times, y_log=True, y_range=(1e-3, 3), **look)
        error.add_scatter(x=flow_time(f, label), y=np.abs(f - label), **style.theory("flow"))
        t = 2 * fraction * np.arange(len(inside))
        error.add_scatter(x=t, y=np.abs(missed), **style.points("descent"))
        return [loss, error.update_layout(showlegend=False)]

    def readout(label: float, fraction: float) -> str:
        path = descend(label, fraction)
        stable = f"At the minimum the longest stable step is {1 / label**4:.3g} times that at the start"
        if path[-1] >= 1:
            return f"{stable}. Step {len(path) - 1} lands at a = {path[-1]:.3g}: no equilibrium."
        steps, calm = f"{len(path) - 1} steps", fraction * label**4 < 1
        if abs(1 / (1 - path[-1]) - label) < LIMIT:
            if calm:
                return f"{stable}. Descent arrives in {steps}."
            return f"{stable}. Descent jumps to and fro, and comes close by chance after {steps}."
        if calm:
            return f"{stable}. Descent is still on its way after {steps}."
        if (np.diff(path[-STEPS // 4 :]) > 0).all():
            return f"{stable}. A step throws descent far back, and after {steps} it still creeps up again."
        return f"{stable}. Descent does not arrive: it jumps to and fro."

    return Explorer(
        draw,
        [
            Control("label", LABELS, start=2.0, label="label $y$", fmt="g"),
            Control("fraction", FRACTIONS, start=0.1, label="step, of $2/K(0)$", fmt="g"),
        ],
        tag=THEOREM | measured(width=1, seeds=None, samples=None),
        caption=(
            "One linear unit with output $f = 1/(1 - a)$, started at $a = 0$. First, its loss and the places "
            "that gradient descent visits; second, the error against time, dashed for the flow. **Move** the "
            f"step at $y = 2$. {_what_to_notice()}"
        ),
        alt=(
            "First, a loss curve over the feedback a with a minimum before a pole at one, and points of "
            "descent on it; where a step leads to the pole or beyond, a cross marks where, or the edge. "
            f"Second, error against time on a logarithmic axis: a dashed curve. {_follows()}"
        ),
        readout=readout,
    )


def _end(label: float, fraction: float) -> str:
    """What descent does: it ``creeps`` up from one side, ``settles``, ``jumps`` about, or is ``lost``."""
    path = descend(label, fraction)
    if path[-1] >= 1:
        return "lost"
    passed = (1 / (1 - path) > label + LIMIT).any() if label > 1 else (1 / (1 - path) < label - LIMIT).any()
    if not passed:
        return "creeps"
    return "settles" if fraction * label**4 < 1 else "jumps"


def _what_to_notice() -> str:
    ends = [_end(2.0, fraction) for fraction in FRACTIONS]
    return says(
        "**Notice** that the flow creeps up to the minimum from one side, and so does descent with a step of "
        "0.02. Longer ones, though stable at the start, pass the minimum: one of 0.05 still settles; from "
        "0.1 on descent jumps about, and from 0.5 on it lands on the pole at $a = 1$, or beyond.",
        ends == ["creeps", "settles", "jumps", "jumps", "jumps", "lost", "lost"] and max(FRACTIONS) < 1,
    )


def _follows() -> str:
    """Until a twentieth of the first error is left."""
    step, off = FRACTIONS[0], []
    for label in LABELS[:3]:
        f = label + (1 - label) * np.geomspace(1, LIMIT, 400)
        error = np.abs(1 / (1 - descend(label, step)) - label)
        exact = np.exp(
            np.interp(2 * step * np.arange(len(error)), flow_time(f, label), np.log(np.abs(f - label)))
        )
        off.append(np.abs(error / exact - 1)[error > 0.05 * error[0]].max())
    return says(
        "With the smallest step the points stay within a third of it until a twentieth of the error is left, "
        f"for labels up to {LABELS[2]:g}; for {LABELS[3]:g} they jump away from it even then.",
        max(off) < 1 / 3 and _end(LABELS[3], step) == "jumps",
    )
