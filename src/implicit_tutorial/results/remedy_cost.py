"""Time of a step of gradient descent under each remedy of chapter 3 (C8).

``python -m implicit_tutorial.results.remedy_cost`` writes the JSON file beside this module.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from implicit_tutorial import results
from implicit_tutorial.figures.keeping_well_posed.training import (
    LIMIT,
    METHODS,
    RATE,
    RTOL,
    SAMPLES,
    SCALES,
    STEPS,
    WIDTH,
    descend,
    finder,
    network,
    task,
)
from implicit_tutorial.results.timing import best_step_times, origin


def measure() -> dict[str, Any]:
    """Every remedy at every scale of the figure, on one thread: update, forward pass and gradient.

    A solve that finds no equilibrium ends the run and is not a step.
    """
    torch.set_num_threads(1)
    X, y, _, _ = task()

    def run(name: str, scale: float) -> Iterator[object]:
        method = METHODS[name]
        return descend(network(method.constraint, scale), X, y, finder(name), penalty=method.penalty)

    cells = list(itertools.product(SCALES, METHODS))
    times = best_step_times([partial(run, name, scale) for scale, name in cells])
    setting = {"width": WIDTH, "n_samples": SAMPLES, "steps": STEPS, "rate": RATE, "rtol": RTOL}
    rows = [
        {"method": name, "implicit_scale": scale, "seconds": seconds}
        for (scale, name), seconds in zip(cells, times, strict=True)
    ]
    return origin("remedy_cost") | {"setting": setting | {"max_steps": LIMIT}, "rows": rows}


if __name__ == "__main__":
    results.store("remedy_cost", measure())
