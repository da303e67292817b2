"""One unit, whose flow is known in closed form, and the steps of gradient descent on it."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from implicit_tutorial.book.drawing import array
from implicit_tutorial.book.evidence import THEOREM, measured
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, explorer, style
from implicit_tutorial.explorer.computed import Computation, Computed, repeated
from implicit_tutorial.explorer.point import Point

LABELS = (0.5, 1.5, 2.0, 3.0)
FRACTIONS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8)
STEPS, LIMIT = 400, 1e-3
_TOP, _EDGE, _LEFT_END = 6.0, 1.95, -2.5
_FEEDBACKS = torch.linspace(_LEFT_END, 0.985, 140, dtype=torch.float64)
#: What is left of the error, where the flow is drawn.
_LEFT = torch.logspace(0, np.log10(LIMIT), 60, dtype=torch.float64)
_LINE = (
    "{begun?There is no equilibrium to start from.|"
    "At the minimum the longest stable step is {stable:.3g} times that at the start. {gone?{still?{arrived?"
    "{calm?{thrown?Descent does not arrive{swings?|: it jumps to and fro{wide?|, also left of the picture}}.|"
    "A step throws descent far back, and after {taken:d} steps it still creeps up again.}|"
    "Descent is still on its way after {taken:d} steps.}|"
    "Descent {calm?{swings?|jumps to and fro{wide?|, also left of the picture}, and }"
    "lands close after|arrives in} {taken:d} step"
    "{several?|s}.}|Descent starts at the minimum.}|"
    "Step {taken:d} lands at a = {last:.3g}: no equilibrium.}}"
)


def _fourth(x: Tensor) -> Tensor:
    return (x * x) * (x * x)


def descent(label: Tensor, fraction: Tensor, start: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(STEPS + 1,) feedbacks of descent on ½(1/(1 − a) − y)²; how many steps it took; and how long they are.

    η is a fraction of 2/K(0) = 2(1 − a₀)⁴. It stops where the error is below 10⁻³, or with the first a ≥ 1,
    for which there is no equilibrium; the last feedback stands for all that follow.
    """
    eta = 2 * fraction * _fourth(1 - start)

    def step(state: Tensor) -> Tensor:
        a, taken = state[:1], state[1:]
        f = 1 / (1 - a)
        # A product rounds alike everywhere, a power need not, and jumps to and fro make much of it.
        stepped = torch.cat([a - eta * (f - label) * (f * f), taken + 1])
        return torch.where(((f - label).abs() < LIMIT) | (a >= 1), state, stepped)

    path = repeated(STEPS, step, torch.stack([start, 0 * start]))
    return path[:, 0], path[-1, 1], eta


def descend(label: float, fraction: float, start: float = 0.0) -> np.ndarray:
    """Feedbacks a₀, a₁, … until it stops."""
    path, taken, _ = descent(*torch.tensor([label, fraction, start], dtype=torch.float64))
    return array(path[: int(taken) + 1])


def flow_time(f: Tensor, label: Tensor, start: Tensor) -> Tensor:
    """The time at which the flow df/dt = −f⁴ (f − y) from f = ``start`` passes f."""

    def antiderivative(s: Tensor) -> Tensor:
        r = label / s
        return torch.log(s / (label - s).abs()) - r - r * r / 2 - r * r * r / 3

    return (antiderivative(f) - antiderivative(start)) / _fourth(label)


def observe(
    label: Tensor, fraction: Tensor, start: Tensor, feedbacks: Tensor, left: Tensor
) -> dict[str, Tensor]:  # fmt: skip
    """The loss, descent on it, the flow, and how descent ends."""
    path, taken, eta = descent(label, fraction, start)
    number = torch.arange(STEPS + 1, dtype=path.dtype)
    last, begins = path[-1], start < 1
    drawn = torch.where((number <= taken) & (path < 1), path, torch.nan)
    loss = (1 / (1 - feedbacks) - label) ** 2 / 2
    missed, first = 1 / (1 - drawn) - label, 1 / (1 - start)
    f = label + (first - label) * left
    height = torch.where(begins, torch.clamp((first - label) ** 2 / 2, max=_TOP), 0 * start)

    calm = fraction * _fourth(label / first) < 1
    high = (1 / (1 - path) > label) & (path < 1)
    rises = (path[-STEPS // 4 :] - path[-STEPS // 4 - 1 : -1]).amin() >= 0
    return {
        "0/L(a)/y": torch.where(loss < _TOP + 1, loss, torch.nan),
        "0/descent/x": drawn,
        "0/descent/y": missed**2 / 2,
        "0/lost/x": torch.where(last >= 1, torch.clamp(last, max=_EDGE), torch.nan)[None],
        "1/flow/x": flow_time(f, label, first),
        "1/flow/y": (f - label).abs(),
        "1/descent/x": eta * number,
        "1/descent/y": missed.abs(),
        "height": height,
        "stable": _fourth(first / label),
        "taken": taken,
        "last": last,
        "begun": begins,
        "gone": last >= 1,
        "still": taken == 0,
        "several": taken != 1,
        "arrived": (1 / (1 - last) - label).abs() < LIMIT,
        "calm": calm,
        "wide": path.amin() < _LEFT_END,
        "thrown": rises & (path.amin() < -10),
        "swings": (high[1:] != high[:-1]).sum() > 20,
    }


def _figures() -> list[go.Figure]:
    """Both panels without what is computed."""
    look = {"height": 400, "legend_rows": 4}
    limits = {"x_range": (_LEFT_END, 2), "y_range": (-0.3, _TOP)}
    loss = style.figure(title="loss", x_title="feedback a", **limits, **look)
    loss.add_scatter(x=[1, 1], y=[-0.3, _TOP], **style.guide("no equilibrium beyond"))
    loss.add_scatter(x=array(_FEEDBACKS), **style.theory("L(a)"))
    loss.add_scatter(**style.points("descent"))
    loss.add_scatter(y=[0.0], **style.points("lost", style.FAILURE, symbol="x", size=12))
    times = {"x_title": "time t", "x_range": (0, 12)}
    error = style.figure(title="error |f − y|", **times, y_log=True, y_range=(1e-3, 3), **look)
    error.add_scatter(**style.theory("flow"))
    error.add_scatter(**style.points("descent"))
    return [loss, error.update_layout(showlegend=False)]


@explorer("unit-descent")
def unit_descent() -> Computed:
    """The loss of one unit over its feedback with the steps of descent, and the error in time."""
    computation = Computation(observe=observe, constants={"feedbacks": _FEEDBACKS, "left": _LEFT}, line=_LINE)
    return Computed(
        _figures,
        computation,
        [
            Control("label", LABELS, start=2.0, label="label $y$", fmt="g"),
            Control("fraction", FRACTIONS, start=0.1, label="step, of $2/K(0)$", fmt="g"),
        ],
        [Point(x="start", height="height", start=(0.0, 0.5), label="Where descent starts, on the loss")],
        tag=THEOREM | measured(width=1, seeds=None, samples=None),
        caption=(
            "One unit $z = \\operatorname{relu}(az + 1)$ with output $f = z$, which is $1/(1 - a)$ "
            "for $a < 1$. First, its loss and the places that gradient descent visits; second, the error "
            "against time, dashed for the flow. **Drag** the start; "
            f"**move** the step at $y = 2$. {_what_to_notice()}"
        ),
        alt=(
            "First, a loss curve over the feedback a with a minimum before a pole at one, and points of "
            "descent on it; where a step leads to the pole or beyond, a cross marks where, or the edge. "
            f"Second, error against time on a logarithmic axis: a dashed curve. {_follows()}"
        ),
    )


def _end(label: float, fraction: float) -> str:
    """How descent ends: it ``creeps`` up from one side, ``settles``, ``jumps``, is ``thrown`` or ``lost``."""
    path = descend(label, fraction)
    if path[-1] >= 1:
        return "lost"
    passed = (1 / (1 - path) > label + LIMIT).any() if label > 1 else (1 / (1 - path) < label - LIMIT).any()
    if not passed:
        return "creeps"
    far = path.min() < -10
    return "settles" if fraction * label**4 < 1 else "thrown" if far else "jumps"


def _what_to_notice() -> str:
    ends = [_end(2.0, fraction) for fraction in FRACTIONS]
    return says(
        "**Notice** that from $a = 0$ the flow creeps up to the minimum, and so does descent with a step of "
        "0.02. Of the longer stops, all stable at the start, 0.05 passes the minimum and still settles; "
        "0.1 jumps about it; those of 0.2 and 0.3 are in the end thrown far back, out of the picture; and "
        "from 0.5 on they land on the pole at $a = 1$, or beyond.",
        ends == ["creeps", "settles", "jumps", "thrown", "thrown", "lost", "lost"] and max(FRACTIONS) < 1,
    )


def _follows() -> str:
    """Until a twentieth of the first error is left."""
    step, off = FRACTIONS[0], []
    for label in LABELS[:3]:
        f = label + (1 - label) * torch.logspace(0, np.log10(LIMIT), 400, dtype=torch.float64)
        error = np.abs(1 / (1 - descend(label, step)) - label)
        times = array(flow_time(f, torch.tensor(label), torch.ones(())))
        exact = np.exp(np.interp(2 * step * np.arange(len(error)), times, np.log(np.abs(array(f) - label))))
        off.append(np.abs(error / exact - 1)[error > 0.05 * error[0]].max())
    return says(
        "With the smallest step the points stay within a third of it until a twentieth of their error is "
        f"left, for labels at the stops up to {LABELS[2]:g}; for {LABELS[3]:g} they jump away from it even "
        "then.",
        max(off) < 1 / 3 and _end(LABELS[3], step) == "jumps",
    )
