"""The stored run: one JSON file among the package's results, a list of rows for each figure."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch

from implicit_tutorial import results
from implicit_tutorial.book.benchmarks import BENCHMARKS

PATH = Path(results.__file__).with_name("benchmarks.json")


def circumstances() -> dict[str, Any]:
    """Versions and machine; rows of one table share them."""
    versions = {name: importlib.metadata.version(name) for name in ("torch", "torchdeq", "numpy")}
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "command": "python -m benchmarks",
        "versions": {"python": platform.python_version(), **versions},
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
            "kernels": torch.backends.cpu.get_cpu_capability(),
            "gpu": gpu,
        },
        "threads": torch.get_num_threads(),
    }


def replace(name: str, rows: list[dict[str, Any]], *, seconds: float, path: Path = PATH) -> None:
    """Store a figure's rows; those of other figures stay if they were made under the same circumstances."""
    content = circumstances() | {"seconds": {}, "rows": {}}
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        if all(before[key] == value for key, value in circumstances().items()):
            content = before
    content["seconds"][name] = round(seconds, 1)
    content["rows"][name] = [{key: _plain(value) for key, value in row.items()} for row in rows]
    for part in ("seconds", "rows"):
        content[part] = {known: content[part][known] for known in BENCHMARKS if known in content[part]}
    head = json.dumps(content | {"rows": None}, indent=1, ensure_ascii=False).removesuffix("null\n}")
    figures = ",\n".join(
        f"  {json.dumps(figure)}: [\n   " + ",\n   ".join(map(json.dumps, rows)) + "\n  ]"
        for figure, rows in content["rows"].items()
    )
    path.write_text(f"{head}{{\n{figures}\n }}\n}}\n", encoding="utf-8")


def brief(row: dict[str, Any]) -> str:
    return ", ".join(f"{key} {_plain(value)}" for key, value in row.items())


def _plain(value: Any) -> Any:
    """A Python value with four digits, which is more than a time means."""
    value = value.item() if isinstance(value, np.generic) else value
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor() or "unknown"
