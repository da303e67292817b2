"""The figures of chapter 7 show what C15 says, checked by routes that the figures do not take."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.book import ch07_a_bound_you_can_compute as fig
from implicit_tutorial.book.ch07_a_bound_you_can_compute.label_disorder import (
    N_INPUTS,
    N_SAMPLES,
    N_TEST,
    SCALE,
    TARGETS,
    disorder,
)
from implicit_tutorial.book.ch07_a_bound_you_can_compute.setting import SUMMANDS
from implicit_tutorial.book.ch07_a_bound_you_can_compute.studies import BOUND
from implicit_tutorial.book.ch07_a_bound_you_can_compute.two_prices import TARGETS as PRICED
from implicit_tutorial.book.ch07_a_bound_you_can_compute.two_prices import _sample, measured
from implicit_tutorial.book.says import UntrueSentenceError
from implicit_tutorial.book.tasks import task
from tests.book.traces import trace


def test_every_stored_bound_is_above_the_loss_that_it_bounds():
    finished = BOUND.table.query("status == 'finished'")
    assert len(finished) > 40
    # What is infinite is stored as missing: there ‖A₀‖₂ + r ≥ 1.
    infinite = finished["total"].isna()
    assert (infinite == (finished["norm"] + finished["radius"] >= 1)).all()
    bounded = finished[~infinite]
    total = bounded[list(SUMMANDS)].sum(axis=1)
    np.testing.assert_allclose(total, bounded["total"], rtol=1e-4)
    assert (bounded["total"] > bounded["test_loss"]).all()
    ratio = finished["radius"] / finished["movement"]
    assert ratio.between(1 - 1e-6, 2 + 1e-6).all()


def test_the_linear_term_is_that_of_random_signs():
    """√E‖Σ ε_i J_i‖² by sampling signs, with the Jacobian of a new network by autograd."""
    r = fig.row("true", 0.2, 100.0)
    X = task("linear", n_samples=200, n_inputs=3).X
    net = it.EquilibriumNetwork(3, 512, implicit_scale=0.2, output_scale=100.0, centered=True, seed=0)
    generator = torch.Generator().manual_seed(0)
    squares = []
    for _ in range(40):
        signs = (torch.rand(200, generator=generator, dtype=torch.float64) < 0.5) * 2.0 - 1.0
        (gradient,) = torch.autograd.grad((signs * net(X)).sum(), net.Theta)
        squares.append(float(gradient.square().sum()) * 512 / 0.2**2)
    linear = 2 * r["radius"] / 200 * np.mean(squares) ** 0.5
    assert r["linear"] == pytest.approx(linear, rel=0.2)


def test_the_remainder_fades_and_the_linear_term_stays():
    true = [fig.row("true", 0.2, k) for k in (1.0, 1e2, 1e5)]
    assert true[0]["remainder"] > 100 * true[1]["remainder"] > 1000 * true[2]["remainder"]
    linear = [r["linear"] for r in true]
    assert max(linear) < 2.1 * min(linear)  # the radius is rounded up to a power of two
    assert fig.row("shuffled", 0.2, 1e5)["linear"] > 1
    assert fig.least("shuffled", "linear") > 1


def test_the_loss_of_nothing_learned():
    y = it.data.linear(it.data.sphere(200_000, 3, seed=3))
    assert float(y.abs().clamp(max=1).mean()) == pytest.approx(fig.nothing_learned(), rel=3e-3)


def test_a_panel_shows_the_stored_row_and_hides_an_unfinished_one():
    explorer = fig.bound_terms()
    left, right = explorer.panels(implicit_scale=0.2, output_scale=1e5)
    r = fig.row("true", 0.2, 1e5)
    assert trace(left, "terms of the bound")["y"][-1] == pytest.approx(r["total"])
    assert trace(left, "test loss")["y"][0] == pytest.approx(r["test_loss"])
    assert f"≤ {r['total']:.3g}, vacuous; largest term: linear" in explorer.readout(
        implicit_scale=0.2, output_scale=1e5
    )
    assert "remainder is unbounded" in explorer.readout(implicit_scale=0.4, output_scale=1.0)
    unfinished = BOUND.table.query("status != 'finished'").iloc[0]
    state = {"implicit_scale": unfinished["implicit_scale"], "output_scale": unfinished["output_scale"]}
    _, right = explorer.panels(**state)
    assert len(trace(right, "terms of the bound")["y"]) == 0
    assert not trace(right, "test loss")["showlegend"], "the legend lists what is drawn"
    one, nothing = (trace(right, name)["line"]["dash"] for name in ("vacuous above", "f = 0"))
    assert one != nothing, "the two levels are told apart"
    assert "no network to bound" in explorer.readout(**state)


def test_linear_and_confidence_term_fall_like_one_over_the_root_of_n():
    rows = fig.by_samples(1e5)
    assert rows["n_samples"].is_monotonic_increasing
    slope = np.polyfit(np.log(rows["n_samples"]), np.log(rows["confidence"]), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.02)
    slope = np.polyfit(np.log(rows["n_samples"]), np.log(rows["infinite_width"]), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.05)


def test_the_first_useful_sample_size_is_where_the_bound_beats_a_constant():
    rows = fig.by_samples(1e5).set_index("n_samples")["total"]
    first = fig.first_useful(1e5)
    assert rows[first] < fig.nothing_learned()
    assert rows[[n for n in rows.index if n < first][-1]] >= fig.nothing_learned()
    assert "beats" in fig.bound_samples().readout(output_scale=1e5)
    assert "does not beat" in fig.bound_samples().readout(output_scale=1e2)


@pytest.mark.parametrize("target", PRICED)
def test_both_prices_by_the_inverse_and_by_samples_of_f0(target):
    p = fig.prediction(target, 0.9)
    X, y = _sample(target)
    kernels = it.limit_kernels(X, implicit_scale=0.9)
    inverse = torch.linalg.inv(kernels.implicit)
    assert p.labels_price == pytest.approx(float(y @ inverse @ y), rel=1e-6)
    generator = torch.Generator().manual_seed(0)
    f0 = torch.linalg.cholesky(kernels.forward) @ torch.randn(
        len(X), 20_000, generator=generator, dtype=torch.float64
    )
    assert p.initialization_price == pytest.approx(float((f0 * (inverse @ f0)).sum(0).mean()), rel=0.02)


def test_networks_lie_near_the_prices_at_infinite_width():
    p = fig.prediction("linear", 0.3)
    for kappa in (0.1, 10.0):
        expected = np.hypot(p.bound_labels, kappa * p.bound_initialization)
        assert measured("linear", 0.3, kappa) == pytest.approx(expected, rel=0.35)
    assert measured("linear", 0.3, 10.0) > 3 * measured("linear", 0.3, 0.1)


@pytest.mark.parametrize("target", TARGETS)
def test_bound_and_test_loss_rise_with_disorder(target):
    bound, test = disorder(target)
    assert (np.diff(bound[:6]) > 0).all()
    assert bound[1] > 1
    assert bound[-1] > 10 * bound[0]
    assert test[-1] > 4 * test[0]
    assert (bound > test).all()
    X = it.data.sphere(N_SAMPLES, N_INPUTS, seed=0)
    X_test = it.data.sphere(N_TEST, N_INPUTS, seed=1)
    K, cross = (it.limit_kernels(*x, implicit_scale=SCALE).implicit for x in ((X,), (X_test, X)))
    y, y_test = it.data.TARGETS[target](X), it.data.TARGETS[target](X_test)
    f = cross @ torch.linalg.solve(K, y)
    assert test[0] == pytest.approx(float((f - y_test).abs().clamp(max=1).mean()), rel=1e-6)


def test_the_remainder_does_not_fall_with_n():
    for kappa in (1e2, 1e5):
        remainder = fig.by_samples(kappa)["remainder"]
        assert remainder.iloc[-1] == pytest.approx(remainder.iloc[0], rel=0.03)


def test_the_words_bound_and_test_loss_rise_together_would_stop_the_page(monkeypatch):
    """With the last tenth of the labels the bound falls, and the caption says so."""
    module = importlib.import_module(f"{fig.__name__}.label_disorder")
    assert all(disorder(target)[0][-1] < disorder(target)[0][-2] for target in TARGETS)

    def rising(target):
        bound, test = disorder(target)
        return np.maximum.accumulate(bound), test

    monkeypatch.setattr(module, "disorder", rising)
    with pytest.raises(UntrueSentenceError, match="rise together until nine"):
        fig.label_disorder()
