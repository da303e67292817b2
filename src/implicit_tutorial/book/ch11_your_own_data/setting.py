"""What the figures of the chapter share: the two tables as files, their splits, and the stored comparison."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import pandas as pd
from sklearn.datasets import load_breast_cancer, load_diabetes

from implicit_tutorial.advice.candidates import Candidate, Sample
from implicit_tutorial.book.ch11_your_own_data.studies import ADVICE, TASKS, best_candidate, data_of
from implicit_tutorial.book.tasks import Task

#: The tables that come with scikit-learn.
TABLES = TASKS[:2]


def csv(name: str) -> Path:
    """The path of a file with one of the two tables, as one would get it: names, then a row a patient."""
    if name == TABLES[0]:
        bunch = load_breast_cancer(as_frame=True)
        words = bunch.target.map(dict(enumerate(bunch.target_names)))
        frame = bunch.data.assign(diagnosis=words)
    else:
        frame = load_diabetes(as_frame=True, scaled=False).frame.rename(columns={"target": "progression"})
    path = Path(tempfile.mkdtemp()) / f"{name.replace(' ', '_')}.csv"
    frame.to_csv(path, index=False)
    return path


@cache
def split(task: str) -> Task:
    """The first split of a task, in units of its own."""
    return data_of(task, 0)


@cache
def scaled(task: str, offset: float = 0.0) -> Sample:
    """Its training sample on the sphere."""
    return Sample.of(split(task).X, split(task).y, offset)


@cache
def held_out(task: str, implicit_scale: float) -> Candidate:
    """The best time at one scale, with its held-out errors and its price."""
    return best_candidate(scaled(task), implicit_scale)


@cache
def errors(task: str) -> pd.DataFrame:
    """The test errors of a task: a row a split, a column a method; the grid's are two."""
    rows = ADVICE.table[ADVICE.table["task"] == task]
    frame = rows.pivot(index="seed", columns="method", values="test_error")
    one = rows.set_index("seed")
    best = one[one["method"] == "grid"]["best_error"]
    limit = one[one["method"] == "advised"]["infinite_error"]
    return frame.assign(best=best, limit=limit)


def advised() -> pd.DataFrame:
    """The rows of the advised networks."""
    return ADVICE.table[ADVICE.table["method"] == "advised"]
