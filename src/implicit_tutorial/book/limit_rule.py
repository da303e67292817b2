"""The implicit layer's kernel at infinite width between unit vectors, as a function that a page can run."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from implicit_tutorial.explorer.computed import settled

_EXACTLY = {"close": 1e-14, "most": 60}


def limit_kernel(minus: Tensor, implicit_scale: Tensor) -> Tensor:
    """K/κ² from 1 − cos φ (C10), by the formulas of :func:`limit_kernels`, which checks what it is given."""
    square = implicit_scale**2
    a = square / 2

    def newton(t: Tensor) -> Tensor:
        theta = angle(t)
        F = (1 - a) * (t - minus) + a / math.pi * (torch.sin(theta) - theta * (1 - t))
        return torch.relu(t - F / (1 - a + a / math.pi * theta))

    theta = angle(settled(newton, minus.clone(), **_EXACTLY)[0])
    forward = (torch.sin(theta) + (math.pi - theta) * torch.cos(theta)) / (math.pi * (2 - square))
    slope = (math.pi - theta) / (2 * math.pi)
    return square * forward * slope / (1 - square * slope)


def angle(t: Tensor) -> Tensor:
    """θ from 1 − cos θ."""
    return 2 * torch.atan2(torch.sqrt(t), torch.sqrt(torch.relu(2 - t)))
