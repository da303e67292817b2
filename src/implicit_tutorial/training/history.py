"""What a run writes down: which rows, with which columns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from implicit_tutorial.equilibrium.checks import check_fields, check_least

if TYPE_CHECKING:
    import pandas as pd

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
    "certified",
)


@dataclass(frozen=True, kw_only=True)
class Record:
    """What to write down, and how often; loss, sweeps and residual cost nothing and are always there."""

    every: int | None = None
    """A row every so many steps. None: each of the first 20, then about 24 rows for each tenfold of steps."""
    movement: bool = True
    """‖A − A₀‖_F; keeps a copy of Θ."""
    norm: bool = True
    """‖A‖₂, by Lanczos iteration to six digits: some dozens of products with a vector."""
    spectrum: bool | None = None
    """λ_min(K), an eigenvalue problem as large as the number of labels. None: up to 256 of them."""
    certified: bool = False
    """Whether gradient flow on Θ is proved to converge from the row on (C12, C20): 1 or 0; NaN if not asked.
    Some dozens of sweeps, and where it may be true a factorisation for each sample."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_least(1, every=self.every)

    def due(self, step: int) -> bool:
        """A function of the step alone, so that an interruption leaves no trace in the history."""
        if self.every is not None:
            return step % self.every == 0
        return step <= 20 or int(math.log(step, 1.1)) != int(math.log(step - 1, 1.1))


def frame(rows: list[tuple[float, ...]], **attrs: str | list[str]) -> pd.DataFrame:
    """The rows as a tidy frame, one recorded step each."""
    import pandas as pd

    history = pd.DataFrame(rows, columns=list(COLUMNS))
    for column in ("step", "forward_sweeps", "adjoint_sweeps"):
        history[column] = history[column].astype("int64")
    history.attrs.update(attrs)
    return history
