"""The figures of chapter 2 show what the mathematics says, checked by routes that the figures do not take."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.book import ch02_well_posedness as fig
from implicit_tutorial.book.ch02_well_posedness.certified_error import SCALES, SEED, WIDTH, run
from implicit_tutorial.book.ch02_well_posedness.cobweb import A_VALUES, B_VALUES
from implicit_tutorial.book.ch02_well_posedness.counts import fractions
from implicit_tutorial.book.ch02_well_posedness.initialization_scale import CONDITIONS, WIDE, state
from implicit_tutorial.book.ch02_well_posedness.ladder_map import REACH
from implicit_tutorial.book.ch02_well_posedness.ladder_thresholds import (
    PREDICTED,
    exact_threshold,
    gaussian_threshold,
)
from implicit_tutorial.book.ch02_well_posedness.rate import measured_steps, predicted_steps
from implicit_tutorial.book.ch02_well_posedness.setting import LADDER
from implicit_tutorial.book.ch02_well_posedness.two_units import PATTERNS
from tests.book.traces import trace


def floats(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize("a", A_VALUES)
def test_cobweb_counts_as_the_table_says(a):
    explorer = fig.cobweb()
    for b in B_VALUES:
        if a == 1 and b == 0:
            expected, zs = "infinitely many", []
        elif a < 1:
            expected, zs = "exactly one", [max(b, 0) / (1 - a)]
        elif b < 0:
            expected, zs = ("exactly one", [0]) if a == 1 else ("two", [0, b / (1 - a)])
        else:
            expected, zs = ("no equilibrium", []) if b > 0 else ("exactly one", [0])
        assert explorer.readout(a=a, b=b).lower().startswith(expected)
        drawn = trace(explorer.panels(a=a, b=b)[0], "equilibrium")["x"]
        np.testing.assert_allclose(drawn[np.isfinite(drawn)], zs, atol=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_one_unit_has_the_equilibria_that_enumeration_finds(seed):
    """Off the figure's stops, where the line says as well how the library's Picard ends."""
    generator = torch.Generator().manual_seed(seed)
    a, b, start = (
        torch.rand(3, generator=generator) * floats([4, 2, 4.5])[0] - floats([2, 1, 0])[0]
    ).tolist()
    explorer = fig.cobweb()
    shown = trace(explorer.panels(a=a, b=b, start=start)[0], "equilibrium")
    zs, full = shown["x"], [symbol == "circle" for symbol in shown["marker"]["symbol"]]
    A, injection = floats([a]), floats([b], [b])
    expected = it.count_equilibria(A, injection[:1]).solutions[0][:, 0]
    np.testing.assert_allclose(zs[np.isfinite(zs)], sorted(expected), atol=1e-12)
    for z, returns in zip(zs, full, strict=True):
        if np.isfinite(z):
            near = floats([z + 1e-6])
            end = it.solve(A, injection[:1], z0=near, solver=it.Picard(max_steps=100_000), throw=False).z
            assert returns == (abs(float(end) - z) < 1e-8)
    found = it.solve(A, injection, z0=floats([0], [start]), solver=it.Picard(max_steps=300), throw=False)
    said = explorer.readout(a=a, b=b, start=start).replace("after 1 sweep ", "after 1 sweeps ")
    words = {
        it.Status.CONVERGED: "settles after {} sweeps",
        it.Status.STEP_LIMIT: "still moves, for its size, after {} sweeps",
    }
    ends = [
        words.get(it.Status(status), "runs away").format(steps)
        for status, steps in zip(found.status.tolist(), found.steps.tolist(), strict=True)
    ]
    assert f"Picard {ends[0]} from 0, and {ends[1]} from {start:.3g}." in said


def test_a_staircase_stands_between_the_map_and_the_diagonal():
    a, b = -0.5, 1.0
    panel = fig.cobweb().panels(a=a, b=b)[0]
    stairs, line = trace(panel, "from your start"), trace(panel, "relu(az + b)")
    x, y = stairs["x"], stairs["y"]
    assert (x[0], y[0]) == (3, 0)
    np.testing.assert_allclose(y[1::2], np.maximum(a * x[1::2] + b, 0), atol=1e-12)
    np.testing.assert_allclose(y[2::2], x[2::2], atol=1e-12)
    np.testing.assert_allclose(y[1::2], np.interp(x[1::2], line["x"], line["y"]), atol=1e-12)


def test_the_upper_of_two_equilibria_parts_the_starts_and_a_falling_map_is_never_settled():
    """What the caption tells of starts; from the equilibrium itself there is no first move."""
    explorer = fig.cobweb()
    for a, b in [(1.5, -0.5), (1.75, -1.0)]:
        upper = b / (1 - a)
        assert "runs away from" in explorer.readout(a=a, b=b, start=upper + 0.05)
        assert "settles" in explorer.readout(a=a, b=b, start=upper - 0.05).split("from 0, and ")[1]
        below = trace(explorer.panels(a=a, b=b, start=upper - 0.05)[0], "from your start")
        assert below["x"][-1] == 0
    for a, b in [(-1.25, 0.5), (-2.0, 1.0)]:
        only = b / (1 - a)
        for start in (0.0, only - 0.05, only + 0.05, 4.0):
            assert "settles" not in explorer.readout(a=a, b=b, start=start)
        assert "settles after 1 sweep from" in explorer.readout(a=-2.0, b=0.75, start=0.25)


@pytest.mark.parametrize(("p", "q"), [(0.8, -0.8), (-1.6, -1.6), (1.2, 1.6), (-0.4, 1.2), (1.6, 0.4)])
def test_as_many_cones_cover_a_direction_as_it_has_equilibria(p, q):
    panel = fig.two_units().panels(p=p, q=q)[0]
    count = trace(panel, "count")
    covers = np.zeros(24, dtype=int)
    for name, _ in PATTERNS.values():
        cone = trace(panel, name)
        (x1, x2), (y1, y2) = cone["x"][[1, -2]], cone["y"][[1, -2]]
        # A direction lies between two generators when it is a positive combination of them.
        weights = np.linalg.solve([[x1, x2], [y1, y2]], np.stack([count["x"], count["y"]]))
        covers += (weights > 0).all(axis=0)
    assert [int(t) for t in count["text"]] == covers.tolist()
    assert (covers == 1).all() == (p * q < 1)


@pytest.mark.parametrize(
    ("p", "q", "b1", "b2", "count"),
    [
        (-1.6, -1.6, 1.0, 1.0, 3),
        # A unit that is off stands at its kink, and drives the other as soon as it is pushed.
        (-1.6, -1.6, 1.0, 1.6, 2),
        (-1.6, -1.6, 1.6, 1.0, 2),
        (-0.8, -0.8, 1.0, 0.8, 1),
        (-1.6, 1.6, 1.0, -1.6, 1),
        (1.6, 1.6, 0.0, 0.0, 1),
        (-1.6, -1.6, 0.0, 0.0, 1),
        (1.6, 1.6, 0.0, -1.0, 2),
    ],
)
def test_states_show_every_equilibrium_and_whether_picard_returns_to_it(p, q, b1, b2, count):
    panel = fig.two_units().panels(p=p, q=q, b1=b1, b2=b2)[1]
    shown = trace(panel, "equilibrium")
    A, b = floats([0, p], [q, 0]), floats([b1, b2])
    found = 0
    for x, y, symbol in zip(shown["x"], shown["y"], shown["marker"]["symbol"], strict=True):
        z = floats([x, y])
        if z.isnan().all():  # the pattern solves nothing
            continue
        found += 1
        torch.testing.assert_close(torch.relu(z @ A.T + b), z)
        back = []
        for push in ([1e-3, -1e-3], [-1e-3, 1e-3], [1e-3, 1e-3]):
            pushed = it.solve(A, b, z0=(z + floats(push)).clamp(min=0), throw=False).z
            back.append(bool((pushed - z).norm() < 1e-6))
        assert (symbol == "circle") == all(back)
    assert found == count


@pytest.mark.parametrize(
    ("p", "q", "b1", "b2", "found"),
    [
        (1.0, 1.0, 1.0, 1.0, "no equilibrium"),
        (1.25, 0.8, 1.0, 1.0, "no equilibrium"),
        (1.6, 0.625, -1.0, -1.0, "exactly one"),
        (1.0, 1.0, -1.0, 1.0, "infinitely many"),  # z₁ = z₂ − 1, as far as one likes
        (-1.0, -1.0, 1.0, 1.0, "infinitely many"),  # z₁ + z₂ = 1
        (-1.25, -0.8, 1.0, 0.8, "infinitely many"),
        (-1.0, -1.0, 1.0, 0.5, "exactly one"),
        (-1.0, -1.0, -1.0, -0.5, "exactly one"),
    ],
)
def test_two_units_at_the_edge_where_pq_is_one(p, q, b1, b2, found):
    """I − A is singular: two of the cones meet, or one is a line."""
    explorer = fig.two_units()
    readout = explorer.readout(p=p, q=q, b1=b1, b2=b2)
    assert readout.startswith("pq = 1: some b have none, or infinitely many.")
    assert f"For this b: {found}." in readout
    injections, states = explorer.panels(p=p, q=q, b1=b1, b2=b2)
    shown = trace(states, "equilibrium")
    for z in zip(shown["x"], shown["y"], strict=True):
        if not math.isnan(z[0]):
            state = floats(list(z))
            image = torch.relu(state @ floats([0, p], [q, 0]).T + floats([b1, b2]))
            torch.testing.assert_close(image, state)
    assert (found == "no equilibrium") == np.isnan(shown["x"]).all()
    counts = trace(injections, "count")
    for x, y, text in zip(counts["x"], counts["y"], counts["text"], strict=True):
        # A single state is one of a pattern whose system is regular; for p, q > 0 there is none or one.
        assert text == ("1" if p < 0 or q * x + y <= 0 or p * y + x <= 0 else "0"), (x, y)
    both = trace(injections, "both on")
    inside = both["x"] * both["y"][1] - both["y"] * both["x"][1]
    assert np.abs(inside).max() < 1e-9, "the cone of both is a line"


@pytest.mark.parametrize("seed", range(20))
def test_two_units_have_the_equilibria_that_enumeration_finds(seed):
    """At random weights and injections, off the figure's stops."""
    generator = torch.Generator().manual_seed(seed)
    p, q, b1, b2 = (4 * torch.rand(4, generator=generator, dtype=torch.float64) - 2).tolist()
    explorer = fig.two_units()
    shown = trace(explorer.panels(p=p, q=q, b1=b1, b2=b2)[1], "equilibrium")
    states = [(x, y) for x, y in zip(shown["x"], shown["y"], strict=True) if not math.isnan(x)]
    expected = it.count_equilibria(floats([0, p], [q, 0]), floats([b1, b2])).solutions[0].tolist()
    np.testing.assert_allclose(sorted(states), sorted(map(tuple, expected)), atol=1e-12)


@pytest.mark.parametrize("implicit_scale", [0.5, 1.0, 2.0])
def test_fractions_add_up_and_well_posed_matrices_give_one_equilibrium(implicit_scale):
    share, exact = fractions(implicit_scale)
    assert sum(share) == pytest.approx(1)
    assert exact <= share[1]


def test_strong_networks_have_no_equilibrium_or_several():
    share, exact = fractions(2.0)
    assert min(share[:3]) > 0.1
    assert exact < 0.05


def test_conditions_and_counts_differ_by_more_than_their_hue(monkeypatch):
    dashes = [line["line"]["dash"] for line in fig.ladder_map().panels()[0]["data"] if "fill" not in line]
    assert len(set(dashes)) == len(dashes) == len(LADDER) - 1
    monkeypatch.setattr(sys.modules[fig.counts.__module__], "SCALES", (0.5, 1.2, 2.5))
    chart = fig.counts()
    shapes = {name: trace(chart, name)["fillpattern"]["shape"] for name in ("none", "one", "more")}
    assert shapes["none"] != shapes["more"]
    assert shapes["one"] == ""


@pytest.mark.parametrize("s", [-1.4, -0.4, 0.6])
@pytest.mark.parametrize("name", LADDER)
def test_an_outline_is_where_the_certificate_changes_its_mind(s, name):
    shown = trace(fig.ladder_map().panels(s=s)[0], LADDER[name][0])
    x, y = np.asarray(shown["x"], dtype=float), np.asarray(shown["y"], dtype=float)
    here = it.certify(floats([s, 0.01], [-0.01, s]), conditions=[name])[name].holds
    assert (x.size > 0) == here
    for p, q in list(zip(x, y, strict=True))[::7]:
        inner, outer = (
            it.certify(floats([s, f * p], [f * q, s]), conditions=[name])[name].holds for f in (0.99, 1.01)
        )
        assert inner
        on_the_frame = max(abs(p), abs(q)) > REACH - 0.01
        assert on_the_frame or not outer


@pytest.mark.parametrize("name", ["perron_frobenius", "row_sum", "spectral_norm", "monotone"])
def test_thresholds_tend_to_the_predicted_ones(name):
    predicted = PREDICTED.get(name, PREDICTED["perron_frobenius"])(512)
    tolerance = 0.15 if name == "row_sum" else 0.02  # the largest of m row sums converges slowly
    assert gaussian_threshold(name, 512) == pytest.approx(predicted, rel=tolerance)


def test_the_exact_threshold_is_where_the_first_principal_minor_vanishes():
    B = torch.randn(9, 9, generator=torch.Generator().manual_seed(5), dtype=torch.float64) / 3
    threshold = exact_threshold(B)
    assert it.is_p_matrix(torch.eye(9) - 0.999 * threshold * B)
    assert not it.is_p_matrix(torch.eye(9) - 1.001 * threshold * B)


def whole(implicit_scale: float) -> it.EquilibriumNetwork:
    """The network of the four views."""
    net = it.EquilibriumNetwork(n_inputs=3, width=WIDE, implicit_scale=implicit_scale)
    drawn = fig.initialization_scale().computation.inputs({})
    with torch.no_grad():
        net.Theta.copy_(drawn["G"])
        net.W.copy_(drawn["W"])
    return net


@pytest.mark.parametrize("implicit_scale", [0.2, 0.6, 0.637, 1.0])
def test_the_four_views_are_of_one_network(implicit_scale):
    net = whole(implicit_scale)
    A = net.A.detach()
    solution = net.equilibrium(floats([1, 0, 0]))
    here = state(implicit_scale)
    assert int(here["sweeps"]) == int(solution.steps[0])
    spectrum = torch.linalg.eigvals((solution.z[0] > 0).double()[:, None] * A)
    assert float(here["radius"]) == pytest.approx(float(spectrum.abs().max()), rel=1e-8)
    conditions = fig.initialization_scale().panels(implicit_scale=implicit_scale)[1]
    words = trace(conditions, "values")
    bars = dict(zip(words["y"], words["text"], strict=True))
    for name in CONDITIONS:
        value = it.certify(A, conditions=[name])[name].value
        assert float(bars[LADDER[name][0]]) == pytest.approx(value, rel=6e-3)
    assert float(bars["ρ(DA) < 1, this input"]) == pytest.approx(float(here["radius"]), rel=6e-3)
    marks = trace(conditions, "marks")
    assert [mark == "✓" for mark in marks["text"]] == [float(text) < 1 for text in words["text"]]


def test_off_the_stops_the_counts_are_those_of_the_nearest_one():
    explorer = fig.initialization_scale()
    shares = {s: trace(explorer, "shares", panel=3, implicit_scale=s)["y"] for s in (1.2, 1.22, 1.23, 1.25)}
    assert (shares[1.22] == shares[1.2]).all()
    assert (shares[1.23] == shares[1.25]).all()
    assert (shares[1.2] != shares[1.25]).any()
    np.testing.assert_allclose(shares[1.2], fractions(1.2)[0])


@pytest.mark.parametrize("implicit_scale", [0.2, 0.6, 0.8])
def test_the_measured_residual_falls_at_the_predicted_rate(implicit_scale):
    residual = state(implicit_scale)["2/measured/y"].numpy()
    residual = residual[residual > 1e-11]
    slope = np.polyfit(np.arange(residual.size), np.log(residual), 1)[0]
    assert slope == pytest.approx(math.log(implicit_scale / math.sqrt(2)), rel=0.1)


def test_beyond_the_square_root_of_two_there_is_nothing_to_converge_to():
    for implicit_scale in (1.45, 1.6):
        here = state(implicit_scale)
        assert not here["found"]
        assert here["radius"] > 1
        assert here["2/measured/y"][-1] > 0.01


def test_wide_networks_take_the_predicted_number_of_sweeps():
    for implicit_scale in (0.4, 0.8, 1.0):
        median = float(np.median(measured_steps(512, implicit_scale)))
        assert median == pytest.approx(predicted_steps(implicit_scale), rel=0.2)


@pytest.mark.parametrize("implicit_scale", SCALES)
def test_a_bound_lies_above_the_error_or_is_absent(implicit_scale):
    here = run(implicit_scale)
    net = it.EquilibriumNetwork(n_inputs=3, width=WIDTH, implicit_scale=implicit_scale, seed=SEED)
    for name, bound in here.bounds.items():
        assert (bound is not None) == it.certify(net.A, conditions=[name])[name].holds
        if bound is not None:
            assert (bound >= here.error).all()


def test_the_predicted_circles_differ_from_the_dots_they_lie_on():
    """In colour, and from each other and the unit circle in their dashes."""
    for scale in (0.6, 1.4):
        data = fig.initialization_scale().panels(implicit_scale=scale)[0]["data"]
        dots = {t["name"]: t["marker"]["color"] for t in data if t["mode"] == "markers"}
        circles = {t["name"]: t["line"] for t in data if t["mode"] == "lines"}
        assert set(circles) == {"unit circle", "mean-field, A", "mean-field, DA"}
        assert len({line["dash"] for line in circles.values()}) == 3
        assert not {line["color"] for line in circles.values()} & set(dots.values())
        assert min(circles[f"mean-field, {name}"]["width"] for name in dots) > circles["unit circle"]["width"]
