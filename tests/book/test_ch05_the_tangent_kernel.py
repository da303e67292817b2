"""Chapter 05: what its figures show is what theory and independent computations say."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.book import ch05_the_tangent_kernel as fig
from implicit_tutorial.book.ch05_the_tangent_kernel import setting
from implicit_tutorial.book.ch05_the_tangent_kernel.kernel_spectrum import (
    eigenfunction,
    eigenvalue,
    fourier_pair,
)
from implicit_tutorial.book.ch05_the_tangent_kernel.setting import (
    LAYERS,
    circle_angles,
    drawn,
    inputs,
    lambda_min,
    limit,
)
from implicit_tutorial.book.ch05_the_tangent_kernel.width_error import SEEDS
from implicit_tutorial.book.says import UntrueSentenceError
from implicit_tutorial.prose import powers
from tests.book.traces import trace


def test_the_unit_by_hand_is_the_librarys():
    a = np.array([0.3, 0.5, 0.8])
    by_hand = fig.unit_kernels(a)
    for i, scale in enumerate(a):
        net = it.EquilibriumNetwork(1, 1, implicit_scale=scale)
        for weight in (net.Theta, net.W, net.v):
            torch.nn.init.ones_(weight)
        kernels = it.network_kernels(net, torch.ones(1, 1, dtype=torch.float64))
        for layer in LAYERS:
            assert by_hand[layer][i] == pytest.approx(getattr(kernels, layer).item(), rel=1e-6)
    assert by_hand["implicit"][1] == by_hand["output"][1], "they cross at a = 1/2"


def test_the_circle_has_no_opposite_points_and_all_inputs_have_length_one():
    for X in inputs().values():
        torch.testing.assert_close(X.norm(dim=1), torch.ones(len(X), dtype=torch.float64))
        assert (X @ X.T).min() > -1 + 1e-4


@pytest.mark.parametrize("which", ["circle", "10 at right angles"])
def test_the_network_drawn_is_the_network_asked_for(which: str):
    net = it.EquilibriumNetwork(setting.N_INPUTS, 64, implicit_scale=0.5, seed=0)
    expected = it.network_kernels(net, inputs()[which])
    for layer in LAYERS:
        torch.testing.assert_close(
            getattr(drawn(0.5, which, width=64), layer), getattr(expected, layer), rtol=1e-7, atol=1e-9
        )


def test_a_network_that_does_not_settle_leaves_a_gap_and_the_readout_says_so():
    assert drawn(1.35) is None
    explorer = fig.angle()
    assert np.isnan(trace(explorer, "implicit", implicit_scale=1.35)["y"]).all()
    assert "does not settle" in explorer.readout(implicit_scale=1.35, width=512)
    assert np.isfinite(trace(explorer, "implicit", implicit_scale=0.8)["y"]).all()


def test_c9_the_third_heat_map_is_the_product_of_the_other_two():
    for size in ("64", "infinite"):
        (panel,) = fig.factors().panels(width=size, implicit_scale=0.8)
        Q, Pi, K = (np.asarray(t["z"]) for t in panel["data"])
        np.testing.assert_allclose(K, 0.8**2 * Q * Pi, rtol=1e-6)


def test_c10_kernels_at_angle_zero_are_the_closed_forms():
    for scale in setting.SCALES:
        s = scale**2
        values = {"implicit": s / (2 - s) ** 2, "output": 1 / (2 - s), "input": 1 / (2 - s)}
        panel = fig.angle().panels(implicit_scale=scale)[0]["data"]
        dashed = [t["y"] for t in panel if not t.get("showlegend", True)]
        for y, (_, expected) in zip(dashed, values.items(), strict=True):
            assert y[0] == pytest.approx(expected, rel=1e-6)


def test_c10_the_points_fall_like_one_over_root_width():
    for scale in (0.2, 0.5, 0.8):
        for layer in LAYERS:
            exponent = fig.fitted_exponent(fig.WIDTHS, fig.kernel_errors(scale)[layer])
            assert -0.6 < exponent < -0.4, f"{layer} at σ_A = {scale}"


def test_the_error_shown_is_the_median_over_draws():
    X = it.data.sphere(6, 4, seed=0)
    exact = it.limit_kernels(X, implicit_scale=0.5).output
    gaps = []
    for seed in range(SEEDS[0]):
        net = it.EquilibriumNetwork(4, fig.WIDTHS[0], implicit_scale=0.5, solver=it.Newton(), seed=seed)
        z = net.equilibrium(X).z.detach()
        gaps.append(float((z @ z.T / fig.WIDTHS[0] - exact).norm() / exact.norm()))
    assert fig.kernel_errors(0.5)["output"][0] == pytest.approx(np.median(gaps), rel=1e-5)


def test_an_exact_power_law_is_fitted_exactly():
    x = np.array([1.0, 3.0, 10.0])
    assert fig.fitted_exponent(x, 5 * x**-1.7) == pytest.approx(-1.7)


@pytest.mark.parametrize("layer", LAYERS)
def test_waves_are_eigenvectors_of_the_limit_and_have_the_eigenvalues_shown(layer: str):
    K = getattr(limit(0.8), layer)
    for k in (1, 4, 9):
        waves = fourier_pair(k, circle_angles())
        torch.testing.assert_close(waves.T @ waves, torch.eye(2, dtype=torch.float64))
        value = eigenvalue(K, k)
        torch.testing.assert_close(K @ waves / len(K), value * waves, rtol=1e-9, atol=1e-12)
    panel = fig.kernel_spectrum().panels(implicit_scale=0.8)[0]
    dashed = [t for t in panel["data"] if "dash" in t.get("line", {})][1:]
    shown = dashed[LAYERS.index(layer)]["y"]
    np.testing.assert_allclose(shown, torch.fft.fft(K[0]).real[1:21] / len(K), rtol=1e-6)


def test_the_output_layers_spectrum_falls_two_powers_faster():
    n = 2001
    X = it.data.circle(2 * math.pi * torch.arange(n, dtype=torch.float64) / n)
    kernels = it.limit_kernels(X[:1], X, implicit_scale=0.8)
    exponents = {}
    for layer in LAYERS:
        values = torch.fft.rfft(getattr(kernels, layer)[0]).real / n
        exponents[layer] = math.log2(values[60] / values[30])
    assert exponents["implicit"] == pytest.approx(-2, abs=0.05)
    assert exponents["input"] == pytest.approx(-2, abs=0.05)
    assert exponents["output"] == pytest.approx(-4, abs=0.05)


def test_without_feedback_the_output_layer_is_blind_to_odd_frequencies_above_one():
    K = it.limit_kernels(inputs()["circle"], implicit_scale=0.0).output
    values = [eigenvalue(K, k) for k in range(1, 7)]
    # An odd number of points aliases even frequencies into odd ones, hence not zero.
    assert max(values[2], values[4]) < 0.01 * min(values[1], values[3], values[5])


def test_an_eigenfunction_is_an_eigenvector_and_its_wave_the_nearest_one():
    K = drawn(0.8, width=512).implicit
    for k in (1, 2, 5):
        vector, wave, share = eigenfunction(K, k)
        v = torch.as_tensor(vector / np.linalg.norm(vector))
        assert float((K @ v - (v @ K @ v) * v).norm()) < 1e-9 * float(K.norm())
        assert 0.5 < share <= 1
        assert wave.max() == pytest.approx(1, abs=0.05)
        # What the wave leaves of the vector is orthogonal to both waves of that frequency.
        rest = torch.as_tensor(vector - wave)
        assert (fourier_pair(k, circle_angles()).T @ rest).abs().max() < 1e-9
        assert share == pytest.approx(1 - (np.linalg.norm(rest) / np.linalg.norm(vector)) ** 2)


@pytest.mark.parametrize("which", ["a single input", "10 at right angles", "24 at random", "circle"])
def test_c11_points_and_curves_are_above_the_guarantee(which: str):
    explorer = fig.suffices()
    exact = trace(explorer, "infinite width", inputs=which)
    bound = np.array([s**2 / (2 - s**2) for s in exact["x"]])
    ratio = np.asarray(exact["y"])
    if which == "a single input":
        np.testing.assert_allclose(ratio, bound, rtol=1e-6)
    else:
        assert (ratio > 1.01 * bound).all()
    points = trace(explorer, "one network, m = 512", inputs=which)
    for scale, measured in zip(points["x"], points["y"], strict=True):
        kernels = drawn(round(float(scale), 2), which)
        assert measured >= scale**2 * float(kernels.backward.diagonal().min()) * (1 - 1e-6)


def test_the_crossing_read_out_is_where_the_ratio_is_one():
    explorer = fig.suffices()
    assert explorer.readout(inputs="a single input").endswith("equally fast at scale 1.00.")
    text = explorer.readout(inputs="10 at right angles")
    crossing = float(text.split("at scale ")[1].split(";")[0])
    kernels = it.limit_kernels(inputs()["10 at right angles"], implicit_scale=crossing)
    assert lambda_min(kernels.implicit) == pytest.approx(lambda_min(kernels.output), rel=0.03)
    assert explorer.readout(inputs="circle").startswith("Infinite width: implicit is faster from scale 0.1")


def test_training_everything_hides_the_implicit_layer_at_small_scales():
    rates = {t["name"]: np.asarray(t["y"]) for t in fig.slowest_rates().panels()[0]["data"] if t.get("name")}
    together, without = rates["all three"], rates["all but implicit"]
    assert (together >= without).all()
    assert (together[:4] < 1.1 * without[:4]).all()
    assert rates["implicit alone"][0] < 0.01 * together[0]
    assert together[-1] > 2 * without[-1]


def test_each_curve_of_the_second_panel_starts_at_one():
    for scale, width in ((0.8, 512), (0.5, 64)):
        panel = fig.angle().panels(implicit_scale=scale, width=width)[1]
        assert [t["y"][0] for t in panel["data"]] == pytest.approx([1.0] * 6)


def test_a_number_is_in_print():
    shown = [
        powers(x, d) for x, d in ((6.6e8, 1), (5.8e-4, 2), (-3.14e-5, 3), (42.3, 2), (0.0312, 2), (641, 2))
    ]
    assert shown == ["7·10⁸", "5.8·10⁻⁴", "−3.14·10⁻⁵", "42", "0.031", "640"]


def test_a_sentence_that_the_kernels_contradict_is_not_said(monkeypatch):
    """One network in place of the limit: its corner is rounded, and its spike no narrower."""
    module = importlib.import_module("implicit_tutorial.book.ch05_the_tangent_kernel.angle")
    monkeypatch.setattr(module, "SCALES", (0.2, 0.5, 0.8, 1.0))
    monkeypatch.setattr(module, "limit", drawn)
    with pytest.raises(UntrueSentenceError, match="at angle zero"):
        fig.angle()
