"""Training with and without a remedy: sweeps, loss, test error, ρ(DA), and the time of a step (C8)."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

import implicit_tutorial as it
from implicit_tutorial.book.ch03_keeping_it_well_posed.setting import METHODS, SCALES, Training
from implicit_tutorial.book.ch03_keeping_it_well_posed.studies import REMEDIES, REMEDY_COST, training
from implicit_tutorial.book.descent import LIMIT, SAMPLES, STEPS, WIDTH
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.book.networks import ENDS
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style

_RANGES = {"sweeps": (6, 500), "loss": (0, 8), "test error": (0, 8), "radius": (0, 1.2)}


def stored_time(method: str, implicit_scale: float) -> float:
    """Seconds of processor time that a step of descent took, on the machine of the stored result."""
    return REMEDY_COST.at(method=method, implicit_scale=implicit_scale)["seconds"]


@explorer("training-remedies")
def training_remedies() -> Explorer:
    """Four curves along gradient descent, for each remedy and initialization scale (C8)."""
    return Explorer(
        _draw,
        [
            Control("method", list(METHODS), label="remedy"),
            Control("implicit_scale", list(SCALES), start=0.9, label="implicit_scale $\\sigma_A$", fmt=".1f"),
        ],
        tag=measured(width=WIDTH, seeds=1, samples=SAMPLES).ending(REMEDIES.table["end"]),
        caption=(
            f"Gradient descent on $\\Theta$ alone: width {WIDTH}, {SAMPLES} noisy labels. Sweeps to a "
            "relative residual of $10^{-6}$, Picard's, or those of Peaceman and Rachford where only "
            "monotonicity is guaranteed; a cross marks the step at which some were not found. Loss, "
            "and the same quantity on new inputs against labels without noise. $\\rho(DA)$ at the input "
            "that takes the most sweeps: at one (dotted) Picard no longer settles. Dashed: plain descent "
            "from the same "
            f"$\\sigma_A$. {_what_plain_descent_does()} **Move** the remedy at $\\sigma_A = 0.9$. **Notice** "
            "which remedies keep the sweeps flat, and what they pay for it in loss and in test error. "
            "(Gradients here are exact: the adjoint is solved by Newton's method. Times were measured once, "
            "on one core. That a minimum lies near an end is proved as in chapter 6, if $\\Theta$ is free.)"
        ),
        alt=(
            "Four curves against the step of gradient descent: the number of solver sweeps on a logarithmic "
            "axis, the training loss, the test error, and the spectral radius of DA. Where a remedy is "
            "chosen, each lies beside the dashed curve of plain descent. Without a remedy the sweeps rise, "
            "and from the largest scale a cross marks the failure."
        ),
        readout=_readout,
    )


def _what_plain_descent_does() -> str:
    """The sweeps and ρ(DA) of plain descent rise at every scale; at the largest one a step goes too far."""
    runs = [training("none", scale) for scale in SCALES]
    rise = all(run.sweeps[-1] > run.sweeps[0] and run.radius[-1] > run.radius[0] for run in runs)
    lost = [run.failed is not None for run in runs]
    return says("Plain descent raises it at each scale, ", rise) + says(
        f"and from $\\sigma_A = {SCALES[-1]}$ its step {runs[-1].failed} leads to where some input has no "
        "equilibrium that Picard finds.",
        lost == [False, False, True],
    )


def _draw(method: str, implicit_scale: float) -> list[go.Figure]:
    here, plain = training(method, implicit_scale), training("none", implicit_scale)
    return [
        _panel("sweeps", "sweeps", here.sweeps, plain.sweeps, failure=LIMIT),
        _panel("loss", "½ mean square error", here.loss, plain.loss),
        _panel("test error", "½ mean square error", here.test, plain.test),
        _panel("radius", "ρ(DA)", here.radius, plain.radius),
    ]


def _panel(
    title: str, y_title: str, here: np.ndarray, plain: np.ndarray, *, failure: float | None = None
) -> go.Figure:
    figure = style.figure(
        title=title,
        x_title="step of gradient descent",
        y_title=y_title,
        x_range=(-0.5, STEPS + 0.5),
        y_range=_RANGES[title],
        y_log=title == "sweeps",
        height=300,
    )
    for values, look in ((plain, style.theory("none")), (here, style.measured("remedy"))):
        figure.add_scatter(x=np.arange(len(values)), y=values, **look)
    if title == "radius":
        figure.add_hline(y=1, line=style.guide()["line"])
    if failure is not None:
        ends = sorted({len(v) for v in (plain, here) if len(v) <= STEPS})
        look = style.points("fails", style.FAILURE, symbol="x", size=11)
        figure.add_scatter(x=ends, y=[failure] * len(ends), **look)
    return figure.update_layout(showlegend=title == "sweeps", legend={"font": {"size": 10}})


def _readout(method: str, implicit_scale: float) -> str:
    here = training(method, implicit_scale)
    who = "Picard" if METHODS[method].solver is it.Picard else "Peaceman–Rachford"
    changes = (
        f"sweeps went from {here.sweeps[0]:.0f} to {here.sweeps[-1]:.0f}, "
        f"ρ(DA) from {here.radius[0]:.2f} to {here.radius[-1]:.2f}, ‖A‖₂ from {here.norm[0]:.2f} to "
        f"{here.norm[-1]:.2f}, the loss from {here.loss[0]:.2f} to {here.loss[-1]:.2f}, "
        f"the test error from {here.test[0]:.2f} to {_last(here)}"
    )
    ratio = stored_time(method, implicit_scale) / stored_time("none", implicit_scale)
    time = "" if method == "none" else f"A step takes {100 * ratio:.0f} % of a plain one's time."
    run = f"{who} fails at step {here.failed}. Before that its"
    if here.failed is None:
        run = f"All {STEPS} steps: {who}'s"
    return " ".join(filter(None, [f"{run} {changes}.", ENDS[here.end], time]))


def _last(run: Training) -> str:
    return "none at all" if np.isnan(run.test[-1]) else f"{run.test[-1]:.2f}"
