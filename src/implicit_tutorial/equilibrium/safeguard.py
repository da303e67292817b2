"""An accelerated iteration as safe as Picard: it restarts at the best state when acceleration fails."""

from __future__ import annotations

import torch
from torch import Tensor

#: Restart at a residual this much above the best, or when the best has not shrunk by this share in time.
_GROWTH, _DECREASE = 1e3, 0.01
#: What is kept of each sample, by the value at its start.
_STARTS = {"image": 0, "residual": torch.inf, "age": 0, "length": 1, "rest": 0}


class Safeguard:
    """Per sample, the image of the best state so far, and whether the next state must be that one.

    A restart goes back to the best state and makes 1, then 2, 4, 8 … Picard sweeps from there. Where ‖A‖₂ < 1
    each shrinks the residual by ‖A‖₂, so an accelerated method under this safeguard converges from any
    start, at worst a few times slower than Picard. A sweep that does not shrink it shows that Picard does
    not contract here, and ends the restart.
    """

    def __init__(self, image: Tensor, patience: int) -> None:
        n, device = image.shape[0], image.device
        self.patience = patience
        self.image = image.clone()
        self.residual = image.new_full((n,), torch.inf)
        self.age = torch.zeros(n, dtype=torch.int64, device=device)
        self.length = torch.ones(n, dtype=torch.int64, device=device)
        self.rest = torch.zeros(n, dtype=torch.int64, device=device)

    def keep(self, rows: Tensor) -> None:
        """Forget all samples but ``rows``, a mask or their numbers in a new order."""
        for name in _STARTS:
            setattr(self, name, getattr(self, name)[rows])

    def join(self, more: int) -> None:
        """Add so many samples, which start now."""
        for name, value in _STARTS.items():
            setattr(self, name, extended(getattr(self, name), more, value))

    def judge(self, image: Tensor, residual: Tensor) -> Tensor:
        """Record a sweep; return the mask of samples whose next state must be ``self.image``."""
        better = residual < self.residual
        self.age = torch.where(residual < (1 - _DECREASE) * self.residual, 0, self.age + 1)
        resting = (self.rest > 0) & better
        restart = ~resting & ((residual > _GROWTH * self.residual) | (self.age >= self.patience))
        # Usually all samples are: then no copy is made.
        self.image = image if bool(better.all()) else torch.where(better[:, None], image, self.image)
        # The state after a restart is the new reference, better or not, so that no restart is ever repeated.
        self.residual = torch.where(restart, torch.inf, torch.where(better, residual, self.residual))
        self.age = torch.where(restart | resting, 0, self.age)
        self.rest = torch.where(restart, self.length - 1, torch.where(resting, self.rest - 1, 0))
        self.length = torch.where(restart, 2 * self.length, self.length)
        return restart | resting


def extended(x: Tensor, more: int, value: float) -> Tensor:
    """``x`` with so many more rows that hold ``value``."""
    return torch.cat([x, x.new_full((more, *x.shape[1:]), value)])
