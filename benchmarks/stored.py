"""The stored run: one JSON file in the folder of the book's studies, a list of rows for each benchmark."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np

from implicit_tutorial.book.benchmarks import BENCHMARKS, PATH
from implicit_tutorial.book.provenance import provenance


def origin() -> dict[str, Any]:
    """The circumstances of a run: command, versions, machine. A missing peer is named at once."""
    try:
        return provenance("python -m benchmarks", "torchdeq", "numpy")
    except PackageNotFoundError as missing:
        raise SystemExit(
            f"{missing.name} is not installed: `make bench` installs what it compares with"
        ) from None


def replace(name: str, rows: list[dict[str, Any]], *, seconds: float, path: Path = PATH) -> None:
    """Store a benchmark's rows; those of others stay if they were made under the same circumstances."""
    made = origin()
    content = made | {"seconds": {}, "rows": {}}
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        if all(before[key] == value for key, value in made.items()):
            content = before
    content["seconds"][name] = round(seconds, 1)
    content["rows"][name] = [{key: _plain(value) for key, value in row.items()} for row in rows]
    for part in ("seconds", "rows"):
        content[part] = {known: content[part][known] for known in BENCHMARKS if known in content[part]}
    head = json.dumps(content | {"rows": None}, indent=1, ensure_ascii=False).removesuffix("null\n}")
    tables = ",\n".join(
        f"  {json.dumps(benchmark)}: [\n   " + ",\n   ".join(map(json.dumps, rows)) + "\n  ]"
        for benchmark, rows in content["rows"].items()
    )
    path.write_text(f"{head}{{\n{tables}\n }}\n}}\n", encoding="utf-8")


def brief(row: dict[str, Any]) -> str:
    return ", ".join(f"{key} {_plain(value)}" for key, value in row.items())


def _plain(value: Any) -> Any:
    """A Python value with four digits, which is more than a time means."""
    value = value.item() if isinstance(value, np.generic) else value
    return float(f"{value:.4g}") if isinstance(value, float) else value
