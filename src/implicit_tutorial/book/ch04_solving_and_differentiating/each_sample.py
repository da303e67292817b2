"""On the circle: how far each sample of a batch is from its equilibrium, after a given number of sweeps."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.drawing import angle_axis, array
from implicit_tutorial.book.evidence import THEOREM, measured
from implicit_tutorial.book.says import says
from implicit_tutorial.book.tasks import CIRCLE_ANGLES, CIRCLE_SCALE, task
from implicit_tutorial.explorer import Control, Explorer, explorer, style

WIDTH, RTOL, FLOOR, TOP = 192, 1e-10, 1e-12, 1e2
SCALES = (0.4, 0.6, CIRCLE_SCALE, 1.0, 1.2, 1.3)
BUDGETS = (5, 10, 20, 30, 40, 60, 100, 200, 400, 800)
#: How a sample stands, by the name in the legend: its colour and its mark.
STANDS = {
    "converged": (style.HOLDS, "circle"),
    "still moving": (style.GUIDE, "circle-open"),
    "diverged": (style.FAILURE, "x"),
}


@cache
def problem(implicit_scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    """A (m, m), and the injections (48, m) of inputs all around the circle."""
    net = it.EquilibriumNetwork(2, WIDTH, implicit_scale=implicit_scale, seed=0)
    return net.A.detach(), net.injection(task("circle").X_test).detach()


@cache
def batch(implicit_scale: float, sweeps: int) -> it.Solution:
    """All samples solved together by Picard's iteration, with at most so many sweeps."""
    solver = it.Picard(rtol=RTOL, max_steps=sweeps)
    return it.solve(*problem(implicit_scale), solver=solver, throw=False)


def stand(solution: it.Solution) -> np.ndarray:
    """(48,) how each sample stands, a name of :data:`STANDS`."""
    ended = {int(it.Status.CONVERGED): "converged", int(it.Status.STEP_LIMIT): "still moving"}
    return np.array([ended.get(status, "diverged") for status in solution.status.tolist()])


def relative(solution: it.Solution, values: torch.Tensor | None) -> np.ndarray:
    """Values in units of ‖z‖ of each sample; NaN where there are none."""
    size = torch.linalg.vector_norm(solution.z, dim=1)
    return array(torch.full_like(size, torch.nan) if values is None else values / size)


@explorer("each-sample")
def each_sample() -> Explorer:
    """Residual, certified error and status of 48 samples of one batch, sweep by sweep (C7)."""
    return Explorer(
        _draw,
        [
            Control("sweeps", BUDGETS, start=200, label="sweeps at most"),
            Control("implicit_scale", SCALES, start=1.2, label="implicit_scale $\\sigma_A$", fmt=".1f"),
        ],
        caption=(
            f"One batch of {len(CIRCLE_ANGLES) - 1} inputs around the circle, width {WIDTH}. Each mark is a "
            "sample's residual relative to $\\lVert z\\rVert$; dashed, its certified error (C7), where a "
            f"condition holds; dotted, the tolerance. **Move** the sweeps. {_what_to_notice()}"
        ),
        alt="The relative residual of each sample on a logarithmic axis over the angle of its input. "
        + says(
            "With more sweeps the marks sink below the dotted tolerance, where each of them stays; ",
            all(frozen(s) for s in SCALES) and all(_arrived(s) == 1 for s in SCALES[:-2]),
        )
        + says("at 1.2 two are still above it after 800 sweeps, ", _arrived(1.2) == 1 - 2 / 48)
        + says("and at 1.3 most never get there.", _arrived(1.3) < 0.2),
        readout=_readout,
        tag=THEOREM | measured(width=WIDTH, seeds=1, samples=len(CIRCLE_ANGLES) - 1),
    )


def frozen(implicit_scale: float) -> bool:
    """Whether samples that have converged are the same, bit for bit, after any larger number of sweeps."""
    runs = [batch(implicit_scale, sweeps) for sweeps in BUDGETS]
    return all(
        torch.equal(later.z[run.converged], run.z[run.converged])
        and bool(later.converged[run.converged].all())
        for run, later in pairwise(runs)
    )


def _arrived(implicit_scale: float) -> float:
    """The share of samples that have converged after the most sweeps."""
    return float((stand(batch(implicit_scale, BUDGETS[-1])) == "converged").mean())


def _what_to_notice() -> str:
    easy, hard, lost = (batch(scale, BUDGETS[-1]) for scale in (CIRCLE_SCALE, 1.2, 1.3))
    first, last = int(hard.steps[hard.converged].min()), int(hard.steps.max())
    certified = [scale for scale in SCALES if batch(scale, BUDGETS[0]).error_bound is not None]
    return "".join(
        [
            says(
                "**Notice** that a sample below the tolerance does not move any more, whatever others do. ",
                all(frozen(scale) for scale in SCALES),
            ),
            says(
                f"At $\\sigma_A = {CIRCLE_SCALE:g}$ all get there within {int(easy.steps.max())} sweeps; at "
                f"$1.2$ the easiest does after {first}, and the hardest still move after {last}; ",
                bool(easy.converged.all())
                and last == BUDGETS[-1]
                and set(stand(hard)) == {"converged", "still moving"},
            ),
            says("at $1.3$ most of the circle is lost. ", (stand(lost) == "diverged").mean() > 0.5),
            says(
                f"From the stop at {min(set(SCALES) - set(certified)):g} on nothing is certified.",
                certified == [scale for scale in SCALES if scale < 0.7],
            ),
        ]
    )


def _draw(sweeps: int, implicit_scale: float) -> go.Figure:
    figure = style.figure(
        x_title="input angle φ",
        y_title="relative to ‖z‖",
        y_log=True,
        y_range=(FLOOR, TOP),
        height=400,
        legend_rows=2,
    )
    angle_axis(figure)
    solution, angles = batch(implicit_scale, sweeps), CIRCLE_ANGLES[:-1]
    residual, stands = relative(solution, solution.residual), stand(solution)
    figure.add_scatter(x=[0, 360], y=[RTOL, RTOL], **style.guide("tolerance"))
    bound = relative(solution, solution.error_bound)
    figure.add_scatter(x=angles, y=bound, **style.theory("certified error", style.BOUND))
    for name, (color, symbol) in STANDS.items():
        shown = np.where(stands == name, np.clip(residual, FLOOR, TOP), np.nan)
        figure.add_scatter(x=angles, y=shown, **style.points(name, color, symbol=symbol, size=8))
    return figure


def _readout(sweeps: int, implicit_scale: float) -> str:
    solution = batch(implicit_scale, sweeps)
    stands = stand(solution)
    counts = {name: int((stands == name).sum()) for name in STANDS}
    text = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    taken = solution.steps[solution.converged]
    if len(taken):
        first, last = int(taken.min()), int(taken.max())
        text += f"; those that converged took {first if first == last else f'{first} to {last}'} sweeps"
    return f"After at most {sweeps} sweeps: {text}."
