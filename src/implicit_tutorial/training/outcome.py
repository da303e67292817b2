"""When training stops, how it ended, and what is written down on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from implicit_tutorial.training.run import Run

#: The columns of a history, in order; a figure that was not asked for or is not defined is NaN.
COLUMNS = (
    "time",
    "step",
    "train_loss",
    "test_error",
    "movement",
    "norm_A",
    "lambda_min",
    "forward_sweeps",
    "adjoint_sweeps",
    "residual",
)


class TrainingStatus(StrEnum):
    """Why a run is not going on."""

    RUNNING = "running"
    LOSS_REACHED = "loss reached"
    TIME_REACHED = "time reached"
    STEPS_DONE = "steps done"
    LEFT_WELL_POSED = "left the well-posed region"
    UNSTABLE = "unstable"

    @property
    def failed(self) -> bool:
        return self in (TrainingStatus.LEFT_WELL_POSED, TrainingStatus.UNSTABLE)


class TrainingError(RuntimeError):
    """Training that failed; ``history`` is what was recorded until then, ``status`` says how it failed."""

    def __init__(self, message: str, status: TrainingStatus, history: pd.DataFrame) -> None:
        super().__init__(message)
        self.status, self.history = status, history


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C, held back to the end of the step; ``run.advance(until)`` goes on as if nothing had happened."""

    def __init__(self, run: Run) -> None:
        super().__init__(f"training interrupted after step {run.step}; go on with .run.advance(until)")
        self.run = run


@dataclass(frozen=True, kw_only=True)
class Until:
    """Stop at the first of these: L ≤ ``loss``, gradient-flow time ``time``, or ``steps`` steps in all."""

    loss: float | None = None
    """Of the training loss L = ½ Σ e²."""
    time: float | None = None
    """t of dΘ/dt = −∇L; ``math.inf`` for the flow's limit."""
    steps: int | None = None
    """Counted from the beginning of the run, also after a resume."""

    def __post_init__(self) -> None:
        if self.loss is None and self.time is None and self.steps is None:
            raise ValueError("Until() never stops; give it a loss, a time, or a number of steps.")
        for name in ("loss", "time", "steps"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"{name}={value}: training stops at a value of zero or more.")

    def check(self, *, has_time: bool, reaches_infinity: bool) -> None:
        """Raise when a method would never come to this end."""
        if self.time is None:
            return
        if not has_time:
            raise ValueError("this method has no gradient-flow time; stop it at a loss or a number of steps.")
        if self.time == math.inf and not reaches_infinity and self.loss is None and self.steps is None:
            raise ValueError(
                "time=inf is never reached by steps of a fixed length; use ExponentialFlow(), or stop at a "
                "loss."
            )


@dataclass(frozen=True, kw_only=True)
class Record:
    """What to write down, and how often. The loss, the sweeps, and the residual cost nothing and
    are always there."""

    every: int | None = None
    """A row every so many steps. None: each of the first 20, then about 24 rows for each tenfold of steps."""
    movement: bool = True
    """‖A − A₀‖_F; keeps a copy of Θ."""
    norm: bool = True
    """‖A‖₂, by Lanczos iteration to six digits: some dozens of products with a vector."""
    spectrum: bool | None = None
    """λ_min(K), an eigenvalue problem as large as the number of labels. None: up to 256 of them."""

    def due(self, step: int) -> bool:
        """A function of the step alone, so that an interruption leaves no trace in the history."""
        if self.every is not None:
            return step % self.every == 0
        return step <= 20 or int(math.log(step, 1.1)) != int(math.log(step - 1, 1.1))


def frame(rows: list[tuple[float, ...]], **attrs: str | list[str]) -> pd.DataFrame:
    """The rows as a tidy frame, one recorded step each."""
    history = pd.DataFrame(rows, columns=list(COLUMNS))
    for column in ("step", "forward_sweeps", "adjoint_sweeps"):
        history[column] = history[column].astype("int64")
    history.attrs.update(attrs)
    return history
