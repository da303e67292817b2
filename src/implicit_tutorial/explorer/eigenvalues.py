"""Eigenvalues for figures that a page computes: in one order here and there, whatever rounding does."""

from __future__ import annotations

import torch
from torch import Tensor

from implicit_tutorial.explorer.program import exporting


def eigenvalues(M: Tensor) -> Tensor:
    """(m, 2) real and imaginary parts, in the order of the real parts, of conjugates the lower one first."""
    values = torch.view_as_real(torch.linalg.eigvals(M))
    if exporting():  # what the page knows by that name gives them in this order
        return values
    values = values[torch.argsort(values[:, 1], stable=True)]
    return values[torch.argsort(values[:, 0], stable=True)]
