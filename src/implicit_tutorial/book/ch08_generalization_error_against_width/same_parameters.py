"""The same number of trained parameters, spent in three ways."""

from __future__ import annotations

from functools import cache

import pandas as pd

from implicit_tutorial.book.analysis import mean_interval
from implicit_tutorial.book.ch08_generalization_error_against_width.studies import (
    EXPLICIT_NETWORK,
    OUTPUT_LAYER,
    WIDTH,
)
from implicit_tutorial.book.tables import aligned
from implicit_tutorial.book.tasks import TARGETS

#: What is trained, by the study that holds it, and how many parameters that has.
WAYS = {
    "implicit: m²": WIDTH,
    "explicit: (d + 1) m": EXPLICIT_NETWORK,
    "output: m": OUTPUT_LAYER,
}


@cache
def spent(way: str, target: str) -> pd.Series:
    """Mean test error over seeds by the number of trained parameters, where two runs or more finished."""
    study = WAYS[way]
    frame = study.table.query("target == @target and output_scale == 1 and status == 'finished'")
    parameters = frame["width"] ** 2 if study is WIDTH else frame["parameters"]
    groups = frame.groupby(parameters.rename("parameters"))["test_error"]
    return pd.Series({p: mean_interval(g.to_numpy()).value for p, g in groups if len(g) >= 2})


def same_parameters() -> str:
    """The lowest mean test error that each way reaches on each target, and with how many parameters."""
    lines = [("target", *WAYS)]
    for target in TARGETS:
        best = [spent(way, target) for way in WAYS]
        lines.append((target, *(f"{e.min():.3f} with {e.idxmin():,}" for e in best)))
    return aligned(lines)
