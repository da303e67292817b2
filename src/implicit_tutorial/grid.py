"""Run an experiment on every cell of a grid: in parallel, resumable, with failures kept as rows."""

from __future__ import annotations

import hashlib
import inspect
import itertools
import json
import os
import platform
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import torch
from tqdm.auto import tqdm

Cell = Mapping[str, Any]
Experiment = Callable[..., Mapping[str, Any]]
Check = Callable[[Mapping[str, Any]], bool]


def cells(grid: Mapping[str, Sequence[Any]] | Iterable[Cell]) -> list[dict[str, Any]]:
    """The cells of a grid: all combinations of a mapping of lists, or a list of settings as it is."""
    if isinstance(grid, Mapping):
        for name, values in grid.items():
            if isinstance(values, str) or not isinstance(values, Iterable):
                raise TypeError(
                    f"grid[{name!r}] is {values!r}; give a list of values, also when there is one."
                )
        return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    return [dict(cell) for cell in grid]


def run_grid(
    grid: Mapping[str, Sequence[Any]] | Iterable[Cell],
    experiment: Experiment,
    *,
    cache_dir: str | Path,
    n_jobs: int = -1,
    threads: int = 1,
    progress: bool = False,
    reusable: Check | None = None,
) -> pd.DataFrame:
    """Call ``experiment(**cell)`` on every cell of the grid and return one row a cell (C17, C18).

    Each finished cell is stored the moment it is done, under its settings and the experiment's
    source: a run that is killed at any moment resumes with all of them, and nothing is computed twice.
    Under ``joblib.parallel_config("dask")`` the same call runs on a ``dask.distributed`` cluster.

    Args:
        grid: mapping of setting → list of values, or a list of cells.
        experiment: a function of the settings that returns a mapping of numbers and strings. Its
            randomness comes from settings (a ``seed``) alone. It may return a ``status`` of its own;
            ``"finished"`` is filled in otherwise.
        cache_dir: where finished cells are kept, one small JSON file each.
        n_jobs: worker processes, −1 for one a core.
        threads: torch threads in each worker.
        progress: show a bar with the time that is left.
        reusable: whether a stored row is used again; if not, its cell is computed and stored anew.

    Returns:
        A frame in the order of the grid: settings, what the experiment returned, ``status``,
        ``seconds`` and the versions that made the row. A cell that raised is a row whose status
        holds the error; the next call tries it again.
    """
    todo = cells(grid)
    store = _Store(Path(cache_dir), experiment, reusable)
    jobs = (joblib.delayed(_row)(i, cell, experiment, store, threads) for i, cell in enumerate(todo))
    rows: list[dict[str, Any]] = [{}] * len(todo)
    finished = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered", batch_size=1)(jobs)
    for i, row in tqdm(finished, total=len(todo), disable=not progress, unit="cell"):
        rows[i] = row
    return pd.DataFrame(rows)


def sweep(*args: Any, **keywords: Any) -> pd.DataFrame:
    """The former name of :func:`run_grid`."""
    warnings.warn("it.sweep is called it.run_grid now", DeprecationWarning, stacklevel=2)
    return run_grid(*args, **keywords)


class _Store:
    """Finished cells, one file each, written atomically.

    joblib.Memory forgets what it holds when the first process that fills it is killed, and all of it
    when the code around the experiment changes.
    """

    def __init__(self, folder: Path, experiment: Experiment, reusable: Check | None) -> None:
        # The name without its module: the same experiment run as a script or imported is the same cell.
        name = getattr(experiment, "__qualname__", type(experiment).__qualname__)
        try:
            source = inspect.getsource(experiment)
        except (OSError, TypeError):  # typed at a prompt, or a callable object: its name identifies it
            source = ""
        self.folder = folder / name.replace("<", "").replace(">", "")
        self.identity = name + "\n" + source
        self.reusable = reusable

    def path(self, cell: Cell) -> Path:
        text = json.dumps([self.identity, dict(cell)], sort_keys=True, default=lambda v: repr(_plain(v)))
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"

    def read(self, cell: Cell) -> dict[str, Any] | None:
        try:
            row = json.loads(self.path(cell).read_text())
        except FileNotFoundError:
            return None
        return row if self.reusable is None or self.reusable({**cell, **row}) else None

    def write(self, cell: Cell, row: Mapping[str, Any]) -> None:
        path = self.path(cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps(row))
        part.replace(path)


def _row(
    i: int, cell: dict[str, Any], experiment: Experiment, store: _Store, threads: int
) -> tuple[int, dict[str, Any]]:
    """One cell in a worker: read, or computed and stored; an error becomes a row and is not stored."""
    try:
        row = store.read(cell)
        if row is None:
            row = _evaluate(cell, experiment, threads)
            store.write(cell, row)
    except Exception as error:
        row = {"status": f"failed: {type(error).__name__}: {error}"}
    return i, {**cell, **row}


def _evaluate(cell: dict[str, Any], experiment: Experiment, threads: int) -> dict[str, Any]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    start = time.perf_counter()
    try:
        outcome = {name: _plain(value) for name, value in experiment(**cell).items()}
    finally:
        torch.set_num_threads(before)
    clash = sorted(set(outcome) & set(cell))
    if clash:
        raise ValueError(f"the experiment returns {clash}, which are settings of the grid; rename them.")
    return {
        "status": "finished",
        **outcome,
        "seconds": time.perf_counter() - start,
        "torch_version": torch.__version__,
        "python_version": platform.python_version(),
        "package_version": version("implicit-tutorial"),
    }


def _plain(value: Any) -> Any:
    """A torch or numpy scalar as the Python number it holds."""
    return value.item() if hasattr(value, "item") else value
