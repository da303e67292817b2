"""Experiments at infinite width: the exact prediction, no network needed."""

from __future__ import annotations

from typing import Any

from implicit_tutorial.experiments.problems import problem
from implicit_tutorial.generalization import infinite_width_prediction


def infinite_width(
    *, implicit_scale: float, target: str, output_scale: float = 1.0, centered: bool = False, **setting: Any
) -> dict[str, Any]:
    """Everything C16 says of a problem: error in its two parts, the prices, the bound's linear term."""
    p = problem(target, **setting)
    prediction = infinite_width_prediction(
        p.X,
        p.y,
        p.X_test,
        p.y_test,
        implicit_scale=implicit_scale,
        output_scale=output_scale,
        centered=centered,
    )
    names = ("bias2", "var", "test_error", "labels_price", "initialization_price", "trace", "bound")
    return {name: getattr(prediction, name) for name in names}
