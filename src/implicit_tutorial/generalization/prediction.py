"""The test error of an infinitely wide network, exactly (C16)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.checks import check_finite, check_rows, checked
from implicit_tutorial.kernels.layers import LAYERS
from implicit_tutorial.kernels.limit import limit_kernels


@dataclass(frozen=True)
class Prediction:
    """What gradient flow on an infinitely wide network ends at, over the draw of the initialization.

    The predictor at x is Gaussian with ``mean`` and ``variance``. The labels are (n,) or (n, k); k outputs
    have independent readouts, so they share one kernel and one variance.
    """

    mean: Tensor
    """(t,) or (t, k) mean of the predictor: K(x, X) K⁻¹ y at time infinity."""
    variance: Tensor
    """(t,) variance of each output of the predictor, κ² included; zero for a centered network."""
    bias2: float | None
    """Mean over the test points of (mean − y_test)²; None without test labels."""
    var: float
    """Mean over the test points of variance/κ²."""
    output_scale: float
    labels_price: float
    """yᵀK₁⁻¹y, with K₁ the kernel at κ = 1; summed over the outputs."""
    initialization_price: float
    """tr(K₁⁻¹Q) for each output: E f₀ᵀK₁⁻¹f₀ = κ² times this; zero for a centered network."""
    trace: float
    """tr K₁ over the training inputs."""
    n_samples: int

    @property
    def test_error(self) -> float | None:
        """E[(f(x) − y)²] = bias² + κ² var, over the draw and the test points."""
        return None if self.bias2 is None else self.bias2 + self.output_scale**2 * self.var

    @property
    def squared_distance(self) -> float:
        """κ⁻² yᵀK₁⁻¹y + tr(K₁⁻¹Q) = E[e₀ᵀK⁻¹e₀]: how far the parameters must move, squared (C15, C18)."""
        return self.labels_price / self.output_scale**2 + self.initialization_price

    @property
    def bound(self) -> float:
        """√(E[e₀ᵀK⁻¹e₀]·tr K)/n: the linear Rademacher term of C15 at infinite width."""
        return math.hypot(self.bound_labels, self.bound_initialization)

    @property
    def bound_labels(self) -> float:
        """The labels' share √(yᵀK₁⁻¹y·tr K₁)/n; bound² = bound_labels² + bound_initialization²."""
        return math.sqrt(self.labels_price * self.trace) / self.n_samples

    @property
    def bound_initialization(self) -> float:
        """The initialization's share κ√(tr(K₁⁻¹Q)·tr K₁)/n."""
        return self.output_scale * math.sqrt(self.initialization_price * self.trace) / self.n_samples

    @cached_property
    def band(self) -> tuple[Tensor, Tensor]:
        """mean ± two standard deviations, each (t,) or (t, k)."""
        spread = 2 * self.variance.sqrt()
        spread = spread if self.mean.ndim == 1 else spread[:, None]
        return self.mean - spread, self.mean + spread


@checked
def infinite_width_prediction(
    X: Tensor,
    y: Tensor,
    X_test: Tensor,
    y_test: Tensor | None = None,
    *,
    implicit_scale: float,
    input_scale: float = 1.0,
    output_scale: float = 1.0,
    centered: bool = False,
    time: float = math.inf,
    layers: Sequence[str] = ("implicit",),
) -> Prediction:
    """Gradient flow ends at f₀(x) + K(x,X)K⁻¹(y − f₀(X)), f₀ ∼ N(0, κ²Q): mean, variance, test error (C16).

    Args:
        X: (n, d) training inputs on the unit sphere, no two equal.
        y: (n,) or (n, k) labels.
        X_test: (t, d) inputs to predict at.
        y_test: (t,) or (t, k) their labels, for ``bias2`` and ``test_error``.
        implicit_scale, input_scale, output_scale: σ_A, σ_U, κ.
        centered: subtract f₀, which removes the variance and the initialization's price.
        time: of gradient flow on ½Σ(f − y)²; then K⁻¹ becomes K⁻¹(1 − e^{−Kt}) in mean and variance.
        layers: the trained ones out of ``implicit``, ``output``, ``input``; their kernels add up.

    Returns:
        A :class:`Prediction`. With the K₁ of several layers its prices are those of the summed kernel.

    Raises:
        ValueError: shapes that do not match, an unknown layer, a negative time, κ ≤ 0, or a kernel that is
            singular to rounding (two training inputs nearly equal; σ_A = 0 and no other layer trained).
    """
    check_samples(X, y, X_test, y_test)
    _check(output_scale, time, layers)
    scales = {"implicit_scale": implicit_scale, "input_scale": input_scale}
    train, cross = limit_kernels(X, **scales), limit_kernels(X_test, X, **scales)
    K = sum(getattr(train, name) for name in layers)
    Q, cross_K, cross_Q = train.forward, sum(getattr(cross, name) for name in layers), cross.forward
    root = _cholesky(K)
    if math.isinf(time):
        M = torch.cholesky_solve(cross_K.T, root).T
    else:
        values, vectors = torch.linalg.eigh(K)
        rate = output_scale**2 * time
        M = (cross_K @ vectors) * (-torch.expm1(-rate * values) / values) @ vectors.T

    # Q is homogeneous, and its fixed point on the diagonal is explicit (C10).
    Q_test = input_scale**2 * X_test.square().sum(dim=1) / (2 - implicit_scale**2)
    variance = Q_test + ((M @ Q - 2 * cross_Q) * M).sum(dim=1)
    variance = torch.zeros_like(Q_test) if centered else variance.clamp(min=0)
    mean = M @ y
    columns = y if y.ndim == 2 else y[:, None]
    return Prediction(
        mean=mean,
        variance=output_scale**2 * variance,
        bias2=None if y_test is None else float((mean - y_test).square().mean()),
        var=float(variance.mean()),
        output_scale=output_scale,
        labels_price=float((columns * torch.cholesky_solve(columns, root)).sum()),
        initialization_price=0.0 if centered else float(torch.cholesky_solve(Q, root).trace()),
        trace=float(K.trace()),
        n_samples=len(X),
    )


def _cholesky(K: Tensor) -> Tensor:
    """The factor of K; refuses a K that is singular to rounding, whose inverse would be noise."""
    root, info = torch.linalg.cholesky_ex(K)
    floor = len(K) * torch.finfo(K.dtype).eps * float(K.diagonal().max())
    if int(info) or float(root.diagonal().square().min()) <= floor:
        raise ValueError(
            "the kernel matrix of the training inputs is singular to rounding. Likely cause: two inputs are "
            "equal or nearly so, or the trained layer has scale 0. Remove one input of each such pair, "
            "use float64, or train a layer whose kernel is positive definite."
        )
    return root


def check_samples(X: Tensor, y: Tensor, X_test: Tensor | None, y_test: Tensor | None) -> None:
    """Raise unless X and X_test are inputs of one kind, and the labels given fit them."""
    check_rows(X, X.shape[-1] if X.ndim else -1, "X", X, row="input", column="input dimension")
    if X_test is not None:
        check_rows(X_test, X.shape[1], "X_test", X, row="input", column="input dimension")
    for name, x in (("X", X), ("X_test", X_test)):
        if x is not None and len(x) == 0:
            raise ValueError(f"{name} holds no sample; give at least one.")
    for name, labels in (("y", y), ("y_test", y_test)):
        if labels is not None and (labels.dtype != X.dtype or labels.device != X.device):
            raise TypeError(
                f"{name} is {labels.dtype} on {labels.device}, but {X.dtype} on {X.device} is expected; "
                f"convert it with {name}.to(…)."
            )
    check_finite(X=X, y=y, X_test=X_test, y_test=y_test)
    if y.ndim not in (1, 2) or len(y) != len(X):
        raise ValueError(
            f"y has shape {tuple(y.shape)}; give one label, or row of labels, for each of {len(X)} inputs."
        )
    if y_test is not None and y_test.shape != (len(X_test), *y.shape[1:]):
        raise ValueError(
            f"y_test has shape {tuple(y_test.shape)}; {(len(X_test), *y.shape[1:])} goes with X_test and y."
        )


def _check(output_scale: float, time: float, layers: Sequence[str]) -> None:
    if not 0 < output_scale < math.inf:
        raise ValueError(f"output_scale={output_scale}: nothing is learned unless it is positive.")
    if not time >= 0:
        raise ValueError(f"time={time}: gradient flow runs for a time of zero or more.")
    if isinstance(layers, str) or not layers or not set(layers) <= set(LAYERS):
        raise ValueError(f"layers={layers!r}; give a sequence out of {tuple(LAYERS)}.")
