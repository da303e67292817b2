"""What the experiments of chapters 8 to 10 find, by independent routes: kernels, small steps, lazy limits."""

from __future__ import annotations

import math

import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch08_generalization_error_against_width.studies import output_layer, two_layer
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.studies import (
    great_circle,
    infinite_width,
    phase_cell,
)
from implicit_tutorial.book.ch10_real_data.studies import LAYERS, digits_kernel, digits_network
from implicit_tutorial.book.networks import equilibrium_network
from implicit_tutorial.book.tasks import task
from implicit_tutorial.kernels import network_kernels

SAMPLE = {"target": "linear", "n_samples": 20, "n_inputs": 4, "n_test": 100}
NETWORK = {"implicit_scale": 0.5, "seed": 0}


def test_small_gradient_steps_end_where_the_experiment_does() -> None:
    row = equilibrium_network(**SAMPLE, **NETWORK, width=48, output_scale=1.0, loss=1e-4)
    p = task(**SAMPLE)
    net = it.EquilibriumNetwork(4, 48, implicit_scale=0.5, seed=0, solver=it.Newton())
    A0, step = net.A.detach().clone(), None
    for _ in range(2000):
        e = net(p.X) - p.y
        if float(e.detach().square().mean()) <= 1e-4:
            break
        if step is None:
            step = 0.5 / float(torch.linalg.eigvalsh(network_kernels(net, p.X).implicit)[-1])
        (slope,) = torch.autograd.grad(e.square().sum() / 2, net.Theta)
        with torch.no_grad():
            net.Theta -= step * slope
    with torch.no_grad():
        test_error = float((net(p.X_test) - p.y_test).square().mean())
        movement = float(torch.linalg.matrix_norm(net.A - A0))
    assert row["status"] == "finished"
    assert float(row["test_error"]) == pytest.approx(test_error, rel=0.1)
    assert float(row["movement"]) == pytest.approx(movement, rel=0.05)


def test_a_lazy_network_is_its_frozen_kernel() -> None:
    """κ → ∞ with the output centered: nothing moves, and the three errors agree as they should."""
    row = equilibrium_network(**SAMPLE, **NETWORK, width=400, output_scale=100.0, centered=True, loss=1e-8)
    assert float(row["test_error"]) == pytest.approx(float(row["frozen_error"]), rel=0.01)
    assert float(row["lazy_error"]) == pytest.approx(row["infinite_error"], rel=1e-6)
    assert float(row["movement"]) < 0.02
    assert float(row["kernel_movement"]) < 0.02
    narrow_scale = equilibrium_network(
        **SAMPLE, **NETWORK, width=400, output_scale=0.5, centered=True, loss=1e-8
    )
    assert float(narrow_scale["feature_movement"]) > 10 * float(row["feature_movement"])


def test_a_network_that_breaks_is_a_row_with_its_status() -> None:
    row = phase_cell(
        target="linear + quadratic", **NETWORK, width=8, output_scale=0.1, n_samples=40, n_test=50, loss=1e-3
    )
    assert row["status"] == "left the well-posed region"
    assert "test_error" not in row
    assert row["train_error"] > 0.01


def test_a_phase_cell_keeps_the_learned_function() -> None:
    cell = {"target": "linear", "width": 64, "output_scale": 1.0, "n_samples": 40, "n_test": 50, "loss": 1e-3}
    row = phase_cell(**cell, **NETWORK)
    truth = it.data.linear(great_circle(6))
    assert float((torch.tensor(row["slice"], dtype=torch.float64) - truth).square().mean()) < 0.3


def test_great_circle_runs_through_the_direction_of_the_target() -> None:
    X = great_circle(6)
    angle = torch.linspace(0, 2 * math.pi, len(X), dtype=torch.float64)
    torch.testing.assert_close(torch.linalg.vector_norm(X, dim=1), torch.ones(len(X), dtype=torch.float64))
    torch.testing.assert_close(it.data.linear(X), math.sqrt(6) * torch.cos(angle))


def test_output_layer_alone_is_regression_with_its_kernel() -> None:
    row = output_layer(**SAMPLE, **NETWORK, width=300, output_scale=2.0)
    p = task(**SAMPLE)
    net = it.EquilibriumNetwork(4, 300, implicit_scale=0.5, output_scale=2.0, seed=0)
    with torch.no_grad():
        K, cross = network_kernels(net, p.X).output, network_kernels(net, p.X_test, p.X).output
        end = net(p.X_test) + cross @ torch.linalg.solve(K, p.y - net(p.X))
    assert float(row["test_error"]) == pytest.approx(float((end - p.y_test).square().mean()), rel=1e-6)
    assert float(row["train_error"]) < 1e-20
    few = output_layer(**SAMPLE, **NETWORK, width=10, output_scale=2.0)
    assert float(few["train_error"]) > 1e-3, "ten features cannot fit twenty labels"


def test_a_lazy_explicit_network_is_its_kernel() -> None:
    """A very wide explicit network, too, ends at f₀ + K(x,X)K⁻¹(y − f₀(X))."""
    p, kappa, m = task(**SAMPLE), 3.0, 100_000
    row = two_layer(**SAMPLE, width=m, output_scale=kappa, seed=0, loss=1e-10)
    generator = torch.Generator().manual_seed(0)
    W, v = (torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((m, 4), (m,)))

    def features(X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = X @ W.T
        return torch.relu(h), (h > 0) * v

    (z, u), (z2, u2) = features(p.X), features(p.X_test)
    K = z @ z.T + (p.X @ p.X.T) * (u @ u.T)
    cross = z2 @ z.T + (p.X_test @ p.X.T) * (u2 @ u.T)
    c = kappa / math.sqrt(m)
    end = c * z2 @ v + cross @ torch.linalg.solve(K, p.y - c * z @ v)
    assert row["status"] == "finished"
    assert float(row["test_error"]) == pytest.approx(float((end - p.y_test).square().mean()), rel=0.01)


def test_kernel_experiment_says_what_the_prediction_says() -> None:
    p = task("degree 3", n_samples=15)
    expected = it.infinite_width_prediction(*p, implicit_scale=0.7, output_scale=2.0)
    row = infinite_width(target="degree 3", n_samples=15, implicit_scale=0.7, output_scale=2.0)
    assert row["test_error"] == expected.test_error
    assert row["bound"] == expected.bound


@pytest.mark.parametrize("layers", LAYERS)
def test_digits_are_learned_from_few_images(layers: str) -> None:
    cell = {"task": "parity", "layers": layers, "output_scale": 1.0, "implicit_scale": 0.5, "n_train": 60}
    for row in (digits_network(**cell, width=64, seed=0), digits_kernel(**cell)):
        assert row["correct"] / row["n_test"] > 0.75
        assert row["n_test"] == 1737


def test_tasks_are_made_from_their_seeds() -> None:
    a, b, c = task("linear", noise=0.5), task("linear", noise=0.5), task("linear", data_seed=1)
    assert torch.equal(a.y, b.y)
    assert not torch.equal(a.X, c.X)
    assert float((a.y - it.data.linear(a.X)).std()) == pytest.approx(0.5, rel=0.3)
    assert torch.equal(a.y_test, it.data.linear(a.X_test))
    assert not bool(task("noise").y_test.any()), "the best prediction of noise is zero"
    with pytest.raises(ValueError, match="target='cubic'"):
        task("cubic")


def test_the_problem_on_the_circle_is_one_function_seen_from_all_sides() -> None:
    p = task("circle")
    assert len(p.y) == 13
    for X, y in ((p.X, p.y), (p.X_test, p.y_test)):
        assert torch.allclose(X.norm(dim=1), torch.ones(len(y), dtype=X.dtype))
        angle = torch.atan2(X[:, 1], X[:, 0])
        torch.testing.assert_close(y, torch.sin(angle) + 0.6 * torch.cos(4 * angle))
    assert (p.X_test @ p.X_test[0]).sum().abs() < 1e-12, "equidistant, none of them twice"
    with pytest.raises(TypeError, match="n_samples"):
        task("circle", n_samples=20)
