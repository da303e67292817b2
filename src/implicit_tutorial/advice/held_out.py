"""The error at samples that are left out, and how far training goes: exact, from one eigendecomposition."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor


class HeldOut:
    """Kernel regression on labels y with a kernel matrix K: what is known of it without a second fit.

    yᵀK⁻¹(1 − e^{−Kt})²y is ``labels² @ travelled(t)``; its mean over shuffled labels is
    ``shuffled @ travelled(t)``, and over labels from N(0, Q) ``weights_of(Q) @ travelled(t)``.
    """

    def __init__(self, K: Tensor, y: Tensor, groups: Tensor) -> None:
        values, self.vectors = torch.linalg.eigh(K)
        #: Eigenvalues from the smallest on, and the labels' coordinates.
        self.values = values.clamp(min=0)
        self.y, self.labels = y, self.vectors.T @ y
        found, count = groups.unique(return_counts=True)
        self._copies = [torch.nonzero(groups == g)[:, 0] for g in found[count > 1]]

    def errors(self, ridge: float) -> Tensor:
        """(n,) y_i − f(x_i), where f = K(·, X')(K' + ridge)⁻¹y' has not seen the group of sample i.

        By the inverse of a block matrix, the fit without group G errs on it by (R_GG)⁻¹(Ry)_G with
        R = (K + ridge)⁻¹ of the whole sample; for a group of one this is the well-known (Ry)_i/R_ii.
        """
        weights = 1 / (self.values + ridge)
        a = self.vectors @ (weights * self.labels)
        out = a / (self._squares @ weights)
        for rows in self._copies:
            V = self.vectors[rows]
            out[rows] = torch.linalg.solve((V * weights) @ V.T, a[rows])
        return out

    def travelled(self, time: float) -> Tensor:
        """(n,) (1 − e^{−λt})²/λ for each eigenvalue: the squared way of a flow, from distance one."""
        safe = self.values.clamp(min=torch.finfo(self.values.dtype).tiny)
        return torch.expm1(-safe * time).square() / safe

    @cached_property
    def shuffled(self) -> Tensor:
        """(n,) the mean of ``labels²`` over all permutations of labels with mean zero."""
        n, ones = len(self.y), self.vectors.sum(dim=0).square()
        return self.y.square().sum() / (n * (n - 1)) * (n - ones)

    def weights_of(self, Q: Tensor) -> Tensor:
        """(n,) the mean of ``labels²`` over labels drawn from N(0, Q): the diagonal of VᵀQV."""
        return ((Q @ self.vectors) * self.vectors).sum(dim=0)

    @cached_property
    def _squares(self) -> Tensor:
        return self.vectors.square()


def standard_error(x: Tensor, groups: Tensor) -> float:
    """Of the mean of x; rows of one group count as one observation, for they are not independent."""
    sums = x.new_zeros(int(groups.max()) + 1).index_add_(0, groups, x - x.mean())
    return float(torch.linalg.vector_norm(sums)) / len(x)
