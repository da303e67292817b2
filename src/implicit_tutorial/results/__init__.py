"""Measurements that are too long, or too dependent on the machine, to be made while a page is built.

Each is a JSON file beside the module that writes it; the file names the command, the versions and the seed.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any


def load(name: str) -> dict[str, Any]:
    """The stored result ``name``, for instance ``load("backward_cost")``."""
    return json.loads(files(__package__).joinpath(f"{name}.json").read_text(encoding="utf-8"))


def store(name: str, content: dict[str, Any], *, indent: int | None = 1) -> None:
    """Write the result ``name`` where :func:`load` finds it; ``indent=None`` for long tables, on one line."""
    target = Path(__file__).parent / f"{name}.json"
    target.write_text(json.dumps(content, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"wrote {target.name}")
