"""What the field guide stores: the time of a step of gradient descent by each method."""

from __future__ import annotations

from typing import Any

from implicit_tutorial.book.descent import descend, task
from implicit_tutorial.book.field_guide.measure import network_of
from implicit_tutorial.book.field_guide.systems import SYSTEMS
from implicit_tutorial.book.study import Study, grid
from implicit_tutorial.book.timing import best_step_times


def field_guide_cost(*, method: str) -> dict[str, Any]:
    """A run of a method on the common problem: update, forward pass and gradient."""
    X, y, _, _ = task()
    system = SYSTEMS[method]
    return {"run": lambda: descend(network_of(system), X, y, system.find, penalty=system.penalty)}


FIELD_GUIDE_COST = Study(
    "field_guide_cost",
    "What does a step of each method cost?",
    field_guide_cost,
    grid(method=list(SYSTEMS)),
    clock=lambda runs: best_step_times(runs, rounds=5),
)
