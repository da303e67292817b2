"""How a solve ended, sample by sample, and what is said of one that failed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor

from implicit_tutorial.prose import powers


class Status(IntEnum):
    """How one sample's solve ended."""

    CONVERGED = 0
    STEP_LIMIT = 1
    DIVERGED = 2
    NON_FINITE = 3
    SINGULAR = 4
    CYCLE = 5


_EXPLANATION = {
    Status.STEP_LIMIT: (
        "reached the limit of {steps} steps with residual {residual}",
        "convergence is slow (the spectral radius of DA is near 1), the iteration circles around an "
        "equilibrium it cannot reach, or the tolerance is below the rounding floor",
        "raise max_steps, loosen rtol, lower implicit_scale, or use Newton(), which needs no contraction",
    ),
    Status.DIVERGED: (
        "diverged: after {steps} steps the residual had grown to {residual}",
        "the map is not a contraction here (the spectral radius of DA exceeds 1), or no equilibrium exists",
        "lower implicit_scale, check certify(A), or use Newton(), which needs no contraction",
    ),
    Status.NON_FINITE: (
        "overflowed after {steps} steps",
        "the iterates grew past the range of the dtype",
        "lower implicit_scale or input_scale, or use float64",
    ),
    Status.SINGULAR: (
        "met a singular linear system after {steps} steps",
        "I − A restricted to the active units has no inverse, so there is no equilibrium with this "
        "activation pattern, or a continuum of them",
        "change A slightly, start from another z0, or count the equilibria with count_equilibria(A, b)",
    ),
    Status.CYCLE: (
        "returned to an activation pattern it had already tried after {steps} steps",
        "I − A is not a P-matrix, so an equilibrium may be missing, or Newton's local convergence does not "
        "reach it",
        "start from another z0, or use a solver that certify(A) justifies",
    ),
}


class Portable(BaseException):
    """An exception with attributes of its own that a process can send to another one.

    Python would call its constructor with the message alone, which fails where ``Pool.map`` waits for it.
    """

    def __reduce__(self) -> tuple:
        return _restored, (type(self), self.args, vars(self))


def _restored(kind: type[Portable], args: tuple, attributes: dict) -> Portable:
    error = kind.__new__(kind, *args)
    vars(error).update(attributes)
    return error


class EquilibriumError(Portable, RuntimeError):
    """A solve that did not converge; ``result`` holds what there is, each sample marked with its status."""

    def __init__(self, message: str, result: SolverResult) -> None:
        super().__init__(message)
        self.result = result


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How each sample of a batch ended."""

    steps: Tensor
    """(n,) number of times the map was evaluated for each sample."""
    residual: Tensor
    """(n,) Euclidean norm of map(state) − state at the returned state, measured, not estimated."""
    status: Tensor
    """(n,) a :class:`Status` for each sample."""

    @property
    def converged(self) -> Tensor:
        """(n,) True where the residual is below the solver's tolerance."""
        return self.status == Status.CONVERGED

    def explain(self, what: str = "equilibrium") -> str:
        """One paragraph: what happened to the first sample that failed, the likely cause, what to change."""
        failed = torch.nonzero(~self.converged).flatten()
        if failed.numel() == 0:
            return f"all {self.status.numel()} samples converged"
        i = int(failed[0])
        happened, cause, remedy = _EXPLANATION[Status(int(self.status[i]))]
        happened = happened.format(steps=int(self.steps[i]), residual=powers(float(self.residual[i])))
        return (
            f"{what}: {failed.numel()} of {self.status.numel()} samples did not converge; "
            f"sample {i} {happened}. Likely cause: {cause}. What to change: {remedy}."
        )


@dataclass(frozen=True, kw_only=True)
class SolverResult(Outcome):
    """What a solver's iteration leaves behind."""

    z: Tensor
    """(n, m) the states, by rows."""
