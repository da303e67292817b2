"""What the figures of the chapter share: labels, a task, and the solution of a linear flow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

import implicit_tutorial as it


def unit_labels(X: Tensor) -> Tensor:
    """Linear labels of mean square one on this sample."""
    y = it.data.linear(X)
    return y / y.square().mean().sqrt()


def demanding_task() -> tuple[Tensor, Tensor]:
    """Twelve inputs in R⁵ with linear and quadratic labels, for the first network of the chapter."""
    X = it.data.sphere(12, 5, seed=1)
    return X, it.data.linear_quadratic(X)


def decayed(K: Tensor, e: Tensor, times: Sequence[float]) -> np.ndarray:
    """(len(times), n) rows e^{−Kt} e."""
    values, vectors = torch.linalg.eigh(K)
    decay = torch.exp(-values * torch.tensor(list(times), dtype=K.dtype)[:, None])
    return ((decay * (vectors.T @ e)) @ vectors.T).numpy()
