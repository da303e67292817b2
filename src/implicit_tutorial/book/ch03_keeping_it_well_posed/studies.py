"""What chapter 3 stores: the time of a step of gradient descent under each remedy (C8)."""

from __future__ import annotations

from typing import Any

from implicit_tutorial.book.ch03_keeping_it_well_posed.setting import METHODS, SCALES, finder
from implicit_tutorial.book.descent import descend, network, task
from implicit_tutorial.book.study import Study, grid
from implicit_tutorial.book.timing import best_step_times


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
