"""What chapter 3 stores: training under each remedy, and the time of a step of it (C8)."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np

from implicit_tutorial.book.ch03_keeping_it_well_posed.setting import (
    METHODS,
    SCALES,
    Training,
    finder,
    remedied,
)
from implicit_tutorial.book.descent import descend, network, task
from implicit_tutorial.book.study import Study, grid
from implicit_tutorial.book.timing import best_step_times


def remedies(*, implicit_scale: float, method: str) -> dict[str, Any]:
    """The curves of a run, as lists."""
    run = remedied(method=method, implicit_scale=implicit_scale)
    return {name: curve.tolist() for name, curve in asdict(run).items()}


REMEDIES = Study(
    "remedies",
    "What becomes of plain gradient descent under each remedy?",
    remedies,
    grid(implicit_scale=SCALES, method=list(METHODS)),
)


@cache
def training(method: str, implicit_scale: float) -> Training:
    """The stored run of :func:`remedied`."""
    row = REMEDIES.at(method=method, implicit_scale=implicit_scale)
    return Training(**{name: np.array(row[name], dtype=float) for name in Training.__dataclass_fields__})


def remedy_cost(*, implicit_scale: float, method: str) -> dict[str, Any]:
    """A run under a remedy: update, forward pass and gradient. It ends where no equilibrium is found."""
    (X, y, _, _), chosen = task(), METHODS[method]

    def run() -> Any:
        return descend(
            network(chosen.constraint, implicit_scale), X, y, finder(method), penalty=chosen.penalty
        )

    return {"run": run}


REMEDY_COST = Study(
    "remedy_cost",
    "What does a step of training cost under each remedy?",
    remedy_cost,
    grid(implicit_scale=SCALES, method=list(METHODS)),
    clock=best_step_times,
)
