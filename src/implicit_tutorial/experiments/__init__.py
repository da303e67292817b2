"""The experiments behind the figures of chapters 06 and 08 to 10, and their stored results.

``python -m implicit_tutorial.experiments`` makes them again; ``load(name)`` gives one as a frame.
"""

from implicit_tutorial.experiments.analysis import (
    Estimate,
    WidthLaw,
    critical_width,
    edge_slope,
    mean_interval,
    proportion_interval,
    width_law,
)
from implicit_tutorial.experiments.problems import Problem, problem
from implicit_tutorial.experiments.stored import load, recompute

__all__ = [
    "Estimate",
    "Problem",
    "WidthLaw",
    "critical_width",
    "edge_slope",
    "load",
    "mean_interval",
    "problem",
    "proportion_interval",
    "recompute",
    "width_law",
]
