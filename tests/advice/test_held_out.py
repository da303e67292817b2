"""The closed forms against what they stand for: fits without a sample, permutations, draws, a flow."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.advice.candidates import Sample, candidates, margin
from implicit_tutorial.advice.held_out import HeldOut, standard_error

N = 12
X = it.data.sphere(N, 3, seed=0)
Y = it.data.linear_quadratic(X) - it.data.linear_quadratic(X).mean()
K = it.limit_kernels(X, implicit_scale=0.5).implicit
ALONE = torch.arange(N)


@pytest.mark.parametrize("ridge", [1e-6, 0.03, 2.0])
def test_errors_are_those_of_fits_without_the_sample(ridge: float) -> None:
    found = HeldOut(K, Y, ALONE).errors(ridge)
    for i in range(N):
        rest = [j for j in range(N) if j != i]
        f = K[i, rest] @ torch.linalg.solve(K[rest][:, rest] + ridge * torch.eye(N - 1).double(), Y[rest])
        assert float(found[i]) == pytest.approx(float(Y[i] - f), rel=1e-5)


def test_copies_are_left_out_together() -> None:
    rows, labels = torch.cat([X, X[:2], X[:1]]), torch.cat([Y, Y[:2] + 0.3, Y[:1] - 0.1])
    groups = torch.tensor([*range(N), 0, 1, 0])
    kernel, ridge = it.limit_kernels(rows, implicit_scale=0.5).implicit, 0.01
    found = HeldOut(kernel, labels, groups).errors(ridge)
    for i in range(N + 3):
        rest = [j for j in range(N + 3) if groups[j] != groups[i]]
        inverse = torch.linalg.inv(kernel[rest][:, rest] + ridge * torch.eye(len(rest)).double())
        assert float(found[i]) == pytest.approx(
            float(labels[i] - kernel[i, rest] @ inverse @ labels[rest]), rel=1e-6
        )


def test_a_copy_that_was_seen_would_flatter() -> None:
    twice = it.limit_kernels(torch.cat([X, X]), implicit_scale=0.5).implicit
    honest, flattered = (
        HeldOut(twice, torch.cat([Y, Y]), groups).errors(1e-6).square().mean()
        for groups in (ALONE.repeat(2), torch.arange(2 * N))
    )
    torch.testing.assert_close(honest, HeldOut(K, Y, ALONE).errors(5e-7).square().mean(), rtol=1e-4, atol=0)
    assert float(flattered) < 1e-6 * float(honest)


def test_the_price_is_what_a_linear_flow_travels() -> None:
    """‖θ(t)‖² for dθ/dt = −Jᵀ(Jθ − y) with JJᵀ = K, in small steps."""
    J, t, steps = torch.linalg.cholesky(K), 30.0, 20_000
    theta = torch.zeros(N).double()
    for _ in range(steps):
        theta -= t / steps * J.T @ (J @ theta - Y)
    held = HeldOut(K, Y, ALONE)
    assert float(held.labels.square() @ held.travelled(t)) == pytest.approx(
        float(theta.square().sum()), rel=1e-3
    )
    end = float(Y @ torch.linalg.solve(K, Y))
    assert float(held.labels.square() @ held.travelled(1e12)) == pytest.approx(end, rel=1e-6)


def test_shuffled_labels_are_averaged_over_all_permutations() -> None:
    few = [0, 1, 2, 3, 4, 5]
    y = Y[few] - Y[few].mean()
    inverse = torch.linalg.inv(K[few][:, few])
    orders = torch.tensor(list(permutations(range(6))))
    mean = float(((y[orders] @ inverse) * y[orders]).sum(dim=1).mean())
    held = HeldOut(K[few][:, few], y, torch.arange(6))
    assert float(held.shuffled @ held.travelled(1e12)) == pytest.approx(mean, rel=1e-8)


def test_an_initial_function_costs_the_trace() -> None:
    kernels = it.limit_kernels(X, implicit_scale=0.5)
    held = HeldOut(kernels.implicit, Y, ALONE)
    expected = it.infinite_width_prediction(X, Y, X[:1], implicit_scale=0.5).initialization_price
    assert float(held.weights_of(kernels.forward) @ held.travelled(1e12)) == pytest.approx(expected, rel=1e-6)


def test_a_singular_kernel_gives_no_infinity() -> None:
    rows = torch.cat([X, X])
    held = HeldOut(
        it.limit_kernels(rows, implicit_scale=0.5).implicit, torch.cat([Y, Y]), torch.arange(2 * N)
    )
    assert held.travelled(1e6).isfinite().all()
    assert float(held.travelled(1e6).max()) < 1e7


def test_copies_count_once_in_a_standard_error() -> None:
    x = torch.randn(50, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    alone = standard_error(x, torch.arange(50))
    assert alone == pytest.approx(float(x.std(correction=0)) / math.sqrt(50))
    twice = standard_error(x.repeat(2), torch.arange(50).repeat(2))
    assert twice == pytest.approx(alone)


def test_the_movement_that_a_candidate_needs_is_that_of_a_lazy_network() -> None:
    """A wide network with the κ that uses the margin up moves by the margin, at its initial kernel."""
    sample = Sample.of(it.data.sphere(15, 3, seed=3), it.data.linear(it.data.sphere(15, 3, seed=3)), 0.0)
    chosen = next(c for c in candidates(sample) if c.implicit_scale == 0.4 and c.ridge < 1e-3)
    m, time = 2048, 1 / chosen.ridge
    kappa = chosen.needed / math.sqrt(m)
    net = it.EquilibriumNetwork(3, m, implicit_scale=0.4, seed=0)
    values, vectors = torch.linalg.eigh(it.network_kernels(net, sample.Z).implicit)
    way = torch.expm1(-values * time).square() / values * (vectors.T @ sample.y).square()
    moved = 0.4 / math.sqrt(m) / kappa * float(way.sum()) ** 0.5
    assert moved == pytest.approx(margin(0.4), rel=0.1)


def test_the_margin_is_what_a_wide_matrix_has_to_spare() -> None:
    for sigma in (0.1, 0.5):
        A = it.EquilibriumNetwork(2, 1024, implicit_scale=sigma).A.detach()
        assert it.certify(A, conditions=("monotone",))["monotone"].margin == pytest.approx(
            margin(sigma), abs=0.02
        )
