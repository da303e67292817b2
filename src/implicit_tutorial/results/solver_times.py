"""Time of every solver on the five matrices of chapter 4, and of a gradient, exact and cheaper (C6, C8).

``python -m implicit_tutorial.results.solver_times`` writes the JSON file beside this module.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import torch

import implicit_tutorial as it
from implicit_tutorial import results
from implicit_tutorial.experiments import solving
from implicit_tutorial.results.timing import best_times, origin

SCALES = (0.4, 0.7, 1.0)


def measure() -> dict[str, Any]:
    """Processor seconds on one thread, the least of several runs; None where a solver refuses or fails."""
    torch.set_num_threads(1)
    return origin("solver_times") | {
        "setting": {"width": solving.WIDTH, "n_samples": solving.SAMPLES, "implicit_scales": SCALES},
        "solvers": _timed(_solve, solving.problems(), solving.SOLVERS),
        "gradients": _timed(_differentiate, SCALES, solving.GRADIENTS),
    }


def _timed(make: Callable[..., tuple[dict, Callable | None]], *axes: Iterable) -> list[dict[str, Any]]:
    """What `make` says of each combination, with the time of what it would run."""
    made = [make(*cell) for cell in itertools.product(*axes)]
    times = iter(best_times([run for _, run in made if run]))
    return [row | {"seconds": next(times) if run else None} for row, run in made]


def _solve(matrix: str, name: str) -> tuple[dict[str, Any], Callable | None]:
    (A, b), make = solving.problems()[matrix], solving.SOLVERS[name]
    row = {"matrix": matrix, "solver": name, "sweeps": None}
    try:
        solution = it.solve(A, b, solver=make())
    except (it.UnsafeStepError, it.EquilibriumError):
        return row, None
    # A new solver each time: what it remembers of a matrix must not make the next run cheaper.
    return row | {"sweeps": float(solution.steps.double().mean())}, lambda: it.solve(A, b, solver=make())


def _differentiate(scale: float, name: str) -> tuple[dict[str, Any], Callable | None]:
    """Forward and backward pass together, because each way has its own forward solver."""
    net = it.EquilibriumNetwork(solving.INPUTS, solving.WIDTH, implicit_scale=scale, seed=0)
    X = solving.inputs()
    y, way = it.data.linear_quadratic(X), solving.GRADIENTS[name]
    return {"implicit_scale": scale, "gradient": name}, lambda: solving.gradient(net, X, y, way)


if __name__ == "__main__":
    results.store("solver_times", measure())
