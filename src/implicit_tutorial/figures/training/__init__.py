"""The figures of chapter 6, Training only the implicit layer (C12 … C14)."""

from collections.abc import Callable

from implicit_tutorial.explorer import Explorer
from implicit_tutorial.figures.training.certificate import (
    certificate_conditions,
    certified_errors,
    certified_width,
    required_width,
)
from implicit_tutorial.figures.training.circle import learning_circle
from implicit_tutorial.figures.training.common import demanding_task, unit_labels
from implicit_tutorial.figures.training.integration import cheapest, following_the_flow
from implicit_tutorial.figures.training.layers import contributions, mean_test_error, which_layer
from implicit_tutorial.figures.training.modes import deviation, mode_decay
from implicit_tutorial.figures.training.scales import loss_curves
from implicit_tutorial.figures.training.unit import unit_descent

#: Every figure of the chapter by its name on the page.
EXPLORERS: dict[str, Callable[[], Explorer]] = {
    "unit-descent": unit_descent,
    "loss-curves": loss_curves,
    "certificate-conditions": certificate_conditions,
    "certified-width": certified_width,
    "mode-decay": mode_decay,
    "learning-circle": learning_circle,
    "which-layer": which_layer,
    "following-the-flow": following_the_flow,
}

__all__ = [
    "EXPLORERS",
    "certified_errors",
    "cheapest",
    "contributions",
    "demanding_task",
    "deviation",
    "mean_test_error",
    "required_width",
    "unit_labels",
    *(factory.__name__ for factory in EXPLORERS.values()),
]
