"""An input that arrives at irregular times, and a state that relaxes towards each equilibrium."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.explorer import Control, Explorer, explorer, style

HORIZON, WIDTH = 10.0, 64


def arrivals() -> tuple[np.ndarray, Tensor]:
    """Irregular times in [0, 10), the first of them 0, and an input on the circle for each."""
    rng = np.random.default_rng(5)
    times = np.concatenate([[0.0], np.cumsum(0.15 + rng.exponential(0.75, size=40))])
    times = times[times < HORIZON - 0.3]
    angles = np.cumsum(rng.normal(0.6, 0.9, size=len(times)))
    return times, it.data.circle(torch.as_tensor(angles))


@explorer("irregular-times")
def irregular_times() -> Explorer:
    """The output of a network that relaxes towards the equilibrium of the last input it has seen."""
    times, X = arrivals()
    net = it.EquilibriumNetwork(2, WIDTH, implicit_scale=0.7, seed=1)
    A, B = net.A.detach(), net.injection(X).detach()
    with torch.no_grad():
        levels = net(X).numpy()
    ends = np.append(times[1:], HORIZON)

    @lru_cache
    def output(time_constant: float) -> tuple[np.ndarray, np.ndarray]:
        z, s, f = torch.zeros(1, WIDTH, dtype=torch.float64), [], []
        for start, end, b in zip(times, ends, B, strict=True):
            grid = torch.linspace(start, end, 24, dtype=torch.float64)
            path = it.continuous_depth(A, b[None], z, grid, time_constant=time_constant)
            z = path[-1]
            s.append(grid.numpy())
            f.append(net.output(path[:, 0]).detach().numpy())
        return np.concatenate(s), np.concatenate(f)

    def draw(time_constant: float) -> go.Figure:
        fig = style.figure(x_title="time", y_title="output f", x_range=(-0.1, HORIZON), height=320)
        x = np.stack([times, ends, np.full_like(times, np.nan)], axis=1).ravel()
        y = np.stack([levels, levels, np.full_like(levels, np.nan)], axis=1).ravel()
        fig.add_scatter(x=x, y=y, **style.theory("equilibrium of the last input"))
        s, f = output(time_constant)
        fig.add_scatter(x=s, y=f, **style.measured("state that follows it"))
        diamonds = style.points("an input arrives", style.LAYERS["input"], symbol="diamond")
        fig.add_scatter(x=times, y=levels, **diamonds)
        return fig

    def readout(time_constant: float) -> str:
        _, f = output(time_constant)
        at_end = np.array([f[24 * k + 23] for k in range(len(times))])
        miss = np.sqrt(np.mean((at_end - levels) ** 2))
        return f"τ = {time_constant:g}: when the next input arrives, the output is {miss:.2g} away (rms)."

    constants = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6]
    return Explorer(
        draw,
        [Control("time_constant", constants, start=0.2, label="time constant $\\tau$", fmt="g")],
        tag=measured(width=WIDTH, seeds=1, samples=len(times)),
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
