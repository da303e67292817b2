"""Three solvers on the spiral of two units that turn about their equilibrium (C8)."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from implicit_tutorial.book.ch03_keeping_it_well_posed.paths import (
    COLORS,
    LINE,
    START,
    SWEEPS,
    Setting,
    add_paths,
    drawn,
    ends,
    paths,
    plane,
)
from implicit_tutorial.book.drawing import move
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.book.says import says
from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.explorer import Control, explorer, style
from implicit_tutorial.explorer.computed import Computation, Computed

TURNS = tuple(round(0.2 * k, 1) for k in range(13))


@explorer("splitting-paths")
def splitting_paths() -> Computed:
    """Picard's spiral beside the paths and errors of the two splittings, as A turns faster (C8)."""
    return Computed(
        _figures,
        Computation(observe=observe, line=LINE),
        [Control("antisymmetric", TURNS, start=1.2, label="antisymmetric part $a$", fmt=".1f")],
        [START],
        tag=measured(width=2, seeds=None, samples=None),
        caption=(
            "Unit 2 excites unit 1 with weight $a$, and unit 1 inhibits unit 2 with the same weight; $b$ is "
            "such that the equilibrium is $(1, 1)$. The symmetric part is zero: well-posed for every $a$. "
            "First: the states of three solvers. Second: their distance to the equilibrium. **Drag** the "
            "start, and **move** $a$ across 1. **Notice** that Picard's spiral, which came in, "
            "no longer does: near the equilibrium it turns outward, until the relu bends it into a cycle. "
            f"{_who_slows_down()}"
        ),
        alt=(
            "First, the plane of two states with three paths from one start to the equilibrium (1, 1); "
            "for a above one Picard's goes round in a cycle instead. Second, the distance to the "
            "equilibrium on a logarithmic axis against the sweep: lines of different slopes, Picard's the "
            "least steep one."
        ),
    )


def _who_slows_down() -> str:
    """Sweeps of the two splittings from the start that the figure opens with, at small and at large a."""
    start = torch.tensor(START.start, dtype=torch.float64)
    (f, r), *_, (last_f, last_r) = (
        (float(said["forward_sweeps"]), float(said["reflected_sweeps"]))
        for turn in (0.8, *TURNS[-1:])
        for said in [ends(turning(torch.tensor(turn, dtype=torch.float64)), start)[0]]
    )
    return says(
        f"From $a = 0.8$ to {TURNS[-1]:g}, and with the first start, forward–backward's sweeps grow "
        f"{last_f / f:.1f} times, and Peaceman–Rachford's {last_r / r:.1f} times, less than $a$ itself.",
        last_r / r < TURNS[-1] / 0.8 < last_f / f,
    )


def turning(turn: Tensor) -> Setting:
    """An antisymmetric A with the injection whose equilibrium is (1, 1), and the best steps.

    I − A has the eigenvalues 1 ± ai: a step of length α leaves |1 − α ∓ αai|, least at 1/(1 + a²); a
    reflection |(1 − α ∓ αai)/(1 + α ± αai)|, least at 1/√(1 + a²).
    """
    A = torch.stack([torch.stack([0 * turn, turn]), torch.stack([-turn, 0 * turn])])
    best = 1 / (1 + turn * turn)
    return Setting(Problem(A, 1 - A.sum(dim=1)[None]), best, torch.sqrt(best))


def observe(antisymmetric: Tensor, s1: Tensor, s2: Tensor) -> dict[str, Tensor]:
    """The paths from the start, their errors, and how they end."""
    setting, start = turning(antisymmetric), torch.stack([s1, s2])
    states = paths(setting, start)
    errors = torch.linalg.vector_norm(states - 1, dim=2).clamp(min=1e-12)
    said, _ = ends(setting, start)
    return (
        drawn(states)
        | {f"1/{name}/y": errors[:, k] for k, name in enumerate(COLORS)}
        | said
        | {"norm": antisymmetric}
    )


def _figures() -> list[go.Figure]:
    """Both panels without what is computed."""
    figure = style.figure(
        title="distance to the equilibrium",
        x_title="sweep",
        y_title="‖z − z*‖",
        x_range=(0, SWEEPS),
        y_range=(1e-10, 30),
        y_log=True,
        height=450,
        legend_rows=3,
    )
    for name, color in COLORS.items():
        figure.add_scatter(x=np.arange(SWEEPS + 1), **style.measured(name, color))
    states = add_paths(plane("states"))
    move(states, "equilibrium", x=[1.0], y=[1.0], showlegend=False)
    return [states, figure.update_layout(showlegend=False)]
