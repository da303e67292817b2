"""How an iteration on a few units ends, as the library's solvers judge it, computed and in words."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.equilibrium.solver import DIVERGENCE_FACTOR, relative_tolerance
from implicit_tutorial.explorer.computed import loop

#: From the states of an iteration to the next ones, and to what is observed: states and their images.
Sweep = Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]

#: What the solvers ask for where they are not told.
RTOL = relative_tolerance(None, torch.float64)


def picard(problem: Problem) -> Sweep:
    """z ← relu(Az + b)."""

    def sweep(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        image = problem(z)
        return image, z, image

    return sweep


def ended(sweep: Sweep, start: Tensor, most: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How an iteration of the rows of ``start`` ends, a number for :func:`ending`; when; and its last states.

    It settles, still moves after the ``most`` sweeps of its row, or runs away.
    """

    def going(end: Tensor, taken: Tensor) -> Tensor:
        return (end == 2) & (taken < most)

    def step(state: Tensor, first: Tensor, taken: Tensor, end: Tensor) -> tuple[Tensor, ...]:
        new, z, image = sweep(state)
        residual = torch.linalg.vector_norm(image - z, dim=1)
        first = torch.where(taken == 0, residual, first)
        close = residual <= RTOL * torch.linalg.vector_norm(image, dim=1)
        judged = torch.where(close, 1.0, torch.where(residual > DIVERGENCE_FACTOR * first, 3.0, 2.0))
        on = going(end, taken)
        return new, first, torch.where(on, taken + 1, taken), torch.where(on, judged, end)

    none = torch.zeros_like(start[:, 0])
    last, _, taken, end = loop(
        lambda state, first, taken, end: going(end, taken).any(),
        step,
        (start.clone(), none, none.clone(), none + 2),
    )
    return torch.where((end == 1) & (taken == 1), 0.0, end), taken, last


def ending(name: str) -> str:
    """What a line says of the end called ``name``, after the number ``name_sweeps`` of sweeps."""
    return (
        f"{{{name}?settles after 1 sweep|settles after {{{name}_sweeps:d}} sweeps|"
        f"still moves, for its size, after {{{name}_sweeps:d}} sweeps|runs away}}"
    )
