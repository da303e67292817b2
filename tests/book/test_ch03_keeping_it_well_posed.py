"""The figures of chapter 3 show what the mathematics says, checked by routes that the figures do not take."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.book import ch03_keeping_it_well_posed as fig
from implicit_tutorial.book.ch03_keeping_it_well_posed import paths
from implicit_tutorial.book.ch03_keeping_it_well_posed.energy_landscape import COUPLINGS, coupled
from implicit_tutorial.book.ch03_keeping_it_well_posed.guarantees import STRONG, rows
from implicit_tutorial.book.ch03_keeping_it_well_posed.setting import LARGE, METHODS, SCALES, finder, remedied
from implicit_tutorial.book.ch03_keeping_it_well_posed.splitting_paths import TURNS, turning
from implicit_tutorial.book.ch03_keeping_it_well_posed.studies import (
    CIRCLE_REMEDIES,
    REMEDIES,
    REMEDY_COST,
    training,
)
from implicit_tutorial.book.ch03_keeping_it_well_posed.training_remedies import stored_time
from implicit_tutorial.book.descent import RATE, WIDTH, descend, network
from implicit_tutorial.book.tasks import task as book_task
from tests.book.traces import trace

BOUNDS = {"spectral scaling": "spectral_norm", "l1 rows": "row_sum", "Perron–Frobenius": "perron_frobenius"}


def real(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def test_plain_training_needs_more_and_more_sweeps_and_fails():
    run = training("none", 0.9)
    assert run.failed is not None
    assert run.failed > 5
    assert run.sweeps[-1] > 1.2 * run.sweeps[0]
    assert run.test[-1] < run.test[0] / 2  # it was learning when it failed
    assert len(run.sweeps) == len(run.loss) == len(run.test) == len(run.norm) == run.failed


def test_the_radius_shown_is_that_of_the_slowest_input():
    X, *_ = fig.task()
    net = network(None, 0.9)
    found = net.equilibrium(X, solver=it.Picard(rtol=1e-6))
    active = (found.z[found.steps.argmax()] > 0).double()
    expected = torch.linalg.eigvals(active[:, None] * net.A).abs().max()
    assert remedied(method="none", implicit_scale=0.9).radius[0] == pytest.approx(expected.item(), rel=1e-9)


def test_a_run_is_plain_gradient_descent_with_autograd():
    """The same descent through the network's own forward pass and unrolled iteration."""
    X, y, X_test, y_test = fig.task()
    net = network(None, 0.5)
    shown = remedied(method="none", implicit_scale=0.5)
    start = None
    for k in range(4):
        f, f_test = (net.output(it.unrolled(net.A, net.injection(x).detach(), 60)) for x in (X, X_test))
        start = (f.detach(), f_test.detach()) if start is None else start
        loss = (f - start[0] - y).square().mean() / 2
        assert float(loss.detach()) == pytest.approx(shown.loss[k], rel=1e-6)
        missed = (f_test.detach() - start[1] - y_test).square().mean() / 2
        assert float(missed) == pytest.approx(shown.test[k], rel=1e-6)
        net.Theta.data -= RATE * torch.autograd.grad(loss, net.Theta)[0]


def test_a_penalised_run_descends_on_the_sum():
    """The first step of the penalty's run, by finite differences along the step that it took."""
    X, y, _, _ = fig.task()
    steps = descend(network(None, 0.7), X, y, finder("none"), penalty=100.0, steps=1)
    first = next(steps)
    step = first.gradient[0] * 0.7 / math.sqrt(WIDTH)  # of Θ, in units of A
    b = network(None, 0.7).injection(X).detach()

    def total(A):
        z = it.solve(A, b, solver=it.Newton()).z
        f = network(None, 0.7).output(z).detach()
        D = (z > 0).double()
        mean_norm = torch.stack([(d[:, None] * A).square().sum() for d in D]).mean() / WIDTH
        return float((f - start - y).square().mean() / 2 + 100 * mean_norm)

    start = network(None, 0.7).output(it.solve(first.A, b, solver=it.Newton()).z).detach()
    h = 1e-5
    slope = (total(first.A + h * step) - total(first.A - h * step)) / (2 * h)
    assert slope == pytest.approx(float(first.gradient[0].square().sum()), rel=1e-5)


def test_test_labels_are_the_targets_without_noise():
    X, y, X_test, y_test = fig.task()
    beta = torch.linalg.lstsq(X_test, it.data.linear(X_test, seed=2)).solution
    for inputs, labels, noise in ((X_test, y_test, 0.0), (X, y, 1.5)):
        s = inputs @ beta
        rest = labels - 3 * (s + (s**2 - 1) / 2)
        assert float(rest.std()) == pytest.approx(noise, rel=0.3, abs=1e-10)


@pytest.mark.parametrize("method", ["spectral scaling", "symmetric", "softmax columns"])
def test_a_constrained_run_reaches_the_end_and_learns(method):
    run = training(method, 0.9)
    assert run.failed is None
    assert run.loss[-1] < run.loss[0]
    assert run.test[-1] < run.test[0]
    if method == "spectral scaling":
        np.testing.assert_array_less(run.norm, 0.9 * (1 + 1e-9))
    if method == "symmetric":
        assert run.norm.max() > 1  # where no contraction would allow it


def test_what_the_chapter_saw_in_the_runs():
    """Every sentence of the folded answers, from the runs that the figure shows."""
    last = {name: training(name, 0.9) for name in METHODS if name != "none"}
    flat = sorted(last, key=lambda name: np.ptp(last[name].sweeps))
    sizes = {"l1 rows", "Perron–Frobenius", "softmax columns"}
    assert max(np.ptp(last[name].sweeps) for name in sizes) <= 2
    assert set(sorted(last, key=lambda name: -last[name].loss[-1])[:3]) >= {"l1 rows", "softmax columns"}
    assert {min(last, key=lambda name: -last[name].test[-1])} <= sizes
    assert flat[-1] == "Jacobian penalty"
    for quantity in ("loss", "test"):
        best = sorted(last, key=lambda name: getattr(last[name], quantity)[-1])
        assert set(best[:2]) == {"monotone", "symmetric"}
    assert last["monotone"].loss[-1] < 1.5**2 / 2  # below what the noise alone would leave
    assert last["symmetric"].loss[-1] > 2 * last["symmetric"].loss.min()
    penalty = last["Jacobian penalty"]
    assert penalty.failed is None
    assert (np.diff(penalty.sweeps[:6]) < 0).all()
    assert penalty.sweeps[10:].max() > penalty.sweeps[0] > 2 * penalty.sweeps[10:].min()
    climbs, plain = (training(name, 0.7).sweeps for name in ("Jacobian penalty", "none"))
    assert climbs.min() < climbs[0] < plain[-10:].min() + 20
    assert climbs[-10:].mean() == pytest.approx(plain[-10:].mean(), rel=0.1)


def test_stored_times_are_of_one_thread_and_say_what_the_chapter_says():
    assert REMEDY_COST.stored["threads"] == 1
    ratio = {
        (name, scale): stored_time(name, scale) / stored_time("none", scale)
        for name in METHODS
        for scale in SCALES
    }
    splittings, fixed = {"monotone", "symmetric"}, "fixed γ = 1/2"
    assert ratio[fixed, 0.5] < 0.95
    assert min(ratio[name, 0.5] for name in METHODS if name != fixed) > 0.95
    assert all(1.6 < ratio[name, 0.5] < 2.4 for name in splittings)
    assert all(1.3 < ratio[name, 0.9] < 1.6 for name in splittings)
    assert max(ratio[name, 0.9] for name in ("spectral scaling", fixed, "l1 rows", "softmax columns")) < 0.95


def test_a_cross_marks_the_step_that_fails():
    explorer = fig.training_remedies()
    panel = explorer.panels(method="none", implicit_scale=0.9)[0]
    failed = training("none", 0.9).failed
    assert set(trace(panel, "fails")["x"]) == {failed}
    assert f"fails at step {failed}" in explorer.readout(method="none", implicit_scale=0.9)
    told = explorer.readout(method="spectral scaling", implicit_scale=0.9)
    assert "All 40 steps" in told
    run = training("spectral scaling", 0.9)
    assert f"test error from {run.test[0]:.2f} to {run.test[-1]:.2f}" in told
    share = stored_time("spectral scaling", 0.9) / stored_time("none", 0.9)
    assert told.endswith(f"A step takes {100 * share:.0f} % of a plain one's time.")


def test_each_run_says_what_is_proved_at_its_end():
    explorer = fig.training_remedies()
    for row in REMEDIES.table.itertuples():
        told = explorer.readout(method=row.method, implicit_scale=row.implicit_scale)
        if METHODS[row.method].constraint:
            assert row.end == "not asked"
            assert "proved" not in told
        else:
            lost = training(row.method, row.implicit_scale).failed is not None
            assert row.end == ("nothing proved" if lost else "minimum proved")
            assert ("A global minimum is proved to lie near its end." in told) is not lost


def test_the_minimum_that_is_proved_near_the_end_of_a_plain_run_is_found_there():
    """Least-norm Newton steps by autograd, from where descent ends until the labels are fitted to 1e-10."""
    (X, y, *_), net = fig.task(), network(None, 0.7)
    labels = y + net(X).detach()
    assert float(list(descend(net, X, y, finder("none")))[-1].loss) > 1
    net.solver, end = it.Newton(), net.Theta.detach().clone()
    for _ in range(40):
        f = net(X)
        rows = [torch.autograd.grad(out, net.Theta, retain_graph=True)[0].flatten() for out in f]
        step = torch.linalg.lstsq(torch.stack(rows), (labels - f).detach(), driver="gelsd").solution
        net.Theta.data += 0.5 * step.view_as(net.Theta)
    assert float((net(X).detach() - labels).abs().max()) < 1e-10
    assert 0.7 / math.sqrt(WIDTH) * float((net.Theta.detach() - end).norm()) < 0.83


def test_each_panel_shows_its_own_quantity():
    run, plain = training("l1 rows", 0.5), training("none", 0.5)
    panels = fig.training_remedies().panels(method="l1 rows", implicit_scale=0.5)
    for panel, name in zip(panels, ("sweeps", "loss", "test", "radius"), strict=True):
        np.testing.assert_allclose(trace(panel, "remedy")["y"], getattr(run, name))
        np.testing.assert_allclose(trace(panel, "none")["y"], getattr(plain, name))


def test_the_table_says_what_holds():
    found = {row[0]: row for row in rows()}
    assert set(found) == set(METHODS)
    assert {name for name, row in found.items() if row[1] == "none"} == {
        "none",
        "fixed γ = 1/2",
        "Jacobian penalty",
    }
    for name, row in found.items():
        A = network(METHODS[name].constraint, STRONG).A.detach()
        assert (row[1] == "none") or it.certify(A, conditions=[row[1]])[row[1]].holds
        if row[3] == "Picard":
            sol = it.solve(A, torch.ones(1, len(A), dtype=A.dtype), solver=it.Picard(max_steps=2000))
            assert bool(sol.converged.all())
    for name, promise in BOUNDS.items():
        assert found[name][1] == promise


@pytest.mark.parametrize("coupling", [-1.2, 0.4, 1.0])
def test_the_equilibrium_is_the_lowest_point_of_the_landscape(coupling):
    panel = fig.energy_landscape().panels(coupling=coupling)[0]
    shown = trace(panel, "equilibrium")
    A, b, _ = coupled(real(coupling)).problem
    z = torch.tensor([[float(shown["x"][0]), float(shown["y"][0])]], dtype=torch.float64)
    torch.testing.assert_close(torch.relu(z @ A.T + b), z)
    height = trace(panel, "energy")["z"]
    assert height.shape == (49, 49)
    for i, j in [(0, 0), (48, 0), (7, 31)]:
        node = torch.tensor([[paths.TOP * j / 48, paths.TOP * i / 48]], dtype=torch.float64)
        above = it.energy(A, b, node) - it.energy(A, b, it.solve(A, b, solver=it.Newton()).z)
        assert height[i, j] == pytest.approx(float(above) ** 0.5, rel=1e-9)
    row, column = np.unravel_index(height.argmin(), height.shape)
    step = paths.TOP / (len(height) - 1)
    # In a narrow valley the lowest node of the grid may lie a few nodes along it.
    assert np.hypot(step * column - float(z[0, 0]), step * row - float(z[0, 1])) < 3 * step


@pytest.mark.parametrize(("kind", "values"), [(coupled, COUPLINGS), (turning, TURNS)])
def test_the_steps_are_the_best_and_the_library_comes_close(kind, values):
    """By what a sweep takes from the error, the library's step is within two per cent of the best one."""
    for value in values:
        (A, _, _), damping, reflection = kind(real(value))
        eye = torch.eye(2, dtype=A.dtype)

        def left(alpha: float, A: torch.Tensor = A, eye: torch.Tensor = eye) -> float:
            return float(torch.linalg.matrix_norm((1 - alpha) * eye + alpha * A, 2))

        best = left(float(damping))
        assert all(left(float(damping) * off) > best for off in (0.99, 1.01)) or best == 0
        assert 1 - left(it.ForwardBackward().step_for(A)) > 0.98 * (1 - best)
        assert it.PeacemanRachford().step_for(A) == pytest.approx(float(reflection), rel=1e-12)


@pytest.mark.parametrize("start", [(0.0, 0.0), (0.0, 3.0), (2.9, 2.8), (0.1, 1.7)])
def test_the_convex_landscape_has_one_end_for_every_start(start):
    setting = coupled(real(-1.2))
    assert float(torch.linalg.eigvalsh(setting.problem.M).max()) < 1
    for end in paths.paths(setting, torch.tensor(start, dtype=torch.float64), 200)[-1, 1:]:
        torch.testing.assert_close(end, torch.tensor([1.0, 0.0], dtype=torch.float64), rtol=0, atol=1e-8)


@pytest.mark.parametrize(("name", "kind"), [("coupling", coupled), ("antisymmetric", turning)])
def test_the_line_counts_the_sweeps_of_the_librarys_solvers(name, kind):
    """From other starts too, and between the stops."""
    explorer = {"coupling": fig.energy_landscape, "antisymmetric": fig.splitting_paths}[name]()
    for value, s1, s2 in [
        (0.0, 2.5, 0.3),
        (0.6, 2.5, 0.3),
        (0.87, 0.2, 2.9),
        (1.2, 1.7, 1.1),
        (0.33, 0.0, 0.0),
    ]:
        (A, b, _), damping, reflection = kind(real(value))
        z0 = torch.tensor([[s1, s2]], dtype=torch.float64)
        said = explorer.readout(**{name: value, "s1": s1, "s2": s2})
        counts = [
            it.solve(A, b, solver=solver, z0=z0).steps.item()
            for solver in (
                it.ForwardBackward(step=float(damping)),
                it.PeacemanRachford(step=float(reflection)),
            )
        ]
        assert said.endswith(f"Forward–backward in {counts[0]}, Peaceman–Rachford in {counts[1]}.")
        assert f"‖A‖₂ = {float(torch.linalg.matrix_norm(A, 2)):.2f}." in said
        plain = it.solve(A, b, solver=it.Picard(max_steps=300), z0=z0, throw=False)
        assert f" after {plain.steps.item()} sweep" in said or "runs away" in said
        assert ("settles" in said) == bool(plain.converged.all())


@pytest.mark.parametrize("kind", [coupled, turning])
@pytest.mark.parametrize("value", [0.4, 1.2])
def test_drawn_paths_end_where_the_library_ends(kind, value):
    setting = kind(real(value))
    exact = it.solve(setting.problem.M, setting.problem.b, solver=it.PeacemanRachford(rtol=1e-13)).z[0]
    for end in paths.paths(setting, torch.tensor([2.5, 0.3], dtype=torch.float64), 400)[-1, 1:]:
        torch.testing.assert_close(end, exact, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(("turn", "grows"), [(0.8, False), (1.4, True)])
def test_the_spiral_turns_outward_once_the_norm_passes_one(turn, grows):
    near = torch.tensor([1.01, 1.0], dtype=torch.float64)
    error = torch.linalg.vector_norm(paths.paths(turning(real(turn)), near, 3) - 1, dim=2)
    assert bool(error[-1, 0] > error[0, 0]) == grows
    # The rates that the chapter derives: a a sweep for Picard, a/√(1 + a²) for forward–backward.
    assert float(error[3, 0] / error[0, 0]) == pytest.approx(turn**3)
    assert float(error[3, 1] / error[0, 1]) == pytest.approx((turn**2 / (1 + turn**2)) ** 1.5, rel=1e-4)


def test_on_the_circle_a_plain_run_is_descent_through_the_networks_own_gradient():
    X, y, *_ = book_task("circle")
    net = it.EquilibriumNetwork(2, 192, implicit_scale=0.8, centered=True, solver=it.Newton())
    losses = []
    for _ in range(41):
        loss = (net(X) - LARGE * y).square().mean() / 2
        losses.append(loss.item())
        net.Theta.data -= RATE * torch.autograd.grad(loss, net.Theta)[0]
    run = CIRCLE_REMEDIES.at(remedy="none")
    assert losses[-1] / losses[0] == pytest.approx(run["left"], rel=1e-3)
    assert (run["first"], run["last"]) == (28, 92)


def test_on_the_circle_each_remedy_keeps_what_it_promises():
    runs = CIRCLE_REMEDIES.table.set_index("remedy")
    plain, kept = runs.loc["none"], runs.drop("none")
    assert kept.stretch.max() < 0.91 < plain.stretch  # γ = 0.9, and 1 − μ = 0.9
    assert (kept["last"] - kept["first"]).max() <= 3 < plain["last"] - plain["first"]
    head, _, *lines = (re.split(r" {2,}", line) for line in fig.circle_remedies().splitlines())
    assert head[-1] == "a minimum proved near"
    assert {line[0]: line[-1] for line in lines} == {"none": "yes"} | dict.fromkeys(kept.index, "not asked")


def test_the_answer_on_time_names_every_remedy_that_costs():
    """Question 4 of “What we saw”: which are cheaper than a plain step, and which are dearer by how much."""
    ratio = {s: {n: stored_time(n, s) / stored_time("none", s) for n in METHODS} for s in SCALES}
    few, many = ratio[0.5], ratio[0.9]
    assert [name for name, value in few.items() if value < 0.95] == ["fixed γ = 1/2"]
    nearly, most = few.pop("Perron–Frobenius"), max(few["monotone"], few["symmetric"])
    assert 1.75 < nearly < min(few["monotone"], few["symmetric"]) < most < 2.4
    assert few["softmax columns"] == pytest.approx(1.4, abs=0.05)
    others = few.keys() - {"monotone", "symmetric", "softmax columns"}
    assert max(few[name] for name in others) < 1.3
    for name in ("spectral scaling", "l1 rows", "softmax columns"):
        assert many[name] < 0.9
    assert 1 < many["Perron–Frobenius"] < 1.15
    assert 1.3 < many["symmetric"] < many["monotone"] < 1.6


#: Remedies with a solver of their own, and its sweeps before the first step at 0.5.
SPLIT = {"monotone": 13, "symmetric": 12}


def test_the_text_says_how_the_splittings_sweeps_change():
    """“Stay between 20 and 29 at 0.7 and 0.9, and climb from 13 and 12 to 18 at 0.5.”"""
    stays = [REMEDIES.at(method=m, implicit_scale=s)["sweeps"] for m in SPLIT for s in (0.7, 0.9)]
    assert (min(map(min, stays)), max(map(max, stays))) == (20, 29)
    for method, first in SPLIT.items():
        climbing = REMEDIES.at(method=method, implicit_scale=0.5)["sweeps"]
        assert (climbing[0], climbing[-1]) == (first, 18)
