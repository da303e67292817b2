"""The figures of chapter 4, Solving and differentiating fast (C6 … C8): each function returns an explorer."""

from collections.abc import Callable

from implicit_tutorial.explorer import Explorer
from implicit_tutorial.figures.solving.gradients import cheaper_gradients, errors, milliseconds, training
from implicit_tutorial.figures.solving.plane import solver_plane
from implicit_tutorial.figures.solving.reuse import film, network, rotating_digit, warm_training
from implicit_tutorial.figures.solving.spectra import spectrum
from implicit_tutorial.figures.solving.table import comparison, first_distances, measured

#: Every figure of the chapter by its name on the page.
EXPLORERS: dict[str, Callable[[], Explorer]] = {
    "spectrum": spectrum,
    "solver-plane": solver_plane,
    "cheaper-gradients": cheaper_gradients,
    "rotating-digit": rotating_digit,
    "warm-training": warm_training,
}

__all__ = [
    "EXPLORERS",
    "comparison",
    "errors",
    "film",
    "first_distances",
    "measured",
    "milliseconds",
    "network",
    "training",
    *(factory.__name__ for factory in EXPLORERS.values()),
]
