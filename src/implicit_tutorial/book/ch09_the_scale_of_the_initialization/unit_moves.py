"""One linear unit that is asked for the output 1: how far it must move, and how far a line says (C18)."""

from __future__ import annotations

import numpy as np

from implicit_tutorial.book.evidence import THEOREM
from implicit_tutorial.explorer import Figure, explorer, style


def feedback(output_scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Final feedback a of f = κ/(1 − a) = 1 from a = 0, and that of the linearised κ(1 + a) = 1."""
    return 1 - output_scale, 1 / output_scale - 1


@explorer("unit-moves")
def unit_moves() -> Figure:
    """The feedback of the trained unit against κ, exactly and linearised."""
    kappa = np.geomspace(0.05, 1, 60)
    exact, lazy = feedback(kappa)
    scale = {"x_title": "output_scale κ", "x_log": True, "x_range": (0.05, 1)}
    fig = style.figure(**scale, y_title="feedback a after training", y_range=(0, 2))
    fig.add_scatter(x=kappa, y=exact, **style.measured("the unit: 1 − κ"))
    fig.add_scatter(x=kappa[lazy < 3], y=lazy[lazy < 3], **style.theory("a line through the start: 1/κ − 1"))
    fig.add_scatter(x=[0.05, 1], y=[1, 1], **style.guide("no equilibrium from here on"))
    return Figure(
        fig,
        tag=THEOREM,
        caption=(
            "One linear unit learns the label 1. The line that lazy training follows crosses the edge at "
            "$\\kappa = 1/2$. The unit itself never does: the nearer it comes, the more it amplifies, and "
            "the less is left to do."
        ),
        alt=(
            "The feedback after training over the output scale. The exact curve rises towards one as the "
            "scale falls and never reaches it; the dashed linearised one crosses one at scale one half."
        ),
    )
