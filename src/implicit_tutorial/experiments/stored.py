"""Stored sweeps: one JSON file each among the results, with the command and versions that made it."""

from __future__ import annotations

import importlib
import json
import math
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from implicit_tutorial import results

FOLDER = Path(results.__file__).parent

#: Figures are kept to this many significant digits: far more than they mean, far fewer than a float prints.
_DIGITS = 6
#: Written once a file instead of once a row.
_VERSIONS = ("torch_version", "python_version", "package_version")


def write(name: str, frame: pd.DataFrame, experiment: Callable[..., Any], settings: Sequence[str]) -> Path:
    """Store a sweep's frame as ``name``; load() gives it back.

    Args:
        name: of the file, without its suffix.
        frame: from :func:`implicit_tutorial.sweep`.
        experiment: the function that made each row.
        settings: the columns that were its arguments.
    """
    versions = {v: sorted(set(frame[v].dropna())) for v in _VERSIONS if v in frame}
    table = frame.drop(columns=[v for v in _VERSIONS if v in frame])
    # A setting that never changes is said once.
    fixed = {c: _rounded(table[c].iloc[0]) for c in settings if table[c].nunique(dropna=False) == 1}
    table = table.drop(columns=list(fixed))
    content = {
        "command": f"python -m implicit_tutorial.experiments {name}",
        "experiment": f"{experiment.__module__}:{experiment.__qualname__}",
        "settings": list(settings),
        "fixed": fixed,
        "versions": versions,
        "machine": {"system": platform.system(), "architecture": platform.machine()},
        "cpu_seconds": round(float(table["seconds"].sum())) if "seconds" in table else None,
        "columns": list(table.columns),
    }
    head = json.dumps(content, indent=1, ensure_ascii=False)[:-2]
    rows = ",\n  ".join(
        json.dumps([_rounded(v) for v in row], ensure_ascii=False) for row in table.itertuples(index=False)
    )
    path = FOLDER / f"{name}.json"
    path.write_text(f'{head},\n "rows": [\n  {rows}\n ]\n}}\n', encoding="utf-8")
    return path


def load(name: str) -> pd.DataFrame:
    """The stored sweep ``name`` as a frame; ``frame.attrs`` says how it was made.

    Raises:
        FileNotFoundError: no such sweep.
    """
    content = results.load(name)
    frame = pd.DataFrame(content["rows"], columns=content["columns"])
    for column, value in content["fixed"].items():
        frame[column] = [value] * len(frame)
    frame.attrs = {key: content[key] for key in ("command", "experiment", "settings", "fixed", "versions")}
    return frame


def recompute(frame: pd.DataFrame, row: int) -> Mapping[str, Any]:
    """Run the experiment of a stored row again, with exactly its settings."""
    module, name = frame.attrs["experiment"].split(":")
    values = frame.iloc[row]
    cell = {key: _python(values[key]) for key in frame.attrs["settings"]}
    cell = {key: value for key, value in cell.items() if value is not None}
    return getattr(importlib.import_module(module), name)(**cell)


def _rounded(value: Any) -> Any:
    value = _python(value)
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    return value


def _python(value: Any) -> Any:
    """A plain Python value; what is not a number becomes None, which JSON has."""
    if isinstance(value, torch.Tensor | np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
