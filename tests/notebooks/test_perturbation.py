"""One per cent in the solver, the initialization or a stored curve: a chapter's outputs notice it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from implicit_tutorial.explorer.tree import typed_array

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = ROOT / "notebooks" / "01_equilibrium_networks.ipynb"
PLOTLY = "application/vnd.plotly.v1+json"

# What a kernel runs before the chapter: IPython's start-up files are the one door into another process.
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


def excerpt(folder: Path) -> nbformat.NotebookNode:
    """The chapter's imports, its first network with what it prints, and one of its figures, as stored."""
    chapter = nbformat.read(CHAPTER, as_version=4)
    code = [cell for cell in chapter.cells if cell.cell_type == "code"]
    wanted = ["import implicit_tutorial", "net = it.EquilibriumNetwork(", "fig.linear_case()"]
    chapter.cells = [next(cell for cell in code if text in cell.source) for text in wanted]
    return chapter


def regression(folder: Path, notebook: nbformat.NotebookNode, error: str) -> subprocess.CompletedProcess:
    nbformat.write(notebook, folder / "excerpt.ipynb")
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-error.py").write_text(error)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "tests.notebooks.tolerance",
    ]
    return subprocess.run(
        [*command, "--nbval", "--nbval-current-env", str(folder / "excerpt.ipynb")],
        cwd=ROOT,
        env=os.environ | {"IPYTHONDIR": str(folder / "ipython")},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_in_the_library(tmp_path: Path, error: str) -> None:
    run = regression(tmp_path, excerpt(tmp_path), ERRORS[error])
    if error == "none":
        assert run.returncode == 0, run.stdout
    else:
        assert run.returncode == 1, run.stdout
        assert "stdout: " in run.stdout, "the printed equilibrium gives it away"


def test_an_error_in_a_stored_curve(tmp_path: Path) -> None:
    notebook = excerpt(tmp_path)
    trace = notebook.cells[-1].outputs[0].data[PLOTLY]["data"][0]
    values = typed_array(trace["y"]) if isinstance(trace["y"], dict) else trace["y"]
    trace["y"] = [1.01 * float(y) for y in values]
    run = regression(tmp_path, notebook, "")
    assert run.returncode == 1, run.stdout
    assert "1 failed, 2 passed" in run.stdout
