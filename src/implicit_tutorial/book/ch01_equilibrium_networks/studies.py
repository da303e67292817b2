"""What chapter 1 stores: the time of a gradient, through many layers and through the equilibrium (C1)."""

from __future__ import annotations

from typing import Any

import torch

import implicit_tutorial as it
from implicit_tutorial.book.study import Study, grid
from implicit_tutorial.book.timing import best_times

DEPTHS = (10, 20, 50, 100, 200, 500, 1000)
N_SAMPLES, N_INPUTS, SCALE, SEED = 32, 3, 0.8, 0


def backward_cost(*, width: int, depth: int | None) -> dict[str, Any]:
    """Forward and backward pass of a network of that many layers, or of the equilibrium where it is None."""
    X = it.data.sphere(N_SAMPLES, N_INPUTS, seed=SEED)
    net = it.EquilibriumNetwork(N_INPUTS, width, implicit_scale=SCALE, seed=SEED)

    def run() -> None:
        z = None if depth is None else it.unrolled(net.A, net.injection(X), depth)
        torch.autograd.grad((net(X) if z is None else net.output(z)).sum(), net.Theta)

    return {"run": run}


BACKWARD_COST = Study(
    "backward_cost",
    "What does a gradient cost through many layers, and through the equilibrium?",
    backward_cost,
    grid(width=[64, 128, 256], depth=[None, *DEPTHS]),
    clock=best_times,
)
