"""The problem on the circle at many widths and scales: what its stored networks show, by other routes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.book.circle import (
    CIRCLE,
    CIRCLE_OUTPUTS,
    CIRCLE_SEEDS,
    CIRCLE_WIDTHS,
    circle_functions,
    circle_lost,
    circle_mean,
    circle_prediction,
    circle_runs,
    gap_share,
    in_the_gap,
)
from implicit_tutorial.book.tasks import CIRCLE_ANGLES, CIRCLE_SCALE, circle_target, on_circle, task


def test_the_error_of_each_network_is_that_of_its_function():
    for m in CIRCLE_WIDTHS:
        for k in CIRCLE_OUTPUTS:
            for _, row in circle_runs(m, k).iterrows():
                off = np.array(row["function"][:-1]) - circle_target(CIRCLE_ANGLES[:-1])
                assert row["test_error"] == pytest.approx(np.mean(off**2), rel=2e-3)
                assert row["function"][0] == pytest.approx(row["function"][-1], abs=1e-3)


def test_a_stored_function_is_that_of_the_trained_network():
    p = task("circle")
    net = it.EquilibriumNetwork(2, 64, implicit_scale=CIRCLE_SCALE, output_scale=5.0, seed=3)
    with torch.no_grad():
        start = net.equilibrium(p.X).z
    it.train(net, p.X, p.y, method=it.ExponentialFlow(rtol=0.02), until=it.Until(loss=13 * 1e-4 / 2))
    with torch.no_grad():
        found, moved = net(on_circle(CIRCLE_ANGLES)), net.equilibrium(p.X).z - start
    row = circle_runs(64, 5.0).set_index("seed").loc[3]
    np.testing.assert_allclose(row["function"], found, atol=0.05)
    assert row["feature_movement"] == pytest.approx(float(moved.norm() / start.norm()), rel=0.05)


def test_what_features_do_is_told_from_the_kernel_held_at_its_start():
    """The same network, trained to the end with the kernel of its start."""
    p, m, kappa, seed = task("circle"), 128, 1.0, 2
    net = it.EquilibriumNetwork(2, m, implicit_scale=CIRCLE_SCALE, output_scale=kappa, seed=seed)
    with torch.no_grad():
        K, cross = (it.network_kernels(net, *x).implicit for x in ((p.X,), (p.X_test, p.X)))
        end = net(p.X_test) + cross @ torch.linalg.solve(K, p.y - net(p.X))
    frozen = float((end - p.y_test).square().mean())
    row = circle_runs(m, kappa).set_index("seed").loc[seed]
    assert row["features"] == pytest.approx(row["test_error"] - frozen, abs=1e-3)


def test_the_band_is_that_of_sampled_initializations():
    kappa, p, found = 2.0, task("circle"), circle_prediction(2.0)
    n = len(p.y)
    kernels = it.limit_kernels(torch.cat([p.X, p.X_test]), implicit_scale=CIRCLE_SCALE)
    values, vectors = torch.linalg.eigh(kernels.forward)
    generator = torch.Generator().manual_seed(0)
    draw = torch.randn(len(values), 5000, generator=generator, dtype=torch.float64)
    f0 = kappa * vectors @ (values.clamp(min=0).sqrt()[:, None] * draw)
    K = kernels.implicit
    end = f0[n:] + K[n:, :n] @ torch.linalg.solve(K[:n, :n], p.y[:, None] - f0[:n])
    low, high = found.band
    inside = ((end > low[:, None]) & (end < high[:, None])).double().mean()
    assert float(inside) == pytest.approx(math.erf(math.sqrt(2)), abs=0.02)
    torch.testing.assert_close(end.mean(dim=1), found.mean, atol=0.1, rtol=0)
    assert float((end - p.y_test[:, None]).square().mean()) == pytest.approx(found.test_error, rel=0.05)


def test_the_picture_shows_every_finished_network_and_no_other():
    for width, kappa in ((64, 0.2), (512, 0.1), (128, 1.0), (32, 0.1)):
        (shown,) = [t for t in circle_functions(width, kappa).data if t.name == "networks"]
        y = np.array(shown.y, dtype=float)
        done = circle_runs(width, kappa)
        assert np.isnan(y).sum() == len(done)
        expected = [np.append(f, np.nan) for f in done["function"]]
        np.testing.assert_array_equal(y, np.concatenate([*expected, []]))
        lost = len(CIRCLE_SEEDS) - len(done)
        assert (f"{lost} of 8" in circle_lost(width, kappa)) == (lost > 0)


def test_a_mean_needs_two_networks():
    counts = {(m, k): len(circle_runs(m, k)) for m in CIRCLE_WIDTHS for k in CIRCLE_OUTPUTS}
    assert {cell for cell, n in counts.items() if circle_mean(*cell) is None} == {
        cell for cell, n in counts.items() if n < 2
    }
    stored = CIRCLE.stored
    rows = [dict(zip(stored["columns"], row, strict=True)) for row in stored["rows"]]
    chosen = [r["test_error"] for r in rows if (r["width"], r["output_scale"]) == (256, 5.0)]
    assert circle_mean(256, 5.0).value == pytest.approx(sum(chosen) / 8)


def test_the_gap_is_where_no_sample_is_for_eighty_degrees():
    x = np.arange(0, 360, 7.5)
    shown = np.array(circle_runs(256, 1.0)["function"].tolist())[:, :-1]
    off = ((shown - circle_target(x)) ** 2).sum(axis=0)
    assert gap_share(256, 1.0) == pytest.approx(off[(x >= 230) & (x <= 308)].sum() / off.sum())


def test_in_the_gap_is_what_the_picture_shows_at_270_degrees():
    networks, limit, truth = in_the_gap(128, 0.5)
    assert truth == pytest.approx(math.sin(1.5 * math.pi) + 0.6 * math.cos(6 * math.pi))
    shown = {t.name: t for t in circle_functions(128, 0.5).data}
    at = np.array(shown["networks"].x, dtype=float) == 270
    assert sorted(networks) == sorted(np.array(shown["networks"].y, dtype=float)[at])
    mean = shown["mean at infinite width"]
    assert limit == pytest.approx(mean.y[list(mean.x).index(270)])
