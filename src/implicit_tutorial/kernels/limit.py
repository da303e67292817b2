"""The infinitely wide network: one scalar fixed point for each pair of inputs."""

from __future__ import annotations

import math
from dataclasses import fields
from types import SimpleNamespace

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.checks import check_finite, check_rows, checked
from implicit_tutorial.kernels.layers import layer_kernels
from implicit_tutorial.kernels.result import Kernels

#: Rows computed at once, so that temporaries stay in the caches and take little memory.
_ROWS = 64
_MAX_STEPS = 100


class LargestScaleError(ValueError):
    """implicit_scale ≥ √2, where the hidden state of an infinitely wide network has no finite norm (C6)."""


@checked
def limit_kernels(
    X: Tensor,
    X2: Tensor | None = None,
    *,
    implicit_scale: float | Tensor,
    input_scale: float | Tensor = 1.0,
    output_scale: float | Tensor = 1.0,
) -> Kernels:
    """The kernels as m → ∞: k = σ_A² Q(k) + σ_U² x·x', Π = Σ̇/(1 − σ_A² Σ̇), K = κ²σ_A² Q ∘ Π (C10).

    In the angle θ between two hidden states the fixed point is, whatever the inputs' norms,
    (1 − a)(1 − cos θ) + a (sin θ − θ cos θ)/π = (1 − a)(1 − cos φ), a = σ_A²/2, φ between the inputs.
    Newton's method decreases to its root from 1 − cos φ, and angles of any size keep full accuracy.

    Args:
        X: (n, d) inputs of any norm but zero, in the dtype of the result.
        X2: (n', d) other inputs; X itself by default, and then every matrix is exactly symmetric.
        implicit_scale, input_scale, output_scale: σ_A < √2, σ_U, κ; numbers, or 0-d tensors to
            differentiate in (to any order). X is a constant here.

    Raises:
        LargestScaleError: implicit_scale ≥ √2.
        ValueError, TypeError: wrong shape or dtype, a zero or non-finite input, or one that requires a
            gradient.
    """
    _check(X, X, "X")
    if X2 is not None:
        _check(X2, X, "X2")
    scales = {"implicit_scale": implicit_scale, "input_scale": input_scale, "output_scale": output_scale}
    for name, scale in scales.items():
        scales[name] = scale = torch.as_tensor(scale, dtype=X.dtype, device=X.device)
        if not 0 <= scale.item() < math.inf:
            raise ValueError(f"{name}={scale.item()}: a scale is a finite number, zero or more.")
    sigma_A = scales["implicit_scale"].item()
    if sigma_A**2 >= 2:
        raise LargestScaleError(
            f"implicit_scale={sigma_A:g} has no infinite-width limit: the norm of the hidden state is "
            "σ_U²/(2 − σ_A²), finite only below √2 ≈ 1.414. Lower implicit_scale."
        )
    Y = X if X2 is None else X2
    if any(scale.requires_grad for scale in scales.values()):
        return Kernels(**_entries(X, Y, **scales))
    shape = (X.shape[0], Y.shape[0])
    whole = {field.name: torch.empty(shape, dtype=X.dtype, device=X.device) for field in fields(Kernels)}
    for i in range(0, X.shape[0], _ROWS):
        # A symmetric matrix is computed from its diagonal to the right, and mirrored: a vectorised function
        # may round the same number in two places differently.
        first = i if X2 is None else 0
        rows = slice(i, i + _ROWS)
        for name, block in _entries(X[rows], Y[first:], **scales).items():
            whole[name][rows, first:] = block
    return Kernels(
        **(whole if X2 is not None else {name: K.triu() + K.triu(1).T for name, K in whole.items()})
    )


def _entries(X: Tensor, Y: Tensor, **scales: Tensor) -> dict[str, Tensor]:
    """The fields of :class:`Kernels` between the rows of X and of Y."""
    sigma_A, sigma_U = scales["implicit_scale"], scales["input_scale"]
    (norm_x, unit_x), (norm_y, unit_y) = _polar(X), _polar(Y)
    # 1 ∓ cos φ from differences and sums: no cancellation, and exactly zero between equal or opposite inputs.
    minus, plus = _distance(unit_x, unit_y) ** 2 / 2, _distance(unit_x, -unit_y) ** 2 / 2
    # ‖x‖‖x'‖ = root², which may be beyond the dtype where the angle is not.
    root = norm_x.sqrt()[:, None] * norm_y.sqrt()

    theta = _Angle.apply(sigma_A**2 / 2, minus, plus)
    forward = (sigma_U * root) * (_arc_cosine(theta) / (2 - sigma_A**2)) * (sigma_U * root)
    slope = (math.pi - theta) / (2 * math.pi)
    backward = slope / (1 - sigma_A**2 * slope)
    inner = root * torch.where(minus < plus, 1 - minus, plus - 1) * root
    factors = {"adjoint": backward, "state": forward, "input": inner, "output": 1.0}
    return {"forward": forward, "backward": backward, **layer_kernels(SimpleNamespace(**scales), factors)}


def _polar(X: Tensor) -> tuple[Tensor, Tensor]:
    """Norms and directions of the rows, safe from squares that overflow or underflow."""
    largest = X.abs().amax(dim=1, keepdim=True)
    X = X / largest
    norm = torch.linalg.vector_norm(X, dim=1, keepdim=True)
    return (norm * largest)[:, 0], X / norm


def _arc_cosine(theta: Tensor) -> Tensor:
    """(sin θ + (π − θ) cos θ)/π, from 1 at zero to 0 at π (Cho & Saul 2009)."""
    return (torch.sin(theta) + (math.pi - theta) * torch.cos(theta)) / math.pi


class _Angle(torch.autograd.Function):
    """(a, 1 − cos φ, 1 + cos φ) ↦ θ, differentiated implicitly in a."""

    @staticmethod
    def forward(ctx, a: Tensor, minus: Tensor, plus: Tensor) -> Tensor:
        theta = _solve_angle(a.item(), minus, plus)
        ctx.save_for_backward(a, minus, theta)
        return theta

    @staticmethod
    def backward(ctx, grad: Tensor):
        a, minus, theta = ctx.saved_tensors
        # With F(θ, a) = 0 the fixed point, dθ/da = −F_a/F_θ. Between equal inputs θ is zero for every a.
        inside = minus > 0
        theta = torch.where(inside, theta, torch.ones_like(theta))
        sin, cos = torch.sin(theta), torch.cos(theta)
        F_a = (sin - theta * cos) / math.pi - (1 - cos) + minus
        F_theta = sin * (1 - a + a * theta / math.pi)
        slope = torch.where(inside, -F_a / F_theta, torch.zeros_like(theta))
        return (grad * slope).sum(), None, None


def _solve_angle(a: float, minus: Tensor, plus: Tensor) -> Tensor:
    """The fixed point by Newton's method in t = 1 − cos θ, and at the end θ from 1 − cos θ and 1 + cos θ."""
    t = minus.clone()
    tolerance = 4 * torch.finfo(t.dtype).eps
    for _ in range(_MAX_STEPS):
        theta = 2 * torch.atan2(t.sqrt(), (2 - t).clamp_(min=0).sqrt())
        # F = (1 − a)(t − minus) + a (sin θ − θ cos θ)/π is convex and increasing in t, and the start is above
        # its root: Newton comes down and cannot overshoot.
        step = torch.sin(theta).addcmul_(theta, t - 1).mul_(a / math.pi).add_(t - minus, alpha=1 - a)
        step /= theta.mul_(a / math.pi).add_(1 - a)
        t = t.sub_(step).clamp_(min=0)
        change = float(step.abs_().max()) if step.numel() else 0.0
        if change <= tolerance:
            break
    else:
        raise RuntimeError(
            f"the kernel's fixed point still moved by {change:.1e} after {_MAX_STEPS} Newton steps; "
            "lower implicit_scale, which is too near √2."
        )
    # 2 − t would lose digits near π; the fixed point itself gives 1 + cos θ as a sum of positive terms.
    theta = 2 * torch.atan2(t.sqrt(), (2 - t).clamp_(min=0).sqrt())
    both = a * (1 + _arc_cosine(theta)) + (1 - a) * plus
    return 2 * torch.atan2(t.sqrt(), both.sqrt())


def _distance(X: Tensor, Y: Tensor) -> Tensor:
    return torch.cdist(X, Y, compute_mode="donot_use_mm_for_euclid_dist")


def _check(X: Tensor, like: Tensor, name: str) -> None:
    if isinstance(X, Tensor) and X.requires_grad:
        raise ValueError(
            f"{name} requires a gradient, but these kernels are differentiable in the scales only."
        )
    columns = like.shape[1] if isinstance(like, Tensor) and like.ndim == 2 else -1
    check_rows(X, columns, name, like, row="input", column="input dimension")
    if not X.is_floating_point():
        raise TypeError(f"{name} has dtype {X.dtype}; pass floating-point values, e.g. {name}.double().")
    check_finite(**{name: X})
    zero = torch.nonzero((X == 0).all(dim=1))
    if zero.numel():
        raise ValueError(f"{name} is zero in row {int(zero[0])}; an angle needs inputs that are not zero.")
