"""The figures of chapter 7 show what C15 and C21 say, checked by routes that the figures do not take."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pandas as pd
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.book import ch07_a_bound_you_can_compute as fig
from implicit_tutorial.book.ch07_a_bound_you_can_compute.setting import SUMMANDS
from implicit_tutorial.book.ch07_a_bound_you_can_compute.studies import (
    BOUND,
    DIGITS_BOUND,
    DIGITS_BOUND_SEEDS,
    DIGITS_BOUND_TRAINED,
    DIGITS_LIMIT,
    VARIED,
)
from implicit_tutorial.book.says import UntrueSentenceError
from implicit_tutorial.book.tasks import CIRCLE_SAMPLES, circle_target, task
from implicit_tutorial.generalization.confidence import largest_error, maurer
from tests.book.traces import trace

#: Modules, whose names in the room are those of the figures.
_ROOM = f"{fig.__name__}."
AXES = importlib.import_module(_ROOM + "digits_bound").AXES
prices = importlib.import_module(_ROOM + "spread_price").prices
ANGLES, bound, posterior, samples = (
    vars(importlib.import_module(_ROOM + "circle_bound"))[name]
    for name in ("ANGLES", "bound", "posterior", "samples")
)
OUTPUTS, distance, tangent, trained = (
    vars(importlib.import_module(_ROOM + "posterior_means"))[name]
    for name in ("OUTPUTS", "distance", "tangent", "trained")
)


def test_every_stored_bound_is_above_the_loss_that_it_bounds():
    finished = BOUND.table.query("status == 'finished'")
    assert len(finished) > 30
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


# ---- the bound on the error of the sign ----

TABLES = {study.name: study for study in (DIGITS_BOUND, DIGITS_BOUND_SEEDS, DIGITS_BOUND_TRAINED)}


@pytest.mark.parametrize("study", TABLES.values(), ids=TABLES)
def test_every_stored_bound_follows_from_its_terms_and_is_above_the_error(study):
    t = study.table[study.table["status"] == "finished"]
    assert len(t) >= 0.7 * len(study.cells)
    for row in t.itertuples():
        budget = (row.divergence + row.choice_term + row.sample_term) / row.n_train
        total = largest_error(row.training_error_at_most, budget)
        assert row.total == pytest.approx(total, rel=1e-4)
        assert row.divergence == pytest.approx((row.log_determinant - row.trace + row.price) / 2, rel=1e-4)
        # For draws that vary little, what finitely many of them cost is known in advance.
        cost = math.log(1 / 0.025) / (0.9 * row.draws)
        assert 0.8 * cost * (1 - row.training_error) < row.training_error_at_most - row.training_error
        assert row.training_error_at_most - row.training_error < 2 * cost
        assert row.total > row.test_error
        assert row.vote_error <= 2 * row.test_error


def test_shuffled_labels_are_never_bounded_below_one_half():
    tables = [study.table[study.table["labels"] == "shuffled"] for study in TABLES.values()]
    totals = pd.concat([t["total"] for t in tables])
    assert len(totals) == 24
    assert totals.min() > 0.5


def test_on_real_digits_the_bound_says_what_was_hoped_for():
    """All confidence included: with 400 draws, and for ten seeds of network, split and draws with 100."""
    assert fig.digits_row(n_train=1200)["total"] < 0.21
    t = DIGITS_BOUND_SEEDS.table.query("labels == 'true'")
    assert sorted(set(t["seed"])) == list(range(10))
    spread = t.groupby("n_train")["total"].agg(["min", "max"])
    assert spread["max"][1200] < 0.28
    assert spread["max"][500] < 0.37
    # A thousand draws instead of a hundred make the training error's limit smaller, and nothing else.
    for n, limit in ((1200, 0.24), (500, 0.33)):
        for row in t[t["n_train"] == n].itertuples():
            saved = math.log(40) / 0.9 * (1 / 100 - 1 / 1000) * (1 - row.training_error)
            budget = (row.divergence + row.choice_term + row.sample_term) / n
            assert largest_error(row.training_error_at_most - 0.9 * saved, budget) <= limit


def test_the_figure_of_digits_shows_the_stored_rows():
    explorer = fig.digits_bound()
    for against, (varied, _, ends) in AXES.items():
        (panel,) = explorer.panels(against=against)
        shown, rows = trace(panel, "bound"), fig.digits_rows(varied)
        assert list(shown["x"]) == list(VARIED[varied])
        np.testing.assert_allclose(shown["y"], rows["total"])
        np.testing.assert_allclose(trace(panel, "test error")["y"], rows["test_error"])
        shuffled = trace(panel, "bound, labels shuffled")
        assert bool(len(shuffled["y"])) == bool(shuffled["showlegend"]) == (varied == "n_train")
        assert all(ends[0] < x < ends[1] for x in VARIED[varied])
        assert "Lowest at" in explorer.readout(against=against)


def test_a_stored_bound_at_infinite_width_is_that_of_the_library():
    d = it.data.digits(n_train=150, n_reference=97)
    b = it.pac_bayes_limit(d.X, d.y, implicit_scale=0.35)
    assert DIGITS_LIMIT.at(n_train=150, implicit_scale=0.35)["total"] == pytest.approx(b.total, rel=1e-5)


def test_the_price_of_a_spread_is_that_of_dense_gaussians():
    """Divergence and training error of one point of the figure, without eigenvalues."""
    d = it.data.digits(n_train=500, n_reference=97)
    K = it.limit_kernels(d.X, implicit_scale=0.5).implicit
    row = prices(1.0).set_index("spread").loc[0.5]
    K = 0.25 * K / K[0, 0]
    gain = torch.linalg.solve(K + torch.eye(500).to(K), K).T
    after = K - gain @ K
    prior, posterior = (
        torch.distributions.MultivariateNormal(m, c + 1e-10 * torch.eye(500).to(c))
        for m, c in ((torch.zeros_like(d.y), K), (gain @ d.y, (after + after.T) / 2))
    )
    divergence = float(torch.distributions.kl_divergence(posterior, prior))
    entropy = (divergence + math.log(maurer(500) / 0.05)) / 500
    assert row["entropy"] == pytest.approx(entropy, rel=1e-4)
    wrong = torch.special.ndtr(-(gain @ d.y) * d.y / after.diagonal().sqrt())
    assert row["training"] == pytest.approx(float(wrong.mean()), rel=1e-4)
    assert row["bound"] == pytest.approx(largest_error(float(wrong.mean()), entropy), rel=1e-4)


def test_the_band_on_the_circle_has_the_errors_of_the_readout():
    for n in (13, 100):
        mean, deviation = posterior(n)
        target = circle_target(ANGLES)
        wrong = torch.special.ndtr(torch.as_tensor(-mean * np.sign(target) / deviation))
        assert bound(n).test_error == pytest.approx(float(wrong[:-1].mean()), rel=1e-6)
        (panel,) = fig.circle_bound().panels(n_samples=n)
        np.testing.assert_allclose(trace(panel, "mean of the posterior")["y"], mean)
        assert len(trace(panel, "samples")["x"]) == n


def test_the_circles_samples_are_independent_and_not_those_placed_by_hand():
    assert len(set(samples(400))) == 400
    assert not set(samples(13)) & set(CIRCLE_SAMPLES)
    assert np.abs(np.exp(1j * np.radians(samples(400))).mean()) < 0.1


def test_the_figure_of_means_shows_the_stored_rows():
    explorer = fig.posterior_means()
    for kappa in OUTPUTS:
        (panel,) = explorer.panels(output_scale=kappa)
        np.testing.assert_allclose(trace(panel, "bound")["y"], trained(kappa)["total"])
        level = trace(panel, "bound of the tangent's mean")["y"]
        assert set(level) == {tangent(kappa)["total"]}
    # Were training lazy, κ times the distance would be the same.
    assert distance(1.0)[0.1] < 0.9 * distance(10.0)[0.1]


def test_the_words_that_the_bound_is_above_would_stop_the_page(monkeypatch):
    module = importlib.import_module(f"{fig.__name__}.digits_bound")
    table = DIGITS_BOUND.table.copy()
    table.loc[0, "test_error"] = 0.9
    monkeypatch.setitem(vars(DIGITS_BOUND), "table", table)
    with pytest.raises(UntrueSentenceError, match="above the test error everywhere"):
        module._above()
