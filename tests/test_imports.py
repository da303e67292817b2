"""Who imports whom: no circle among the files, and no plotting in the library."""

from __future__ import annotations

import ast
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import implicit_tutorial

PACKAGE = "implicit_tutorial"
ROOT = Path(implicit_tutorial.__file__).parent
#: What may draw.
WITH_PLOTS = ("explorer", "book")
DRAWING = [f"{PACKAGE}.{name}" for name in WITH_PLOTS]
FRONT_ENDS = ["plotly", "ipywidgets", "anywidget", f"{PACKAGE}.explorer", f"{PACKAGE}.book"]


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def within(name: str, packages: list[str]) -> bool:
    return any(f"{name}.".startswith(f"{package}.") for package in packages)


def imported(path: Path, root: Path) -> Iterator[str]:
    """Full names that a file imports anywhere, also inside functions and for a type checker alone."""
    package = module_name(path, root).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            source = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def import_graph(root: Path) -> dict[str, set[str]]:
    """Every file by its module's name, and the files that it names in its imports.

    ``from a.b import c`` is an import of the file a/b/c.py if there is one, else of that of a.b. A package
    that lists its own modules, as every ``__init__`` does, thereby imports them and not itself.
    """
    files = {module_name(path, root): path for path in root.rglob("*.py")}
    graph = {}
    for module, path in files.items():
        names = imported(path, root)
        graph[module] = {name if name in files else name.rpartition(".")[0] for name in names} & set(files)
    return graph


def circle(graph: dict[str, set[str]]) -> list[str]:
    """The modules of one circle, in the order of its imports; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1][::-1]
    return []


def test_no_two_files_import_one_another():
    found = circle(import_graph(ROOT))
    assert not found, " imports ".join(found)


HIDDEN = {
    "plain": "from top.b import f",
    "by the module": "import top.b",
    "relative": "from .b import f",
    "for a type checker": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from top.b import f",
    "inside a function": "def g():\n    from top import b",
    "through the package": "from top import f",
}


@pytest.mark.parametrize("line", HIDDEN.values(), ids=HIDDEN)
def test_a_circle_is_seen_however_it_is_hidden(tmp_path, line):
    root = tmp_path / "top"
    root.mkdir()
    (root / "__init__.py").write_text("from top.b import f")
    (root / "a.py").write_text(line)
    (root / "b.py").write_text("import math")
    assert not circle(import_graph(root))
    (root / "b.py").write_text("from top.a import g")
    assert {"top.a", "top.b"} <= set(circle(import_graph(root)))


def test_no_room_of_the_book_imports_another():
    """What two chapters share stands in a module of the book that belongs to neither."""

    def room(module: str) -> str | None:
        _, book, *parts = f"{module}..".split(".")[:4]
        return parts[0] if book == "book" and (ROOT / "book" / parts[0] / "__init__.py").exists() else None

    graph = import_graph(ROOT)
    assert len({room(module) for module in graph} - {None, ""}) >= 11
    crossing = {
        f"{module} imports {other}"
        for module, others in graph.items()
        for other in others
        if room(module) and room(other) and room(module) != room(other)
    }
    assert not crossing


def test_the_library_imports_no_plotting():
    found = {
        module_name(path, ROOT): [name for name in imported(path, ROOT) if within(name, FRONT_ENDS)]
        for path in ROOT.rglob("*.py")
    }
    assert not {module: names for module, names in found.items() if names and not within(module, DRAWING)}
    assert any(found.values()), "the search finds no plotting where there is some"


#: Libraries that draw, or cost as much to import as torch does and are called by some functions only.
ON_FIRST_USE = ["scipy", "pandas", "sklearn", "joblib", "torchdiffeq", "matplotlib", "IPython", *FRONT_ENDS]

IMPORTED = """
import json, sys, time
start = time.process_time()
import torch
between, before, default = time.process_time(), set(sys.modules), torch.get_default_dtype()
import implicit_tutorial
end = time.process_time()
print(json.dumps({
    "torch": between - start,
    "library": end - start,
    "loaded": [*set(sys.modules) - before],
    "default": default is torch.get_default_dtype(),
}))
"""


@pytest.fixture(scope="module")
def imports() -> list[dict]:
    """What ``import torch`` and then ``import implicit_tutorial`` do, in three processes of their own."""
    command = [sys.executable, "-c", IMPORTED]
    return [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(3)]


def test_importing_the_library_changes_no_default(imports):
    assert all(found["default"] for found in imports)


def test_importing_the_library_loads_what_every_call_needs_and_nothing_else(imports):
    for found in imports:
        assert f"{PACKAGE}.training.run" in found["loaded"], "nothing was imported"
        assert not {name for name in found["loaded"] if within(name, ON_FIRST_USE)}


def test_importing_the_library_takes_little_longer_than_importing_torch(imports):
    """Processor time: the median, with room for a busy machine."""
    assert statistics.median(found["library"] / found["torch"] for found in imports) < 1.35
