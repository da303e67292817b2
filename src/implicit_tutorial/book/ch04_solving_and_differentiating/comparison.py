"""The chapter's table: sweeps and certified digits of every solver, computed, beside stored times (C7)."""

from __future__ import annotations

import math
from functools import cache, partial

import pandas as pd
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch04_solving_and_differentiating.setting import SOLVERS, problems
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


def first_distances(sweeps: int = 6, turn: float = 1.5) -> str:
    """Distance to the equilibrium (1, 1) of the first states, for two units that turn (as in chapter 3)."""
    A = torch.tensor([[0.0, turn], [-turn, 0.0]], dtype=torch.float64)
    b = (1 - A.sum(dim=1))[None]
    lines = ["state".ljust(18) + "".join(f"{k:>9}" for k in range(sweeps))]
    lines.append("─" * len(lines[0]))
    for name, solver in SOLVERS.items():
        # Six sweeps are too few for Anderson to find out that mixing pays.
        eager = partial(solver, start_gain=0, period=1) if solver is it.Anderson else solver
        shown = []
        for k in range(1, sweeps + 1):
            z = it.solve(A, b, solver=eager(max_steps=k), throw=False).z
            error = float(torch.linalg.vector_norm(z - 1))
            # What is left below this is rounding, which no two machines share.
            shown.append("0" if error < 1e-9 else f"{error:.4f}")
        lines.append(name.ljust(18) + "".join(f"{x:>9}" for x in shown))
    return "\n".join(lines)
