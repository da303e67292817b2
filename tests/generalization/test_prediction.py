"""The infinite-width prediction against sampled initializations, and where it is known in closed form."""

from __future__ import annotations

import math

import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.generalization import infinite_width_prediction
from implicit_tutorial.kernels import limit_kernels

SCALES = {"implicit_scale": 0.5}


def problem(seed: int = 7, n: int = 60, d: int = 6, n_test: int = 1000):
    X, X_test = it.data.sphere(n, d, seed=seed), it.data.sphere(n_test, d, seed=1000 + seed)
    return X, it.data.linear_quadratic(X), X_test, it.data.linear_quadratic(X_test)


def test_the_reference_setting() -> None:
    """d = 6, n = 60, s + ½(s² − 1), σ_A = .5: over samples bias² varies much, the other figures little."""
    predictions = [infinite_width_prediction(*problem(seed), **SCALES) for seed in range(8)]
    bias2 = [p.bias2 for p in predictions]
    assert min(bias2) < 0.068 < max(bias2)
    for p in predictions:
        assert p.var == pytest.approx(0.0293, rel=0.2)
        assert p.labels_price == pytest.approx(439, rel=0.2)
        assert p.initialization_price == pytest.approx(145, rel=0.02)


def test_mean_and_variance_are_those_of_sampled_initializations() -> None:
    """Draw f₀ ∼ N(0, κ²Q) on training and test points together, follow the kernel's flow, and count."""
    X, y, X_test, y_test = problem(n=20, n_test=30)
    kappa, t = 0.7, 4.0
    both = limit_kernels(torch.cat([X, X_test]), **SCALES, output_scale=kappa)
    root = torch.linalg.cholesky(both.output)
    f0 = root @ torch.randn(50, 40_000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    K, cross = both.implicit[:20, :20], both.implicit[20:, :20]
    for time, inverse in (
        (math.inf, torch.linalg.inv(K)),
        (t, torch.linalg.solve(K, torch.eye(20, dtype=K.dtype) - torch.linalg.matrix_exp(-K * t))),
    ):
        end = f0[20:] + cross @ inverse @ (y[:, None] - f0[:20])
        p = infinite_width_prediction(X, y, X_test, y_test, output_scale=kappa, time=time, **SCALES)
        torch.testing.assert_close(end.mean(dim=1), p.mean, rtol=0, atol=6 * kappa / math.sqrt(40_000))
        torch.testing.assert_close(end.var(dim=1), p.variance, rtol=0.05, atol=1e-12)
        assert p.test_error == pytest.approx(float((end - y_test[:, None]).square().mean()), rel=0.01)


def test_the_prices_are_the_expected_squared_distance() -> None:
    """E e₀ᵀK⁻¹e₀ over f₀ ∼ N(0, κ²Q) is κ⁻² yᵀK₁⁻¹y + tr(K₁⁻¹Q)."""
    X, y, X_test, _ = problem(n=20, n_test=2)
    kernels = limit_kernels(X, **SCALES, output_scale=2.0)
    draw = torch.randn(20, 40_000, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    e0 = torch.linalg.cholesky(kernels.output) @ draw - y[:, None]
    measured = float((e0 * torch.linalg.solve(kernels.implicit, e0)).sum(dim=0).mean())
    p = infinite_width_prediction(X, y, X_test, output_scale=2.0, **SCALES)
    assert p.squared_distance == pytest.approx(measured, rel=0.01)
    assert p.bound == pytest.approx(math.sqrt(p.squared_distance * float(kernels.implicit.trace())) / 20)
    assert p.test_error is None


def test_training_points_are_interpolated_and_time_zero_learns_nothing() -> None:
    X, y, _, _ = problem(n=20)
    end = infinite_width_prediction(X, y, X, y, **SCALES)
    assert end.test_error == pytest.approx(0, abs=1e-12)
    start = infinite_width_prediction(X, y, X, y, time=0.0, **SCALES)
    assert start.test_error == pytest.approx(float(y.square().mean()) + 1 / (2 - 0.25), rel=1e-12)


def test_centering_removes_the_variance_and_its_price_only() -> None:
    plain = infinite_width_prediction(*problem(), output_scale=3.0, **SCALES)
    centered = infinite_width_prediction(*problem(), output_scale=3.0, centered=True, **SCALES)
    assert centered.test_error == plain.bias2 < plain.test_error
    assert centered.initialization_price == 0
    assert centered.bound == centered.bound_labels == pytest.approx(plain.bound_labels)


def test_several_outputs_and_layers() -> None:
    X, y, X_test, y_test = problem(n=20)
    options = {"layers": ("implicit", "output"), **SCALES}
    one = infinite_width_prediction(X, y, X_test, y_test, **options)
    twice, twice_test = (torch.stack([labels, -2 * labels], dim=1) for labels in (y, y_test))
    two = infinite_width_prediction(X, twice, X_test, twice_test, **options)
    torch.testing.assert_close(two.mean, one.mean[:, None] * torch.tensor([1.0, -2.0], dtype=torch.float64))
    assert two.labels_price == pytest.approx(5 * one.labels_price)
    assert two.bias2 == pytest.approx(2.5 * one.bias2)
    assert two.band[0].shape == (1000, 2)
    assert torch.equal(two.variance, one.variance)


def test_equal_inputs_are_refused() -> None:
    X, y, X_test, _ = problem(n=20)
    with pytest.raises(ValueError, match="equal"):
        infinite_width_prediction(torch.cat([X, X[:1]]), torch.cat([y, y[:1]]), X_test, **SCALES)
    with pytest.raises(ValueError, match="singular"):
        infinite_width_prediction(X, y, X_test, implicit_scale=0.0)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"y": torch.zeros(3, dtype=torch.float64)}, "y has shape"),
        ({"y_test": torch.zeros(3, dtype=torch.float64)}, "y_test has shape"),
        ({"X_test": torch.zeros(4, 2, dtype=torch.float64)}, "X_test has shape"),
        ({"time": -1.0}, "time=-1"),
        ({"output_scale": 0.0}, "output_scale=0"),
        ({"layers": "implicit"}, "layers='implicit'"),
        ({"layers": ("hidden",)}, "layers="),
    ],
)
def test_bad_input_is_refused_by_name(change: dict, match: str) -> None:
    X, y, X_test, y_test = problem(n=20)
    with pytest.raises((ValueError, TypeError), match=match):
        infinite_width_prediction(**{"X": X, "y": y, "X_test": X_test, "y_test": y_test, **SCALES, **change})
