"""Picard's iteration on a few units, step by step, and in words."""

from __future__ import annotations

import torch
from torch import Tensor

import implicit_tutorial as it


def picard_path(A: Tensor, b: Tensor, z0: Tensor, steps: int) -> Tensor:
    """(steps + 1, m) Picard's states for one injection b (m,), from z0 (m,)."""
    path = [z0]
    for _ in range(steps):
        path.append(torch.relu(A @ path[-1] + b))
    return torch.stack(path)


def picard_words(A: Tensor, b: Tensor, starts: dict[str, Tensor], sweeps: int = 300) -> str:
    """How Picard ends for one injection b (m,), from each of the named starts (m,), in a sentence."""
    z0 = torch.stack(list(starts.values()))
    solution = it.solve(A, b.expand_as(z0), z0=z0, solver=it.Picard(max_steps=sweeps), throw=False)
    ends = {
        it.Status.CONVERGED: "settles after {} sweeps",
        it.Status.STEP_LIMIT: "still moves after {} sweeps",
    }
    outcomes = zip(solution.status.tolist(), solution.steps.tolist(), strict=True)
    words = [ends.get(it.Status(status), "runs away").format(steps) for status, steps in outcomes]
    words = [word.replace(" 1 sweeps", " 1 sweep") for word in words]
    if len(set(words)) == 1:
        return f"Picard {words[0]} from {' and from '.join(starts)}."
    return (
        "Picard " + ", ".join(f"from {name} {word}" for name, word in zip(starts, words, strict=True)) + "."
    )


def attracts(A: Tensor, z: Tensor) -> bool:
    """Whether Picard returns to the equilibrium z (m,) after a small push: ρ(DA) < 1 on its active units."""
    on = z > 0
    block = A[on][:, on]
    return block.numel() == 0 or float(torch.linalg.eigvals(block).abs().max()) < 1
