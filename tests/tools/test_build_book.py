"""What makes the built book stale."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import build_book
import make_notebooks
import pytest
from jupyter_cache import get_cache
from myst_nb.core.read import read_myst_markdown_notebook


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    files = "src/p/a.py src/p/static/e.js _ext/x.py book/intro.md notebooks/01.md requirements.txt"
    for name in files.split():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


OUTPUTS = [".jupyter_cache", "jupyter_execute", ".doctrees", "html"]
PAGES = [".doctrees", "html"]


@pytest.mark.parametrize(
    ("changed", "stale"),
    [
        ("src/p/a.py", OUTPUTS),  # jupyter-cache would not notice
        ("src/p/stored.npz", OUTPUTS),
        ("requirements.txt", OUTPUTS),
        ("src/p/static/e.js", PAGES),
        ("_ext/x.py", PAGES),
        ("book/intro.md", []),  # Sphinx itself sees this
    ],
)
def test_a_change_clears_what_depends_on_it(tree: Path, changed: str, stale: list[str]) -> None:
    before = build_book.current_state(tree)
    assert build_book.current_state(tree) == before
    (tree / changed).write_text("something else")
    after = build_book.current_state(tree)
    assert after != before
    assert build_book.stale_folders(before, after) == stale


def test_pages_with_stored_outputs_follow_the_notebooks(tree: Path) -> None:
    notebook = tree / "notebooks" / "01.ipynb"
    notebook.write_text("{}")
    run, stored = (build_book.current_state(tree, stored) for stored in (False, True))
    assert build_book.stale_folders(run, stored) == build_book.stale_folders(stored, run) == OUTPUTS
    notebook.write_text("{ }")
    assert build_book.current_state(tree)["outputs"] == run["outputs"]
    assert build_book.stale_folders(stored, build_book.current_state(tree, stored=True)) == OUTPUTS


def test_compiled_files_do_not_count(tree: Path) -> None:
    before = build_book.current_state(tree)
    (tree / "src/p/__pycache__").mkdir()
    (tree / "src/p/__pycache__/a.pyc").write_text("compiled")
    assert build_book.current_state(tree) == before


def test_a_first_build_starts_from_nothing(tree: Path) -> None:
    assert build_book.stale_folders({}, build_book.current_state(tree)) == OUTPUTS


def test_notebooks_are_executed_before_the_build_and_a_failing_one_is_left_to_it(tree: Path) -> None:
    (tree / "_config.yml").write_text("execute: {timeout: 60}")
    page = "---\nfile_format: mystnb\nkernelspec: {name: python3}\n---\n\n```{code-cell}\n%s\n```\n"
    sources = {"notebooks/good": "print(6 * 7)", "notebooks/bad": "1 / 0", "book/page": "print(2 + 3)"}
    for name, source in sources.items():
        (tree / f"{name}.md").write_text(page % source)
    build_book.execute_in_parallel(tree)
    cache = get_cache(str(tree / "_build" / ".jupyter_cache"))
    records = [cache.get_cache_bundle(r.pk).nb.cells for r in cache.list_cache_records()]
    printed = [cell.outputs[0].text for cells in records for cell in cells if cell.cell_type == "code"]
    assert sorted(printed) == ["42\n", "5\n"]


def test_stored_outputs_are_not_computed_again(tree: Path) -> None:
    head = "---\nfile_format: mystnb\nkernelspec: {name: python3}\n---\n\n# Title\n\n"
    page = f"{head}```{{code-cell}}\nprint(6 * 7)\n```\n"
    (tree / "notebooks" / "01.md").write_text(page)
    with mock.patch.dict(os.environ):
        assert make_notebooks.main([], root=tree) == 0
    notebook = tree / "notebooks" / "01.ipynb"
    notebook.write_text(notebook.read_text().replace("42\\n", "as stored"))
    (tree / "notebooks" / "02.md").write_text(page.replace("6 * 7", "2 + 3"))  # has no notebook
    build_book.take_stored_outputs(tree)
    cache = get_cache(str(tree / "_build" / ".jupyter_cache"))
    (record,) = cache.list_cache_records()
    (cell,) = cache.get_cache_bundle(record.pk).nb.cells
    assert cell.outputs[0].text == "as stored"
    assert cell.execution_count == 1
    merged = cache.merge_match_into_notebook(read_myst_markdown_notebook(page))[1]
    assert merged.cells[1].outputs == [cell.outputs[0]], "Jupyter Book would not find it"
