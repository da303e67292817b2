"""The figures of chapter 3, Keeping it well-posed (C8): each function returns an explorer."""

from collections.abc import Callable

from implicit_tutorial.explorer import Explorer
from implicit_tutorial.figures.keeping_well_posed.paths import energy_landscape, splitting_paths
from implicit_tutorial.figures.keeping_well_posed.promises import guarantees
from implicit_tutorial.figures.keeping_well_posed.remedies import training_remedies
from implicit_tutorial.figures.keeping_well_posed.training import NOISE, task

#: Every figure of the chapter by its name on the page.
EXPLORERS: dict[str, Callable[[], Explorer]] = {
    "training-remedies": training_remedies,
    "energy-landscape": energy_landscape,
    "splitting-paths": splitting_paths,
}

__all__ = ["EXPLORERS", "NOISE", "guarantees", "task", *(factory.__name__ for factory in EXPLORERS.values())]
