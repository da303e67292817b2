"""Time of every solver on the five matrices of chapter 4, and of a gradient, exact and cheaper (C6, C8).

``python -m implicit_tutorial.results.solver_times`` writes the JSON file beside this module.
"""

from __future__ import annotations

import itertools
import json
import platform
from pathlib import Path
from typing import Any

import torch

import implicit_tutorial as it
from implicit_tutorial.experiments import solving
from implicit_tutorial.results.backward_cost import best_time

SCALES, REPEATS = (0.4, 0.7, 1.0), 15


def measure() -> dict[str, Any]:
    """Processor seconds on one thread, the least of several runs; None where a solver refuses or fails."""
    torch.set_num_threads(1)
    return {
        "command": "python -m implicit_tutorial.results.solver_times",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "machine": {"device": "cpu", "architecture": platform.machine(), "threads": 1},
        "setting": {"width": solving.WIDTH, "n_samples": solving.SAMPLES, "implicit_scales": SCALES},
        "solvers": [_solve(*cell) for cell in itertools.product(solving.problems(), solving.SOLVERS)],
        "gradients": [_differentiate(*cell) for cell in itertools.product(SCALES, solving.GRADIENTS)],
    }


def _solve(matrix: str, name: str) -> dict[str, Any]:
    (A, b), make = solving.problems()[matrix], solving.SOLVERS[name]
    row = {"matrix": matrix, "solver": name, "sweeps": None, "seconds": None}
    try:
        solution = it.solve(A, b, solver=make())
    except (it.UnsafeStepError, it.EquilibriumError):
        return row
    # A new solver each time: what it remembers of a matrix must not make the next run cheaper.
    seconds = best_time(lambda: it.solve(A, b, solver=make()), repeats=REPEATS)
    return row | {"sweeps": float(solution.steps.double().mean()), "seconds": seconds}


def _differentiate(scale: float, name: str) -> dict[str, Any]:
    """Forward and backward pass together, because each way has its own forward solver."""
    net = it.EquilibriumNetwork(solving.INPUTS, solving.WIDTH, implicit_scale=scale, seed=0)
    X = solving.inputs()
    y, way = it.data.linear_quadratic(X), solving.GRADIENTS[name]
    seconds = best_time(lambda: solving.gradient(net, X, y, way), repeats=REPEATS)
    return {"implicit_scale": scale, "gradient": name, "seconds": seconds}


if __name__ == "__main__":
    target = Path(__file__).with_suffix(".json")
    target.write_text(json.dumps(measure(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"wrote {target.name}")
