"""When training stops, and how it ended."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from implicit_tutorial.equilibrium.checks import check_fields
from implicit_tutorial.equilibrium.status import Portable

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Until:
    """Stop at the first of these: L ≤ ``loss``, ``time`` of the flow, ``steps`` in all, or ``certified``."""

    loss: float | None = None
    """Of the training loss L = ½ Σ e²."""
    time: float | None = None
    """t of dΘ/dt = −∇L; ``math.inf`` for the flow's limit."""
    steps: int | None = None
    """Counted from the beginning of the run, also after a resume."""
    certified: bool = False
    """Stop at the first row of the history from which the flow on Θ is proved to converge (C12, C20)."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.loss is None and self.time is None and self.steps is None and not self.certified:
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
        ends = self.loss is not None or self.steps is not None or self.certified
        if self.time == math.inf and not reaches_infinity and not ends:
            advice = "use ExponentialFlow(), or stop at a loss."
            raise ValueError(f"time=inf is never reached by steps of a fixed length; {advice}")


class TrainingStatus(StrEnum):
    """Why a run is not going on."""

    RUNNING = "running"
    LOSS_REACHED = "loss reached"
    TIME_REACHED = "time reached"
    STEPS_DONE = "steps done"
    CERTIFIED = "certified"
    SETTLED = "settled"
    LEFT_WELL_POSED = "left the well-posed region"
    UNSTABLE = "unstable"

    @property
    def failed(self) -> bool:
        return self in (TrainingStatus.LEFT_WELL_POSED, TrainingStatus.UNSTABLE)


class TrainingError(Portable, RuntimeError):
    """Training that failed; ``history`` is what was recorded until then, ``status`` says how it failed."""

    def __init__(self, message: str, status: TrainingStatus, history: pd.DataFrame) -> None:
        super().__init__(message)
        self.status, self.history = status, history
