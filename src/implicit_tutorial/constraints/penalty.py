"""Jacobian regularisation: a penalty instead of a constraint (C8)."""

from __future__ import annotations

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.checks import check_finite, check_problem, checked


@checked
def jacobian_penalty(
    A: Tensor, z: Tensor, *, probes: int | None = 1, generator: torch.Generator | None = None
) -> Tensor:
    """Mean over samples of E‖DAε‖²/m = ‖DA‖_F²/m, ε ∼ N(0, I), by Hutchinson's estimator (Bai et al. 2021).

    ‖DA‖_F bounds the spectral radius of DA, the rate of Picard, from above, so that adding a multiple of
    the penalty to the loss keeps the number of sweeps small (C8). It guarantees nothing. The pattern
    D = diag(1[z > 0]) is held fixed, as it is piecewise constant.

    Args:
        A: (m, m) implicit-layer matrix; the penalty is differentiable in it.
        z: (n, m) equilibria.
        probes: number of random ε a sample, one product with A each; None computes the expectation
            exactly, which for this layer costs no more.
        generator: of the probes.

    Returns:
        A scalar.

    Raises:
        ValueError, TypeError: wrong shape, dtype or device, no sample, or fewer than one probe.
    """
    check_problem(A, z=z)
    check_finite(A=A, z=z)
    n, m = z.shape
    if n == 0:
        raise ValueError("z holds no sample; the penalty is a mean over samples.")
    D = (z.detach() > 0).to(A.dtype)
    if probes is None:
        return (D.mean(dim=0) @ A.square()).sum() / m
    if probes < 1:
        raise ValueError(f"probes={probes}: the estimator needs at least one.")
    epsilon = torch.randn(probes, n, m, dtype=A.dtype, device=A.device, generator=generator)
    return (D * (epsilon @ A.T)).square().sum() / (probes * n * m)
