"""Generalization: the bound and its terms, the infinite-width prediction, sweeps."""

from implicit_tutorial.generalization.bound import (
    LOSSES,
    BoundedLoss,
    GeneralizationBound,
    generalization_bound,
)
from implicit_tutorial.generalization.prediction import Prediction, infinite_width_prediction
from implicit_tutorial.generalization.sweep import sweep

__all__ = [
    "LOSSES",
    "BoundedLoss",
    "GeneralizationBound",
    "Prediction",
    "generalization_bound",
    "infinite_width_prediction",
    "sweep",
]
