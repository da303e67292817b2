"""What claims are checked with: Gaussian matrices, and layers in torch that no part of the library enters."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def normal(*shape: int, seed: int) -> Tensor:
    """Standard Gaussian numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gaussian(m: int, scale: float = 1.0, *, seed: int) -> Tensor:
    """(m, m) matrix σ Θ/√m with Θ standard Gaussian."""
    return normal(m, m, seed=seed) * (scale / math.sqrt(m))


def unrolled(A: Tensor, b: Tensor, layers: int) -> Tensor:
    """(n, m) states of the weight-tied network after so many layers."""
    z = torch.zeros_like(b)
    for _ in range(layers):
        z = torch.relu(z @ A.T + b)
    return z


def digits(x: Tensor, reference: Tensor, *, cap: int) -> float:
    """Decimal digits that two tensors share, rounded down, at most ``cap``: rounding must not show."""
    error = float((x - reference).abs().max() / reference.abs().max())
    return float(cap if error == 0 else min(cap, math.floor(-math.log10(error))))
