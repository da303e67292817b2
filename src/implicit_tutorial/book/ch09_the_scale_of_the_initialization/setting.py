"""What the figures of the chapter share: the task, what infinite width says of it, and the lazy law."""

from __future__ import annotations

import math
from functools import cache

from implicit_tutorial.book.tasks import Task, task
from implicit_tutorial.generalization import infinite_width_prediction
from implicit_tutorial.generalization.prediction import Prediction

#: The setting of the chapter: target and scale of the implicit layer.
TARGET, IMPLICIT_SCALE = "linear + quadratic", 0.5
#: Features that moved by more than half of their length are called rich, others lazy.
RICH = 0.5


@cache
def sample() -> Task:
    """The training sample of the phase diagram, with its 200 test points."""
    return task(TARGET, n_test=200)


@cache
def prediction(
    output_scale: float, implicit_scale: float = IMPLICIT_SCALE, *, centered: bool = False
) -> Prediction:
    """What infinite width says of the chapter's problem with its usual 500 test points (C16)."""
    scales = {"implicit_scale": implicit_scale, "output_scale": output_scale}
    return infinite_width_prediction(*task(TARGET), centered=centered, **scales)


@cache
def map_prediction(output_scale: float) -> Prediction:
    """The same with the 200 test points of the map, whose networks were tested there."""
    return infinite_width_prediction(*sample(), implicit_scale=IMPLICIT_SCALE, output_scale=output_scale)


def lazy_movement(
    output_scale: float, width: float, implicit_scale: float = IMPLICIT_SCALE, *, centered: bool = False
) -> float:
    """‖A − A₀‖_F of lazy training: σ_A √((κ⁻² yᵀK₁⁻¹y + tr(K₁⁻¹Q))/m) (C18)."""
    found = prediction(output_scale, implicit_scale, centered=centered)
    return implicit_scale * math.sqrt(found.squared_distance / width)


def lazy_width(output_scale: float, movement: float = 1.0) -> float:
    """The width at which lazy training would move A by ``movement``: slope −2 in κ while κ is small (C18)."""
    return IMPLICIT_SCALE**2 * prediction(output_scale).squared_distance / movement**2
