"""Execute notebooks and store them with their outputs.

    python tools/execute_notebooks.py                      every notebook in notebooks/
    python tools/execute_notebooks.py notebooks/01_*.ipynb the ones named
    python tools/execute_notebooks.py --check [...]        run nothing; fail if a cell was never run

What is stored depends on the code alone: explorers in their static form, one thread, no times, and
for every cell an id that survives the next execution.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import nbformat
from kernel_environment import kernel_environment
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parent.parent
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def execute(path: Path, timeout: int) -> None:
    """Run the notebook at `path` in its own folder and store it, or leave the file as it was and raise.

    Raises:
        RuntimeError: naming the notebook and the cell that failed, or was too slow.
    """
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["kernelspec"] = dict(KERNEL)
    running = [""]

    def on_cell_start(cell: nbformat.NotebookNode, cell_index: int) -> None:
        running[0] = f"cell {cell_index} ({cell.source.strip().partition(chr(10))[0]})"

    client = NotebookClient(
        notebook,
        timeout=timeout,
        record_timing=False,
        coalesce_streams=True,  # how many messages a cell's text comes in is the machine's accident
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_start=on_cell_start,
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise RuntimeError(f"{path.name}, {running[0]}:\n{error}") from error
    clean(notebook)
    nbformat.validate(notebook)
    partial = path.with_suffix(".ipynb.partial")
    nbformat.write(notebook, partial)
    partial.replace(path)  # an interrupted run leaves the stored notebook whole


def clean(notebook: nbformat.NotebookNode) -> None:
    """Leave only metadata that says something about the notebook, and give the cells ids by their place."""
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": dict(KERNEL), "language_info": {"name": "python"}}
        | {
            k: notebook.metadata[k]
            for k in ("title", "authors", "mystnb", "jupytext")
            if k in notebook.metadata
        }
    )
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:03d}"
        cell.metadata = nbformat.from_dict(
            {k: v for k, v in cell.metadata.items() if k in ("tags", "mystnb")}
        )
        for output in cell.get("outputs", []):
            if "metadata" in output:
                output.metadata = {}
    notebook.nbformat, notebook.nbformat_minor = 4, 5


def unrun(path: Path) -> list[int]:
    """Numbers of the cells that hold code but were stored without a run."""
    cells = enumerate(nbformat.read(path, as_version=4).cells)
    return [n for n, c in cells if c.cell_type == "code" and c.source.strip() and c.execution_count is None]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: every notebook in notebooks/")
    parser.add_argument("--check", action="store_true", help="only check that every cell was run")
    parser.add_argument("--timeout", type=int, default=300, help="seconds a cell may take")
    options = parser.parse_args(arguments)
    paths = [p.resolve() for p in options.notebooks] or sorted((ROOT / "notebooks").glob("*.ipynb"))

    failures = 0
    os.environ |= kernel_environment()
    os.environ.pop("JPY_SESSION_NAME", None)
    for path in paths:
        started = time.perf_counter()
        try:
            if not path.exists():
                raise RuntimeError(f"{path}: there is no such notebook")
            if options.check:
                if cells := unrun(path):
                    raise RuntimeError(f"{path.name}: cells {cells} were stored without a run")
            else:
                execute(path, options.timeout)
                print(
                    f"{path.name}: {time.perf_counter() - started:.1f} s, {path.stat().st_size / 1e6:.2f} MB"
                )
        except RuntimeError as error:
            failures += 1
            print(f"ERROR {error}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
