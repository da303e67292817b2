"""Make the notebooks from the chapters' text: execute the cells, say the text without MyST, store both.

    python tools/make_notebooks.py                     every chapter
    python tools/make_notebooks.py notebooks/01_*.md   the ones named
    python tools/make_notebooks.py --text [...]        run nothing; write the text anew, keep the outputs
    python tools/make_notebooks.py --check [...]       run nothing; fail if a notebook is stale

A chapter is written once, as notebooks/NN_name.md, and the pages are built from that. The notebook beside
it is for people: it opens in any front end, without an extension. What is stored depends on the text and the
code alone: explorers in their static form, one thread, no times, and ids that survive the next run.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import nbformat
from book_labels import Labels
from kernel_environment import kernel_environment
from myst_nb.core.read import read_myst_markdown_notebook
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from plain_markdown import PlainMarkdown

ROOT = Path(__file__).resolve().parent.parent
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
#: What a front end is told of cells that are not for reading, and of headings that hide what follows.
HIDDEN = {"jupyter": {"source_hidden": True}}
FOLDED = {"jp-MarkdownHeadingCollapsed": True}


def read(source: Path) -> NotebookNode:
    """The chapter as written: MyST cells and code, behind the cell that looks for the library."""
    notebook = read_myst_markdown_notebook(source.read_text("utf-8"))
    first = new_code_cell((ROOT / "tools" / "first_cell.py").read_text("utf-8").strip(), metadata=HIDDEN)
    cells = notebook.cells
    at = next((n for n, cell in enumerate(cells) if cell.cell_type == "code"), len(cells))
    cells.insert(at, first)
    return notebook


def execute(notebook: NotebookNode, source: Path, timeout: int) -> None:
    """Run the cells in the chapter's own folder; their outputs are put into the notebook.

    Raises:
        RuntimeError: naming the chapter and the cell that failed, or was too slow.
    """
    running = [""]

    def on_cell_start(cell: NotebookNode, cell_index: int) -> None:
        running[0] = f"cell {cell_index} ({cell.source.strip().partition(chr(10))[0]})"

    client = NotebookClient(
        notebook,
        timeout=timeout,
        record_timing=False,
        coalesce_streams=True,  # how many messages a cell's text comes in is the machine's accident
        resources={"metadata": {"path": str(source.parent)}},
        on_cell_start=on_cell_start,
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise RuntimeError(f"{source.name}, {running[0]}:\n{error}") from error


def take_outputs(notebook: NotebookNode, stored: NotebookNode, source: Path) -> None:
    """Put the outputs of the stored notebook into a notebook just read.

    Raises:
        RuntimeError: if its cells of code are others, or one of them was never run.
    """
    mine, others = ([c for c in nb.cells if c.cell_type == "code"] for nb in (notebook, stored))
    if [cell.source for cell in mine] != [cell.source for cell in others]:
        raise RuntimeError(f"{source.name}: the notebook beside it holds other code; run `make notebooks`.")
    for number, (cell, other) in enumerate(zip(mine, others, strict=True), start=1):
        if other.execution_count is None and other.source.strip():
            raise RuntimeError(f"{source.name}: code cell {number} of its notebook was stored without a run.")
        cell.outputs, cell.execution_count = other.outputs, other.execution_count


def stored_run(source: Path) -> NotebookNode:
    """The chapter as its page reads it, with the outputs that its notebook holds.

    Raises:
        RuntimeError: if there is no notebook, or one of other code.
    """
    notebook = read(source)
    take_outputs(notebook, load(source), source)
    first, *own = (cell for cell in notebook.cells if cell.cell_type == "code")
    notebook.cells.remove(first)
    for count, cell in enumerate(own, start=1):
        cell.execution_count = count
    # A kernel would have said how its language is coloured.
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    return notebook


def numbers(notebook: NotebookNode) -> dict[str, str]:
    """What the cells have named with `glue`, as they printed it."""
    named = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "scrapbook" in output.get("metadata", {}):
                named[output.metadata["scrapbook"]["name"]] = next(iter(output.data.values()))
    return named


def finish(notebook: NotebookNode, chapter: str, labels: Labels) -> NotebookNode:
    """The notebook as it is stored: plain Markdown, and only such metadata as says something about it."""
    plain = PlainMarkdown(chapter, labels, numbers(notebook))
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            found = plain.cells(cell.source)
            cells += [new_markdown_cell(c.source, metadata=FOLDED if c.folded else {}) for c in found]
            continue
        tags = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        hidden = HIDDEN if "jupyter" in cell.metadata or "remove-cell" in tags.get("tags", ()) else {}
        for output in cell.outputs:
            if "metadata" in output:
                output.metadata = {k: v for k, v in output.metadata.items() if k == "scrapbook"}
        cell.metadata = nbformat.from_dict(tags | hidden)
        cells.append(cell)
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number:03d}"
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    finished = new_notebook(cells=cells, metadata=metadata)
    nbformat.validate(finished)
    return finished


def make(source: Path, labels: Labels, timeout: int) -> None:
    """Run a chapter and store its notebook, or leave the file as it was and raise RuntimeError."""
    notebook = read(source)
    execute(notebook, source, timeout)
    store(finish(notebook, source.stem, labels), source)


def store(notebook: NotebookNode, source: Path) -> None:
    """Write the notebook of a chapter; an interrupted run leaves the stored one whole."""
    partial = source.with_suffix(".ipynb.partial")
    nbformat.write(notebook, partial)
    partial.replace(source.with_suffix(".ipynb"))


def load(source: Path) -> NotebookNode:
    """The stored notebook of a chapter."""
    target = source.with_suffix(".ipynb")
    if not target.exists():
        raise RuntimeError(f"{source.name} has no notebook beside it; run `make notebooks`.")
    return nbformat.read(target, as_version=4)


def retell(source: Path, labels: Labels) -> tuple[NotebookNode, NotebookNode]:
    """The stored notebook, and what the chapter says today with the outputs stored there."""
    stored, notebook = load(source), read(source)
    take_outputs(notebook, stored, source)
    return stored, finish(notebook, source.stem, labels)


def check(source: Path, labels: Labels) -> None:
    """Raise RuntimeError unless the stored notebook is what the chapter says with the stored outputs."""
    stored, told = retell(source, labels)
    if nbformat.writes(told) != nbformat.writes(stored):
        raise RuntimeError(f"{source.stem}.ipynb is not what {source.name} says; run `make notebooks`.")


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("chapters", nargs="*", type=Path, help="default: every chapter in notebooks/")
    parser.add_argument("--text", action="store_true", help="run nothing, write only the text anew")
    parser.add_argument("--check", action="store_true", help="run nothing, compare text and notebook")
    parser.add_argument("--timeout", type=int, default=300, help="seconds a cell may take")
    options = parser.parse_args(arguments)
    sources = [p.resolve() for p in options.chapters] or sorted((root / "notebooks").glob("[0-9]*.md"))

    failures = 0
    labels = Labels(root)
    os.environ |= kernel_environment()
    os.environ.pop("JPY_SESSION_NAME", None)
    for source in sources:
        started = time.perf_counter()
        try:
            if source.suffix != ".md" or not source.exists():
                raise RuntimeError(f"{source}: there is no such chapter; its text is a file of the kind .md.")
            if options.check:
                check(source, labels)
            elif options.text:
                store(retell(source, labels)[1], source)
            else:
                make(source, labels, options.timeout)
                size = source.with_suffix(".ipynb").stat().st_size / 1e6
                print(f"{source.stem}: {time.perf_counter() - started:.1f} s, {size:.2f} MB")
        except (RuntimeError, ValueError) as error:
            failures += 1
            print(f"ERROR {error}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
