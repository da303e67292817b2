"""The figures of chapter 10, Real data: each function returns an explorer."""

from collections.abc import Callable

from implicit_tutorial.explorer import Explorer
from implicit_tutorial.figures.real_data.accuracies import accuracies
from implicit_tutorial.figures.real_data.common import accuracy, images, kernels, networks, prediction, table
from implicit_tutorial.figures.real_data.laws import digit_laws, lazy_movement, runs
from implicit_tutorial.figures.real_data.modes import label_modes, labels, price
from implicit_tutorial.figures.real_data.wrong import mistakes

#: Every explorer of the chapter by its name on the page.
EXPLORERS: dict[str, Callable[[], Explorer]] = {
    "digit-accuracy": accuracies,
    "digit-laws": digit_laws,
    "label-modes": label_modes,
    "digit-mistakes": mistakes,
}

__all__ = [
    "EXPLORERS",
    "accuracy",
    "images",
    "kernels",
    "labels",
    "lazy_movement",
    "networks",
    "prediction",
    "price",
    "runs",
    "table",
    *(factory.__name__ for factory in EXPLORERS.values()),
]
