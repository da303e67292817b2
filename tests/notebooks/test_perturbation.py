"""One per cent in the solver, the initialization or a stored curve: a chapter's outputs notice it."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from implicit_tutorial.explorer.tree import typed_array
from tests.notebooks.nbval_run import judged

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = ROOT / "notebooks" / "01_equilibrium_networks.ipynb"
PLOTLY = "application/vnd.plotly.v1+json"

# What is run before the chapter.
ERRORS = {
    "none": "",
    "solver": """
from implicit_tutorial.equilibrium.problem import Problem
exact = Problem.preactivation
Problem.preactivation = lambda self, z, rows=None: exact(self, 1.01 * z, rows)
""",
    "initialization": """
from implicit_tutorial.network import EquilibriumNetwork
exact = EquilibriumNetwork.__init__
def off(self, *args, **kwargs):
    exact(self, *args, **kwargs)
    self.Theta.data *= 1.01
EquilibriumNetwork.__init__ = off
""",
}


def excerpt() -> nbformat.NotebookNode:
    """The chapter's imports, its first network with what it prints, and one of its figures, as stored."""
    chapter = nbformat.read(CHAPTER, as_version=4)
    code = [cell for cell in chapter.cells if cell.cell_type == "code"]
    wanted = ["import implicit_tutorial", "net = it.EquilibriumNetwork(", "fig.linear_case()"]
    chapter.cells = [next(cell for cell in code if text in cell.source) for text in wanted]
    return chapter


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What nbval objects to in each of the excerpts: the message for each cell, empty for one that passes."""
    folder = tmp_path_factory.mktemp("excerpts")
    for name, error in ERRORS.items():
        notebook = excerpt()
        notebook.cells.insert(0, nbformat.v4.new_code_cell(error, execution_count=1))
        nbformat.write(notebook, folder / f"{name}.ipynb")
    notebook = excerpt()
    trace = notebook.cells[-1].outputs[0].data[PLOTLY]["data"][0]
    values = typed_array(trace["y"]) if isinstance(trace["y"], dict) else trace["y"]
    trace["y"] = [1.01 * float(y) for y in values]
    nbformat.write(notebook, folder / "curve.ipynb")

    found, _ = judged(folder)
    return {
        name: [message for item, message in items.items() if item.startswith("Cell")]
        for name, items in found.items()
    }


def test_the_chapter_as_it_is(failures: dict[str, list[str]]) -> None:
    assert failures["none"] == ["", "", "", ""]


@pytest.mark.parametrize("error", ["solver", "initialization"])
def test_an_error_in_the_library(failures: dict[str, list[str]], error: str) -> None:
    before, imports, printed, _ = failures[error]
    assert (before, imports) == ("", "")
    assert "stdout: " in printed, "the printed equilibrium gives it away"


def test_an_error_in_a_stored_curve(failures: dict[str, list[str]]) -> None:
    *others, figure = failures["curve"]
    assert others == ["", ""]
    assert "numbers differ" in figure
