"""What a constant kernel does to an error: ∫₀ʰ e^{−Ks} e ds, for few labels and for many."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

#: Vectors of a Krylov space that are kept in one block, and the fewest that it grows by between two checks.
_BLOCK, _FEWEST = 64, 8
#: What one more check may still change, relative to the integral and to the error that it removes.
_SETTLED = 1e-10


class Decay(Protocol):
    """A kernel K and an error e."""

    @property
    def largest(self) -> float:
        """λ_max."""

    def integrated(self, h: float) -> Tensor:
        """∫₀ʰ e^{−Ks} e ds = K⁻¹(1 − e^{−Kh}) e; to infinity only along the modes that decay."""

    def slowest(self, h: float) -> float:
        """The smallest eigenvalue of K that matters to that integral, rounding around zero left out."""


class Dense:
    """By the eigenvectors of K."""

    @property
    def largest(self) -> float:
        return float(self.values[-1])

    def __init__(self, K: Tensor, e: Tensor) -> None:
        self.values, self.vectors = torch.linalg.eigh(K)
        self.coefficients = self.vectors.T @ e

    def integrated(self, h: float) -> Tensor:
        return self.vectors @ (weights(self.values, h, len(self.values)) * self.coefficients)

    def slowest(self, h: float) -> float:
        return float(self.values[decaying(self.values, len(self.values))].min())


class Krylov:
    """By Lanczos' method in the space of e, Ke, K²e, …, which needs nothing of K but its products.

    Every vector is made orthogonal to all others, twice: the space then grows to that of all labels at most,
    and is much smaller as long as the slow modes need not be told apart.
    """

    def __init__(self, product: Callable[[Tensor], Tensor], e: Tensor) -> None:
        self.product, self.size = product, len(e)
        self.norm = float(torch.linalg.vector_norm(e))
        self.blocks: list[Tensor] = []
        #: The tridiagonal matrix VᵀKV.
        self.diagonal: list[float] = []
        self.beside: list[float] = []
        #: Whether the space holds all of Kᵏe.
        self.whole = False
        self._append(e / self.norm if self.norm > 0 else e)

    def integrated(self, h: float) -> Tensor:
        return self._combine(self._settled(lambda values: weights(values, h, self.size)))

    def slowest(self, h: float) -> float:
        self.integrated(h)
        values, _ = self._eigen(len(self.diagonal))
        return float(min(values[decaying(values, self.size)], default=0.0))

    @property
    def largest(self) -> float:
        self._settled(lambda values: torch.where(values == values[-1], values, 0))
        return float(self._eigen(len(self.diagonal))[0][-1])

    def _settled(self, function: Callable[[Tensor], Tensor]) -> Tensor:
        """function(T)‖e‖e₁, in a space whose last vectors no longer change it."""
        while True:
            k = len(self.diagonal)
            if k > 0:
                values, vectors, y = self._applied(function, k)
                if self.whole:
                    return y
                *_, before = self._applied(function, k - max(_FEWEST // 2, k // 5))
                change = y.clone()
                change[: len(before)] -= before
                removed = float((values * (vectors.T @ change)).norm())
                # Relative to itself, and to the error that it stands for.
                size = float(y.norm())
                largest = max(self.norm, float(values[-1]) * size)
                if float(change.norm()) <= _SETTLED * size and removed <= _SETTLED * largest:
                    return y
            self._grow(max(_FEWEST, k // 4))

    def _applied(self, function: Callable[[Tensor], Tensor], k: int) -> tuple[Tensor, Tensor, Tensor]:
        """Eigenvalues and eigenvectors of T in the first k vectors, and function(T)‖e‖e₁ there."""
        values, vectors = self._eigen(k)
        return values, vectors, vectors @ (function(values) * vectors[0]) * self.norm

    def _grow(self, count: int) -> None:
        for _ in range(count):
            if self.whole:
                return
            v = self._vector(len(self.diagonal))
            image = self.product(v)
            self.diagonal.append(float(v @ image))
            for _ in range(2):
                for block, filled in self._filled():
                    part = block[:filled]
                    image = image - part.T @ (part @ image)
            length = float(torch.linalg.vector_norm(image))
            noise = self.size * torch.finfo(image.dtype).eps * max(map(abs, self.diagonal))
            self.whole = length <= noise or len(self.diagonal) == self.size
            if not self.whole:
                self.beside.append(length)
                self._append(image / length)

    def _append(self, v: Tensor) -> None:
        place = len(self.diagonal) % _BLOCK
        if place == 0:
            self.blocks.append(v.new_empty(min(_BLOCK, self.size), self.size))
        self.blocks[-1][place] = v

    def _vector(self, k: int) -> Tensor:
        return self.blocks[k // _BLOCK][k % _BLOCK]

    def _filled(self) -> list[tuple[Tensor, int]]:
        """Each block with the number of its vectors."""
        return [(block, min(_BLOCK, len(self.diagonal) - i * _BLOCK)) for i, block in enumerate(self.blocks)]

    def _eigen(self, k: int) -> tuple[Tensor, Tensor]:
        like = {"dtype": self.blocks[0].dtype}
        beside = torch.tensor(self.beside[: k - 1], **like)
        T = torch.diag(torch.tensor(self.diagonal[:k], **like))
        values, vectors = torch.linalg.eigh(T + torch.diag(beside, 1) + torch.diag(beside, -1))
        return values.to(self.blocks[0].device), vectors.to(self.blocks[0].device)

    def _combine(self, y: Tensor) -> Tensor:
        return sum(
            block[:count].T @ y[i * _BLOCK :][:count] for i, (block, count) in enumerate(self._filled())
        )


def decaying(values: Tensor, size: int) -> Tensor:
    """Which ascending eigenvalues the flow can use: the rest is rounding around zero."""
    return values > values[-1] * size * torch.finfo(values.dtype).eps


def weights(values: Tensor, h: float, size: int) -> Tensor:
    """(1 − e^{−λh})/λ for eigenvalues λ of a kernel with ``size`` rows."""
    values = values.clamp(min=0)
    usable = decaying(values, size)
    safe = torch.where(usable, values, torch.ones_like(values))
    limit = 0.0 if h == math.inf else h
    return torch.where(usable, -torch.expm1(-safe * h) / safe, torch.full_like(values, limit))
