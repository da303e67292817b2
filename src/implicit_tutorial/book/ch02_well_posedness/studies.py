"""What chapter 2 stores: how many sweeps Picard takes at initialization (C6)."""

from __future__ import annotations

import math
from typing import Any

import torch

import implicit_tutorial as it
from implicit_tutorial.book.study import Study, grid

WIDTHS = (16, 32, 64, 128, 256, 512)
SCALES = tuple(round(0.1 * k, 1) for k in range(1, 14))
TOLERANCE, LIMIT = 1e-10, 1000


def picard_sweeps(*, width: int, implicit_scale: float, seed: int) -> dict[str, Any]:
    """Sweeps to the tolerance for one input of a Gaussian network; nan if not in 1000."""
    net = it.EquilibriumNetwork(n_inputs=4, width=width, implicit_scale=implicit_scale, seed=100 + seed)
    x = torch.tensor([[0.5, 0.5, 0.5, 0.5]], dtype=torch.float64)
    solver = it.Picard(rtol=TOLERANCE, max_steps=LIMIT)
    with torch.no_grad():
        solution = net.equilibrium(x, solver=solver, throw=False)
    return {"sweeps": float(solution.steps[0]) if bool(solution.converged[0]) else math.nan}


PICARD_SWEEPS = Study(
    "picard_sweeps",
    "How many sweeps does Picard take at initialization?",
    picard_sweeps,
    grid(width=WIDTHS, implicit_scale=SCALES, seed=range(6)),
)
