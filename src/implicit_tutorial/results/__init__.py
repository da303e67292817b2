"""Measurements that are too long, or too dependent on the machine, to be made while a page is built.

Each is a JSON file beside the module that writes it; the file names the command, the versions and the seed.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def load(name: str) -> dict[str, Any]:
    """The stored result ``name``, for instance ``load("backward_cost")``."""
    return json.loads(files(__package__).joinpath(f"{name}.json").read_text(encoding="utf-8"))
