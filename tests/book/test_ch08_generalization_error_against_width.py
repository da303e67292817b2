"""The figures of chapter 8 show what the stored runs say, checked by routes that the figures do not take."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

import implicit_tutorial as it
from implicit_tutorial.book import ch08_generalization_error_against_width as fig
from implicit_tutorial.book.ch08_generalization_error_against_width.setting import SETTINGS
from implicit_tutorial.book.ch08_generalization_error_against_width.studies import WIDTH
from implicit_tutorial.book.circle import circle_prediction, circle_runs
from implicit_tutorial.book.tasks import task
from implicit_tutorial.explorer.computed import call, steps
from tests.book.traces import trace


def test_a_mean_is_that_of_the_stored_rows():
    """Read from the file itself, without pandas."""
    stored = WIDTH.stored
    rows = [dict(zip(stored["columns"], row, strict=True)) for row in stored["rows"]]
    chosen = [
        r["test_error"]
        for r in rows
        if (r["target"], r["output_scale"], r["width"], r["status"]) == ("linear", 3.0, 128, "finished")
    ]
    assert len(chosen) > 3
    mean = fig.mean_error("linear, κ = 3")[128]
    assert mean.value == pytest.approx(sum(chosen) / len(chosen))
    assert min(chosen) < mean.value < max(chosen)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_selects_one_curve(name):
    found = fig.rows(name)
    per_seed = found.groupby(["width", "seed"]).size()
    assert (per_seed == 1).all(), "two curves under one name"
    assert fig.lost(name) == len(found) - len(fig.finished(name))
    done = fig.finished(name)
    parts = done["fluctuation"] + done["features"]
    np.testing.assert_allclose(parts, done["total"], atol=1e-6)


def test_the_line_is_the_prediction_of_the_library():
    expected = it.infinite_width_prediction(
        *task("linear + quadratic"), implicit_scale=0.5, output_scale=3.0
    ).test_error
    assert fig.infinite("linear + quadratic, κ = 3") == pytest.approx(expected, rel=1e-4)
    panel = fig.error_against_width().panels(setting="linear + quadratic, κ = 3")[0]
    np.testing.assert_allclose(trace(panel, "infinite width (mean-field)")["y"], expected, rtol=1e-4)


def test_the_constant_is_a_weighted_least_squares_fit():
    name = "linear + quadratic, κ = 3"
    done = fig.finished(name).query("width >= 64")
    done = done[done.groupby("width")["width"].transform("size") >= 3]
    x = 1 / done["width"].to_numpy(dtype=float)
    C = np.linalg.lstsq(x[:, None], done["total"].to_numpy(), rcond=None)[0][0]
    assert fig.laws()[name].C.value == pytest.approx(C, rel=1e-9)
    assert name in fig.law_table()


def test_low_frequencies_are_approached_from_below_and_noise_from_above():
    signs = {name: fit.C.sign for name, fit in fig.laws().items()}
    assert all(signs[f"{t}, κ = {k}"] == -1 for t in ("linear", "linear + quadratic") for k in (0.5, 1, 3))
    assert signs["pure noise"] == 1
    assert fig.laws("features")["pure noise"].C.sign == 1
    assert fig.laws("features")["linear, κ = 1"].C.sign == -1
    readout = fig.constants().readout(part="all of it")
    assert f"{list(signs.values()).count(-1)} have a negative C and 1 a positive one" in readout
    assert "1 is undecided" in fig.constants().readout(part="features that move")
    assert "1 has a negative C" in fig.constants().readout(part="a finite kernel")


def test_the_features_move_less_in_wider_networks():
    moved = fig.movement("linear, κ = 3")
    slope = np.polyfit(np.log(moved.index), np.log(moved), 1)[0]
    assert -1.2 < slope < -0.4
    readout = fig.error_against_width().readout(setting="linear, κ = 3")
    assert f"by {100 * moved[512]:.0f} % at m = 512" in readout


def test_on_the_circle_each_mean_is_that_of_the_points_above_it():
    for width, kappa in ((32, 5.0), (512, 0.5)):
        panel = fig.circle_width().panels(width=width, output_scale=kappa)[1]
        points, means = trace(panel, "one network"), trace(panel, "mean")
        x, y = (np.array(points[axis]) for axis in "xy")
        for m, mean in zip(means["x"], means["y"], strict=True):
            assert mean == pytest.approx(y[x == m].mean())
        line = trace(panel, "infinite width")["y"]
        expected = it.infinite_width_prediction(
            *task("circle"), implicit_scale=0.8, output_scale=kappa
        ).test_error
        np.testing.assert_allclose(line, expected, rtol=1e-6)
        (ring,) = [t for t in panel["data"] if t.get("marker", {}).get("symbol") == "circle-open"]
        assert list(ring["x"]) == [width]


def test_the_page_trains_a_network_as_the_study_did():
    """From the weights of one of its networks, whose output is not centred."""
    net = it.EquilibriumNetwork(2, 64, implicit_scale=0.8, output_scale=5.0, seed=3)
    weights = {"G": net.Theta.detach(), "W": net.W.detach(), "v": net.v.detach()}
    computation = fig.circle_width().computation
    state = computation.inputs({"time": 0, "width": 64, "output_scale": 5.0}) | weights
    state |= call(computation.begin, state)
    np.testing.assert_allclose(
        call(computation.observe, state)["0/this network/y"], net(state["grid"]).detach(), atol=1e-10
    )
    for _ in range(steps(100, float(state["step"]))):
        state |= call(computation.advance, state)
    shown = call(computation.observe, state)
    row = circle_runs(64, 5.0).set_index("seed").loc[3]
    np.testing.assert_allclose(shown["0/this network/y"], row["function"], atol=0.1)
    assert float(shown["error"]) == pytest.approx(row["test_error"], rel=0.1)


def test_between_the_stops_nothing_is_shown_of_the_study_and_the_limit_moves_on():
    explorer = fig.circle_width()
    at, off = (explorer.panels(width=m, output_scale=k, time=0) for m, k in ((128, 0.5), (129, 0.6)))
    for panel, name in ((0, "networks"), (1, "one network"), (1, "mean"), (1, "shown")):
        assert np.isfinite(trace(at[panel], name)["y"]).any()
        assert np.isnan(trace(off[panel], name)["y"]).all()
    shown = trace(at[0], "networks")["y"].reshape(8, -1)[:, :-1]
    np.testing.assert_allclose(shown, circle_runs(128, 0.5)["function"].tolist(), atol=0.006)
    limit = circle_prediction(0.6)
    outline = trace(off[0], "± two deviations")["y"]
    np.testing.assert_allclose(outline[:48], limit.band[1], atol=1e-9)
    np.testing.assert_allclose(outline[::-1][:48], limit.band[0], atol=1e-9)
    np.testing.assert_allclose(trace(off[1], "infinite width")["y"], limit.test_error, rtol=1e-9)


def test_parameters_are_counted_and_errors_averaged():
    implicit, explicit, output = fig.WAYS
    t = fig.spent(implicit, "linear")
    assert set(t.index) <= {m**2 for m in (16, 32, 64, 128, 256, 512, 1024)}
    assert t.loc[128**2] == pytest.approx(fig.mean_error("linear, κ = 1")[128].value)
    assert set(fig.spent(output, "linear").index) <= {2**k for k in range(4, 11)}
    assert all(p % 7 == 0 for p in fig.spent(explicit, "linear").index)
    _, _, *lines = fig.same_parameters().splitlines()
    for target, line in zip(fig.TARGETS, lines, strict=True):
        for way in fig.WAYS:
            best = fig.spent(way, target)
            assert f"{best.min():.3f} with {best.idxmin():,}" in line


def test_all_intervals_are_inside_the_plot():
    explorer = fig.constants()
    for part in explorer.controls[0].values:
        panel = explorer.panels(part=part)[0]
        low, high = panel["layout"]["xaxis"]["range"]
        shown = panel["data"][0]
        value, bars = np.array(shown["x"]), shown["error_x"]
        assert low < (value - np.array(bars["arrayminus"])).min()
        assert (value + np.array(bars["array"])).max() < high


def test_readouts_are_written_as_in_print():
    for explorer in (fig.error_against_width(), fig.constants(), fig.circle_width()):
        for values in itertools.product(*(c.values for c in explorer.controls)):
            said = explorer.readout(**dict(zip((c.name for c in explorer.controls), values, strict=True)))
            assert "_" not in said
            assert not re.search(r"\b1 (are|have)\b", said)


def test_exposed_settings_say_how_many_runs_were_lost():
    name = "linear + quadratic, implicit scale 1.1"
    assert name not in fig.laws()
    assert f"{fig.lost(name)} of {len(fig.rows(name))} runs" in fig.error_against_width().readout(
        setting=name
    )
