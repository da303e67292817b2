"""Chapter 9: its figures say what the stored runs and independent computations say."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.book import ch09_the_scale_of_the_initialization as fig
from implicit_tutorial.book.ch09_the_scale_of_the_initialization import phase_network
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.circle_scale import WIDTHS, excess
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.existence_map import both, minima
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.kappa_law import (
    _GRID,
    predicted,
    ratios,
    runs,
)
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.learning_curves import (
    TARGETS,
    bound_curve,
    network_errors,
)
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.phase_diagram import (
    cells,
    lazy_border,
    run,
    scales,
    widths,
)
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.setting import (
    RICH,
    TARGET,
    lazy_movement,
    lazy_width,
    map_prediction,
)
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.studies import PHASE, great_circle
from implicit_tutorial.book.circle import CIRCLE
from implicit_tutorial.book.tasks import task
from implicit_tutorial.explorer import style
from implicit_tutorial.explorer.computed import call
from tests.book.traces import trace


def test_the_dashed_lines_are_the_sampled_initializations():
    """bias² + κ² var and the squared distance against draws of f₀, carried through the kernel."""
    p, kappa = task(TARGET), 3.0
    kernels = it.limit_kernels(torch.cat([p.X, p.X_test]), implicit_scale=0.5)
    n = len(p.X)
    root = torch.linalg.cholesky(kernels.forward)
    draws = kappa * root @ torch.randn(len(root), 4000, generator=torch.Generator().manual_seed(0)).double()
    K = kernels.implicit
    M = torch.linalg.solve(K[:n, :n], K[:n, n:]).T
    error = draws[n:] + M @ (p.y[:, None] - draws[:n]) - p.y_test[:, None]
    e0 = draws[:n] - p.y[:, None]
    distance = (e0 * torch.linalg.solve(kappa**2 * K[:n, :n], e0)).sum(dim=0).mean()
    expected = fig.prediction(kappa)
    assert float(error.square().mean()) == pytest.approx(expected.test_error, rel=0.03)
    assert lazy_movement(kappa, 128) == pytest.approx(0.5 * math.sqrt(distance / 128), rel=0.02)
    lines, moves = predicted(128, centered=True)
    assert lines == pytest.approx([expected.bias2] * len(lines))
    assert moves[0] / moves[-1] == pytest.approx(_GRID[-1] / _GRID[0])


def test_wide_networks_at_large_scales_obey_the_law_and_small_scales_do_better():
    rows = runs(512, centered=False)
    ratio = (rows["test_error"] / rows["infinite_error"]).groupby(rows["output_scale"]).mean()
    assert (ratio[ratio.index > 1].sub(1).abs() < 0.3).all()
    assert ratio.iloc[0] < 0.5
    moved = (rows["movement"] / rows["predicted_movement"]).groupby(rows["output_scale"]).mean()
    assert moved.iloc[-1] == pytest.approx(1, abs=0.2)
    assert moved.iloc[0] < 0.6


def test_the_map_marks_the_cells_where_most_runs_fail():
    frame = PHASE.table
    panel = fig.phase_diagram().panels()[0]
    crosses = trace(panel, "leaves")
    marked = set(zip(crosses["x"], crosses["y"], strict=True))
    for (kappa, width), seeds in frame.groupby(["output_scale", "width"]):
        failures = int((seeds["status"] != "finished").sum())
        assert ((kappa, width) in marked) == (2 * failures >= len(seeds))


def test_the_lazy_border_separates_what_moved_more_from_what_moved_less():
    kappa, border = lazy_border()
    table = cells()
    for k, m in zip(kappa, border, strict=True):
        column = table.loc[k]["features"]
        assert (column[column.index > m] < 0.5).all()
        assert column[column.index < m].iloc[-1] > 0.5
    dashed = trace(fig.phase_diagram().panels()[0], "lazy law: ‖A − A₀‖ = 1")
    for k, m in zip(dashed["x"], dashed["y"], strict=True):
        assert lazy_movement(k, m) == pytest.approx(1)


def test_slopes_are_those_of_the_chapter():
    small = [math.log(lazy_width(k)) for k in (1e-3, 2e-3)]
    assert (small[1] - small[0]) / math.log(2) == pytest.approx(-2, abs=1e-4)
    measured, expected = fig.border_slope()
    assert measured == pytest.approx(expected, abs=0.4)
    assert -1 < fig.edge().low < fig.edge().value < fig.edge().high < 0


def test_a_failing_run_ends_near_a_fold_and_a_lazy_one_far_from_it():
    frame = PHASE.table
    lost = frame[frame["status"] == "left the well-posed region"]["rightmost"]
    lazy = frame[frame["feature_movement"] < 0.5]["rightmost"]
    assert lost.quantile(0.1) > 0.9
    assert lazy.max() < 0.75


def test_the_eigenvalues_shown_are_those_of_the_trained_network():
    """A lazy cell again: the rightmost eigenvalue of DA over the training inputs, from full matrices."""
    p = task(TARGET, n_test=200)
    net = it.EquilibriumNetwork(6, 64, implicit_scale=0.5, output_scale=3.0, solver=it.Newton(), seed=0)
    until = it.Until(loss=60 * 1e-3 / 2)
    it.train(net, p.X, p.y, method=it.ExponentialFlow(rtol=0.05), until=until)
    with torch.no_grad():
        z = net.equilibrium(p.X).z
        radius = max(torch.linalg.eigvals((row > 0).double()[:, None] * net.A).real.max().item() for row in z)
    here = run(3.0, 64)
    assert here["rightmost"] == pytest.approx(radius, rel=0.03)
    panel = fig.phase_diagram().panels(steps=0, output_scale=3.0, width=64)[1]
    assert max(trace(panel, "stored run")["x"]) == pytest.approx(here["rightmost"], abs=1e-3)


def test_the_page_follows_the_flow_of_the_library():
    """The network of a page, trained by `ExponentialFlow` from the same weights, ends at the same place."""
    computation, p = fig.phase_diagram().computation, task(TARGET, n_test=200)
    setting = {"output_scale": 0.838, "width": 64}
    found = computation.run({"steps": 90} | setting)
    net = it.EquilibriumNetwork(6, **setting, implicit_scale=0.5, solver=it.Newton(rtol=1e-10), seed=0)
    drawn = computation.inputs({"steps": 90} | setting)
    with torch.no_grad():
        for weight, name in ((net.Theta, "G"), (net.W, "W"), (net.v, "v")):
            weight.copy_(drawn[name])
    start = net.equilibrium(p.X).z.detach()
    until = it.Until(time=float(found["time_now"]) / 0.838**2)
    it.train(net, p.X, p.y, method=it.ExponentialFlow(rtol=0.005), until=until)
    with torch.no_grad():
        z = net.equilibrium(p.X).z
        f = net(great_circle(6))
        way = torch.linalg.matrix_norm(net.A - found["A0"])
        off = torch.linalg.matrix_norm(net.A - found["A"])
    assert found["end"] == 1
    assert float((z - start).norm() / start.norm()) == pytest.approx(float(found["moved"]), rel=0.03)
    assert float(off / way) < 0.1
    assert float((f - found["2/this network/y"]).norm() / f.norm()) < 0.05


def test_the_input_shown_is_the_one_nearest_to_a_fold():
    computation = fig.phase_diagram().computation
    for width, kappa in ((24, 3.0), (32, 3.0), (128, 0.1), (128, 0.234)):
        found = computation.run({"steps": 90, "output_scale": kappa, "width": width})
        spectra = [
            torch.linalg.eigvals((row > 0).double()[:, None] * found["A"]).real.max() for row in found["z"]
        ]
        assert float(max(spectra)) > 0.7
        assert float(found["rightmost"]) == pytest.approx(float(max(spectra)), abs=0.01)


def test_beside_the_network_stands_the_stored_run_of_the_tile_in_which_it_lies():
    shown = fig.phase_diagram()
    for kappa, width, tile in ((0.16, 120, (0.153, 128)), (2.9, 9, (3.0, 8))):
        row = run(*tile)
        values = {"steps": 0, "output_scale": kappa, "width": width}
        map_, spectrum, function = shown.panels(**values)
        assert trace(map_, "tile")["x"] == pytest.approx([tile[0]])
        assert trace(map_, "tile")["y"] == pytest.approx([tile[1]])
        assert np.nanmax(trace(spectrum, "stored run")["x"]) == pytest.approx(
            max(x for x, _ in row["eigenvalues"]), abs=1e-3
        )
        wanted = np.full(33, np.nan) if row["slice"] is None else row["slice"]
        np.testing.assert_allclose(trace(function, "stored run")["y"], wanted, atol=0.0051)
        assert f"{row['rightmost']:.2f}" in shown.readout(**values)


def test_the_learning_curve_is_kernel_regression():
    curve = fig.kernel_curve("linear")
    errors = []
    for seed in range(5):
        p = task("linear", n_samples=64, data_seed=seed)
        K, cross = (it.limit_kernels(*x, implicit_scale=0.5).implicit for x in ((p.X,), (p.X_test, p.X)))
        errors.append(float((cross @ torch.linalg.solve(K, p.y) - p.y_test).square().mean()))
    assert curve["bias2"][64] == pytest.approx(np.mean(errors), rel=1e-3)
    panel = fig.learning_curves().panels(target="linear")[1]
    total = trace(panel, "mean-field: bias² + κ² var")
    at = list(total["x"]).index(64)
    assert total["y"][at] == pytest.approx(np.mean(errors) + curve["var"][64], rel=1e-3)


def test_the_bound_that_is_drawn_is_the_librarys():
    curve = bound_curve("linear")
    totals = []
    for seed in range(3):
        p = task("linear", n_samples=64, data_seed=seed)
        totals.append(it.pac_bayes_limit(p.X, p.y, implicit_scale=0.5).total)
    assert curve["total"][64] == pytest.approx(np.mean(totals), rel=1e-4)
    panel = fig.learning_curves().panels(target="linear")[0]
    drawn = trace(panel, "bound, infinite width")
    assert drawn["y"][list(drawn["x"]).index(64)] == pytest.approx(np.mean(totals), rel=1e-4)


def test_the_error_of_the_flow_falls_with_the_samples():
    assert fig.kernel_curve("linear")["bias2"].is_monotonic_decreasing
    for target in TARGETS:
        for kappa in (0.3, 1.0):
            rows = network_errors(target, kappa).query("width == 512")
            assert len(rows) == 5
            assert rows.sort_values("n_samples")["test_error"].is_monotonic_decreasing


def test_a_centered_error_rises_with_the_scale_and_levels_off_above_its_line():
    for width in (128, 512):
        found = ratios(width, centered=True)
        assert found["test_error"].is_monotonic_increasing
        assert found["error"][12.0] == pytest.approx(1.25, abs=0.02)
        assert found["test_error"][12.0] < 1.1 * found["test_error"][3.0]
    assert "no longer rises" not in fig.kappa_law().caption


def test_the_tiles_have_the_colours_of_the_bar_and_a_title():
    """Only what is not a point keeps its colour in the dark."""
    panel = fig.phase_diagram().panels()[0]
    tiles = trace(panel, "trained")
    assert tiles["type"] == "heatmap"
    title = tiles["colorbar"]["title"]
    assert title["text"]
    assert title["font"]["size"] < style.TEMPLATE["layout"]["font"]["size"], "no larger than the axes' own"
    x, y, z = (np.array(tiles[axis], dtype=float) for axis in "xyz")
    assert z.shape == (len(y) - 1, len(x) - 1)
    table = cells()
    for (k, m), row in table.iterrows():
        i, j = np.searchsorted(y, m) - 1, np.searchsorted(x, k) - 1
        if row["trained"] > 0.5:
            assert z[i, j] == pytest.approx(math.log10(row["features"]))
        else:
            assert np.isnan(z[i, j])


def test_a_failing_run_is_told_in_a_sentence():
    shown = fig.phase_diagram()
    said = shown.readout(steps=0, output_scale=min(scales()), width=min(widths()))
    assert "Stored run of the framed tile: left the well-posed region at" in said
    lost = shown.readout(steps=400, output_scale=0.1, width=12)
    assert "it has left the well-posed region" in lost


@pytest.mark.parametrize(("output_scale", "width", "end"), [(0.1, 12, 2), (3.0, 64, 1)])
def test_where_no_step_is_taken_nothing_is_swept(monkeypatch, output_scale, width, end):
    """Neither where the equilibrium is lost, at whose fold all sweeps would be in vain, nor at the end."""
    computation = fig.phase_diagram().computation
    state = computation.run({"steps": 130.0, "output_scale": output_scale, "width": width})
    assert state["end"] == end
    monkeypatch.setattr(phase_network.Problem, "__call__", lambda *_: pytest.fail("a sweep"))
    after = call(computation.advance, state)
    for name in ("A", "z", "u", "e", "time_now", "lost"):
        assert torch.equal(after[name], state[name])


def test_the_unit_by_hand_ends_where_the_text_says():
    for kappa in (0.1, 0.4):
        unit = it.EquilibriumNetwork(1, 1, implicit_scale=0.5, output_scale=kappa, solver=it.Newton())
        for weight, start in ((unit.Theta, 0.0), (unit.W, 1.0), (unit.v, 1.0)):
            torch.nn.init.constant_(weight, start)
        x, one = torch.ones(1, 1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
        it.train(unit, x, one, method=it.ExponentialFlow(), until=it.Until(loss=1e-12))
        assert unit.A.item() == pytest.approx(1 - kappa, abs=1e-4)


def test_on_the_circle_a_point_is_filled_where_its_features_moved_by_more_than_half():
    for width in WIDTHS:
        rich, lazy = (trace(fig.circle_scale(), n, panel=1, width=width) for n in ("rich", "lazy"))
        rows = CIRCLE.table.query("width == @width and status == 'finished'")
        for shown, moved in ((rich, rows.feature_movement > 0.5), (lazy, rows.feature_movement <= 0.5)):
            expected = rows[moved].sort_values(["output_scale", "test_error"])
            found = sorted(zip(shown["x"], shown["y"], strict=True))
            np.testing.assert_allclose(found, expected[["output_scale", "test_error"]])
        assert "open" in lazy["marker"]["symbol"]
        assert "open" not in rich["marker"]["symbol"]


def test_on_the_circle_draws_are_compared_with_themselves():
    rows = CIRCLE.table.query("width == 512 and status == 'finished'").set_index("seed")
    at = {k: dict(rows[rows.output_scale == k].test_error) for k in (0.1, 1.0)}
    difference = [at[0.1][seed] - at[1.0][seed] for seed in at[0.1]]
    assert len(difference) == 6
    found = excess(512, 0.1)
    assert found.value == pytest.approx(np.mean(difference))
    half = 2.5706 * np.std(difference, ddof=1) / math.sqrt(6)  # Student's, five degrees of freedom
    assert found.low == pytest.approx(found.value - half, rel=1e-3)


def test_words_of_single_runs_say_so():
    caption = fig.phase_diagram().caption
    assert "single run, of seed 0" in caption
    assert "test error of the stored runs" in caption


def test_the_map_of_existence_shows_what_is_proved_now():
    """One network by the library, and each cell under the name of its own two answers."""
    p = task(TARGET, n_test=200)
    net = it.EquilibriumNetwork(6, 48, implicit_scale=0.5, output_scale=3.0, seed=0, solver=it.Newton())
    found = it.global_minimum(net, p.X, p.y)
    row = both().query("output_scale == 3.0 and width == 48 and seed == 0").iloc[0]
    assert found.exists
    assert row["exists"]
    assert row["within"] == pytest.approx(found.within, rel=1e-3)
    with torch.no_grad():
        error = (found.network(p.X_test) - p.y_test).square().mean()
    assert row["test_error"] == pytest.approx(float(error), rel=1e-3)
    for panel in (fig.existence_map().panels(width=m)[0] for m in widths()):
        shown = 0
        for name, exists, trained in (
            ("exists, and the flow arrives", True, True),
            ("exists, and the flow breaks", True, False),
            ("not proved, but the flow arrives", False, True),
            ("not proved, and the flow breaks", False, False),
        ):
            t = minima()
            expected = t[((t["exists"] > 0.5) == exists) & ((t["trained"] > 0.5) == trained)]
            assert list(trace(panel, name)["x"]) == list(expected["output_scale"])
            shown += len(expected)
        assert shown == len(minima())


def test_rich_networks_of_the_map_beside_infinite_width():
    """As the open questions say: the wide ones at the smallest scale, and the narrow ones."""
    t = minima().merge(cells()["features"].reset_index(), on=["output_scale", "width"])
    t = t[(t["trained"] > 0.5) & (t["features"] > RICH)]
    over = t["flow_error"] / t["output_scale"].map(lambda k: map_prediction(k).test_error)
    assert over[(t["width"] >= 128) & (t["output_scale"] == min(scales()))].max() < 2 / 5
    assert (over[t["width"] <= 32] > 1).mean() > 0.5
