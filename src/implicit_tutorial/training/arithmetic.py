"""The arithmetic of a single-sweep step: pure, without checks, so that it can be exported.

Leading dimension S everywhere, as in :class:`~implicit_tutorial.training.sweeper.Sweeper`, which works in
place (``out``) with Θ and mix = σ_A/√m; A with mix = 1 is the same.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Found once: in small networks a step waits as long for its name as for its result.
_THRESHOLD_INTO = torch.ops.aten.threshold_backward.grad_input


def caught_up(state: Tensor, change: Tensor, share: float, out: Tensor | None = None) -> Tensor:
    """The state where it is going: what it is, and a share of what the last sweep changed."""
    return torch.add(state, change, alpha=share, out=out)


def descended(theta: Tensor, left: Tensor, right: Tensor, rate: float, out: Tensor | None = None) -> Tensor:
    """θ − rate · leftᵀ right, a product of rank n: (S, p, q) from (S, n, p) and (S, n, q)."""
    return torch.baddbmm(theta, left.mT, right, alpha=-rate, out=out)


def pushed(
    A: Tensor, z: Tensor, dz: Tensor, u: Tensor, du: Tensor, e: Tensor,
    eta: Tensor, kappa: Tensor, share: Tensor, implicit_scale: Tensor, width: Tensor,
) -> Tensor:  # fmt: skip
    """A after a step η of Θ; κ = output_scale/√m, and all numbers may be those that a reader sets."""
    weight = e * (eta * kappa * implicit_scale**2 / width)  # in A's units the rate of Θ is σ_A²/m
    return descended(A, caught_up(u, du * share, 1) * weight, caught_up(z, dz * share, 1), 1)


def implicit_kernel(
    z: Tensor, u: Tensor, z2: Tensor, u2: Tensor, kappa: Tensor, implicit_scale: Tensor, width: Tensor
) -> Tensor:
    """(n, n') K of Θ from states and adjoints: ∂f/∂Θ = (κ/√m)(σ_A/√m) u zᵀ (C9)."""
    return (kappa * implicit_scale / torch.sqrt(width)) ** 2 * (z @ z2.T) * (u @ u2.T)


def swept(Theta: Tensor, b: Tensor, z: Tensor, mix: float, out: Tensor | None = None) -> Tensor:
    """relu(mix·Θz + b): one sweep of the states z (S, n, m)."""
    return torch.baddbmm(b, z, Theta.mT, alpha=mix, out=out).relu_()


def swept_back(
    Theta: Tensor, g: Tensor, u: Tensor, z: Tensor, mix: float, out: Tensor | None = None
) -> Tensor:
    """D(mix·Θᵀu + g), D the units with z > 0: one sweep of the adjoints u (S, n, m)."""
    back = torch.baddbmm(g, u, Theta, alpha=mix, out=out)
    # What ReLU's backward pass does: keep u where z > 0, in one go.
    if out is None:
        return torch.ops.aten.threshold_backward(back, z, 0.0)
    return _THRESHOLD_INTO(back, z, 0.0, grad_input=out)


def output_between(z: Tensor, dz: Tensor, u: Tensor, v: Tensor, out: Tensor | None = None) -> Tensor:
    """v·z* = v·z + u·dz, (S, n, 1), up to the square of the lag dz of a sweep from z; v (S, m, 1)."""
    # Both products in one sum, and in ``out`` before: a batch of matrix-vector products is slow.
    return torch.sum(torch.mul(z, v.mT, out=out).addcmul_(u, dz), dim=2, keepdim=True)
