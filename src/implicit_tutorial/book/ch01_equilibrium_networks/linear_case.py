"""One linear unit: the layers sum a geometric series, and its limit is the equilibrium."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from implicit_tutorial.book.evidence import THEOREM, measured
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.prose import powers


@explorer("linear-case")
def linear_case() -> Explorer:
    """z ← az + 1 from 0: sums of the geometric series, and their distance |a|^L/|1 − a| to the limit."""
    depth = np.arange(0, 31)

    def states(a: float) -> np.ndarray:
        z = [0.0]
        for _ in depth[1:]:
            z.append(a * z[-1] + 1)
        return np.array(z)

    def draw(a: float) -> list[go.Figure]:
        z, limit = states(a), 1 / (1 - a)
        state = style.figure(title="state after L layers", x_title="depth L", y_range=(-3, 11), height=300)
        state.add_scatter(x=[0, 30], y=[limit, limit], **style.theory("equilibrium b/(1 − a)"))
        state.add_scatter(x=depth, y=np.clip(z, -100, 100), **style.points("z"), showlegend=False)
        gap = style.figure(
            title="distance to the equilibrium",
            x_title="depth L",
            y_log=True,
            y_range=(1e-6, 1e3),
            height=300,
        )
        gap.add_scatter(x=depth, y=abs(a) ** depth / abs(1 - a), **style.theory("|a|<sup>L</sup> b/|1 − a|"))
        distance = np.abs(z - limit)
        gap.add_scatter(x=depth, y=np.where(distance > 1e-9, distance, np.nan), **style.points("measured"))
        return [state, gap]

    def readout(a: float) -> str:
        z = states(a)
        verb = "settles at" if abs(a) < 1 else "swings about" if a == -1 else "moves away from"
        place, last = powers(1 / (1 - a), 4), powers(z[-1], 4)
        return f"a = {a:g}: the state {verb} {place}; after 30 layers it is {last}.".replace("-", "−")

    values = [-1.2, -1.0, -0.9, -0.7, -0.5, -0.25, 0.0, 0.25, 0.5, 0.7, 0.8, 0.9]
    return Explorer(
        draw,
        [Control("a", values, start=0.7, label="weight $a$", fmt="g")],
        tag=THEOREM | measured(width=1, seeds=None, samples=None),
        caption=(
            "Move the weight $a$. The distance to the equilibrium falls on a straight line of slope "
            "$\\log|a|$; for $a=0$ one layer arrives. At $a=-1$ it stays, and at $a=-1.2$ the layers run "
            "away from an equilibrium that is still there."
        ),
        alt=(
            "First, the state after L layers as dots that approach the dashed equilibrium. Second, their "
            "distance on a logarithmic axis: dots on a dashed straight line."
        ),
        readout=readout,
    )
