"""What the figures of the chapter share: three layers, one set of inputs, and kernels computed once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.explorer import Control
from implicit_tutorial.kernels import Kernels

#: The scales that the sliders offer.
SCALES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.35)

#: The layers, in the order in which the figures show them.
LAYERS = ("implicit", "output", "input")

N_CIRCLE, N_INPUTS, WIDTH = 63, 10, 512
NOT_DRAWN = "This network is not drawn: it does not settle in time for all of the inputs."


@lru_cache
def circle_angles() -> np.ndarray:
    """An odd number of equally spaced angles, so that no two points of the circle are opposite."""
    return 2 * math.pi * np.arange(N_CIRCLE) / N_CIRCLE


@lru_cache
def inputs() -> dict[str, Tensor]:
    """Sets of inputs on the sphere of R^10; the circle lies in a plane of it."""
    circle = torch.zeros(N_CIRCLE, N_INPUTS, dtype=torch.float64)
    circle[:, :2] = it.data.circle(torch.as_tensor(circle_angles()))
    axes = torch.eye(N_INPUTS, dtype=torch.float64)
    random = it.data.sphere(24, N_INPUTS, seed=0)
    return {"circle": circle, "a single input": axes[:1], "10 at right angles": axes, "24 at random": random}


@lru_cache
def limit(scale: float, which: str = "circle") -> Kernels:
    """The kernels of a set of inputs as m → ∞, for σ_U = κ = 1 (C10)."""
    return it.limit_kernels(inputs()[which], implicit_scale=scale)


@lru_cache
def _drawn(scale: float, width: int) -> Kernels | None:
    net = it.EquilibriumNetwork(
        N_INPUTS, width, implicit_scale=scale, solver=it.Picard(rtol=1e-12, max_steps=400), seed=0
    )
    try:
        return it.network_kernels(net, torch.cat(list(inputs().values())))
    except it.EquilibriumError:
        return None


def drawn(scale: float, which: str = "circle", *, width: int = WIDTH) -> Kernels | None:
    """The kernels of one network; None where its layers do not settle for every input within 400 sweeps."""
    kernels = _drawn(scale, width)
    if kernels is None:
        return None
    names = list(inputs())
    first = sum(len(inputs()[name]) for name in names[: names.index(which)])
    rows = slice(first, first + len(inputs()[which]))
    fields = ("forward", "backward", "implicit", "output", "input")
    return Kernels(*(getattr(kernels, field)[rows, rows] for field in fields))


def lambda_min(K: Tensor) -> float:
    """Smallest eigenvalue of a symmetric matrix."""
    return float(torch.linalg.eigvalsh(K)[0])


def scale_control(scales: Sequence[float], start: float) -> Control:
    """The slider of the initialization scale."""
    return Control("implicit_scale", scales, start=start, label="implicit_scale $\\sigma_A$", fmt="g")
