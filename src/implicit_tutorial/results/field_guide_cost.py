"""Time of a step of gradient descent by each method of the field guide.

``python -m implicit_tutorial.results.field_guide_cost`` writes the JSON file beside this module.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from implicit_tutorial import results
from implicit_tutorial.figures.field_guide.measure import SCALE, network_of
from implicit_tutorial.figures.field_guide.systems import SYSTEMS
from implicit_tutorial.figures.keeping_well_posed.training import descend, task
from implicit_tutorial.results.timing import best_step_times, origin


def measure() -> dict[str, Any]:
    """Every method on the common problem, on one thread: update, forward pass and gradient."""
    torch.set_num_threads(1)
    X, y, _, _ = task()

    def run(name: str) -> Iterator[object]:
        system = SYSTEMS[name]
        return descend(network_of(system), X, y, system.find, penalty=system.penalty)

    times = best_step_times([partial(run, name) for name in SYSTEMS], rounds=5)
    rows = [{"method": name, "seconds": seconds} for name, seconds in zip(SYSTEMS, times, strict=True)]
    return origin("field_guide_cost") | {"setting": {"implicit_scale": SCALE}, "rows": rows}


if __name__ == "__main__":
    results.store("field_guide_cost", measure())
