"""Continuous depth, dz/ds = −z + relu(Az + b): Picard's iteration is Euler's method with step one."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.prose import powers

SPIRAL = torch.tensor([[0.0, -1.5], [1.5, 0.0]], dtype=torch.float64)
SPIRAL_B = torch.tensor([[2.5, 0.4]], dtype=torch.float64)
_TIME = 12.0


@explorer("euler-step")
def euler_step() -> Explorer:
    """Two units that turn around their equilibrium: the flow reaches it, large Euler steps do not."""
    rest = it.solve(SPIRAL, SPIRAL_B, solver=it.Newton()).z[0].numpy()
    times = torch.linspace(0, _TIME, 121, dtype=torch.float64)
    corners = torch.tensor(
        [[0, 0], [2.4, 0], [2.4, 2.4], [0, 2.4], [1.2, 2.4], [0, 1.2]], dtype=torch.float64
    )
    paths = torch.stack(
        [it.continuous_depth(SPIRAL, SPIRAL_B, z0[None], times)[:, 0] for z0 in corners], dim=1
    ).numpy()

    @lru_cache
    def iterates(step: float) -> np.ndarray:
        z, states = torch.zeros(1, 2, dtype=torch.float64), []
        for _ in range(round(_TIME / step) + 1):
            states.append(z[0])
            z = z + step * (torch.relu(z @ SPIRAL.T + SPIRAL_B) - z)
        return torch.stack(states).numpy()

    def draw(step: float) -> list[go.Figure]:
        z = iterates(step)
        plane = style.figure(
            title="two units",
            x_title="z<sub>1</sub>",
            y_title="z<sub>2</sub>",
            x_range=(-0.15, 2.9),
            y_range=(-0.15, 4.2),
            height=350,
        ).update_layout(showlegend=False)
        for k in range(len(corners)):
            plane.add_scatter(x=paths[:, k, 0], y=paths[:, k, 1], **style.theory(width=1.2))
        plane.add_scatter(x=z[:, 0], y=z[:, 1], **style.marked("steps", size=5, width=1.2))
        star = style.points(color=style.HOLDS, size=12, symbol="star")
        plane.add_scatter(x=[rest[0]], y=[rest[1]], **star)
        gap = style.figure(
            title="distance to the rest point", x_title="time s", y_log=True, y_range=(1e-5, 10), height=350
        )
        gap.add_scatter(x=times.numpy(), y=np.linalg.norm(paths[:, 0] - rest, axis=1), **style.theory("flow"))
        distance = np.linalg.norm(z - rest, axis=1)
        inside = np.where(distance > 1e-7, distance, np.nan)
        look = style.marked("steps of length h", size=5, width=1.2)
        gap.add_scatter(x=np.arange(len(z)) * step, y=inside, **look)
        return [plane, gap]

    def readout(step: float) -> str:
        z = iterates(step)
        name = "Picard’s iteration (h = 1)" if step == 1 else f"Step h = {step:g}"
        return f"{name}: after {len(z) - 1} steps the distance is {powers(np.linalg.norm(z[-1] - rest))}."

    lengths = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2]
    return Explorer(
        draw,
        [Control("step", lengths, start=1.0, label="step $h$", fmt=".1f")],
        tag=measured(width=len(SPIRAL), seeds=None, samples=None),
        caption=(
            "The dashed curves are the flow; all of them spiral into the star. Dots are explicit Euler "
            "steps of length $h$, and $h=1$ is Picard's iteration, which never arrives here. Move `step` "
            "down until the dots follow the flow."
        ),
        alt=(
            "First, the plane of two units: dashed spirals run into a star, and a polygon of steps either "
            "circles the star or follows the spirals. Second, the distance to the star over time on a "
            "logarithmic axis."
        ),
        readout=readout,
    )
