"""Run an experiment on every cell of a grid: in parallel, resumable, with failures kept as rows."""

from __future__ import annotations

import itertools
import json
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tqdm.auto import tqdm

from implicit_tutorial.equilibrium.checks import check_least, checked
from implicit_tutorial.identity import Digest

if TYPE_CHECKING:
    import pandas as pd

Cell = Mapping[str, Any]
Experiment = Callable[..., Mapping[str, Any]]
Check = Callable[[Mapping[str, Any]], bool]


def cells(grid: Mapping[str, Sequence[Any]] | Iterable[Cell]) -> list[dict[str, Any]]:
    """The cells of a grid: all combinations of a mapping of lists, or a list of settings as it is."""
    if not isinstance(grid, Mapping):
        grid = list(grid)
    each = [grid] if isinstance(grid, Mapping) else grid
    for i, cell in enumerate(each):
        if not (isinstance(cell, Mapping) and all(isinstance(name, str) for name in cell)):
            raise TypeError(f"cell {i} of the grid is {cell!r:.80}; give a mapping of settings by name.")
    if isinstance(grid, Mapping):
        for name, values in grid.items():
            if isinstance(values, str) or not isinstance(values, Iterable):
                raise TypeError(
                    f"grid[{name!r}] is {values!r}; give a list of values, also when there is one."
                )
        return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    return [dict(cell) for cell in grid]


@checked
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

    Each finished cell is stored the moment it is done, under its settings and what the experiment is: a run
    that is killed at any moment resumes with all of them, and nothing is computed twice. The experiment is
    its code, what a closure, a partial, its defaults or its object holds, the globals that it names, and the
    functions beside it in its module. Code of other modules is not looked at: after a change there give
    another ``cache_dir``.

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
        ``seconds`` and the versions that made the row. A cell that raised, or whose process was killed,
        is a row whose status holds the error; the next call tries it again.

    Raises:
        TypeError, ValueError: arguments of the wrong kind, by name; an experiment or a setting whose state
            cannot be told, such as an open file.
    """
    import joblib
    import pandas as pd

    check_least(1, threads=threads)
    if n_jobs == 0:
        raise ValueError("n_jobs=0: give a number of processes, or −1 for one a core.")
    todo = cells(grid)
    store = _Store(Path(cache_dir), experiment, reusable)
    paths = [store.path(cell) for cell in todo]

    def compute(chosen: Iterable[int], n_jobs: int) -> Iterator[tuple[int, dict[str, Any]]]:
        jobs = (joblib.delayed(_row)(i, todo[i], experiment, store, paths[i], threads) for i in chosen)
        return joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered", batch_size=1)(jobs)

    rows: dict[int, dict[str, Any]] = {}
    with tqdm(total=len(todo), disable=not progress, unit="cell") as bar:
        for i, row in _surviving(compute, paths, n_jobs):
            rows[i] = row
            bar.update(1)
    return pd.DataFrame([{**cell, **rows[i]} for i, cell in enumerate(todo)])


def _surviving(
    compute: Callable[[Iterable[int], int], Iterator[tuple[int, dict[str, Any]]]],
    paths: Sequence[Path],
    n_jobs: int,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """All rows, in the order in which they are done, even where the process that computes one is killed.

    That ends the whole pool. Which cell did it is not known, so those that were being computed are
    computed again at the end, each in a process of its own.
    """
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    waiting, suspects = set(range(len(paths))), set()
    while waiting:
        try:
            for i, row in compute(sorted(waiting), n_jobs):
                waiting.discard(i)
                yield i, row
        except TerminatedWorkerError:
            begun = {i for i in waiting if _mark(paths[i]).exists()}
            suspects |= begun or waiting
            waiting -= suspects
    for i in sorted(suspects):
        try:
            yield from compute([i], 2)  # one job, but not in this process
        except TerminatedWorkerError as error:
            _mark(paths[i]).unlink(missing_ok=True)
            yield i, {"status": f"failed: {type(error).__name__}: {_KILLED}"}


_KILLED = (
    "the process that computed this cell was killed. Likely cause: it ran out of memory, or compiled code "
    "crashed. What to change: make the cell smaller, or run fewer at once with n_jobs"
)


def _mark(path: Path) -> Path:
    """The file that is there as long as a cell is being computed."""
    return path.with_suffix(".begun")


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
        self.digest = Digest(experiment)
        self.identity = self.digest.of(experiment)
        self.folder = folder / self.digest.name.replace("<", "").replace(">", "")
        self.reusable = reusable

    def __getstate__(self) -> dict[str, Any]:
        return {"reusable": self.reusable}

    def path(self, cell: Cell) -> Path:
        return self.folder / f"{self.digest.of([self.identity, cell])[:24]}.json"

    def read(self, path: Path, cell: Cell) -> dict[str, Any] | None:
        """A finished row; None where there is none, or a file that something has damaged."""
        try:
            row = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        if not isinstance(row, dict) or "status" not in row:
            return None
        return row if self.reusable is None or self.reusable({**cell, **row}) else None

    def write(self, path: Path, row: Mapping[str, Any]) -> None:
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps(row), encoding="utf-8")
        part.replace(path)


def _row(
    i: int, cell: dict[str, Any], experiment: Experiment, store: _Store, path: Path, threads: int
) -> tuple[int, dict[str, Any]]:
    """One cell in a worker: read, or computed and stored; an error becomes a row and is not stored."""
    try:
        row = store.read(path, cell)
        if row is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            _mark(path).touch()
            row = _evaluate(cell, experiment, threads)
            store.write(path, row)
    except Exception as error:
        row = {"status": f"failed: {type(error).__name__}: {error}"}
    _mark(path).unlink(missing_ok=True)
    return i, row


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Compute with so many threads of torch, and then with as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _evaluate(cell: dict[str, Any], experiment: Experiment, threads: int) -> dict[str, Any]:
    with torch_threads(threads):
        start = time.perf_counter()
        outcome = experiment(**cell)
        seconds = time.perf_counter() - start
    if not isinstance(outcome, Mapping):
        raise TypeError(
            f"the experiment returned {outcome!r:.80}; return a mapping of names to numbers and strings."
        )
    clash = sorted(set(outcome) & set(cell))
    if clash:
        raise ValueError(f"the experiment returns {clash}, which are settings of the grid; rename them.")
    return {
        "status": "finished",
        **{name: _storable(name, value) for name, value in outcome.items()},
        "seconds": seconds,
        "torch_version": torch.__version__,
        "python_version": platform.python_version(),
        "package_version": sys.modules[__package__].__version__,
    }


def _storable(name: str, value: Any) -> Any:
    """What a file gives back of a value: a number for a torch or numpy scalar, a list for a tuple."""
    try:
        return json.loads(json.dumps(value.item() if hasattr(value, "item") else value))
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"the experiment returned {name!r} as a {type(value).__name__}; return numbers, strings, or "
            "lists of them, e.g. value.tolist()."
        ) from error
