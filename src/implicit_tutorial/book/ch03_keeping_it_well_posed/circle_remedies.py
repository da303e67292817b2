"""On the circle: plain descent, and two of the remedies, printed as a table (C8)."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch03_keeping_it_well_posed.setting import METHODS, finder
from implicit_tutorial.book.descent import descend
from implicit_tutorial.book.tables import aligned
from implicit_tutorial.book.tasks import CIRCLE_SCALE, task

WIDTH, LARGE = 192, 5.0
SHOWN = ("none", "spectral scaling", "monotone")


class Run(NamedTuple):
    """What 40 steps of descent towards large labels do."""

    first: int
    """Sweeps of the slowest sample before the first step."""
    last: int
    """The same at the end."""
    left: float
    """The share of the loss that is left."""
    stretch: float
    """λ_max((A + Aᵀ)/2) at the end."""


@cache
def circle_run(remedy: str) -> Run:
    """Descent on the 13 samples of the circle, their labels ``LARGE`` times as large, under one remedy."""
    X, y, *_ = task("circle")
    net = it.EquilibriumNetwork(2, WIDTH, implicit_scale=CIRCLE_SCALE, seed=0)
    if METHODS[remedy].constraint:
        it.constrain(net, METHODS[remedy].constraint(net))
    steps = list(descend(net, X, LARGE * y, finder(remedy)))
    sweeps = [int(step.found.steps.max()) for step in steps]
    A = steps[-1].A
    stretch = float(torch.linalg.eigvalsh((A + A.T) / 2)[-1])
    return Run(sweeps[0], sweeps[-1], float(steps[-1].loss / steps[0].loss), stretch)


def circle_remedies() -> str:
    """The table as text, one remedy a line."""
    runs = {remedy: circle_run(remedy) for remedy in SHOWN}
    rows = [(name, str(run.first), str(run.last), f"{100 * run.left:.0f} %") for name, run in runs.items()]
    return aligned([("remedy", "sweeps at first", "at the end", "loss left"), *rows])
