"""Chapter 01: what its figures show is what the theory and independent computations say."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.book import ch01_equilibrium_networks as fig
from implicit_tutorial.book.ch01_equilibrium_networks.backward_cost import stored_times
from implicit_tutorial.book.ch01_equilibrium_networks.circle_start import (
    NETWORKS,
    SCALES,
    functions,
    size,
    typical_size,
)
from implicit_tutorial.book.ch01_equilibrium_networks.euler_step import SPIRAL, SPIRAL_B
from implicit_tutorial.book.ch01_equilibrium_networks.feed_forward import LAYERS, STEPS
from implicit_tutorial.book.ch01_equilibrium_networks.setting import WIDTH
from implicit_tutorial.book.ch01_equilibrium_networks.studies import DEPTHS
from implicit_tutorial.book.ch01_equilibrium_networks.truncated_depth import N_ANGLES
from implicit_tutorial.book.tasks import CIRCLE_ANGLES, circle_target, on_circle
from tests.book.traces import trace


def test_scale_cannot_turn_the_state_of_a_network_that_sees_its_input_once():
    explorer = fig.lost_input()
    angles = [trace(explorer, "input once", panel=1, implicit_scale=s)["y"] for s in (0.2, 1.0, 2.0)]
    np.testing.assert_allclose(angles[0], angles[1], atol=1e-6)
    np.testing.assert_allclose(angles[2], angles[1], atol=1e-6)
    assert angles[1][-1] < 5 < 60 < angles[1][0]


def test_with_injection_the_angle_is_that_of_the_equilibria():
    X = it.data.circle(torch.tensor([0.3, 0.3 + math.pi / 2], dtype=torch.float64))
    net = it.EquilibriumNetwork(2, WIDTH, implicit_scale=0.8, seed=0)
    z = net.equilibrium(X, solver=it.Newton()).z.detach()
    expected = math.degrees(math.acos(torch.nn.functional.cosine_similarity(z[0], z[1], dim=0)))
    angle = trace(fig.lost_input(), "in every layer", panel=1, implicit_scale=0.8)["y"][-1]
    assert angle == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("a", [-1.2, -1.0, -0.5, 0.0, 0.7, 0.9])
def test_the_linear_case_is_the_geometric_series(a: float):
    depth = np.arange(31)
    state, gap = fig.linear_case().panels(a=a)
    series = np.array([sum(a**k for k in range(L)) for L in depth])
    np.testing.assert_allclose(state["data"][1]["y"], np.clip(series, -100, 100), atol=1e-12)
    theory, measured = (t["y"] for t in gap["data"])
    np.testing.assert_allclose(measured[measured > 1e-6], theory[measured > 1e-6], rtol=1e-6)


@pytest.mark.parametrize("scale", [0.2, 0.4, 0.8, 1.2])
def test_c3_the_figure_measures_the_distance_to_the_equilibrium_that_newton_finds(scale: float):
    angles = torch.linspace(0, 2 * math.pi, N_ANGLES, dtype=torch.float64)
    net = it.EquilibriumNetwork(2, WIDTH, implicit_scale=scale, seed=0)
    with torch.no_grad():
        X = it.data.circle(angles)
        z_star = net.equilibrium(X, solver=it.Newton()).z
        z = it.unrolled(net.A, net.injection(X), 6)
        expected = float((z - z_star).norm() / z_star.norm())
    explorer = fig.truncated_depth()
    error = trace(explorer, "measured", depth=6, implicit_scale=scale)["y"]
    assert error[6] == pytest.approx(expected, rel=1e-6)
    limit = trace(explorer, "equilibrium", panel=1, depth=6, implicit_scale=scale)["y"]
    np.testing.assert_allclose(limit, net.output(z_star).detach(), rtol=1e-9)


def test_c3_the_certificate_is_above_the_measurement_and_the_typical_rate_close_to_it():
    for scale in (0.1, 0.2, 0.3, 0.4):
        measured = fig.truncation(scale).error[:15]
        certified = trace(fig.truncated_depth(), "certified", implicit_scale=scale)["y"][:15]
        assert (measured <= certified).all()
        visible = measured > 1e-9
        steps = visible.sum() - 1
        rate = (measured[visible][-1] / measured[0]) ** (1 / steps)
        theory = trace(fig.truncated_depth(), "mean-field", implicit_scale=scale)["y"]
        assert rate == pytest.approx(theory[1] / theory[0], rel=0.1)


def test_the_last_column_of_the_infinitely_deep_network_is_its_equilibrium():
    picture = fig.infinitely_deep().panels(implicit_scale=0.6)[0]["data"][0]["z"]
    np.testing.assert_allclose(picture[:, -1], picture[:, 29], atol=1e-8)
    assert np.abs(picture[:, -1] - picture[:, 0]).max() > 0.1
    assert np.isnan(fig.infinitely_deep().panels(implicit_scale=1.6)[0]["data"][0]["z"][:, -1]).all()
    assert fig.infinitely_deep().readout(implicit_scale=0.6).endswith("from layer 5 on.")


def test_c2_the_equilibrium_of_the_stacked_matrix_is_the_forward_pass():
    generator = torch.Generator().manual_seed(1)
    shapes = [(4, 3), (9, 4), (7, 9), (5, 7)]
    weights = [torch.randn(*s, generator=generator, dtype=torch.float64) for s in shapes]
    X = it.data.sphere(6, 3, seed=0)
    A, b = it.as_equilibrium(weights, X)
    assert torch.equal(A, torch.triu(A, diagonal=1))
    states, z = [], X
    for W in weights:
        z = torch.relu(z @ W.T)
        states.insert(0, z)
    solution = it.solve(A, b)
    torch.testing.assert_close(solution.z, torch.cat(states, dim=1))
    assert solution.steps.tolist() == [len(weights) + 1] * len(X)


def test_c2_layer_k_is_exact_from_step_k_on_and_never_with_feedback():
    wave = fig.feed_forward().panels(feedback=0.0)[1]["data"][0]["z"]
    layer, step = np.mgrid[1 : LAYERS + 1, 0 : STEPS + 1]
    np.testing.assert_array_equal(np.isnan(wave), step >= layer)
    looped = fig.feed_forward().panels(feedback=0.4)[1]["data"][0]["z"]
    assert np.isfinite(looped).all()


def test_euler_steps_arrive_below_the_length_that_linear_stability_gives():
    limit = 2 / 3.25  # (1 − h)² + (1.5 h)² = 1
    explorer = fig.euler_step()
    for h in explorer.controls[0].values:
        distance = trace(explorer, "steps of length h", panel=1, step=h)["y"]
        assert (distance[-1] < 0.5 * distance[0]) == (h < limit), f"h = {h}"


@pytest.mark.parametrize("start", [(0.0, 0.0), (2.6, 3.9), (0.1, 4.0), (1.3, 0.2)])
def test_the_flow_from_a_start_is_that_of_the_library(start):
    """To what an eye can see: a thousandth on the logarithmic axis."""
    z0 = torch.tensor([start], dtype=torch.float64)
    times = torch.linspace(0, 12, 121, dtype=torch.float64)
    exact = it.continuous_depth(SPIRAL, SPIRAL_B, z0, times, rtol=1e-10, atol=1e-12)[:, 0]
    drawn = trace(fig.euler_step(), "flow", s1=start[0], s2=start[1])
    np.testing.assert_allclose(np.stack([drawn["x"], drawn["y"]], 1), exact, atol=1e-4)
    far = trace(fig.euler_step(), "flow", panel=1, s1=start[0], s2=start[1])["y"]
    rest = it.solve(SPIRAL, SPIRAL_B, solver=it.Newton()).z
    np.testing.assert_allclose(far, torch.linalg.vector_norm(exact - rest, dim=1), rtol=1e-3)


@pytest.mark.parametrize("h", [0.1, 0.25, 0.61, 1.0, 1.2])
def test_the_steps_are_as_many_as_the_time_has_room_for_and_picards_at_length_one(h):
    start = {"s1": 0.7, "s2": 3.1}
    explorer = fig.euler_step()
    steps = trace(explorer, "steps", step=h, **start)
    time = trace(explorer, "steps of length h", panel=1, step=h, **start)["x"]
    taken = round(12 / h)
    np.testing.assert_allclose(time[: taken + 1], h * np.arange(taken + 1))
    assert (time[taken:] == time[taken]).all()
    assert f"after {taken} steps" in explorer.readout(step=h, **start)
    assert ("Picard" in explorer.readout(step=h, **start)) == (h == 1)
    if h == 1:
        layers = [torch.tensor([[0.7, 3.1]], dtype=torch.float64)]
        for _ in range(12):
            layers.append(torch.relu(layers[-1] @ SPIRAL.T + SPIRAL_B))
        np.testing.assert_allclose(
            np.stack([steps["x"], steps["y"]], 1)[:13], torch.cat(layers), rtol=1e-12, atol=1e-12
        )


def test_wherever_they_begin_picards_steps_do_not_arrive():
    """As the caption says, and the flow does."""
    for start in ({"s1": 0.0, "s2": 0.0}, {"s1": 2.4, "s2": 2.4}, {"s1": 0.6, "s2": 1.9}):
        shown = [
            trace(fig.euler_step(), name, panel=1, **start)["y"] for name in ("steps of length h", "flow")
        ]
        assert shown[0][-1] > 0.5 * shown[0][0]
        assert shown[1][-1] < 1e-4
    # The answer's link.
    near = trace(fig.euler_step(), "steps of length h", panel=1, step=0.8, s1=0.7, s2=1.2)["y"]
    assert near[-1] > 5 * near[0]


def test_the_flow_comes_to_rest_at_the_equilibrium():
    end = it.continuous_depth(SPIRAL, SPIRAL_B, 0 * SPIRAL_B, torch.tensor([0.0, 30.0]))[-1]
    z = it.solve(SPIRAL, SPIRAL_B, solver=it.Newton()).z
    torch.testing.assert_close(end, z, rtol=1e-6, atol=1e-6)


def test_c1_the_equilibrium_keeps_the_matrix_and_one_state_and_the_layers_keep_all():
    n, m, number = 5, 32, 8
    net = it.EquilibriumNetwork(3, m, implicit_scale=0.8, seed=0)
    A, b = net.A, net.injection(it.data.sphere(n, 3, seed=0))
    state, matrix = n * m * number, m * m * number
    for depth in (2, 10, 100):
        kept = fig.kept_for_backward(lambda L=depth: it.unrolled(A, b, L))
        assert kept == matrix + (depth + 1) * state
    coarse, fine = (it.Picard(rtol=rtol) for rtol in (1e-2, 1e-12))
    kept = fig.kept_for_backward(lambda: it.solve(A, b, solver=fine).z)
    assert kept == fig.kept_for_backward(lambda: it.solve(A, b, solver=coarse).z)
    assert matrix + state <= kept <= matrix + state + 8 * n  # at most one number a sample besides


def test_c1_the_gradient_through_many_layers_is_that_of_the_equilibrium():
    net = it.EquilibriumNetwork(3, 32, implicit_scale=0.5, seed=0)
    X = it.data.sphere(5, 3, seed=0)
    (exact,) = torch.autograd.grad(net(X).sum(), net.Theta)
    f = net.output(it.unrolled(net.A, net.injection(X), 100))
    (through_layers,) = torch.autograd.grad(f.sum(), net.Theta)
    torch.testing.assert_close(through_layers, exact, rtol=1e-7, atol=1e-10)


def test_stored_times_are_of_one_thread_and_grow_in_proportion_to_depth():
    assert fig.BACKWARD_COST.stored["threads"] == 1
    for width in fig.BACKWARD_COST.table["width"].unique():
        times, implicit = stored_times(width)
        per_layer = times / np.array(DEPTHS)
        assert per_layer.max() < 2 * per_layer.min()
        assert times[0] < implicit < times[-1]
        assert DEPTHS[0] < fig.break_even(width) < DEPTHS[-1]


@pytest.mark.parametrize("scale", [0.4, 0.8])
def test_the_functions_before_training_are_the_networks_by_another_solver(scale: float):
    shown = trace(fig.circle_start(), "the book's network", implicit_scale=scale)
    net = it.EquilibriumNetwork(2, 192, implicit_scale=scale, seed=0)
    with torch.no_grad():
        np.testing.assert_allclose(shown["y"], net(on_circle(CIRCLE_ANGLES)), atol=1e-7)
    assert len({tuple(f.round(6)) for f in functions(scale)}) == NETWORKS


def test_the_typical_size_is_that_of_many_wide_networks():
    x = on_circle(np.array([40.0]))
    with torch.no_grad():
        outputs = [it.EquilibriumNetwork(2, 256, implicit_scale=0.8, seed=s)(x).item() for s in range(300)]
    assert np.sqrt(np.mean(np.square(outputs))) == pytest.approx(typical_size(0.8), rel=0.12)


def test_an_untrained_function_is_no_nearer_to_the_target_than_zero_is():
    target = circle_target(CIRCLE_ANGLES)
    away = {s: np.sqrt(np.mean([size(f - target) ** 2 for f in functions(s)])) for s in SCALES}
    assert min(away.values()) > size(target)
    # By hand: the mean over the angles of sin² + 0.36 cos² is 0.68.
    assert size(target) == pytest.approx(math.sqrt(0.68))
