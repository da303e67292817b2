"""Chapter 11: its figures say what the tables and the stored runs say, and its advice is worth taking."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes

import implicit_tutorial as it
from implicit_tutorial.advice.candidates import margin
from implicit_tutorial.book import ch11_your_own_data as fig
from implicit_tutorial.book.ch11_your_own_data.scaling_steps import STEPS, inputs
from implicit_tutorial.book.ch11_your_own_data.setting import TABLES, scaled
from implicit_tutorial.book.ch11_your_own_data.studies import (
    ADVICE,
    MAP_WIDTH,
    SCALE_MAP,
    TASKS,
    data_of,
)
from tests.book.traces import trace


def test_the_files_hold_the_tables_of_scikit_learn() -> None:
    cancer = it.data.read_csv(fig.csv("breast cancer"), target="diagnosis")
    np.testing.assert_array_equal(cancer.X.numpy(), load_breast_cancer().data)
    assert cancer.classes == ("benign", "malignant")
    # In scikit-learn 0 is malignant.
    np.testing.assert_array_equal(cancer.y.numpy(), 1 - 2 * load_breast_cancer().target)
    diabetes = it.data.read_csv(fig.csv("diabetes"), target="progression")
    np.testing.assert_array_equal(diabetes.X.numpy(), load_diabetes(scaled=False).data)
    np.testing.assert_array_equal(diabetes.y.numpy(), load_diabetes().target)


@pytest.mark.parametrize("task", TASKS)
def test_no_input_is_in_both_parts_of_a_split(task: str) -> None:
    for seed in (0, 1):
        X, y, X_test, y_test = data_of(task, seed)
        assert (len(y), len(y_test)) == (len(X), len(X_test))
        assert float(torch.cdist(X, X_test).min()) > 0
    assert not torch.equal(data_of(task, 0).X, data_of(task, 1).X)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("step", STEPS)
def test_angles_and_spectrum_are_those_of_the_inputs(table: str, step: str) -> None:
    Z = torch.nn.functional.normalize(inputs(table, step), dim=1)
    i, j = np.triu_indices(len(Z), 1)
    cosines = np.clip((Z @ Z.T).numpy()[i, j], -1, 1)
    np.testing.assert_allclose(fig.angles(table, step), np.degrees(np.arccos(cosines)), atol=1e-4)
    # K is homogeneous of degree one in each input's length.
    K = it.limit_kernels(Z, implicit_scale=0.5).implicit
    length = inputs(table, step).norm(dim=1)
    values = torch.linalg.eigvalsh(K * length[:, None] * length).flip(0)
    np.testing.assert_allclose(
        fig.spectrum(table, step)[:20], (values / values.sum())[:20].numpy(), rtol=1e-6
    )


def test_the_histogram_counts_each_pair_once() -> None:
    panel = fig.scaling_steps().panels(step="on the sphere")[0]
    shares = trace(panel, "pairs")["y"]
    assert sum(shares) == pytest.approx(1)
    below = np.mean(fig.angles(TABLES[0], "on the sphere") < 90)
    assert sum(shares[:18]) == pytest.approx(below, abs=1e-3)


@pytest.mark.parametrize("table", TABLES)
def test_the_lazy_law_and_the_held_out_error_are_those_of_kernel_regression(table: str) -> None:
    chosen, sample = fig.held_out(table, 0.5), scaled(table)
    K = it.limit_kernels(sample.Z, implicit_scale=0.5).implicit
    R = torch.linalg.inv(K + chosen.ridge * torch.eye(len(K)).double())
    assert chosen.error == pytest.approx(float((R @ sample.y / R.diagonal()).square().mean()), rel=1e-6)
    values, vectors = torch.linalg.eigh(K)
    way = ((1 - torch.exp(-values / chosen.ridge)) ** 2 / values) @ (vectors.T @ sample.y) ** 2
    expected = 0.5 * math.sqrt(float(way) / MAP_WIDTH) / 2.0
    assert fig.lazy_movement(table, 0.5, 2.0) == pytest.approx(expected, rel=1e-6)


def test_the_figure_of_the_scales_shows_the_stored_networks() -> None:
    here = {"table": "diabetes", "implicit_scale": 0.3, "output_scale": 4.0}
    error, moved, condition = fig.which_scales().panels(**here)
    rows = SCALE_MAP.table.query("task == 'diabetes' and output_scale == 4.0")
    assert sorted(trace(error, "networks")["y"]) == pytest.approx(sorted(rows.test_error))
    rows = SCALE_MAP.table.query("task == 'diabetes' and implicit_scale == 0.3")
    assert sorted(trace(moved, "networks")["y"]) == pytest.approx(sorted(rows.movement))
    assert sorted(trace(condition, "networks")["y"]) == pytest.approx(sorted(rows.monotone))
    assert trace(moved, "to spare")["y"][0] == pytest.approx(1 - math.sqrt(2) * 0.3)


def test_a_lazy_movement_within_the_margin_keeps_a_network_monotone() -> None:
    """What the choice of κ rests on: of the stored networks none breaks it, and some beyond it fail."""
    table = SCALE_MAP.table
    assert (table.status == "finished").all()
    law = [fig.lazy_movement(r.task, r.implicit_scale, r.output_scale) for r in table.itertuples()]
    within = np.array(law) <= [margin(s) for s in table.implicit_scale]
    assert within.sum() > 20
    assert (table.monotone[within] < 1).all()
    assert (table.monotone[~within] >= 1).any()


def test_the_comparison_shows_the_stored_errors() -> None:
    panel = fig.against_others().panels(task="digits")[0]
    rows = ADVICE.table.query("task == 'digits' and method == 'default'").sort_values("seed")
    assert trace(panel, "default scales")["x"] == pytest.approx(list(rows.test_error))
    grid = ADVICE.table.query("task == 'digits' and method == 'grid'").sort_values("seed")
    assert trace(panel, "its best, seen afterwards")["x"] == pytest.approx(list(grid.best_error))
    product = np.prod(fig.errors("digits").advised / fig.errors("digits").grid) ** 0.1
    assert fig.ratios("grid")["digits"] == pytest.approx(float(product))


def test_every_method_finished_on_every_split() -> None:
    assert (ADVICE.table.status == "finished").all()
    assert ADVICE.table.test_error.notna().all()
