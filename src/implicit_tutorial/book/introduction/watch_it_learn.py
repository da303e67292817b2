"""A network that learns the function on the circle while the reader watches: the page trains it."""

from __future__ import annotations

import plotly.graph_objects as go
import torch
from torch import Tensor

from implicit_tutorial.book.circle_training import DRAWS, advance, begin, seen
from implicit_tutorial.book.drawing import angle_axis
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.book.says import says
from implicit_tutorial.book.tasks import CIRCLE_ANGLES, CIRCLE_SAMPLES, circle_target, on_circle
from implicit_tutorial.explorer import Control, explorer, style
from implicit_tutorial.explorer.computed import Computation, Computed

TIMES = [0, 1, 3, 10, 30, 100, 300]
WIDTHS, SCALES, OUTPUTS = [32, 128, 256], [0.5, 0.9], [0.3, 1.0, 3.0]


def observe(
    A: Tensor, b_grid: Tensor, z_grid: Tensor, v: Tensor, f0_grid: Tensor, f_lazy: Tensor, e: Tensor,
    e_lazy: Tensor, kappa: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """Both functions on the grid, and both losses."""
    found = seen(A, b_grid, z_grid, v, f0_grid, f_lazy, e, e_lazy, kappa)
    return found | {"0/network/y": found.pop("f"), "0/lazy prediction/y": found.pop("f_lazy")}


def _figures() -> list[go.Figure]:
    figure = style.figure(x_title="input angle φ", y_range=(-2.6, 2.6), height=380)
    angle_axis(figure)
    figure.add_scatter(
        x=CIRCLE_ANGLES, y=circle_target(CIRCLE_ANGLES), **style.guide("target", style.TARGET, width=2)
    )
    figure.add_scatter(x=CIRCLE_ANGLES, y=0 * CIRCLE_ANGLES, **style.theory("lazy prediction"))
    figure.add_scatter(x=CIRCLE_ANGLES, y=0 * CIRCLE_ANGLES, **style.measured("network"))
    figure.add_scatter(
        x=CIRCLE_SAMPLES, y=circle_target(CIRCLE_SAMPLES), **style.points("samples", style.TARGET)
    )
    return [figure]


def _too_long(computation: Computation) -> str:
    """What the smallest κ does: the loss rises between two stops, and others are lost."""
    small = {"output_scale": OUTPUTS[0]}
    wide = small | {"width": 128, "implicit_scale": 0.9}
    before, after = (float(computation.shown(wide | {"time": t})["loss"]) for t in (1, 3))
    late = [
        computation.shown(small | {"width": width, "implicit_scale": scale, "time": 300})
        for width, scale in ((32, 0.5), (32, 0.9), (66, 0.5))
    ]
    return says(
        "At small $\\kappa$ a step can be too long for it: the loss may rise in between. At "
        f"${OUTPUTS[0]:g}$ the network of width 32 is lost, and a wider one may be.",
        after > before and not any(bool(found["there"]) for found in late),
    )


@explorer("watch-it-learn")
def watch_it_learn() -> Computed:
    """A network on the circle, trained in the page."""
    computation = Computation(
        begin=begin,
        advance=advance,
        observe=observe,
        clock="time",
        constants={
            "X": on_circle(CIRCLE_SAMPLES),
            "grid": on_circle(CIRCLE_ANGLES),
            "y": torch.from_numpy(circle_target(CIRCLE_SAMPLES)),
        },
        draws=DRAWS,
        line=(
            "Loss {loss:.3g}, of the dashed prediction {lazy_loss:.3g}."
            "{there? At some angle the sweeps do not settle now: there is no function to draw.|}"
        ),
    )
    return Computed(
        _figures,
        computation,
        [
            Control("time", TIMES, label="time $\\kappa^2 t$", fmt="g"),
            Control("width", WIDTHS, start=128, label="width $m$"),
            Control("implicit_scale", SCALES, start=0.5, label="implicit_scale $\\sigma_A$", fmt="g"),
            Control("output_scale", OUTPUTS, start=1.0, label="output_scale $\\kappa$", fmt="g"),
        ],
        caption=(
            "A network of infinite depth learns a function on the circle from the 13 dots, and only its "
            "matrix $A$ is trained. **Press** *Play*: this page trains it while you watch, by steps of "
            "gradient descent. Then change the width and the scales, and play again. **Notice** where the "
            "network leaves the dashed line, which is what its tangent kernel at the start predicts. "
            f"{_too_long(computation)}"
        ),
        alt=(
            "A function of the angle: a dotted target with 13 samples on it, the function of the network as "
            "a solid line, and a dashed prediction. At time zero both are zero."
        ),
        tag=measured(width=WIDTHS, seeds=1, samples=len(CIRCLE_SAMPLES)),
    )
