"""Constraints that multiply A by one number: spectral scaling, Gao's fixed γ, the Perron root (C8)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from implicit_tutorial.constraints.base import Constraint, check_limit
from implicit_tutorial.equilibrium.checks import checked
from implicit_tutorial.equilibrium.spectra import perron_pair, top_vector


class _Known(torch.autograd.Function):
    """A number that depends on A, with its value and derivative computed elsewhere."""

    @staticmethod
    def forward(A: Tensor, value: Tensor, derivative: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        ctx.save_for_backward(inputs[2])

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        (derivative,) = ctx.saved_tensors
        return grad * derivative, None, None


class _Scaling(Constraint):
    """A ← limit·A/size(A), or A alone where its size is within the limit and ``always`` is False."""

    @checked
    def __init__(self, limit: float, *, always: bool = True) -> None:
        super().__init__()
        self.limit, self.always = check_limit("limit", limit), always

    def forward(self, A: Tensor) -> Tensor:
        size = self._size(A)
        value = float(size.detach())
        # A matrix of size zero satisfies every bound and has no direction to scale along.
        unscaled = value == 0 or (not self.always and value <= self.limit)
        return A if unscaled else A * (self.limit / size)

    def extra_repr(self) -> str:
        return f"{self.limit:g}, always={self.always}"


class SpectralScaling(_Scaling):
    """A ← γ A/‖A‖₂: every equilibrium is a contraction's, at the rate γ (C8).

    The gradient includes that of the norm, d‖A‖₂ = uᵀ dA v with the top singular pair; where the top
    singular value is double, the norm has a kink and this is one of its subgradients. A second derivative
    raises.

    Args:
        limit: γ in (0, 1).
        always: False leaves a matrix alone whose norm is below γ already.
    """

    guarantees = "spectral_norm"
    rectangular = True

    def _size(self, A: Tensor) -> Tensor:
        with torch.no_grad():
            A64 = A.detach().to(torch.float64)
            v = top_vector(A64, tol=1e-13)
            u = A64 @ v
            value = torch.linalg.vector_norm(u)
            derivative = torch.outer(u, v) / value.clamp(min=torch.finfo(u.dtype).tiny)
        return _Known.apply(A, value.to(A.dtype), derivative.to(A.dtype))


class FixedScale(Constraint):
    """A ← γ A with a constant γ (Gao et al. 2022): a smaller implicit_scale, chosen once.

    It guarantees nothing by itself: a theorem has to show that ‖A‖₂ stays below 1/γ during training.

    Args:
        gamma: γ > 0.
    """

    guarantees = None
    rectangular = True

    @checked
    def __init__(self, gamma: float) -> None:
        super().__init__()
        if not (math.isfinite(gamma) and gamma > 0):
            raise ValueError(f"gamma={gamma}: the scalar must be positive.")
        self.gamma = gamma

    def forward(self, A: Tensor) -> Tensor:
        return self.gamma * A

    def extra_repr(self) -> str:
        return f"{self.gamma:g}"


class PerronScaling(_Scaling):
    """A ← c A/ρ(|A|): the Perron–Frobenius condition of El Ghaoui et al. 2021 holds (C8).

    The gradient includes that of the root, dρ = yᵀ d|A| x / yᵀx with the left and right Perron vectors. A
    second derivative raises.

    Args:
        limit: c in (0, 1).
        always: False leaves a matrix alone whose Perron root is below c already.
    """

    guarantees = "perron_frobenius"

    def _size(self, A: Tensor) -> Tensor:
        value, x, y = perron_pair(A.detach().to(torch.float64).abs())
        overlap = float(y @ x)
        if value > 0 and overlap <= 1e-12:
            raise ValueError(
                "ρ(|A|) has no derivative here: its left and right Perron vectors do not overlap. Likely "
                "cause: |A| splits into blocks with the same root, one feeding the other. What to change: "
                "perturb A, or use L1Rows()."
            )
        derivative = (
            torch.outer(*map(torch.from_numpy, (y, x))) / overlap if value > 0 else torch.zeros_like(A)
        )
        derivative = derivative.to(A) * torch.sign(A.detach())
        return _Known.apply(A, A.new_tensor(value), derivative)
