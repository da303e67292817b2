"""Starting from the last equilibrium: the steps of training (C8)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch04_solving_and_differentiating.setting import (
    SAMPLES,
    STARTS,
    inputs,
    tolerance_control,
)
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.explorer import Explorer, explorer, style

#: σ_A, width, number of steps, and their size in units of 1/λ_max(K).
SCALE, WIDTH, _STEPS, _RATE = 0.8, 128, 40, 0.3


@dataclass(frozen=True)
class Descent:
    """Mean sweeps at each step of training: forward and adjoint, from zero and from the last step."""

    forward: tuple[np.ndarray, np.ndarray]
    adjoint: tuple[np.ndarray, np.ndarray]


@cache
def descent(tolerance: float) -> Descent:
    """Gradient descent on Θ with exact gradients, each problem solved twice: cold and warm."""
    X = inputs()
    net = it.EquilibriumNetwork(X.shape[1], WIDTH, implicit_scale=SCALE, seed=0)
    b, y, solver = net.injection(X).detach(), it.data.linear_quadratic(X), it.Picard(rtol=tolerance)
    step = _RATE * len(X) / float(torch.linalg.eigvalsh(it.network_kernels(net, X).implicit.detach())[-1])
    z = u = None
    rows = []
    with torch.no_grad():
        for _ in range(_STEPS):
            A = net.A
            cold, warm = (it.solve(A, b, solver=solver, z0=start) for start in (None, z))
            z = warm.z
            # With v for g the adjoint does not change when the loss does.
            back, again = (it.adjoint(A, z, net.v, solver=solver, u0=start) for start in (None, u))
            u = again.u
            rows.append([float(s.steps.double().mean()) for s in (cold, warm, back, again)])
            mismatch = (net.output(z) - y) * (net.implicit_scale / (net.width * len(X)))
            net.Theta -= step * (mismatch[:, None] * u).T @ z
    cold, warm, back, again = np.array(rows).T
    return Descent((cold, warm), (back, again))


@explorer("warm-training")
def warm_training() -> Explorer:
    """Sweeps of the forward and the adjoint solve along a training run, cold and warm."""
    return Explorer(
        _draw,
        [tolerance_control()],
        tag=measured(width=WIDTH, seeds=1, samples=SAMPLES),
        caption=(
            f"Gradient descent on $\\Theta$, width {WIDTH}, $\\sigma_A = {SCALE}$. Mean sweeps of the "
            "forward solve (first) and of the adjoint solve (second) at each step, from zero and from the "
            "last step's solution. **Move** the tolerance. **Notice** that the distance between the two "
            "lines stays, and that the adjoint gains less: where a unit switches, it jumps."
        ),
        alt=(
            "Two plots of sweeps against the step of training. In each a flat line for cold starts, and a "
            "lower one for warm starts that falls as training settles."
        ),
        readout=_readout,
    )


def _draw(tolerance: float) -> list[go.Figure]:
    found = descent(tolerance)
    panels = []
    for title, run in (("forward", found.forward), ("adjoint", found.adjoint)):
        axes = {"x_range": (0, _STEPS), "y_title": "sweeps", "y_range": (0, 50)}
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
