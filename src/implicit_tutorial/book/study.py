"""A study: what is computed once and stored, the question that it answers, and the code that made it."""

from __future__ import annotations

import functools
import json
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from implicit_tutorial.book import modules
from implicit_tutorial.book.fingerprint import GONE, Fingerprint, changes, digest, traced
from implicit_tutorial.book.provenance import provenance
from implicit_tutorial.grid import cells as grid_cells
from implicit_tutorial.grid import run_grid, torch_threads

FOLDER = Path(__file__).parent / "stored"

#: Numbers are kept to this many significant digits: far more than they mean, far fewer than a float prints.
_DIGITS = 6
#: What `run_grid` adds to each row; said once a file.
_VERSIONS = ["torch_version", "python_version", "package_version"]

#: What a file says of its origin.
_ORIGIN = ("command", "versions", "machine", "threads", "confirmed", "code")

#: Of the largest number in a list: a function passes through zero, where nothing is known to five per cent.
_ZERO = 1e-3
#: Up to this width training amplifies rounding: a last bit moves a kernel by a fifth. Only what is known
#: before training is compared there, and whether training works.
_NARROW = 64
#: A kernel that moves by more than its own size carries rounding with it: at most 6 % between two machines.
_RICH, _RICH_RTOL = 1.0, 0.1
#: What depends on the path, not only on where it ends.
_PATH = ("seconds", "status", "time", "steps", "train_error", "curve_time", "curve_error", "curve_test")
_TRAINED = (
    "test_error",
    "movement",
    "feature_movement",
    "kernel_movement",
    "spectral_norm",
    "slice",
    "eigenvalues",
)

Cell = Mapping[str, Any]


def grid(**values: Sequence[Any]) -> tuple[dict[str, Any], ...]:
    """All combinations of the values, the last one changing fastest."""
    return tuple(grid_cells(values))


@dataclass(frozen=True, eq=False)
class Study:
    """An experiment on every cell of a grid, stored as a table.

    Args:
        name: of the stored file.
        question: what the study answers.
        experiment: a function of a cell that returns what there is to know of it. Where a ``clock`` is given,
            ``"run"`` is what there is to time; a cell without it has the ``seconds`` None.
        cells: the arguments, one mapping a row.
        needs: studies whose stored tables the experiment reads.
        rtol: how well a cell computed again agrees; training amplifies rounding, linear algebra does not.
        clock: measures the runs of all cells in turn, in seconds; the study then depends on the machine.
    """

    name: str
    question: str
    experiment: Callable[..., Mapping[str, Any]]
    cells: tuple[Cell, ...]
    needs: tuple[Study, ...] = ()
    rtol: float = 0.05
    clock: Callable[[Sequence[Callable[[], Any]]], Iterable[float]] | None = None

    @property
    def machine_bound(self) -> bool:
        """Whether another machine gives other numbers."""
        return self.clock is not None

    @property
    def settings(self) -> list[str]:
        """The names of all arguments that some cell gives."""
        return list(dict.fromkeys(key for cell in self.cells for key in cell))

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.name}.json"

    @cached_property
    def stored(self) -> dict[str, Any]:
        """The file as it is, with everything that it says of its origin."""
        return json.loads(self.path.read_text(encoding="utf-8"))

    @cached_property
    def table(self) -> pd.DataFrame:
        """The stored rows, in the order of the cells: settings, results, ``status`` and ``seconds``."""
        frame = pd.DataFrame(self.stored["rows"], columns=self.stored["columns"])
        for column, value in self.stored["fixed"].items():
            frame[column] = [value] * len(frame)
        return frame

    def at(self, **settings: Any) -> pd.Series:
        """The stored row of the one cell with these settings.

        Raises:
            KeyError: no cell, or more than one.
        """
        found = [i for i, cell in enumerate(self.cells) if settings.items() <= cell.items()]
        if len(found) != 1:
            raise KeyError(
                f"{len(found)} cells of {self.name!r} have {settings}; its settings are {self.settings}."
            )
        return self.table.iloc[found[0]]

    @property
    def changed(self) -> list[str]:
        """The functions that made the stored table and are not what they were, or what else is amiss."""
        if not self.path.exists():
            return ["not stored yet"]
        return changes(self.stored["code"]) if self.stored["code"] else ["made by unknown code"]

    def quick(self, seconds: float) -> list[int]:
        """The cells that took no longer than this when they were stored, or of which it is not known."""
        known = self.table.get("seconds", {})
        return [i for i in range(len(self.cells)) if not known.get(i, 0) > seconds]

    def compute(self, row: int) -> Mapping[str, Any]:
        """Run the experiment of one cell again."""
        return self.experiment(**self.cells[row])

    def run(self, **options: Any) -> pd.DataFrame:
        """Run all cells, resuming what the code of today has finished, and store the table.

        Args:
            options: of :meth:`rows`.
        """
        rows, code = self.rows(range(len(self.cells)), **options)
        if self.clock is not None:
            runs = {i: run for i, run in enumerate(rows.pop("run")) if callable(run)}
            with torch_threads(1):
                seconds = dict(zip(runs, self.clock(list(runs.values())), strict=True))
            rows["seconds"] = [seconds.get(i) for i in rows.index]
        self.write(rows, {**provenance(self.command), "code": code})
        return rows

    def confirm(self, chosen: Sequence[int], **options: Any) -> list[str]:
        """Run some cells again; where all agree with the stored table, it counts as that of today's code.

        Times are not taken again. The file says how many cells have confirmed it.

        Returns:
            What disagrees, row by row, and which changed functions none of these cells has run.
        """
        rows, code = self.rows(chosen, **options)
        wrong = [
            f"row {row}: {what}"
            for row, fresh in zip(chosen, rows.to_dict("records"), strict=True)
            for what in disagreements(self, row, fresh)
        ]
        unseen = [name for name in changes(self.stored["code"]) if name not in code and digest(name) != GONE]
        wrong += [f"{name} has changed, and none of these cells runs it" for name in unseen]
        if not wrong:
            kept = {name: mark for name, mark in self.stored["code"].items() if digest(name) == mark}
            confirmed = {**provenance(self.command)["versions"], "cells": len(chosen)}
            self.write(self.table, {**self.stored, "code": _merged([kept, code]), "confirmed": confirmed})
        return wrong

    def rows(
        self, chosen: Iterable[int], *, cache_dir: Path, n_jobs: int = -1, progress: bool = False
    ) -> tuple[pd.DataFrame, Fingerprint]:
        """Some cells computed by the code of today, and the fingerprint of what they ran through.

        In parallel, and what is finished is kept in ``cache_dir``; what there is to time runs once, here.
        """
        cells = [self.cells[i] for i in chosen]
        if self.clock is not None:
            with torch_threads(1):
                found = [traced(lambda c=cell: self._once(c)) for cell in cells]
            return pd.DataFrame([row for row, _ in found]), _merged(code for _, code in found)
        rows = run_grid(
            cells,
            _Traced(self.experiment),
            cache_dir=cache_dir,
            n_jobs=n_jobs,
            progress=progress,
            reusable=lambda row: not changes(row["code"]),
        ).drop(columns=_VERSIONS, errors="ignore")
        return rows, _merged(mark for mark in rows.pop("code") if isinstance(mark, dict))

    def _once(self, cell: Cell) -> dict[str, Any]:
        """The row of a cell whose run there is to time, after one run."""
        row = {**cell, **self.experiment(**cell)}
        work = row["run"]() if "run" in row else None
        if isinstance(work, Iterator):  # it works while it is read
            deque(work, maxlen=0)
        return row

    @property
    def command(self) -> str:
        return f"python -m implicit_tutorial.book {self.name}"

    def write(self, rows: pd.DataFrame, origin: Mapping[str, Any]) -> None:
        """Store rows and where they come from; a setting that never changes is said once."""
        fixed = {c: _rounded(rows[c].iloc[0]) for c in self.settings if rows[c].nunique(dropna=False) == 1}
        kept = {key: origin[key] for key in _ORIGIN if key in origin}
        head = {"study": self.name, **kept, "settings": self.settings, "fixed": fixed}
        _write(self.path, head, rows.drop(columns=list(fixed)))
        for known in ("stored", "table"):
            self.__dict__.pop(known, None)


def disagreements(study: Study, row: int, fresh: Mapping[str, Any]) -> list[str]:
    """What a cell that was computed again contradicts in the stored table, as far as rounding can tell."""
    stored, fresh = study.table.iloc[row], {"status": "finished", **fresh}
    works = [status == "finished" for status in (stored.get("status", "finished"), fresh["status"])]
    if works[0] != works[1]:
        # Where not all seeds of a cell end alike, it lies at the edge of a region, and rounding decides.
        alike = _seeds(study, row).eq("finished").nunique() == 1
        return [f"status: stored {stored['status']!r}, now {fresh['status']!r}"] if alike else []
    fragile = not works[0] or ("predicted_movement" in fresh and stored["width"] <= _NARROW)
    rich = (stored.get("kernel_movement") or 0.0) > _RICH
    skipped = {*study.settings, *_PATH, *(_TRAINED if fragile else ())}
    found = []
    for name, value in stored.items():
        if name in skipped or isinstance(value, str):
            continue
        value, now = (np.array(_rounded(x), dtype=float) for x in (value, fresh.get(name)))
        rtol = _RICH_RTOL if rich and name in _TRAINED else study.rtol
        atol = _ZERO * np.nanmax(np.abs(value), initial=0) if value.ndim else 0
        if value.shape != now.shape or not np.allclose(value, now, rtol=rtol, atol=atol, equal_nan=True):
            found.append(f"{name}: stored {value}, now {now}")
    return found


def _seeds(study: Study, row: int) -> pd.Series:
    """The status of all cells that differ from this one in their seed only."""
    others = [c for c in study.settings if c not in ("seed", "data_seed")]
    same = (study.table[others].astype(str) == study.table.iloc[row][others].astype(str)).all(axis=1)
    return study.table.loc[same, "status"]


class _Traced:
    """An experiment that also says what it ran through; the cache of cells takes it for the experiment."""

    transparent = True

    def __init__(self, experiment: Callable[..., Mapping[str, Any]]) -> None:
        functools.update_wrapper(self, experiment)

    def __call__(self, **cell: Any) -> dict[str, Any]:
        row, code = traced(lambda: self.__wrapped__(**cell))
        return {**row, "code": code}


def _merged(codes: Iterable[Fingerprint]) -> Fingerprint:
    return dict(sorted((name, mark) for code in codes for name, mark in code.items()))


def studies() -> dict[str, Study]:
    """All studies of the book by name, each after those that it needs."""
    found = [s for module in modules("studies") for s in vars(module).values() if isinstance(s, Study)]
    ordered: dict[str, Study] = {}

    def add(study: Study) -> None:
        for other in study.needs:
            add(other)
        ordered.setdefault(study.name, study)

    for study in found:
        add(study)
    return ordered


def _write(path: Path, head: Mapping[str, Any], table: pd.DataFrame) -> None:
    """A JSON file with what is said once, and then a line a row."""
    said = json.dumps({**head, "columns": list(table.columns)}, indent=1, ensure_ascii=False)[:-2]
    lines = (
        json.dumps([_rounded(v) for v in row], ensure_ascii=False) for row in table.itertuples(index=False)
    )
    rows = ",\n  ".join(lines)
    path.write_text(f'{said},\n "rows": [\n  {rows}\n ]\n}}\n', encoding="utf-8")


def _rounded(value: Any) -> Any:
    """A plain Python value; what is not a number becomes None, which JSON has."""
    if isinstance(value, torch.Tensor | np.generic):
        value = value.item()
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value
