"""The chapter's table: sweeps and certified digits of every solver, computed, beside stored times (C7)."""

from __future__ import annotations

import math
from functools import cache

import pandas as pd
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch04_solving_and_differentiating.setting import PLAIN_ANDERSON, SOLVERS, problems
from implicit_tutorial.book.ch04_solving_and_differentiating.studies import SOLVER_TIMES


@cache
def measured(matrix: str, solver: str) -> tuple[float, float] | str:
    """Mean sweeps and the least number of certified digits of ‖z‖ (nan when nothing is certified).

    Where the solver finds no equilibrium, the word for it.
    """
    A, b = problems()[matrix]
    try:
        solution = it.solve(A, b, solver=SOLVERS[solver]())
    except it.UnsafeStepError:
        return "refuses"
    except it.EquilibriumError:
        return "fails"
    bound = solution.error_bound
    if bound is None:
        return float(solution.steps.double().mean()), math.nan
    relative = (bound / torch.linalg.vector_norm(solution.z, dim=1)).max()
    return float(solution.steps.double().mean()), float(-torch.log10(relative))


def eager_sweeps(matrix: str) -> float:
    """Mean sweeps of Anderson's method as in textbooks."""
    solution = it.solve(*problems()[matrix], solver=PLAIN_ANDERSON())
    return float(solution.steps.double().mean())


def milliseconds(matrix: str, solver: str) -> float | None:
    """The stored time, None where there is none because the solver fails."""
    seconds = SOLVER_TIMES.at(matrix=matrix, solver=solver)["seconds"]
    return None if pd.isna(seconds) else 1e3 * seconds


def comparison() -> str:
    """Three blocks of text, one row a solver and one column a matrix."""

    def sweeps(matrix: str, solver: str) -> str:
        found = measured(matrix, solver)
        return found if isinstance(found, str) else f"{found[0]:.1f}"

    def time(matrix: str, solver: str) -> str:
        stored = milliseconds(matrix, solver)
        return "" if stored is None else f"{stored:.0f}"

    def digits(matrix: str, solver: str) -> str:
        found = measured(matrix, solver)
        return "" if isinstance(found, str) else "none" if math.isnan(found[1]) else f"{found[1]:.1f}"

    blocks = (("sweeps", sweeps), ("milliseconds", time), ("certified digits", digits))
    lines = []
    for title, cell in blocks:
        lines.append(title.ljust(18) + "".join(f"{name:>12}" for name in problems()))
        lines.append("─" * len(lines[-1]))
        for solver in SOLVERS:
            lines.append(solver.ljust(18) + "".join(f"{cell(name, solver):>12}" for name in problems()))
            lines[-1] = lines[-1].rstrip()
        lines.append("")
    return "\n".join(lines[:-1])
