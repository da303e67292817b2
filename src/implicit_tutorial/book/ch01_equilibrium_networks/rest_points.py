"""Continuous depth: dz/ds = −z + relu(Az + b), whose rest points are the equilibria."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.explorer import Control, Explorer, explorer, style

# --- Picard is Euler's method with step one

_SPIRAL = torch.tensor([[0.0, -1.5], [1.5, 0.0]], dtype=torch.float64)
_SPIRAL_B = torch.tensor([[2.5, 0.4]], dtype=torch.float64)
_TIME = 12.0


@explorer("euler-step")
def euler_step() -> Explorer:
    """Two units that turn around their equilibrium: the flow reaches it, large Euler steps do not."""
    rest = it.solve(_SPIRAL, _SPIRAL_B, solver=it.Newton()).z[0].numpy()
    times = torch.linspace(0, _TIME, 121, dtype=torch.float64)
    corners = torch.tensor(
        [[0, 0], [2.4, 0], [2.4, 2.4], [0, 2.4], [1.2, 2.4], [0, 1.2]], dtype=torch.float64
    )
    paths = torch.stack(
        [it.continuous_depth(_SPIRAL, _SPIRAL_B, z0[None], times)[:, 0] for z0 in corners], dim=1
    ).numpy()

    @lru_cache
    def iterates(step: float) -> np.ndarray:
        z, states = torch.zeros(1, 2, dtype=torch.float64), []
        for _ in range(round(_TIME / step) + 1):
            states.append(z[0])
            z = z + step * (torch.relu(z @ _SPIRAL.T + _SPIRAL_B) - z)
        return torch.stack(states).numpy()

    def draw(step: float) -> list[go.Figure]:
        z = iterates(step)
        plane = style.figure(
            title="two units", x_title="z<sub>1</sub>", y_title="z<sub>2</sub>", x_range=(-0.15, 2.9),
            y_range=(-0.15, 4.2), height=350,
        )  # fmt: skip
        for k in range(len(corners)):
            plane.add_scatter(x=paths[:, k, 0], y=paths[:, k, 1], **style.theory(width=1.2), showlegend=False)
        plane.add_scatter(
            x=z[:, 0], y=z[:, 1], mode="lines+markers", name="steps", marker={"size": 5, "color": style.SERIES[0]},
            line={"color": style.SERIES[0], "width": 1.2}, showlegend=False,
        )  # fmt: skip
        plane.add_scatter(
            x=[rest[0]],
            y=[rest[1]],
            **style.points(color=style.SERIES[2], size=12, symbol="star"),
            showlegend=False,
        )
        gap = style.figure(
            title="distance to the rest point", x_title="time s", y_log=True, y_range=(1e-5, 10), height=350
        )
        gap.add_scatter(x=times.numpy(), y=np.linalg.norm(paths[:, 0] - rest, axis=1), **style.theory("flow"))
        distance = np.linalg.norm(z - rest, axis=1)
        gap.add_scatter(
            x=np.arange(len(z)) * step, y=np.where(distance > 1e-7, distance, np.nan), mode="lines+markers",
            name="steps of length h", marker={"size": 5, "color": style.SERIES[0]},
            line={"color": style.SERIES[0], "width": 1.2},
        )  # fmt: skip
        return [plane, gap]

    def readout(step: float) -> str:
        z = iterates(step)
        name = "Picard’s iteration (h = 1)" if step == 1 else f"Step h = {step:g}"
        return f"{name}: after {len(z) - 1} steps the distance is {np.linalg.norm(z[-1] - rest):.2g}."

    return Explorer(
        draw,
        [
            Control(
                "step", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2], start=1.0, label="step $h$", fmt=".1f"
            )
        ],
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


# --- an input that arrives at irregular times

_HORIZON = 10.0


def arrivals() -> tuple[np.ndarray, Tensor]:
    """Irregular times in [0, 10), the first of them 0, and an input on the circle for each."""
    rng = np.random.default_rng(5)
    times = np.concatenate([[0.0], np.cumsum(0.15 + rng.exponential(0.75, size=40))])
    times = times[times < _HORIZON - 0.3]
    angles = np.cumsum(rng.normal(0.6, 0.9, size=len(times)))
    return times, it.data.circle(torch.as_tensor(angles))


@explorer("irregular-times")
def irregular_times() -> Explorer:
    """The output of a network that relaxes towards the equilibrium of the last input it has seen."""
    times, X = arrivals()
    net = it.EquilibriumNetwork(2, 64, implicit_scale=0.7, seed=1)
    A, B = net.A.detach(), net.injection(X).detach()
    with torch.no_grad():
        levels = net(X).numpy()
    ends = np.append(times[1:], _HORIZON)

    @lru_cache
    def output(time_constant: float) -> tuple[np.ndarray, np.ndarray]:
        z, s, f = torch.zeros(1, 64, dtype=torch.float64), [], []
        for start, end, b in zip(times, ends, B, strict=True):
            grid = torch.linspace(start, end, 24, dtype=torch.float64)
            path = it.continuous_depth(A, b[None], z, grid, time_constant=time_constant)
            z = path[-1]
            s.append(grid.numpy())
            f.append(net.output(path[:, 0]).detach().numpy())
        return np.concatenate(s), np.concatenate(f)

    def draw(time_constant: float) -> go.Figure:
        fig = style.figure(x_title="time", y_title="output f", x_range=(-0.1, _HORIZON), height=320)
        x = np.stack([times, ends, np.full_like(times, np.nan)], axis=1).ravel()
        y = np.stack([levels, levels, np.full_like(levels, np.nan)], axis=1).ravel()
        fig.add_scatter(x=x, y=y, **style.theory("equilibrium of the last input"))
        s, f = output(time_constant)
        fig.add_scatter(x=s, y=f, **style.measured("state that follows it"))
        fig.add_scatter(
            x=times, y=levels, **style.points("an input arrives", color=style.SERIES[4], symbol="diamond")
        )
        return fig

    def readout(time_constant: float) -> str:
        _, f = output(time_constant)
        at_end = np.array([f[24 * k + 23] for k in range(len(times))])
        miss = np.sqrt(np.mean((at_end - levels) ** 2))
        return f"τ = {time_constant:g}: when the next input arrives, the output is {miss:.2g} away (rms)."

    return Explorer(
        draw,
        [
            Control(
                "time_constant",
                [0.05, 0.1, 0.2, 0.4, 0.8, 1.6],
                start=0.2,
                label="time constant $\\tau$",
                fmt="g",
            )
        ],
        caption=(
            "Inputs arrive at irregular times; between them the state relaxes towards the equilibrium of "
            "the last one. Move the time constant $\\tau$: a fast network shows each equilibrium, a slow "
            "one remembers the inputs before."
        ),
        alt=(
            "Output over time. Diamonds mark irregular arrivals, dashed levels the equilibrium outputs, "
            "and a solid curve relaxes from level to level, quickly or slowly."
        ),
        readout=readout,
    )
