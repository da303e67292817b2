"""One per cent in the solver, the initialization or a stored curve: a chapter's outputs notice it."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from implicit_tutorial.explorer.tree import typed_array
from tests.notebooks.nbval_run import judged

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = ROOT / "notebooks" / "01_equilibrium_networks.ipynb"
PLOTLY = "application/vnd.plotly.v1+json"

#: What is run to break the library, and to mend it.
SOLVER = """
from implicit_tutorial.equilibrium.problem import Problem
exact = Problem.preactivation
Problem.preactivation = lambda self, z, rows=None: exact(self, 1.01 * z, rows)
"""
INITIALIZATION = """
Problem.preactivation = exact
from implicit_tutorial.network import EquilibriumNetwork
exact = EquilibriumNetwork.__init__
def off(self, *args, **kwargs):
    exact(self, *args, **kwargs)
    self.Theta.data *= 1.01
EquilibriumNetwork.__init__ = off
"""
MEND = "EquilibriumNetwork.__init__ = exact"


def code(source: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_code_cell(source, execution_count=1)


def copied(cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    return nbformat.from_dict(json.loads(json.dumps(cell)))


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What nbval objects to, empty for a cell that passes: one kernel runs the chapter's imports, its first
    network with what it prints, and one of its figures; these again with something broken, and mended."""
    folder = tmp_path_factory.mktemp("excerpt")
    chapter = nbformat.read(CHAPTER, as_version=4)
    wanted = ["import implicit_tutorial", "net = it.EquilibriumNetwork(", "fig.linear_case()"]
    imports, printed, figure = (
        next(cell for cell in chapter.cells if cell.cell_type == "code" and text in cell.source)
        for text in wanted
    )
    curve = copied(figure)
    trace = curve.outputs[0].data[PLOTLY]["data"][0]
    values = typed_array(trace["y"]) if isinstance(trace["y"], dict) else trace["y"]
    trace["y"] = [1.01 * float(y) for y in values]
    cells = {
        "imports": imports,
        "printed": printed,
        "figure": figure,
        "a stored curve": curve,
        "break the solver": code(SOLVER),
        "the solver": printed,
        "break the initialization": code(INITIALIZATION),
        "the initialization": printed,
        "mend it": code(MEND),
        "printed, mended": printed,
    }
    chapter.cells = [copied(cell) for cell in cells.values()]
    for k, cell in enumerate(chapter.cells):
        cell.id = f"cell-{k}"
    nbformat.write(chapter, folder / "excerpt.ipynb")
    found, _ = judged(folder)
    return {name: found["excerpt"][f"Cell {k}"] for k, name in enumerate(cells)}


def test_the_chapter_as_it_is(messages: dict[str, str]) -> None:
    errors = {"a stored curve", "the solver", "the initialization"}
    assert {name for name, message in messages.items() if message} == errors


@pytest.mark.parametrize("error", ["the solver", "the initialization"])
def test_an_error_in_the_library(messages: dict[str, str], error: str) -> None:
    assert "stdout: " in messages[error], "the printed equilibrium gives it away"


def test_an_error_in_a_stored_curve(messages: dict[str, str]) -> None:
    assert "numbers differ" in messages["a stored curve"]
