"""Sweeps of every solver on A = sS + aK, S symmetric and K antisymmetric, over a grid of s and a (C6, C8).

``python -m implicit_tutorial.results.solver_plane`` writes the JSON file beside this module.
"""

from __future__ import annotations

import platform
from functools import cache
from typing import Any

import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial import results
from implicit_tutorial.experiments.solving import SOLVERS, gaussian, normal

WIDTH, SAMPLES, LIMIT = 64, 4, 500
GRID = [round(0.1 * k, 1) for k in range(25)]


@cache
def parts() -> tuple[Tensor, Tensor]:
    """S = Sᵀ with λ_max(S) = 1 and K = −Kᵀ with ‖K‖₂ = 1, both (m, m), from one Gaussian matrix."""
    G = gaussian(WIDTH, seed=0)
    S, K = G + G.T, G - G.T
    return S / torch.linalg.eigvalsh(S)[-1], K / torch.linalg.matrix_norm(K, 2)


def matrix(symmetric: float, antisymmetric: float) -> Tensor:
    """(m, m) A = sS + aK."""
    S, K = parts()
    return symmetric * S + antisymmetric * K


def sweeps(name: str, symmetric: float, antisymmetric: float) -> float | None:
    """Mean sweeps to a relative residual of 1e-10; None if a sample fails, or the solver refuses A."""
    try:
        solution = it.solve(
            matrix(symmetric, antisymmetric),
            normal(SAMPLES, WIDTH, seed=1),
            solver=SOLVERS[name](max_steps=LIMIT),
        )
    except (it.UnsafeStepError, it.EquilibriumError):
        return None
    return float(solution.steps.double().mean())


def measure() -> dict[str, Any]:
    """The grid of every solver, one row for each value of a."""
    torch.set_num_threads(1)
    return {
        "command": "python -m implicit_tutorial.results.solver_plane",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "setting": {"width": WIDTH, "n_samples": SAMPLES, "max_steps": LIMIT},
        "grid": GRID,
        "sweeps": {name: [[sweeps(name, s, a) for s in GRID] for a in GRID] for name in SOLVERS},
    }


if __name__ == "__main__":
    results.store("solver_plane", measure(), indent=None)
