"""The figures of chapter 3 show what the mathematics says, checked by routes that the figures do not take."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.figures import keeping_well_posed as fig
from implicit_tutorial.figures.keeping_well_posed import paths, promises, remedies

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "03_keeping_it_well_posed.ipynb"
BOUNDS = {"spectral scaling": "spectral_norm", "l1 rows": "row_sum", "Perron–Frobenius": "perron_frobenius"}


def trace(panel: dict, name: str) -> dict:
    return next(t for t in panel["data"] if t.get("name") == name)


@pytest.mark.parametrize("name", ["energy-landscape", "splitting-paths"])
def test_a_figure_is_known_by_its_name_and_moves(name):
    explorer = fig.EXPLORERS[name]()
    assert explorer.name == name
    first, last = ({c.name: c.values[i] for c in explorer.controls} for i in (0, -1))
    assert repr(explorer.panels(**first)) != repr(explorer.panels(**last))
    assert explorer.readout(**first) != explorer.readout(**last)


def test_the_chapter_shows_each_figure_once():
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    shown = set(re.findall(r"^fig\.(\w+)\(\)", code, re.M))
    assert shown == {f.__name__ for f in fig.EXPLORERS.values()}


def test_plain_training_needs_more_and_more_sweeps_and_fails():
    run = remedies.training("none", 0.9)
    assert run.failed is not None
    assert run.failed > 5
    assert run.sweeps[-1] > 1.5 * run.sweeps[0]
    assert len(run.sweeps) == len(run.loss) == len(run.norm) == run.failed


def test_a_run_is_plain_gradient_descent_with_autograd():
    """The same descent through the network's own forward pass and unrolled iteration."""
    X, y = fig.task()
    net = remedies.network("none", 0.5)
    b = net.injection(X).detach()
    start = None
    for k in range(4):
        z = torch.zeros_like(b)
        for _ in range(60):
            z = torch.relu(z @ net.A.T + b)
        f = net.output(z)
        start = f.detach() if start is None else start
        loss = (f - start - y).square().mean() / 2
        assert float(loss.detach()) == pytest.approx(remedies.training("none", 0.5).loss[k], rel=1e-6)
        net.Theta.data -= remedies.RATE * torch.autograd.grad(loss, net.Theta)[0]


@pytest.mark.parametrize("method", ["spectral scaling", "symmetric", "softmax columns"])
def test_a_constrained_run_reaches_the_end_and_learns(method):
    run = remedies.training(method, 0.9)
    assert run.failed is None
    assert run.loss[-1] < run.loss[0]
    if method == "spectral scaling":
        np.testing.assert_array_less(run.norm, 0.9 * (1 + 1e-9))
    if method == "symmetric":
        assert run.norm.max() > 1  # where no contraction would allow it


def test_a_cross_marks_the_step_that_fails():
    explorer = fig.training_remedies()
    panel = explorer.panels(method="none", implicit_scale=0.9)[0]
    failed = remedies.training("none", 0.9).failed
    assert set(trace(panel, "fails")["x"]) == {failed}
    assert f"fails at step {failed}" in explorer.readout(method="none", implicit_scale=0.9)
    assert "All 30 steps" in explorer.readout(method="spectral scaling", implicit_scale=0.9)


def test_the_table_says_what_holds():
    rows = {row[0]: row for row in promises.rows()}
    assert set(rows) == set(remedies.METHODS)
    assert {name for name, row in rows.items() if row[1] == "none"} == {
        "none",
        "fixed γ = 1/2",
        "Jacobian penalty",
    }
    for name, row in rows.items():
        A = remedies.network(name, promises.STRONG).A.detach()
        assert (row[1] == "none") or it.certify(A, conditions=[row[1]])[row[1]].holds
        if row[3] == "Picard":
            sol = it.solve(A, torch.ones(1, len(A), dtype=A.dtype), solver=it.Picard(max_steps=2000))
            assert bool(sol.converged.all())
    for name, promise in BOUNDS.items():
        assert rows[name][1] == promise


@pytest.mark.parametrize("coupling", [-1.2, 0.4, 1.0])
def test_the_equilibrium_is_the_lowest_point_of_the_landscape(coupling):
    explorer = fig.energy_landscape()
    shown = trace(explorer.panels(coupling=coupling)[0], "equilibrium")
    A, b = paths.coupled(coupling)
    z = torch.tensor([float(shown["x"][0]), float(shown["y"][0])], dtype=torch.float64)
    torch.testing.assert_close(torch.relu(A @ z + b), z)
    height = paths.landscape(coupling)
    assert height.min() >= -1e-12
    row, column = np.unravel_index(height.argmin(), height.shape)
    step = paths.TOP / (len(height) - 1)
    # In a narrow valley the lowest node of the grid may lie a few nodes along it.
    assert np.hypot(step * column - float(z[0]), step * row - float(z[1])) < 3 * step


@pytest.mark.parametrize("kind", [paths.coupled, paths.turning])
@pytest.mark.parametrize("value", [0.4, 1.2])
def test_drawn_paths_end_where_the_library_ends(kind, value):
    A, b = kind(value)
    start = torch.tensor(paths.START, dtype=torch.float64)
    exact = it.solve(A, b[None], solver=it.PeacemanRachford(rtol=1e-13)).z[0]
    for path in (paths.forward_backward_path, paths.peaceman_rachford_path):
        torch.testing.assert_close(path(A, b, start, 400)[-1], exact, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(("turn", "grows"), [(0.8, False), (1.4, True)])
def test_the_spiral_turns_outward_once_the_norm_passes_one(turn, grows):
    A, b = paths.turning(turn)
    near = torch.tensor([1.01, 1.0], dtype=torch.float64)
    error = torch.linalg.vector_norm(paths.picard_path(A, b, near, 3) - 1, dim=1)
    assert bool(error[-1] > error[0]) == grows
    # The rates that the chapter derives: a a sweep for Picard, a/√(1 + a²) for forward–backward.
    damped = torch.linalg.vector_norm(paths.forward_backward_path(A, b, near, 3) - 1, dim=1)
    assert float(error[3] / error[0]) == pytest.approx(turn**3)
    assert float(damped[3] / damped[0]) == pytest.approx((turn**2 / (1 + turn**2)) ** 1.5, rel=1e-4)
