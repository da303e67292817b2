"""C14: the flow for thousands of labels, by products with the kernel instead of its eigenvectors."""

from __future__ import annotations

import math

import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.training import Record, flow
from implicit_tutorial.training.decay import Dense, Krylov
from implicit_tutorial.training.least_squares import LeastSquares
from tests.equilibrium.test_memory import PeakBytes

PLAIN = Record(movement=False, norm=False, spectrum=False)
ALL = ("implicit", "output", "input")


def network(width: int, n_outputs: int | None = None, dtype: torch.dtype = torch.float64):
    solver = it.Picard(rtol=1e-10 if dtype == torch.float64 else 1e-6)
    return it.EquilibriumNetwork(
        6,
        width,
        n_outputs=n_outputs,
        implicit_scale=0.6,
        output_scale=4.0,
        seed=1,
        solver=solver,
        dtype=dtype,
    )


def sample(n: int, n_outputs: int | None = None, dtype: torch.dtype = torch.float64):
    X = it.data.sphere(n, 6, seed=0, dtype=dtype)
    y = it.data.linear_quadratic(X)
    return X, y if n_outputs is None else torch.stack([(k + 1) * y.roll(k) for k in range(n_outputs)], dim=1)


def kernel(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """One with eigenvalues from 1 to 1e-8, and an error that has a part of each mode."""
    generator = torch.Generator().manual_seed(0)
    vectors, _ = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
    values = torch.logspace(-8, 0, n, dtype=torch.float64)
    return vectors * values @ vectors.T, torch.randn(n, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("h", [1e-3, 1.0, 1e2, 1e4, 1e9, math.inf])
def test_products_with_the_kernel_are_enough(h):
    K, e = kernel(150)
    exact, ours = Dense(K, e), Krylov(lambda w: K @ w, e)
    right, w = exact.integrated(h), ours.integrated(h)
    assert float((w - right).norm()) < 1e-6 * float(right.norm())
    assert float((K @ (w - right)).norm()) < 1e-8 * float(e.norm())
    assert ours.largest == pytest.approx(exact.largest, rel=1e-8)
    if h <= 1e2:
        assert len(ours.diagonal) < 100
    if h == math.inf:
        assert ours.slowest(h) == pytest.approx(exact.slowest(h), rel=1e-6)


def test_an_error_of_one_mode_needs_one_vector_and_none_needs_nothing():
    K, _ = kernel(80)
    values, vectors = torch.linalg.eigh(K)
    ours = Krylov(lambda w: K @ w, 3 * vectors[:, 60])
    torch.testing.assert_close(ours.integrated(math.inf), 3 * vectors[:, 60] / values[60], rtol=0, atol=1e-6)
    assert len(ours.diagonal) <= 2
    assert not Krylov(lambda w: K @ w, torch.zeros(80, dtype=torch.float64)).integrated(1.0).any()


@pytest.mark.parametrize("layers", [("implicit",), ALL])
@pytest.mark.parametrize("n_outputs", [None, 3])
def test_a_product_with_the_kernel_needs_no_kernel(layers, n_outputs):
    net, (X, y) = network(40, n_outputs), sample(25, n_outputs)
    problem = LeastSquares(net, X, y, layers)
    with torch.no_grad():
        stepper = it.ExponentialFlow().start(problem)
    w = torch.linspace(-1, 2, y.numel(), dtype=torch.float64)
    K = problem.kernel(stepper.here.z, stepper.here.u)
    with torch.no_grad():
        product = problem.kernel_product(stepper.here.z, stepper.here.u, w)
    torch.testing.assert_close(product, K @ w, rtol=1e-12, atol=1e-12)


def trained(n_outputs, layers=("implicit",), until=None):
    net, (X, y) = network(48, n_outputs), sample(24, n_outputs)
    run = it.Run(net, X, y, method=it.ExponentialFlow(rtol=0.1), layers=layers, record=PLAIN)
    return net, run.advance(until or it.Until(loss=1e-3, steps=40)), run


@pytest.mark.parametrize("formed", [True, False])
@pytest.mark.parametrize("n_outputs", [None, 3])
def test_many_labels_take_the_steps_that_few_take(monkeypatch, n_outputs, formed):
    few, expected, _ = trained(n_outputs, ALL)
    monkeypatch.setattr(flow, "_DENSE", 0)
    monkeypatch.setattr(flow, "_FORMED", 100 if formed else 0)
    many, found, run = trained(n_outputs, ALL)
    assert (run.stepper.here.K is not None) == (formed or n_outputs is None)
    assert len(found) == len(expected)
    for column in ("time", "train_loss"):
        assert found[column].tolist() == pytest.approx(expected[column].tolist(), rel=1e-5)
    torch.testing.assert_close(many.Theta, few.Theta, rtol=1e-6, atol=1e-8)


def test_many_labels_reach_the_flows_limit(monkeypatch):
    few, _, _ = trained(None, until=it.Until(time=math.inf))
    monkeypatch.setattr(flow, "_DENSE", 0)
    many, found, run = trained(None, until=it.Until(time=math.inf))
    assert run.status == "settled" or found.time.iloc[-1] == math.inf
    torch.testing.assert_close(many.Theta, few.Theta, rtol=1e-3, atol=1e-4)


def test_a_run_with_many_labels_is_taken_up_where_it_stopped(monkeypatch):
    monkeypatch.setattr(flow, "_DENSE", 0)
    monkeypatch.setattr(flow, "_FORMED", 0)
    straight, _, _ = trained(3, until=it.Until(steps=5))
    _, _, first = trained(3, until=it.Until(steps=3))
    _, _, second = trained(3, until=it.Until(steps=1))
    second.load_state_dict(first.state_dict())
    second.advance(it.Until(steps=5))
    assert torch.equal(second.net.Theta, straight.Theta)


def test_thousands_of_labels_need_two_kernels_and_no_eigenvectors(monkeypatch):
    """n² numbers for the kernel here and there; none for samples times parameters, none to decompose."""
    n, width, sizes = 2500, 32, []

    def noted(name):
        decompose = getattr(torch.linalg, name)
        monkeypatch.setattr(
            torch.linalg, name, lambda K, *a, **k: sizes.append(len(K)) or decompose(K, *a, **k)
        )

    for name in ("eigh", "eigvalsh", "svdvals"):
        noted(name)
    net, (X, y) = network(width), sample(n)
    net.solver = it.Picard(rtol=1e-4)
    with PeakBytes() as memory:
        it.train(net, X, y, method=it.ExponentialFlow(), until=it.Until(steps=2), record=PLAIN)
    assert sizes
    assert max(sizes) < 200
    assert memory.peak < 8 * 3 * n**2
