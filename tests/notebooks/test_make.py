"""Making a chapter's notebook from its text: what is stored, and what happens when a cell fails."""

import os
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import make_notebooks
import nbformat
import pytest
from kernel_environment import kernel_environment
from nbformat.v4 import new_code_cell, new_notebook

HEAD = "---\nfile_format: mystnb\nkernelspec: {name: python3}\n---\n\n# Title\n\n"


class Result(NamedTuple):
    returncode: int
    stderr: str


@pytest.fixture
def run(capsys, tmp_path):
    def run(*arguments):
        with mock.patch.dict(os.environ):
            code = make_notebooks.main([*map(str, arguments)], root=tmp_path)
        return Result(code, capsys.readouterr().err)

    return run


@pytest.fixture
def write(tmp_path):
    (tmp_path / "notebooks").mkdir()

    def write(name, *blocks):
        path = tmp_path / "notebooks" / name
        path.write_text(HEAD + "\n\n".join(blocks) + "\n")
        return path

    return write


def code(source, *tags):
    options = f":tags: [{', '.join(tags)}]\n\n" if tags else ""
    return f"```{{code-cell}} ipython3\n{options}{source}\n```"


def stored(path):
    return nbformat.read(path.with_suffix(".ipynb"), as_version=4)


def test_what_is_stored_depends_on_text_and_code_alone(write, run, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "a server")
    source = (
        "import os\nprint(os.environ['OMP_NUM_THREADS'], os.environ['IMPLICIT_TUTORIAL_LIVE'], os.getcwd())"
    )
    slow = "import time\nprint('begun')\ntime.sleep(1)\nprint('done')"  # comes in two messages
    path = write("01_a.md", code(source, "hide-input"), code("x = 41"), code("x + 1"), code(slow))
    result = run(path)
    assert result.returncode == 0, result.stderr
    notebook = stored(path)
    assert [c.id for c in notebook.cells] == [f"cell-00{i}" for i in range(6)]
    assert [c.get("execution_count") for c in notebook.cells] == [None, 1, 2, 3, 4, 5]
    title, first, where, _, answer, printed = notebook.cells
    assert title.source == "# 1. Title"
    assert "find_spec" in first.source
    assert first.metadata == {"jupyter": {"source_hidden": True}}
    assert where.outputs[0].text == f"1 0 {path.parent}\n"
    assert where.metadata == {"tags": ["hide-input"]}
    assert answer.outputs[0].data["text/plain"] == "42"
    assert [output.text for output in printed.outputs] == ["begun\ndone\n"]
    assert notebook.metadata == {"kernelspec": make_notebooks.KERNEL, "language_info": {"name": "python"}}
    before = path.with_suffix(".ipynb").read_bytes()
    assert run(path).returncode == 0
    assert path.with_suffix(".ipynb").read_bytes() == before


def test_a_number_of_the_prose_is_the_cells(write, run):
    named = "from implicit_tutorial.prose import glue\nglue('third', 1 / 3)\nglue('word', '−2')"
    path = write("01_a.md", code(named, "remove-cell"), "It is {glue:text}`third:.3f`, or {glue:text}`word`.")
    assert run(path).returncode == 0
    *_, cell, text = stored(path).cells
    assert text.source == "It is 0.333, or −2."
    assert cell.metadata == {"tags": ["remove-cell"], "jupyter": {"source_hidden": True}}
    assert run("--check", path).returncode == 0


def test_a_failing_cell_is_named_and_the_file_left_alone(write, run):
    path = write("01_b.md", code("x = 1"), code("y = x / 0  # here"), code("z = 1"))
    path.with_suffix(".ipynb").write_text("as it was")
    result = run(path)
    assert result.returncode == 1
    assert "01_b.md, cell 3 (y = x / 0  # here)" in result.stderr
    assert "ZeroDivisionError" in result.stderr
    assert path.with_suffix(".ipynb").read_text() == "as it was"
    assert sorted(path.parent.iterdir()) == [path.with_suffix(".ipynb"), path]


def test_check_runs_nothing_and_finds_what_is_stale(write, run):
    path = write("01_c.md", code("1 + 1"), "The text.")
    assert "has no notebook beside it" in run("--check", path).stderr
    assert run(path).returncode == 0
    assert run("--check", path).returncode == 0

    whole = path.read_text()
    for changed, complaint in ((("The text", "A text"), "is not what"), (("1 + 1", "1 + 2"), "other code")):
        path.write_text(whole.replace(*changed))
        assert complaint in run("--check", path).stderr
    path.write_text(whole.replace("The text", "A text"))
    assert run("--text", path).returncode == 0
    assert stored(path).cells[-1].source == "A text."
    assert stored(path).cells[2].outputs[0].data["text/plain"] == "2"
    assert run("--check", path).returncode == 0
    notebook = stored(path)
    for cell in notebook.cells:
        cell.pop("execution_count", None)
        if cell.cell_type == "code":
            cell |= {"execution_count": None, "outputs": []}
    nbformat.write(notebook, path.with_suffix(".ipynb"))
    assert "code cell 1 of its notebook was stored without a run" in run("--check", path).stderr


@pytest.mark.parametrize("name", ["missing.md", "01_d.ipynb"])
def test_only_texts_are_chapters(write, run, name):
    path = write("01_d.md")
    path.with_suffix(".ipynb").write_text("{}")
    assert "there is no such chapter" in run(path.with_name(name)).stderr


@pytest.mark.parametrize(("folder", "install"), [("notebooks", "%pip install .."), (".", "FOLDER")])
def test_the_first_cell_says_what_to_install(tmp_path, folder, install):
    """In a kernel that lacks the library: a message and no traceback, and no later cell runs."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").touch()
    where = tmp_path / folder if folder != "." else tmp_path / "notebooks" / "deep"
    where.mkdir(exist_ok=True)
    first = (make_notebooks.ROOT / "tools" / "first_cell.py").read_text()
    sources = ("import importlib.util as u; u.find_spec = lambda name: None", first, "print('on')")
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    with mock.patch.dict(os.environ, kernel_environment()), pytest.raises(RuntimeError, match="cell 1"):
        make_notebooks.execute(notebook, where / "chapter.md", timeout=60)
    _, asked, after = notebook.cells
    said = "".join(
        output.get("text", "") + "\n".join(output.get("traceback", [])) for output in asked.outputs
    )
    assert install in said
    assert "Traceback" not in said
    assert after.outputs == []


CHAPTERS = sorted((make_notebooks.ROOT / "notebooks").glob("[0-9]*.md"))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_the_stored_notebook_is_what_the_chapter_says(chapter: Path):
    make_notebooks.check(chapter, make_notebooks.Labels(make_notebooks.ROOT))


def test_every_notebook_has_a_text():
    notebooks = sorted((make_notebooks.ROOT / "notebooks").glob("*.ipynb"))
    assert [path.stem for path in notebooks] == [path.stem for path in CHAPTERS]
