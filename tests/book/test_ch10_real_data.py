"""Chapter 10: its figures say what the images, the stored runs and independent computations say."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import implicit_tutorial as it
from implicit_tutorial.book import ch10_real_data as fig
from implicit_tutorial.book.ch04_solving_and_differentiating import film, rotating_digit
from implicit_tutorial.book.ch10_real_data.circle_and_digits import SHUFFLED, half, shuffled_price
from implicit_tutorial.book.ch10_real_data.digit_laws import _way
from implicit_tutorial.book.ch10_real_data.digit_mistakes import pictures, ranked
from implicit_tutorial.book.ch10_real_data.label_modes import CHOICES, labels, price, shares, spectrum
from implicit_tutorial.book.ch10_real_data.setting import images
from implicit_tutorial.book.ch10_real_data.studies import LAYERS
from implicit_tutorial.book.circle import CIRCLE
from implicit_tutorial.book.tasks import task
from tests.explorer.test_style import contrast


def test_the_predictor_is_kernel_regression_on_the_images():
    d = images()
    K, cross = (it.limit_kernels(*x, implicit_scale=0.5).implicit for x in ((d.X,), (d.X_test, d.X)))
    f = cross @ torch.linalg.solve(K, d.y)
    torch.testing.assert_close(fig.prediction().mean, f, rtol=1e-6, atol=1e-8)
    assert fig.prediction().bias2 == pytest.approx(float((f - d.y_test).square().mean()))
    assert price("even or odd") == pytest.approx(float(d.y @ torch.linalg.solve(K, d.y)), rel=1e-6)
    row = fig.kernels().iloc[1]
    assert (row["task"], row["n_train"]) == ("parity", 500)
    assert row["correct"] == int((f.sign() == d.y_test).sum())


def test_each_interval_is_wilsons():
    for _, row in fig.networks().iterrows():
        n, p, z = row["n_test"], row["correct"] / row["n_test"], 1.959964
        centre, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        found = fig.accuracy(row)
        assert found.low == pytest.approx((centre - half) / (1 + z**2 / n), rel=1e-6)
        assert found.high == pytest.approx((centre + half) / (1 + z**2 / n), rel=1e-6)


def test_intervals_of_the_two_overlap_and_networks_are_above_their_limit():
    for (_, _, _), group in fig.networks().groupby(["task", "width", "n_train"]):
        both = {layers: rows for layers, rows in group.groupby("layers")}
        for _, a in both["implicit layer"].iterrows():
            for _, b in both["all layers"].iterrows():
                one, other = fig.accuracy(a), fig.accuracy(b)
                assert one.low < other.high
                assert other.low < one.high
    for layers in LAYERS:
        rows = fig.runs(layers)
        assert len(rows) == 6
        assert (rows["test_error"] > fig.prediction(layers).test_error).all()


def test_movement_falls_like_one_over_root_width():
    rows = fig.runs("implicit layer")
    slope = np.polyfit(np.log(rows["width"]), np.log(rows["movement"]), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.08)
    for layers in LAYERS:
        rows = fig.runs(layers)
        share = rows["movement"] / [fig.lazy_movement(m, layers) for m in rows["width"]]
        assert share.between(0.6, 1).all()


def test_the_lazy_way_of_a_is_that_of_a_linear_flow():
    """Of the implicit layer alone it is the price of C16; of all layers, ∫e dt in the flow of their sum."""
    assert _way("implicit layer") == pytest.approx(fig.prediction().squared_distance, rel=1e-6)
    kernels = it.limit_kernels(images().X, implicit_scale=0.5)
    values, vectors = torch.linalg.eigh(kernels.implicit + kernels.output + kernels.input)
    travelled = (vectors / values) @ vectors.T
    e0 = torch.cat([images().y[:, None], torch.linalg.cholesky(kernels.forward)], dim=1)
    way = ((travelled @ e0) * (kernels.implicit @ travelled @ e0)).sum()
    assert _way("all layers") == pytest.approx(float(way), rel=1e-6)


def test_the_shares_of_the_labels_are_those_of_their_projection():
    values, vectors = spectrum()
    assert (values[:-1] >= values[1:]).all()
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(500, dtype=torch.float64))
    for choice in CHOICES:
        share = shares(choice)
        assert share[-1] == pytest.approx(1)
        y = labels(choice)
        projected = vectors[:, :20] @ (vectors[:, :20].T @ y)
        assert share[19] == pytest.approx(float(projected.square().sum() / y.square().sum()))
    assert shares("even or odd")[19] > 0.4
    assert shares("even or odd, shuffled")[19] < 0.15
    assert sorted(labels("even or odd, shuffled").tolist()) == sorted(labels("even or odd").tolist())


def test_the_picture_is_the_image_that_was_classified():
    data, d = load_digits(), images()
    assert len(pictures()) == len(d.y_test)
    i = ranked()[0]
    picture = pictures()[i]
    match = np.flatnonzero((data.images == picture).all(axis=(1, 2)))
    assert data.target[match[0]] == int(d.labels_test[i])
    shown = fig.digit_mistakes().panels(rank=1)[0]["data"][0]["z"]
    np.testing.assert_array_equal(np.asarray(shown)[::-1], picture)


def test_digits_look_the_same_in_all_chapters():
    """Ink on paper of fixed colours, which no theme changes; the first row of an image is at the top."""
    seen = []
    for explorer in (fig.digit_mistakes(), rotating_digit()):
        seen.append(explorer.panels()[0]["data"][0])
        assert "autorange" not in explorer.panels()[0]["layout"]["yaxis"]
    looks = [{k: d[k] for k in ("type", "colorscale", "zmin", "zmax", "showscale")} for d in seen]
    assert looks[0] == looks[1]
    (_, paper), (_, ink) = looks[0]["colorscale"]
    assert contrast(paper, ink) > 15
    _, images, _ = film(rotating_digit().start["angle_step"])
    np.testing.assert_allclose(seen[1]["z"][::-1][:, :8], images[0].round(2), atol=0.01)


def test_the_mistakes_are_all_that_are_wrong_and_sorted():
    f, y = fig.prediction().mean, images().y_test
    assert len(ranked()) == int((f.sign() != y).sum())
    sureness = [abs(float(f[i])) for i in ranked()]
    assert sureness == sorted(sureness, reverse=True)


def test_each_row_names_its_wrong_images():
    for frame in (fig.networks(), fig.kernels()):
        for _, row in frame.iterrows():
            numbers = [int(i) for i in row["wrong"].split()]
            assert len(set(numbers)) == row["n_test"] - row["correct"]
            assert all(0 <= i < row["n_test"] for i in numbers)
    row = fig.kernels().query("task == 'parity' and n_train == 500 and layers == 'implicit layer'").iloc[0]
    assert {int(i) for i in row["wrong"].split()} == set(ranked())


def test_the_paired_test_is_mcnemars():
    """Two of seven pairs of networks differ by more than images explain, though all intervals overlap."""
    pairs = fig.pairs()
    for row in pairs.itertuples():
        n, k = row.only_implicit + row.only_all, min(row.only_implicit, row.only_all)
        tail = sum(math.comb(n, i) for i in range(k + 1)) / 2**n
        assert row.p == pytest.approx(min(1, 2 * tail))
    rows = fig.networks().query("task == 'parity' and width == 128 and seed == 1").set_index("layers")
    pair = pairs.query("task == 'parity' and width == 128 and seed == 1").iloc[0]
    gain = rows["correct"]["all layers"] - rows["correct"]["implicit layer"]
    assert pair["only_all"] - pair["only_implicit"] == gain == 13
    told = pairs[pairs["p"] < 0.05]
    assert list(zip(told["width"], told["seed"], strict=True)) == [(128, 1), (512, 1)]
    assert len(fig.pair_table().splitlines()) == 2 + len(pairs)


def test_the_table_of_pairs_says_what_the_rows_hold():
    head, _, *lines = fig.pair_table().splitlines()
    assert max(map(len, [head, *lines])) <= 80, "it fits the column"
    for line, row in zip(lines, fig.pairs().itertuples(), strict=True):
        for share in (row.implicit, row.all):
            assert f"{100 * share:.1f} %" in line
        rows = fig.networks() if row.seed >= 0 else fig.kernels()
        same = rows[(rows.task == row.task) & (rows.n_train == row.n_train)]
        if row.seed >= 0:
            same = same[(same.width == row.width) & (same.seed == row.seed)]
        right = same.set_index("layers").correct / same.set_index("layers").n_test
        assert row.implicit == pytest.approx(right["implicit layer"])
        assert row.all == pytest.approx(right["all layers"])


def test_the_price_of_shuffled_labels_is_the_mean_over_all_orders():
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(5, 5, generator=generator, dtype=torch.float64)
    K, y = root @ root.T + torch.eye(5), torch.randn(5, generator=generator, dtype=torch.float64)
    orders = [y[list(order)] for order in itertools.permutations(range(5))]
    expected = np.mean([float(o @ torch.linalg.solve(K, o)) for o in orders])
    assert shuffled_price(K, y) == pytest.approx(expected, rel=1e-9)


def test_half_of_the_labels_is_held_by_the_fastest_modes():
    K = torch.diag(torch.tensor([1.0, 5.0, 3.0, 2.0], dtype=torch.float64))
    y = torch.tensor([9.0, 1.0, 1.0, 1.0], dtype=torch.float64)
    assert half(K, y) == 1, "all of them, down to the slowest"
    assert half(K, torch.tensor([0.0, 2.0, 1.0, 1.0], dtype=torch.float64)) == 0.25


def test_circle_and_digits_are_compared_like_with_like():
    found = fig.compared()
    circle, digits = found["error over that at infinite width, m = 128"]
    p = it.infinite_width_prediction(*task("circle"), implicit_scale=0.8)
    rows = CIRCLE.table.query("width == 128 and output_scale == 1 and status == 'finished'")
    assert circle == pytest.approx(rows.test_error.mean() / p.test_error, rel=1e-4)
    chosen = "task == 'parity' and layers == 'implicit layer' and width == 128"
    assert digits == pytest.approx(
        fig.networks().query(chosen).test_error.mean() / fig.prediction().test_error
    )
    assert found[SHUFFLED][1] == pytest.approx(
        price("even or odd, shuffled") / price("even or odd"), rel=0.05
    ), "one order is near the mean of all"
    assert len(fig.circle_and_digits().splitlines()) == 2 + len(found)
