"""The two fixed-point problems of the book, forward and adjoint."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Problem(NamedTuple):
    """z = relu(Mz + b) when ``mask`` is None, else the linear z = mask ∘ (Mz + b), for each row of b.

    The forward pass is ``Problem(A, b)``; the adjoint u = D(Aᵀu + g) is ``Problem(A.T, g, D)``.
    """

    M: Tensor
    b: Tensor
    mask: Tensor | None = None

    def preactivation(self, z: Tensor, rows: Tensor | None = None) -> Tensor:
        b = self.b if rows is None else self.b[rows]
        return torch.addmm(b, z, self.M.T)

    def activate(self, h: Tensor, rows: Tensor | None = None) -> Tensor:
        if self.mask is None:
            return torch.relu(h)
        return h * (self.mask if rows is None else self.mask[rows])

    def __call__(self, z: Tensor, rows: Tensor | None = None) -> Tensor:
        """One sweep: the map applied to the given rows."""
        h = self.preactivation(z, rows)
        return h.relu_() if self.mask is None else h.mul_(self.mask if rows is None else self.mask[rows])

    def with_zeros_of(self, z: Tensor, image: Tensor) -> Tensor:
        """z projected on the set the map reaches, and zero wherever ``image`` is.

        An accelerated state would otherwise carry rounding noise on inactive units, and ``z > 0`` be the
        wrong pattern.
        """
        z = torch.relu(z) if self.mask is None else z
        return torch.where(image != 0, z, 0)

    def start(self, z0: Tensor | None) -> Tensor:
        return torch.zeros_like(self.b) if z0 is None else z0.clone()
