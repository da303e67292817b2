"""The infinitely wide network: one scalar fixed point for each pair of inputs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import torch
from numpy.polynomial.chebyshev import cheb2poly, chebfit, chebtrim
from torch import Tensor

from implicit_tutorial.equilibrium.checks import check_finite, check_rows, checked
from implicit_tutorial.kernels.layers import layer_kernels
from implicit_tutorial.kernels.result import Kernels

#: Rows and columns computed at once, so that temporaries stay in the caches and take little memory.
_SIDE = 192
#: Cosines beyond this, of either sign, are one minus a small number that is computed by itself.
_NEAR = 0.9
#: Of the interpolation that Newton's method starts from: one step from there is enough at most scales.
_NODES = 21
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
    It is solved to full accuracy at angles of any size, in tiles. Q and Π take n n' numbers each, and so
    does every kernel from when it is read.

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
    x = _Inputs.of(X)
    y = x if X2 is None else _Inputs.of(X2)
    if any(scale.requires_grad for scale in scales.values()):
        factors = _factors(x, y, **scales)
        return Kernels.of_factors(*factors, partial(_together, x, y, scales, *factors))
    factors = tuple(X.new_empty(len(x.norm), len(y.norm)) for _ in range(2))
    for rows, columns in _tiles(x, y):
        for whole, tile in zip(factors, _factors(x.at(rows), y.at(columns), **scales), strict=True):
            _write(whole, rows, columns, tile, mirrored=y is x)
    return Kernels.of_factors(*factors, partial(_together_by_tiles, x, y, scales, *factors))


class _Inputs(NamedTuple):
    """Norms (n,) and directions (n, d) of inputs."""

    norm: Tensor
    unit: Tensor

    @classmethod
    def of(cls, X: Tensor) -> _Inputs:
        """Safe from squares that overflow or underflow."""
        largest = X.abs().amax(dim=1, keepdim=True)
        X = X / largest
        norm = torch.linalg.vector_norm(X, dim=1, keepdim=True)
        return cls((norm * largest)[:, 0], X / norm)

    def at(self, rows: slice) -> _Inputs:
        return _Inputs(self.norm[rows], self.unit[rows])


def _tiles(x: _Inputs, y: _Inputs) -> Iterator[tuple[slice, slice]]:
    """The rows and columns of each tile; from the diagonal to the right where y is x itself."""
    for i in range(0, len(x.norm), _SIDE):
        for j in range(i if y is x else 0, len(y.norm), _SIDE):
            yield slice(i, i + _SIDE), slice(j, j + _SIDE)


def _write(whole: Tensor, rows: slice, columns: slice, tile: Tensor, *, mirrored: bool) -> None:
    """Put a tile in its place, and its transpose in the other half of a symmetric matrix.

    A vectorised function may round the same number in two places differently: mirroring is exact.
    """
    if mirrored and rows == columns:
        tile = tile.triu() + tile.triu(1).T
    whole[rows, columns] = tile
    if mirrored and rows != columns:
        whole[columns, rows] = tile.T


def _factors(x: _Inputs, y: _Inputs, **scales: Tensor) -> tuple[Tensor, Tensor]:
    """Q and Π between inputs."""
    sigma_A, sigma_U = scales["implicit_scale"], scales["input_scale"]
    theta = _Angle.apply(sigma_A**2 / 2, *_distances(x, y))
    size = sigma_U * _root_of_norms(x, y)
    forward = size * (_arc_cosine(theta) / (2 - sigma_A**2)) * size
    slope = (math.pi - theta) / (2 * math.pi)
    return forward, slope / (1 - sigma_A**2 * slope)


def _together(
    x: _Inputs,
    y: _Inputs,
    scales: dict[str, Tensor],
    forward: Tensor,
    backward: Tensor,
    layers: Sequence[str],
) -> Tensor:
    """The kernel of some layers, out of the factors."""
    factors = {"adjoint": backward, "state": forward, "output": 1.0}
    if "input" in layers:
        (minus, plus), root = _distances(x, y), _root_of_norms(x, y)
        factors["input"] = root * torch.where(minus < plus, 1 - minus, plus - 1) * root
    return sum(layer_kernels(SimpleNamespace(**scales), factors, layers).values())


def _together_by_tiles(
    x: _Inputs,
    y: _Inputs,
    scales: dict[str, Tensor],
    forward: Tensor,
    backward: Tensor,
    layers: Sequence[str],
) -> Tensor:
    whole = torch.empty_like(forward)
    for rows, columns in _tiles(x, y):
        factors = (factor[rows, columns] for factor in (forward, backward))
        tile = _together(x.at(rows), y.at(columns), scales, *factors, layers)
        _write(whole, rows, columns, tile, mirrored=y is x)
    return whole


def _distances(x: _Inputs, y: _Inputs) -> tuple[Tensor, Tensor]:
    """1 − cos φ and 1 + cos φ; without cancellation, and exactly zero between equal or opposite inputs."""
    cosine = x.unit @ y.unit.T
    minus, plus = 1 - cosine, 1 + cosine
    for pairs in torch.nonzero(cosine.abs() > _NEAR).split(_SIDE**2):
        i, j = pairs.unbind(dim=1)
        # Nearly equal or opposite inputs: from their difference or sum.
        same = cosine[i, j] > 0
        sign = torch.where(same, 1, -1).to(cosine.dtype)
        near = torch.addcmul(x.unit[i], sign[:, None], y.unit[j], value=-1).square_().sum(dim=1) / 2
        minus[i, j] = torch.where(same, near, 2 - near)
        plus[i, j] = torch.where(same, 2 - near, near)
    return minus, plus


def _root_of_norms(x: _Inputs, y: _Inputs) -> Tensor:
    """√‖x‖‖x'‖: its square may be beyond the dtype where the angle is not."""
    return x.norm.sqrt()[:, None] * y.norm.sqrt()


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
    """θ from the root t = 1 − cos θ and from 1 + cos θ."""
    t = _root(a, minus, _start(a, minus))
    both = 2 - t
    # That loses digits near π; there the fixed point itself gives 1 + cos θ as a sum of positive terms.
    if float(both.min()) < 1 - _NEAR:
        i, j = torch.nonzero(both < 1 - _NEAR, as_tuple=True)
        both[i, j] = a * (1 + _arc_cosine(_half_angles(t[i, j])[0])) + (1 - a) * plus[i, j]
    return torch.atan2(t.sqrt_(), both.sqrt_()).mul_(2)


def _start(a: float, minus: Tensor) -> Tensor:
    """t to some digits: sin(θ/2)/sin(φ/2) is a smooth function of sin(φ/2), the same at every pair."""
    first, *others = _polynomial(a, torch.finfo(minus.dtype).eps)
    x = (minus / 2).sqrt_().mul_(2).sub_(1)
    ratio = torch.full_like(x, first)
    for coefficient in others:
        ratio.mul_(x).add_(coefficient)
    return ratio.square_().mul_(minus)


@lru_cache
def _polynomial(a: float, eps: float) -> list[float]:
    """Coefficients of that function in 2 sin(φ/2) − 1, the highest first."""
    nodes = np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
    minus = torch.from_numpy((nodes + 1) ** 2 / 2)
    ratio = torch.sqrt(_root(a, minus, minus.clone()) / minus)
    # One Newton step squares the error.
    series = chebtrim(chebfit(nodes, ratio.numpy(), _NODES - 1), math.sqrt(eps) / 8)
    return cheb2poly(series)[::-1].tolist()


def _root(a: float, minus: Tensor, t: Tensor) -> Tensor:
    """The fixed point in t = 1 − cos θ by Newton's method from a start t, in place."""
    eps = torch.finfo(t.dtype).eps
    for _ in range(_MAX_STEPS):
        theta, sin = _half_angles(t)
        # F = (1 − a)(t − minus) + a (sin θ − θ cos θ)/π is convex and increasing in t, and not negative at
        # minus: the first step leads to above its root, from where Newton comes down and cannot overshoot.
        step = sin.addcmul_(theta, t - 1).mul_(a / math.pi).add_(t - minus, alpha=1 - a)
        step /= theta.mul_(a / math.pi).add_(1 - a)
        t = torch.minimum(t.sub_(step).clamp_(min=0), minus, out=t)
        # A relative error of δ leaves one of less than δ²/2.
        left = step.abs_().sub_(t, alpha=math.sqrt(eps))
        if not left.numel() or float(left.max()) <= 4 * eps:
            return t
    raise RuntimeError(
        f"the kernel's fixed point still moved by {float(step.max()):.1e} after {_MAX_STEPS} Newton steps; "
        "lower implicit_scale, which is too near √2."
    )


def _half_angles(t: Tensor) -> tuple[Tensor, Tensor]:
    """θ and sin θ, from t = 1 − cos θ."""
    sin, cos = t.sqrt(), (2 - t).clamp_(min=0).sqrt_()
    return torch.atan2(sin, cos).mul_(2), sin.mul_(cos)


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
