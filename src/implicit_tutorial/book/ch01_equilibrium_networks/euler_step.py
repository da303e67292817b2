"""Continuous depth, dz/ds = −z + relu(Az + b): Picard's iteration is Euler's method with step one."""

from __future__ import annotations

import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.drawing import array
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.explorer import Control, explorer, style
from implicit_tutorial.explorer.computed import Computation, Computed, loop, repeated
from implicit_tutorial.explorer.point import Point

SPIRAL = torch.tensor([[0.0, -1.5], [1.5, 0.0]], dtype=torch.float64)
SPIRAL_B = torch.tensor([[2.5, 0.4]], dtype=torch.float64)
LENGTHS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2]
_TIME, _STOPS, _FINER = 12.0, 120, 4
_TIMES = torch.linspace(0, _TIME, _STOPS + 1, dtype=torch.float64)
#: Where the flows start that are drawn beside the reader's.
_CORNERS = [[2.4, 0], [2.4, 2.4], [0, 2.4], [1.2, 2.4], [0, 1.2]]


@explorer("euler-step")
def euler_step() -> Computed:
    """Two units that turn around their equilibrium: the flow reaches it, large Euler steps do not."""
    rest = it.solve(SPIRAL, SPIRAL_B, solver=it.Newton()).z
    computation = Computation(
        observe=observe,
        constants={"A": SPIRAL, "b": SPIRAL_B, "rest": rest},
        line=(
            "{picard?Step h = {step:.3g}|Picard’s iteration (h = 1)}: after {taken:d} steps the distance is "
            "{distance:.2g}."
        ),
    )
    return Computed(
        lambda: _figures(rest),
        computation,
        [Control("step", LENGTHS, start=1.0, label="step $h$", fmt=".1f")],
        [Point(x="s1", y="s2", start=(0.0, 0.0), label="Where the steps start")],
        tag=measured(width=len(SPIRAL), seeds=None, samples=None),
        caption=(
            "The dashed curves are the flow; all of them spiral into the star. Dots are explicit Euler "
            "steps of length $h$, and $h=1$ is Picard's iteration, which never arrives here. **Drag** the "
            "start: at $h=1$ the steps leave the flow wherever they begin, but exactly on the star. **Move** "
            "$h$ down until the dots follow the flow."
        ),
        alt=(
            "First, the plane of two units: dashed spirals run into a star, and a polygon of steps either "
            "circles the star or follows the spirals. Second, the distance to the star over time on a "
            "logarithmic axis."
        ),
    )


def observe(
    step: Tensor, s1: Tensor, s2: Tensor, A: Tensor, b: Tensor, rest: Tensor
) -> dict[str, Tensor]:  # fmt: skip
    """The steps and the flow from the start, and how far they are from rest."""
    start, layer = torch.stack([s1, s2])[None], Problem(A, b)

    def euler(state: Tensor) -> Tensor:
        """A step, and the time that it takes, until time is over."""
        z, time = state[:, :2], state[:, 2:]
        stepped = torch.cat([z + step * (layer(z) - z), time + step], dim=1)
        return torch.where(time < _TIME - step / 2, stepped, state)

    steps = repeated(_STOPS, euler, torch.cat([start, 0 * start[:, :1]], dim=1))[:, 0]
    z, time = steps[:, :2], steps[:, 2]
    flow = repeated(_STOPS, lambda z: flowed(layer, z), start)[:, 0]
    far, gap = (torch.linalg.vector_norm(path - rest, dim=1) for path in (flow, z))
    return {
        "0/flow/x": flow[:, 0],
        "0/flow/y": flow[:, 1],
        "0/steps/x": z[:, 0],
        "0/steps/y": z[:, 1],
        "1/flow/y": far,
        "1/steps of length h/x": time,
        "1/steps of length h/y": torch.where(gap > 1e-7, gap, torch.nan),
        "picard": (step == 1) * torch.ones_like(step),
        "taken": torch.floor(time[-1] / step + 0.5),
        "distance": gap[-1],
    }


def flowed(layer: Problem, z: Tensor) -> Tensor:
    """The flow dz/ds = −z + relu(Az + b) a stop later, by short steps of Runge's and Kutta's rule."""
    h = _TIME / _STOPS / _FINER

    def step(z: Tensor, left: Tensor) -> tuple[Tensor, ...]:
        once = Problem(layer.M.clone(), layer.b)  # a loop that is exported takes an outer matrix only once
        k1 = once(z) - z
        z2 = z + h / 2 * k1
        k2 = once(z2) - z2
        z3 = z + h / 2 * k2
        k3 = once(z3) - z3
        z4 = z + h * k3
        return z + h / 6 * (k1 + 2 * k2 + 2 * k3 + (once(z4) - z4)), left - 1

    return loop(lambda z, left: left > 0.5, step, (z.clone(), torch.full_like(z[0, 0], _FINER)))[0]


def _figures(rest: Tensor) -> list[go.Figure]:
    """Both panels without what is computed."""
    plane = style.figure(
        title="two units",
        x_title="z<sub>1</sub>",
        y_title="z<sub>2</sub>",
        x_range=(-0.15, 2.9),
        y_range=(-0.15, 4.2),
        height=350,
    ).update_layout(showlegend=False)
    for corner in torch.tensor(_CORNERS, dtype=torch.float64):
        path = array(it.continuous_depth(SPIRAL, SPIRAL_B, corner[None], _TIMES)[:, 0])
        plane.add_scatter(x=path[:, 0], y=path[:, 1], **style.theory(width=1.2))
    plane.add_scatter(**style.theory("flow", width=1.2))
    plane.add_scatter(**style.marked("steps", size=5, width=1.2))
    star = style.points(color=style.HOLDS, size=12, symbol="star")
    plane.add_scatter(x=array(rest[:, 0]), y=array(rest[:, 1]), **star)
    gap = style.figure(
        title="distance to the rest point",
        x_title="time s",
        x_range=(-0.3, _TIME + 0.6),  # the last step may end half a step later
        y_log=True,
        y_range=(1e-5, 10),
        height=350,
    )
    gap.add_scatter(x=array(_TIMES), **style.theory("flow"))
    gap.add_scatter(**style.marked("steps of length h", size=5, width=1.2))
    return [plane, gap]
