"""An accelerated iteration as safe as Picard: back to the best state when acceleration stops helping."""

from __future__ import annotations

import torch
from torch import Tensor

#: Restart at a residual this much above the best, or when the best has not shrunk by this share in time.
_GROWTH, _DECREASE = 1e3, 0.01


class Safeguard:
    """Per sample, the image of the best state so far, and whether to restart from it.

    A restart is a Picard step from the best state. Where ‖A‖₂ < 1 it shrinks the residual by ‖A‖₂, so an
    accelerated method under this safeguard converges from any start whenever Picard contracts.
    """

    def __init__(self, image: Tensor, patience: int) -> None:
        self.patience = patience
        self.image = image.clone()
        self.residual = image.new_full((image.shape[0],), torch.inf)
        self.age = torch.zeros(image.shape[0], dtype=torch.int64, device=image.device)

    def keep(self, rows: Tensor) -> None:
        """Forget all samples but those in the mask ``rows``."""
        self.image, self.residual, self.age = self.image[rows], self.residual[rows], self.age[rows]

    def judge(self, image: Tensor, residual: Tensor) -> Tensor:
        """Take note of a sweep; return the mask of samples whose next state must be ``self.image``."""
        better = residual < self.residual
        self.age = torch.where(residual < (1 - _DECREASE) * self.residual, 0, self.age + 1)
        self.image = torch.where(better[:, None], image, self.image)
        self.residual = torch.where(better, residual, self.residual)
        restart = (residual > _GROWTH * self.residual) | (self.age >= self.patience)
        # The state after a restart is the new reference, better or not, so that no restart is ever
        # repeated.
        self.residual = torch.where(restart, torch.inf, self.residual)
        self.age = torch.where(restart, 0, self.age)
        return restart
