"""The figures of chapter 8, Generalization error against width (C16, C17)."""

from collections.abc import Callable

from implicit_tutorial.explorer import Explorer
from implicit_tutorial.figures.width.curve import learned_curve
from implicit_tutorial.figures.width.law import constants, law_table, laws
from implicit_tutorial.figures.width.measured import (
    SETTINGS,
    error_against_width,
    finished,
    infinite,
    lost,
    mean_error,
    rows,
)
from implicit_tutorial.figures.width.parameters import TARGETS, WAYS, same_parameters, spent

#: Every figure of the chapter by its name on the page.
EXPLORERS: dict[str, Callable[[], Explorer]] = {
    "learned-curve": learned_curve,
    "error-against-width": error_against_width,
    "constants": constants,
    "same-parameters": same_parameters,
}

__all__ = [
    "EXPLORERS",
    "SETTINGS",
    "TARGETS",
    "WAYS",
    "finished",
    "infinite",
    "law_table",
    "laws",
    "lost",
    "mean_error",
    "rows",
    "spent",
    *(factory.__name__ for factory in EXPLORERS.values()),
]
