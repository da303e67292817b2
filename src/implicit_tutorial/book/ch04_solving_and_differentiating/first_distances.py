"""The first states of every solver on two units, printed as a table."""

from __future__ import annotations

import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch04_solving_and_differentiating.setting import PLAIN_ANDERSON, SOLVERS


def first_distances(sweeps: int = 6, turn: float = 1.5) -> str:
    """Distance to the equilibrium (1, 1) of the first states, for two units that turn (as in chapter 3)."""
    A = torch.tensor([[0.0, turn], [-turn, 0.0]], dtype=torch.float64)
    b = (1 - A.sum(dim=1))[None]
    lines = ["state".ljust(18) + "".join(f"{k:>9}" for k in range(sweeps))]
    lines.append("─" * len(lines[0]))
    for name, solver in SOLVERS.items():
        # Six sweeps are too few for Anderson to find out that mixing pays.
        eager = PLAIN_ANDERSON if solver is it.Anderson else solver
        shown = []
        for k in range(1, sweeps + 1):
            z = it.solve(A, b, solver=eager(max_steps=k), throw=False).z
            error = float(torch.linalg.vector_norm(z - 1))
            # What is left below this is rounding, which no two machines share.
            shown.append("0" if error < 1e-9 else f"{error:.4f}")
        lines.append(name.ljust(18) + "".join(f"{x:>9}" for x in shown))
    return "\n".join(lines)
