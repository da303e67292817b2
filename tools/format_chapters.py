"""Let ruff mend and format the code in the chapters' text, by the rules that hold in notebooks/.

    python tools/format_chapters.py [notebooks/01_*.md …]

Ruff reads notebooks, not MyST. So the cells of a chapter are handed to it as one, and put back where they
were. What a line may hold is said in notebooks/ruff.toml.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).resolve().parent.parent
#: A cell of code: its fence with the options below it, its source, and the closing fence.
CELL = re.compile(
    r"(^(`{3,})\{code-cell\}[^\n]*\n(?:(?::[\w-]+:[^\n]*\n)+\n*)?)(.*?)(^\2[ \t]*$)", re.M | re.S
)


def ruff(notebook: str, name: Path, *command: str) -> str:
    """What ruff makes of a notebook that would have this name."""
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--quiet", "--stdin-filename", str(name), "-"],
        input=notebook,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    if not done.stdout:
        raise ValueError(f"{name.stem}: ruff cannot read a cell of its code:\n{done.stderr}")
    return done.stdout


def formatted(text: str, name: Path) -> str:
    """The text of the chapter `name` with its cells mended and formatted.

    Raises:
        ValueError: if a cell is no Python.
    """
    cells = [new_code_cell(match[3].strip("\n")) for match in CELL.finditer(text)]
    notebook = new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})
    as_notebook = name.with_suffix(".ipynb")
    for command in (("check", "--fix-only"), ("format",)):
        notebook = nbformat.reads(
            ruff(nbformat.writes(notebook), as_notebook, *command), as_version=nbformat.NO_CONVERT
        )
    sources = iter(cell.source for cell in notebook.cells)
    return CELL.sub(lambda match: f"{match[1]}{next(sources)}\n{match[4]}", text)


def main(arguments: list[str], root: Path = ROOT) -> int:
    chapters = [Path(a).resolve() for a in arguments] or sorted((root / "notebooks").glob("[0-9]*.md"))
    failures = 0
    for chapter in chapters:
        text = chapter.read_text("utf-8")
        try:
            tidy = formatted(text, chapter)
        except ValueError as error:
            failures += 1
            print(f"ERROR {error}", file=sys.stderr)
            continue
        if tidy != text:
            chapter.write_text(tidy, "utf-8")
            print(f"{chapter.name} formatted; run `make notebooks`")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
