"""The figures of chapter 6 show what the mathematics says, checked by routes that the figures do not take."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pandas as pd
import pytest
import scipy.linalg
import torch
from scipy.integrate import solve_ivp

import implicit_tutorial as it
from implicit_tutorial.book import ch06_training_the_implicit_layer as fig
from implicit_tutorial.book import tasks
from implicit_tutorial.book.ch06_training_the_implicit_layer import setting, studies
from implicit_tutorial.book.ch06_training_the_implicit_layer.certificate_conditions import (
    KAPPAS,
    conditions,
)
from implicit_tutorial.book.ch06_training_the_implicit_layer.certified_width import certified_errors
from implicit_tutorial.book.ch06_training_the_implicit_layer.following_the_flow import cheapest
from implicit_tutorial.book.ch06_training_the_implicit_layer.following_the_flow import runs as integrations
from implicit_tutorial.book.ch06_training_the_implicit_layer.learning_circle import learned, predicted
from implicit_tutorial.book.ch06_training_the_implicit_layer.loss_curves import curves
from implicit_tutorial.book.ch06_training_the_implicit_layer.loss_run import (
    DECAY,
    TIMES,
    WIDTH,
    network,
    task,
)
from implicit_tutorial.book.ch06_training_the_implicit_layer.mode_decay import deviation, mode_curves
from implicit_tutorial.book.ch06_training_the_implicit_layer.unit_descent import (
    FRACTIONS,
    LABELS,
    LIMIT,
    STEPS,
    descend,
    flow_time,
)
from implicit_tutorial.book.ch06_training_the_implicit_layer.which_layer import runs
from implicit_tutorial.book.limit_rule import limit_kernel
from implicit_tutorial.book.says import UntrueSentenceError
from implicit_tutorial.explorer.computed import call, steps
from tests.book.traces import trace

# ---- one unit ----


@pytest.mark.parametrize("label", [0.5, 2.0, 3.0])
def test_the_units_flow_is_the_integrated_one(label: float) -> None:
    ends = np.array([label + (1 - label) * share for share in (0.5, 0.1)])
    times = flow_time(torch.from_numpy(ends), torch.tensor(label), torch.ones(())).numpy()
    flow = solve_ivp(lambda t, f: -(f**4) * (f - label), (0, times[-1]), [1.0], t_eval=times, rtol=1e-9)
    np.testing.assert_allclose(flow.y[0], ends, rtol=1e-5)


def test_the_units_descent_is_that_of_the_library() -> None:
    X, y = torch.ones(1, 1).double(), torch.tensor([1.5]).double()
    net = it.EquilibriumNetwork(1, 1, implicit_scale=1.0)
    for weight, value in ((net.Theta, 0.0), (net.W, 1.0), (net.v, 1.0)):
        torch.nn.init.constant_(weight, value)
    it.train(net, X, y, method=it.GradientDescent(fraction=0.1), until=it.Until(steps=5))
    assert net.A.item() == pytest.approx(descend(1.5, 0.1)[5], rel=1e-6)


def test_from_another_start_the_units_descent_is_that_of_the_library_too() -> None:
    X, y = torch.ones(1, 1).double(), torch.tensor([2.0]).double()
    net = it.EquilibriumNetwork(1, 1, implicit_scale=1.0)
    for weight, value in ((net.Theta, 0.3), (net.W, 1.0), (net.v, 1.0)):
        torch.nn.init.constant_(weight, value)
    it.train(net, X, y, method=it.GradientDescent(fraction=0.1), until=it.Until(steps=3))
    assert net.A.item() == pytest.approx(descend(2.0, 0.1, 0.3)[3], rel=1e-6)


def test_the_start_lies_on_the_loss_and_where_there_is_none_the_line_says_so() -> None:
    explorer = fig.unit_descent()
    for start in (-2.0, 0.0, 0.4, 0.6):
        panel = explorer.panels(label=2.0, fraction=0.1, start=start)[0]
        first = trace(panel, "descent")["y"][0]
        height = float(explorer.computation.run({"label": 2.0, "fraction": 0.1, "start": start})["height"])
        assert height == pytest.approx((1 / (1 - start) - 2) ** 2 / 2) == pytest.approx(first)
    assert "no equilibrium to start from" in explorer.readout(label=2.0, fraction=0.1, start=1.2)
    assert "starts at the minimum" in explorer.readout(label=2.0, fraction=0.1, start=0.5)
    # A start nearer to the minimum knows more of how curved the loss is there.
    assert "to and fro" in explorer.readout(label=2.0, fraction=0.1)
    assert "arrives in" in explorer.readout(label=2.0, fraction=0.1, start=0.3)
    assert "arrives in" in explorer.readout(label=2.0, fraction=0.3, start=0.4)  # the chapter's answer


def test_a_long_step_leaps_over_the_pole_and_a_short_one_arrives() -> None:
    assert descend(2.0, 0.5).tolist() == [0.0, 1.0]
    short = descend(2.0, 0.02)
    assert 1 / (1 - short[-1]) == pytest.approx(2, abs=2e-3)
    assert (np.diff(short) > 0).all(), "the flow creeps up from one side"
    # Stable at the start, not at the end: the limit has shrunk sixteenfold.
    jumps = descend(2.0, 0.2)
    assert len(jumps) > STEPS or jumps[-1] >= 1


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("fraction", FRACTIONS)
def test_the_readout_says_what_descent_does(label: float, fraction: float) -> None:
    said = fig.unit_descent().readout(label=label, fraction=fraction)
    path = descend(label, fraction)
    side = np.sign(1 / (1 - path[path < 1]) - label)
    turns = int((side[1:] != side[:-1]).sum())
    error = abs(1 / (1 - path[-1]) - label) if path[-1] < 1 else np.inf
    assert ("no equilibrium" in said) == (path[-1] >= 1)
    assert ("arrives in" in said or "lands close" in said) == (error < LIMIT)
    assert ("to and fro" in said) <= (turns > 20)
    assert ("on its way" in said) <= (turns == 0)
    assert ("throws" in said) <= (path.min() < -10 and turns < 10)


# ---- loss curves ----

CELLS = [(0.1, 10_000.0), (0.4, 1.0), (0.4, 0.1)]


@pytest.mark.parametrize(("implicit_scale", "output_scale"), CELLS)
def test_c13_the_curve_is_below_its_own_bound(implicit_scale: float, output_scale: float) -> None:
    found = curves(implicit_scale, output_scale)
    assert (found.history.train_loss <= 1.05 * found.bound).all()
    assert found.history.train_loss.iloc[-1] <= 3 * DECAY
    shown = trace(fig.loss_curves(), "measured", implicit_scale=implicit_scale, output_scale=output_scale)
    np.testing.assert_allclose(shown["y"], found.history.train_loss.iloc[1:], rtol=1e-6)


def test_c14_the_lazy_run_is_the_linear_one_of_its_own_kernel() -> None:
    """At κ = 10⁴ the network's kernel does not move: its loss is a matrix exponential."""
    found = curves(0.1, 10_000.0)
    X, y = task()
    K = it.network_kernels(network(0.1, 10_000.0), X).implicit
    for t, loss in zip(found.history.time[:4], found.history.train_loss[:4], strict=True):
        e = torch.linalg.matrix_exp(-K * t) @ y
        assert loss == pytest.approx(float(e @ e) / 2, rel=0.02)


def test_the_dashed_lines_are_those_of_infinite_width() -> None:
    found = curves(0.4, 1.0)
    X, y = task()
    K = it.limit_kernels(X, implicit_scale=0.4).implicit
    t = found.unit * TIMES[40]
    e = torch.linalg.matrix_exp(-K * t) @ y
    assert found.predicted[40] == pytest.approx(float(e @ e) / 2, rel=1e-8)
    # The movement by quadrature of the speed of Θ, ‖A‖_F² = (σ_A²/m)‖Θ‖_F², in the limit of long times.
    end = 0.4 / math.sqrt(WIDTH) * math.sqrt(float(y @ torch.linalg.solve(K, y)))
    assert found.lazy[-1] == pytest.approx(end, rel=1e-3)
    assert found.history.movement.iloc[-1] == pytest.approx(end, rel=0.2)


def test_c12_lines_appear_where_the_certificate_holds_and_the_run_obeys() -> None:
    explorer = fig.loss_curves()
    for implicit_scale, output_scale in CELLS:
        found = curves(implicit_scale, output_scale)
        holds = found.certificate.holds
        assert holds == (output_scale == 10_000.0)
        values = {"implicit_scale": implicit_scale, "output_scale": output_scale}
        for panel, name in enumerate(("theorem C12, certified", "r*, theorem C12")):
            line = trace(explorer, name, panel=panel, **values)
            assert np.isfinite(np.asarray(line["y"], dtype=float)).all() == holds
            assert line["showlegend"] == holds, "the legend lists what is drawn"
        assert ("certified, within" in explorer.readout(**values)) == holds
        if holds:
            bound = 3.0 * np.exp(-2 * found.certificate.rate * found.history.time)
            assert (found.history.train_loss <= bound).all()
            assert found.history.movement.max() < found.certificate.r_star


# ---- the certificate ----


@pytest.mark.parametrize("kappa", [30.0, 3e4])
def test_one_certificate_tells_those_of_all_output_scales(kappa: float) -> None:
    norm, jacobian, _ = conditions(64, 0.2)
    X = it.data.sphere(4, 10, seed=0)
    net = it.EquilibriumNetwork(10, 64, implicit_scale=0.2, output_scale=kappa, centered=True, seed=0)
    found = it.convergence_certificate(net, X, fig.unit_labels(X), claim="C12")
    at = np.log(kappa), np.log(KAPPAS)
    assert np.exp(np.interp(*at, np.log(norm))) == pytest.approx(found.rho0 + found.r_star, rel=0.02)
    expected = found.Delta / (found.s0 / 2)
    assert np.exp(np.interp(*at, np.log(jacobian))) == pytest.approx(expected, rel=0.15)


def test_the_certified_error_grows_like_the_root_of_the_width_at_a_small_scale_only() -> None:
    exponents = {}
    for scale in (0.1, 0.2, 0.4):
        widths, errors = certified_errors(scale)
        exponents[scale] = np.polyfit(np.log(widths), np.log(errors), 1)[0]
    assert 0.3 < exponents[0.1] < 0.7
    assert exponents[0.4] < 0
    # Beyond width 128 the points do not rise like the root of the width, and no page says so.
    assert 0.25 < fig.growth(0.1) < 0.45
    wide = fig.required_width(1.0, fig.growth(0.1))
    assert wide > 10 * fig.required_width(1.0)
    widths, errors = certified_errors(0.1)
    m = fig.required_width(1.0)
    assert errors[-1] * math.sqrt(m / widths[-1]) == pytest.approx(1)


# ---- modes ----


def test_modes_come_closer_to_the_prediction_as_the_network_widens() -> None:
    assert deviation(512, 5.0) < 0.5 * deviation(32, 5.0)
    assert deviation(512, 5.0) < 0.1


def test_a_dashed_mode_is_an_exponential_and_a_solid_one_the_networks_error() -> None:
    X, y = studies.mode_task()
    values, vectors = torch.linalg.eigh(it.limit_kernels(X, implicit_scale=0.6, output_scale=5.0).implicit)
    measured, predicted = mode_curves(32, 5.0)
    times = studies.MODES_TIMES / float(values[-1])
    np.testing.assert_allclose(
        predicted[:, 0] / predicted[0, 0], np.exp(-float(values[0]) * times), rtol=1e-8
    )
    np.testing.assert_allclose(measured[0], predicted[0], atol=1e-6)
    net = it.EquilibriumNetwork(4, 32, implicit_scale=0.6, output_scale=5.0, centered=True, seed=0)
    step = it.GradientDescent(step=times[11] / 400)
    it.train(net, X, y, method=step, until=it.Until(steps=400))
    e = (vectors.T @ (net(X).detach() - y) / y.norm()).numpy()
    np.testing.assert_allclose(measured[11], e, atol=0.02)


def test_the_network_that_the_page_trains_stays_beside_its_exponentials() -> None:
    """All three kinds of lines by other routes: the thin one is the study's, the dashed one the limit's."""
    explorer = fig.mode_decay()
    X, _ = studies.mode_task()
    for width, scale, kappa in ((128, 0.6, 5.0), (32, 0.6, 0.5), (128, 0.45, 3.0)):
        values = {"width": width, "implicit_scale": scale, "output_scale": kappa, "time": 30}
        K = it.limit_kernels(X, implicit_scale=scale).implicit
        rates = torch.linalg.eigvalsh(K)
        for name, k in (("fastest", -1), ("third", -3), ("slowest", 0)):
            decay = np.exp(-float(rates[k] / rates[-1]) * studies.MODES_TIMES[1:])
            np.testing.assert_allclose(
                trace(explorer, f"{name}, infinite width", **values)["y"], decay, rtol=1e-9, atol=1e-12
            )
            flow = trace(explorer, f"{name}, exact flow", **values)["y"]
            if scale == 0.6:
                stored = mode_curves(width, kappa)[0][:, k]
                np.testing.assert_allclose(flow, (stored / stored[0])[1:], rtol=1e-9)
            else:
                assert np.isnan(flow).all()
            if width == 128:
                shown = trace(explorer, name, **values)["y"]
                seen = studies.MODES_TIMES[1:] <= 30
                assert np.isfinite(shown[seen]).all()
                assert np.isnan(shown[~seen][1:]).all()
                assert np.abs(shown - decay)[seen].max() < 0.25


def test_the_modes_of_the_page_are_eigenvectors_and_its_steps_follow_the_flow() -> None:
    """From the weights of the network that the study followed."""
    net = it.EquilibriumNetwork(4, 128, implicit_scale=0.6, output_scale=5.0, centered=True, seed=0)
    weights = {"G": net.Theta.detach(), "W": net.W.detach(), "v": net.v.detach()}
    computation = fig.mode_decay().computation
    values = {"time": 0, "width": 128, "implicit_scale": 0.6, "output_scale": 5.0}
    state = computation.inputs(values) | weights
    state |= call(computation.begin, state)
    _, vectors = torch.linalg.eigh(it.limit_kernels(state["X"], implicit_scale=0.6).implicit)
    products = (vectors[:, [-1, -3, 0]].T @ state["modes"]).abs()
    np.testing.assert_allclose(products, np.eye(3), atol=1e-9)
    for _ in range(steps(10, float(state["step"]))):
        state |= call(computation.advance, state)
    # What it is compared with is the flow at infinite width itself, in the time that the steps count.
    K = it.limit_kernels(state["X"], implicit_scale=0.6, output_scale=5.0).implicit
    time = float(state["time_now"] / torch.linalg.eigvalsh(K)[-1])
    np.testing.assert_allclose(state["e_lazy"], setting.decayed(K, -state["y"], [time])[0], rtol=1e-9)
    shown = call(computation.observe, state)["0/third/y"].numpy()
    stored = mode_curves(128, 5.0)[0][1:, -3] / mode_curves(128, 5.0)[0][0, -3]
    seen = studies.MODES_TIMES[1:] <= 10
    np.testing.assert_allclose(shown[seen], stored[seen], atol=0.03)


def test_what_is_left_of_a_lost_network_is_not_drawn() -> None:
    """Its error grows without bound; its lines end where they have left the picture."""
    computation = fig.mode_decay().computation
    state = computation.inputs({"time": 0, "width": 32, "implicit_scale": 0.6, "output_scale": 0.5})
    state |= call(computation.begin, state)
    share = torch.ones(len(state["path"]), dtype=torch.float64)
    share[1:6] = torch.tensor([0.5, -99, 101, -1e99, torch.inf])
    shown = call(computation.observe, state | {"path": share[:, None] * state["path"][0]})
    for name in ("fastest", "third", "slowest"):
        np.testing.assert_allclose(shown[f"0/{name}/y"][:5], [0.5, -99, np.nan, np.nan, np.nan], rtol=1e-12)


@pytest.mark.parametrize("scale", [0.1, 0.7, 1.3])
def test_the_rule_of_the_page_is_the_kernel_at_infinite_width(scale: float) -> None:
    X = it.data.sphere(9, 3, seed=4)
    X = torch.cat([X, -X[:1]])  # opposite inputs too
    minus = torch.cdist(X, X, compute_mode="donot_use_mm_for_euclid_dist") ** 2 / 2
    found = limit_kernel(minus, torch.tensor(scale, dtype=torch.float64))
    expected = it.limit_kernels(X, implicit_scale=scale).implicit
    np.testing.assert_allclose(found, expected, atol=1e-12 * float(expected.max()))


# ---- the circle ----


def test_the_function_starts_flat_and_ends_at_the_samples() -> None:
    f = learned(64, 3.0)
    assert np.abs(f[0]).max() < 1e-6
    on_grid = np.interp(tasks.CIRCLE_SAMPLES, tasks.CIRCLE_ANGLES, f[-1])
    assert np.abs(on_grid - tasks.circle_target(tasks.CIRCLE_SAMPLES)).max() < 0.35


def test_the_prediction_is_kernel_regression_in_the_end() -> None:
    X, y, *_ = tasks.task("circle")
    Xt = tasks.on_circle(tasks.CIRCLE_ANGLES)
    end = it.infinite_width_prediction(X, y, Xt, implicit_scale=tasks.CIRCLE_SCALE, centered=True).mean
    np.testing.assert_allclose(predicted()[-1], end.numpy(), atol=0.02)


def test_a_network_that_is_lost_has_no_function() -> None:
    explorer = fig.learning_circle()
    assert np.isnan(learned(32, 0.3)[-1]).all()
    lost = {"time": 200, "width": 32, "output_scale": 0.3}
    assert "no equilibrium is found now" in explorer.readout(**lost)
    for name in ("network", "exact flow"):
        gone, there = trace(explorer, name, **lost), trace(explorer, name)
        assert np.isnan(gone["y"]).all()
        assert not gone["showlegend"]
        assert np.isfinite(there["y"]).all()
        assert there["showlegend"]


def test_the_thin_line_is_the_stored_flow_at_the_stops_and_for_these_samples() -> None:
    explorer = fig.learning_circle()
    for time, width, kappa in ((5, 192, 3.0), (50, 64, 0.3)):
        values = {"time": time, "width": width, "output_scale": kappa}
        shown = trace(explorer, "exact flow", **values)["y"]
        np.testing.assert_allclose(shown, learned(width, kappa)[studies.CIRCLE_TIMES.index(time)], atol=1e-9)
        for moved in ({"time": time + 1}, {"width": width + 1}, {"output_scale": 2.9}, {"value3": 0.5}):
            assert np.isnan(trace(explorer, "exact flow", **values | moved)["y"]).all()


def test_the_dashed_line_is_the_prediction_for_all_samples() -> None:
    explorer = fig.learning_circle()
    for row, time in enumerate(studies.CIRCLE_TIMES[:-1]):
        shown = trace(explorer, "mean-field prediction", time=time)["y"]
        np.testing.assert_allclose(shown, predicted()[row], atol=1e-6)
    angles, y = tasks.CIRCLE_SAMPLES.copy(), tasks.circle_target(tasks.CIRCLE_SAMPLES)
    angles[4], y[4] = 101.3, -0.7
    at, grid = tasks.on_circle(angles), tasks.on_circle(tasks.CIRCLE_ANGLES)
    K, cross = (
        it.limit_kernels(x, at, implicit_scale=tasks.CIRCLE_SCALE).implicit.numpy() for x in (at, grid)
    )
    expected = cross @ np.linalg.solve(K, y - scipy.linalg.expm(-2 * K) @ y)
    shown = trace(explorer, "mean-field prediction", time=2, angle5=101.3, value5=-0.7)["y"]
    np.testing.assert_allclose(shown, expected, atol=1e-4)


def test_the_steps_of_the_page_follow_the_stored_flow() -> None:
    """From the weights of the network that the study followed."""
    net = it.EquilibriumNetwork(
        2, 64, implicit_scale=tasks.CIRCLE_SCALE, output_scale=3.0, centered=True, seed=0
    )
    weights = {"G": net.Theta.detach(), "W": net.W.detach(), "v": net.v.detach()}
    explorer = fig.learning_circle()
    computation = explorer.computation
    state = computation.inputs(explorer._starts | {"width": 64, "output_scale": 3.0}) | weights
    state |= call(computation.begin, state)
    for _ in range(steps(2, float(state["step"]))):
        state |= call(computation.advance, state)
    shown = call(computation.observe, state)["0/network/y"]
    np.testing.assert_allclose(shown, learned(64, 3.0)[studies.CIRCLE_TIMES.index(2)], atol=0.03)


def test_a_stored_function_is_where_descent_leads() -> None:
    net = it.EquilibriumNetwork(
        2, 64, implicit_scale=tasks.CIRCLE_SCALE, output_scale=3.0, centered=True, seed=0
    )
    X, y, *_ = tasks.task("circle")
    it.train(net, X, y, method=it.GradientDescent(step=2 / 9 / 100), until=it.Until(steps=100))
    expected = net(tasks.on_circle(tasks.CIRCLE_ANGLES)).detach()
    np.testing.assert_allclose(learned(64, 3.0)[studies.CIRCLE_TIMES.index(2)], expected, atol=0.03)


def test_a_network_without_equilibria_has_no_outputs() -> None:
    X, y = setting.demanding_task()
    net = it.EquilibriumNetwork(5, 8, implicit_scale=3.0, solver=setting.SOLVER)
    assert np.isnan(setting.watch(net, X, y, [0.0, 1.0], X)).all()


def test_watching_does_not_change_the_flow() -> None:
    X, y = setting.demanding_task()
    ends = []
    for times in ([1.0, 5.0, 20.0], [20.0]):
        net = it.EquilibriumNetwork(5, 48, output_scale=2.0, centered=True)
        ends.append(setting.watch(net, X, y, times, X)[-1])
    np.testing.assert_allclose(ends[0], ends[1], atol=0.03)


# ---- the stored runs ----


@pytest.mark.parametrize("scale", [0.3, 1.1])
def test_the_slowest_rate_orders_the_times(scale: float) -> None:
    times = {choice: runs(choice, scale).time.mean() for choice in studies.CHOICES}
    rates = {choice: runs(choice, scale).limit_rate.iloc[0] for choice in studies.CHOICES}
    assert min(times, key=times.get) == max(rates, key=rates.get) == "all three"
    if scale == 0.3:
        assert max(times, key=times.get) == min(rates, key=rates.get) == "implicit"
    table = fig.contributions(scale)
    assert f"{runs('output', scale).test_error.mean():.3f}" in table
    # What the figure draws is what the table averages.
    said = fig.which_layer().readout(implicit_scale=scale)
    for panel, column in enumerate(("curve_error", "curve_test")):
        traces = fig.which_layer().panels(implicit_scale=scale)[panel]["data"]
        for choice, line, ends in zip(studies.CHOICES, traces[::2], traces[1::2], strict=True):
            assert line["name"] == choice
            assert np.mean(ends["x"]) == pytest.approx(times[choice])
            assert ends["y"][0] == pytest.approx(line["y"][-1])
            assert list(ends["y"]) == pytest.approx([curve[-1] for curve in runs(choice, scale)[column]])
            assert f"{choice} {runs(choice, scale).test_error.mean():.3f}" in said


def test_the_limits_rates_are_those_of_the_kernels() -> None:
    X = it.data.sphere(24, 6, seed=0)
    kernels = it.limit_kernels(X, implicit_scale=0.7)
    for choice, K in (("implicit", kernels.implicit), ("all three", kernels.full)):
        assert runs(choice, 0.7).limit_rate.iloc[0] == pytest.approx(
            float(torch.linalg.eigvalsh(K)[0]), rel=1e-4
        )


def test_stored_integration_errors_agree_with_another_reference() -> None:
    """The exponential flow in 320 fixed steps in place of torchdiffeq."""
    exact, *_ = studies.follow("sphere", it.ExponentialFlow(steps=320))
    for method, parameter in (("single sweep", 0.25), ("exponential flow", 10)):
        f, last, _ = studies.follow("sphere", studies.INTEGRATORS[method][0](parameter))
        error = float((f - exact).norm() / exact.norm())
        frame = integrations("sphere", method)
        stored = frame[frame.parameter == parameter].iloc[0]
        assert stored.error == pytest.approx(error, abs=1e-3)
        assert stored.evaluations == last.step * (2 if method == "exponential flow" else 1) + (
            1 if method == "exponential flow" else 0
        )
        assert stored.products > last.forward_sweeps + last.adjoint_sweeps


def test_the_exponential_flow_does_not_feel_the_condition_number() -> None:
    for cost in ("evaluations", "products"):
        one, other = (
            {m: cheapest(inputs, m, cost, 0.01) for m in studies.INTEGRATORS}
            for inputs in ("sphere", "circle")
        )
        assert other["exponential flow"] <= one["exponential flow"]
        assert other["single sweep"] > 3 * one["single sweep"]
        assert other["single sweep"] > 10 * other["exponential flow"]
    condition = studies.INTEGRATION.table.groupby("inputs").condition.first()
    assert condition["circle"] > 20 * condition["sphere"]


def test_an_end_that_the_output_layer_does_not_win_stops_the_page(monkeypatch) -> None:
    """The first network alone: there the input layer has the least test error."""
    module = importlib.import_module(f"{fig.__name__}.which_layer")
    monkeypatch.setattr(module, "runs", lambda *choice: runs(*choice).iloc[:1])
    with pytest.raises(
        UntrueSentenceError, match="the output layer, with its smoother kernel, has the least"
    ):
        fig.which_layer()


def test_the_words_closer_as_the_width_grows_would_stop_the_page(monkeypatch) -> None:
    """At κ = 5 the network of width 512 is no closer than that of width 128, and the caption says so."""
    module = importlib.import_module(f"{fig.__name__}.mode_decay")
    assert module.deviation(512, 5.0) > module.deviation(128, 5.0)

    def halved(width: int, kappa: float) -> float:
        return deviation(32, kappa) * 32 / width

    monkeypatch.setattr(module, "deviation", halved)
    with pytest.raises(UntrueSentenceError, match="tell nothing of"):
        fig.mode_decay()


def test_the_moments_lie_on_the_loss_and_are_those_of_a_run_made_now():
    module = importlib.import_module(f"{fig.__name__}.proved_end")
    explorer = fig.proved_end()
    for state in ({"width": 32, "output_scale": 10.0}, {"width": 16, "output_scale": 0.1}):
        state = {**state, "implicit_scale": 0.5}
        run = module.proved(**state)
        (panel,) = explorer.panels(**state)
        loss = trace(panel, "loss")["y"]
        np.testing.assert_allclose(loss, run["curve_loss"])
        for name, column in (("a minimum exists nearby", "exists"), ("the flow reaches one", "certified")):
            marks = trace(panel, name)["y"]
            assert len(marks) == pd.notna(run[column])
            assert all(y == loss[int(run[column])] for y in marks)
    now = studies.proved_end(width=32, output_scale=10.0, implicit_scale=0.5)
    then = module.proved(width=32, output_scale=10.0, implicit_scale=0.5)
    assert now["exists"] == then["exists"] == 0
    assert abs(now["certified"] - then["certified"]) <= 1
    assert now["within"] == pytest.approx(then["within"], rel=1e-3)


def test_before_the_moment_the_end_is_not_proved_and_from_it_on_it_is():
    X = it.data.sphere(20, 10, seed=0)
    net = it.EquilibriumNetwork(10, 32, implicit_scale=0.5, output_scale=10.0, centered=True, seed=0)
    run = it.Run(net, X, fig.unit_labels(X), method=it.ExponentialFlow(rtol=0.1))
    run.advance(it.Until(steps=2))
    assert not it.convergence_certificate(net, X, fig.unit_labels(X)).holds
    run.advance(it.Until(certified=True, steps=40))
    assert it.convergence_certificate(net, X, fig.unit_labels(X)).holds
