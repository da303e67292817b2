"""Generalization: the bound and its terms, and the infinite-width prediction."""

from implicit_tutorial.generalization.bound import (
    LOSSES,
    BoundedLoss,
    GeneralizationBound,
    generalization_bound,
)
from implicit_tutorial.generalization.pac_bayes import PacBayesBound, pac_bayes_bound
from implicit_tutorial.generalization.pac_bayes_limit import pac_bayes_limit
from implicit_tutorial.generalization.prediction import Prediction, infinite_width_prediction

__all__ = [
    "LOSSES",
    "BoundedLoss",
    "GeneralizationBound",
    "PacBayesBound",
    "Prediction",
    "generalization_bound",
    "infinite_width_prediction",
    "pac_bayes_bound",
    "pac_bayes_limit",
]
