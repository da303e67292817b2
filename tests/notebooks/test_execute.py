"""Executing notebooks for storage: what is stored, and what happens when a cell fails."""

import os
from typing import NamedTuple
from unittest import mock

import execute_notebooks
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook


class Result(NamedTuple):
    returncode: int
    stderr: str


@pytest.fixture
def run(capsys):
    def run(*arguments):
        with mock.patch.dict(os.environ):
            return Result(execute_notebooks.main([*map(str, arguments)]), capsys.readouterr().err)

    return run


@pytest.fixture
def write(tmp_path):
    def write(name, *sources):
        cells = [new_markdown_cell("# Title"), *map(new_code_cell, sources)]
        cells[1].metadata = {"tags": ["hide-input"], "execution": {"iopub.status.busy": "2020"}, "vscode": {}}
        nbformat.write(new_notebook(cells=cells, metadata={"widgets": {}, "title": "T"}), tmp_path / name)
        return tmp_path / name

    return write


def test_what_is_stored_depends_on_the_code_alone(write, run, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "a server")
    source = (
        "import os\nprint(os.environ['OMP_NUM_THREADS'], os.environ['IMPLICIT_TUTORIAL_LIVE'], os.getcwd())"
    )
    slow = "import time\nprint('begun')\ntime.sleep(1)\nprint('done')"  # comes in two messages
    path = write("a.ipynb", source, "x = 41", "x + 1", slow)
    result = run(path)
    assert result.returncode == 0, result.stderr
    stored = nbformat.read(path, as_version=4)
    assert [c.id for c in stored.cells] == [f"cell-00{i}" for i in range(5)]
    assert [c.get("execution_count") for c in stored.cells] == [None, 1, 2, 3, 4]
    assert stored.cells[1].outputs[0].text == f"1 0 {path.parent}\n"
    assert stored.cells[3].outputs[0].data["text/plain"] == "42"
    assert [output.text for output in stored.cells[4].outputs] == ["begun\ndone\n"]
    assert stored.cells[1].metadata == {"tags": ["hide-input"]}
    assert set(stored.metadata) == {"kernelspec", "language_info", "title"}
    first = path.read_bytes()
    assert run(path).returncode == 0
    assert path.read_bytes() == first


def test_a_failing_cell_is_named_and_the_file_left_alone(write, run):
    path = write("b.ipynb", "x = 1", "y = x / 0  # here", "z = 1")
    before = path.read_bytes()
    result = run(path)
    assert result.returncode == 1
    assert "b.ipynb, cell 2 (y = x / 0  # here)" in result.stderr
    assert "ZeroDivisionError" in result.stderr
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_check_runs_nothing_and_finds_what_was_never_run(write, run):
    path = write("c.ipynb", "raise SystemExit", "")
    result = run("--check", path)
    assert result.returncode == 1
    assert "c.ipynb: cells [1]" in result.stderr
    stored = nbformat.read(path, as_version=4)
    stored.cells[1].execution_count = 1
    nbformat.write(stored, path)
    assert run("--check", path).returncode == 0
    assert run("--check", path.with_name("missing.ipynb")).returncode == 1
