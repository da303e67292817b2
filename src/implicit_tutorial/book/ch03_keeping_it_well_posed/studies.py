"""What chapter 3 stores: training under each remedy, and the time of a step of it (C8)."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch03_keeping_it_well_posed.setting import (
    CIRCLE_WIDTH,
    LARGE,
    METHODS,
    SCALES,
    Training,
    finder,
    remedied,
)
from implicit_tutorial.book.descent import descend, network, task
from implicit_tutorial.book.networks import end
from implicit_tutorial.book.study import Study, grid
from implicit_tutorial.book.tasks import CIRCLE_SCALE
from implicit_tutorial.book.tasks import task as book_task
from implicit_tutorial.book.timing import best_step_times


def remedies(*, implicit_scale: float, method: str) -> dict[str, Any]:
    """The curves of a run, as lists, and what is proved at its end."""
    curves = asdict(remedied(method=method, implicit_scale=implicit_scale))
    proved = curves.pop("end")
    return {name: curve.tolist() for name, curve in curves.items()} | {"end": proved}


REMEDIES = Study(
    "remedies",
    "What becomes of plain gradient descent under each remedy?",
    remedies,
    grid(implicit_scale=SCALES, method=list(METHODS)),
)


@cache
def training(method: str, implicit_scale: float) -> Training:
    """The stored run of :func:`remedied`."""
    row = REMEDIES.at(method=method, implicit_scale=implicit_scale)
    names = Training.__dataclass_fields__.keys() - {"end"}
    return Training(**{name: np.array(row[name], dtype=float) for name in names}, end=row["end"])


def circle_remedies(*, remedy: str) -> dict[str, Any]:
    """40 steps of descent on the 13 samples of the circle, their labels ``LARGE`` times as large.

    Sweeps of the slowest sample before the first step and at the end, the share of the loss that is left,
    and there λ_max((A + Aᵀ)/2) and what is proved.
    """
    X, y, *_ = book_task("circle")
    y, chosen = LARGE * y, METHODS[remedy]
    net = it.EquilibriumNetwork(2, CIRCLE_WIDTH, implicit_scale=CIRCLE_SCALE, seed=0)
    start = net(X).detach()
    if chosen.constraint:
        it.constrain(net, chosen.constraint(net))
    steps = list(descend(net, X, y, finder(remedy)))
    first, last = steps[0], steps[-1]
    return {
        "first": int(first.found.steps.max()),
        "last": int(last.found.steps.max()),
        "left": last.loss / first.loss,
        "stretch": torch.linalg.eigvalsh((last.A + last.A.T) / 2)[-1],
        "end": "not asked" if chosen.constraint else end(net, X, y + start)["end"],
    }


CIRCLE_REMEDIES = Study(
    "circle_remedies",
    "What do two remedies do on the circle, with large labels?",
    circle_remedies,
    grid(remedy=["none", "spectral scaling", "monotone"]),
)


def remedy_cost(*, implicit_scale: float, method: str) -> dict[str, Any]:
    """A run under a remedy: update, forward pass and gradient. It ends where no equilibrium is found."""
    (X, y, _, _), chosen = task(), METHODS[method]

    def run() -> Any:
        return descend(
            network(chosen.constraint, implicit_scale), X, y, finder(method), penalty=chosen.penalty
        )

    return {"run": run}


REMEDY_COST = Study(
    "remedy_cost",
    "What does a step of training cost under each remedy?",
    remedy_cost,
    grid(implicit_scale=SCALES, method=list(METHODS)),
    clock=best_step_times,
)
