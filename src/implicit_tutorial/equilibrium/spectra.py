"""Norms and eigenvalues of a matrix: dense for small widths, by Lanczos above them."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor


class NormEstimate:
    """‖A‖₂ by Lanczos to six digits, each call started from the singular vector of the last one."""

    def __init__(self) -> None:
        self.vector: Tensor | None = None

    def __call__(self, A: Tensor) -> float:
        m = A.shape[0]
        if m < 64:
            return float(torch.linalg.matrix_norm(A, ord=2))
        if self.vector is None:
            self.vector = torch.from_numpy(np.random.default_rng(0).standard_normal(m))

        def gram(x: np.ndarray) -> np.ndarray:
            y = torch.from_numpy(np.asarray(x, dtype=np.float64).ravel()).to(A)
            return (A.T @ (A @ y)).to("cpu", torch.float64).numpy()

        operator = LinearOperator((m, m), matvec=gram, dtype=np.float64)
        value, vector = eigsh(operator, k=1, which="LA", tol=1e-6, v0=self.vector.numpy())
        self.vector = torch.from_numpy(vector[:, 0].copy())
        return math.sqrt(max(value[0], 0.0))
