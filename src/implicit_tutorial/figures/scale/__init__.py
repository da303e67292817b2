"""The figures of chapter 9, The scale of the initialization (C18, C19): each function returns an explorer."""

from collections.abc import Callable

from implicit_tutorial.explorer import Explorer
from implicit_tutorial.figures.scale.common import lazy_width, prediction, sample, stored
from implicit_tutorial.figures.scale.law import kappa_law
from implicit_tutorial.figures.scale.learning import kernel_curve, learning_curves, slope
from implicit_tutorial.figures.scale.phase import border_slope, edge, phase_diagram
from implicit_tutorial.figures.scale.role import double_role
from implicit_tutorial.figures.scale.unit import one_unit, unit_moves

#: Every explorer of the chapter by its name on the page.
EXPLORERS: dict[str, Callable[[], Explorer]] = {
    "kappa-law": kappa_law,
    "phase-diagram": phase_diagram,
    "double-role": double_role,
    "learning-curves": learning_curves,
}

__all__ = [
    "EXPLORERS",
    "border_slope",
    "edge",
    "kernel_curve",
    "lazy_width",
    "one_unit",
    "prediction",
    "sample",
    "slope",
    "stored",
    "unit_moves",
    *(factory.__name__ for factory in EXPLORERS.values()),
]
