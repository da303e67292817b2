"""The plugin at work: nbval on a small notebook whose stored outputs were bent, one cell a way."""

import os
import re
import textwrap
from dataclasses import dataclass
from unittest import mock

import nbformat
import pytest
from kernel_environment import kernel_environment
from make_notebooks import execute

from tests.notebooks.compare import Tolerance
from tests.notebooks.nbval_run import judged
from tests.notebooks.tolerance import tolerance_of

SETUP = textwrap.dedent(
    """
    import numpy as np, pandas as pd
    from implicit_tutorial.explorer import Control, Explorer, style
    def draw(depth, scale=1.0):
        return style.figure().add_scatter(x=np.arange(9.0), y=scale * depth * np.linspace(0.1, 1, 9))
    def explorer(scale=1.0):
        return Explorer(lambda depth: draw(depth, scale), [Control("depth", [1, 2])],
                        name="line", caption="Move.", alt="A line.")
    """
).strip()

scope: dict = {}
exec(SETUP, scope)


@dataclass(frozen=True)
class Bend:
    """A cell, and what is stored for it in place of its own output."""

    name: str
    source: str
    mime: str
    stored: object
    passes: bool
    tags: tuple[str, ...] = ()


def printed(name, text, passes, tags=()):
    return Bend(name, 'print("loss", 3.14159265)', "stdout", text, passes, tags)


def bundle(scale):
    return scope["explorer"](scale)._repr_mimebundle_()


def bent_explorer(name, mime, scale, passes):
    return Bend(name, "explorer()", mime, bundle(scale)[mime], passes)


HTML, PLOTLY = "text/html", "application/vnd.plotly.v1+json"
TABLE = 'pd.DataFrame({"width": [16, 32], "error": [0.123456, 0.234567]})'


def bends() -> list[Bend]:
    table = scope["pd"].DataFrame({"width": [16, 32], "error": [0.123456, 0.234567]})
    html = table._repr_html_()
    return [
        printed("printed: as it is", "loss 3.14159265\n", True),
        printed("printed: +1 %", "loss 3.17300858\n", False),
        printed("printed: +0.1 %", "loss 3.14473424\n", False),
        printed("printed: +1e-6", "loss 3.14159579\n", True),
        printed("printed: other word", "gain 3.14159265\n", False),
        printed("printed: nothing", "", False),
        printed("printed: more", "loss 3.14159265\nmore\n", False),
        printed("printed: 0.5 % with rtol 1 %", "loss 3.157\n", True, ("rtol-1e-2",)),
        printed("printed: 2 % with rtol 1 %", "loss 3.204\n", False, ("rtol-1e-2",)),
        bent_explorer("explorer: as it is", HTML, 1.0, True),
        bent_explorer("explorer: +1 %", HTML, 1.01, False),
        bent_explorer("explorer: +1e-6", HTML, 1 + 1e-6, True),
        bent_explorer("plotly: as it is", PLOTLY, 1.0, True),
        bent_explorer("plotly: +1 %", PLOTLY, 1.01, False),
        bent_explorer("plotly: +1e-6", PLOTLY, 1 + 1e-6, True),
        Bend("table: as it is", TABLE, HTML, html, True),
        Bend("table: +1 %", TABLE, HTML, html.replace("0.234567", "0.236913"), False),
        Bend("table: +1e-6", TABLE, HTML, html.replace("0.234567", "0.234568"), True),
        Bend("table: other width", TABLE, HTML, html.replace("<td>32", "<td>33"), False),
    ]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Outcome of every bent cell, and of notebooks that must not pass, from one run of nbval."""
    folder = tmp_path_factory.mktemp("bent")
    path = folder / "bent.ipynb"
    all_bends = bends()
    cells = [nbformat.v4.new_code_cell(SETUP)]
    cells += [nbformat.v4.new_code_cell(b.source, metadata={"tags": [*b.tags]}) for b in all_bends]
    notebook = nbformat.v4.new_notebook(cells=cells)
    with mock.patch.dict(os.environ, kernel_environment()):
        execute(notebook, path, timeout=120)
    for bend, cell in zip(all_bends, notebook.cells[1:], strict=True):
        if bend.mime == "stdout":
            cell.outputs[0].text = bend.stored
            cell.outputs = cell.outputs if bend.stored else []
        else:
            assert bend.mime in cell.outputs[0].data
            cell.outputs[0].data[bend.mime] = bend.stored
    nbformat.write(notebook, path)
    unrun = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    nbformat.write(unrun, folder / "unrun.ipynb")
    unrun.cells[0].execution_count = 1
    unrun.cells[0].source = "# NBVAL_IGNORE_OUTPUT\n1 + 1"
    nbformat.write(unrun, folder / "ignored.ipynb")
    unrun.cells[0].source = r'block = b"\1" * 1_600_000_000'
    nbformat.write(unrun, folder / "hungry.ipynb")

    found, log = judged(folder)
    return found["bent"], all_bends, log


def test_each_bent_output_is_judged_rightly(outcomes):
    found, all_bends, _ = outcomes
    assert found["Cell 0"] == ""
    judged = {bend.name: found[f"Cell {number}"] == "" for number, bend in enumerate(all_bends, start=1)}
    assert judged == {bend.name: bend.passes for bend in all_bends}


def test_a_failure_says_where_and_how_much(outcomes):
    found, all_bends, _ = outcomes
    message = {bend.name: found[f"Cell {number}"] for number, bend in enumerate(all_bends, start=1)}
    assert "stdout: stored 3.17300858, now 3.14159265" in message["printed: +1 %"]
    assert "explorer line at (1,): /0/data/0/y: 9 of 9 numbers differ" in message["explorer: +1 %"]


def test_notebooks_that_would_pass_whatever_they_print_are_not_collected(outcomes):
    _, _, log = outcomes
    assert "unrun.ipynb, code cell 0: stored without a run" in log
    assert "ignored.ipynb, code cell 0: its output would be ignored" in log


def test_a_kernel_that_takes_more_memory_than_binder_has_is_a_failure(outcomes):
    found, _, log = outcomes
    assert found["memory"] == ""
    assert re.search(r"the kernel took 1\.\d+ GB, and Binder has 1\.5 GB", log)


def test_a_cell_chooses_its_tolerance_by_a_tag():
    assert tolerance_of(["hide-input", "rtol-1e-2", "atol-1e-8"]) == Tolerance(rtol=1e-2, atol=1e-8)
    assert tolerance_of(["remove-cell"]) == tolerance_of([]) == Tolerance()
