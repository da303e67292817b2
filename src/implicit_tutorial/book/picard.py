"""Picard's iteration for one injection, step by step."""

from __future__ import annotations

import torch
from torch import Tensor


def picard_path(A: Tensor, b: Tensor, z0: Tensor, steps: int) -> Tensor:
    """(steps + 1, m) Picard's states for one injection b (m,), from z0 (m,)."""
    path = [z0]
    for _ in range(steps):
        path.append(torch.relu(A @ path[-1] + b))
    return torch.stack(path)
