"""Time of a step of gradient descent under each remedy of chapter 3 (C8).

``python -m implicit_tutorial.results.remedy_cost`` writes the JSON file beside this module.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import implicit_tutorial as it
from implicit_tutorial.figures.keeping_well_posed.training import (
    LIMIT,
    METHODS,
    RATE,
    RTOL,
    SAMPLES,
    SCALES,
    STEPS,
    WIDTH,
    Find,
    Method,
    descend,
    finder,
    network,
    task,
)


def seconds_of_a_step(
    make: Callable[[], it.EquilibriumNetwork], find: Find, *, penalty: float = 0.0, repeats: int = 7
) -> float:
    """Processor seconds of update, forward pass and gradient: each step at its best of several runs, the
    mean over the steps.

    A solve that finds no equilibrium ends the run and is not a step.
    """
    X, y, _, _ = task()
    runs = [
        np.diff([time.process_time() for _ in descend(make(), X, y, find, penalty=penalty)])
        for _ in range(repeats)
    ]
    return float(np.min(runs, axis=0).mean())


def origin(name: str) -> dict[str, Any]:
    """What a stored time must say of itself."""
    return {
        "command": f"python -m implicit_tutorial.results.{name}",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "machine": {"device": "cpu", "architecture": platform.machine(), "threads": 1},
    }


def measure() -> dict[str, Any]:
    """Every remedy at every scale of the figure, on one thread."""
    torch.set_num_threads(1)
    rows = []
    for scale in SCALES:
        for name, method in METHODS.items():

            def make(method: Method = method, scale: float = scale) -> it.EquilibriumNetwork:
                return network(method.constraint, scale)

            seconds = seconds_of_a_step(make, finder(name), penalty=method.penalty)
            rows.append({"method": name, "implicit_scale": scale, "seconds": seconds})
    setting = {"width": WIDTH, "n_samples": SAMPLES, "steps": STEPS, "rate": RATE, "rtol": RTOL}
    return origin("remedy_cost") | {"setting": setting | {"max_steps": LIMIT}, "rows": rows}


if __name__ == "__main__":
    target = Path(__file__).with_suffix(".json")
    target.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    print(f"wrote {target.name}")
