"""A function on the circle while it is learned: target, network and kernel prediction."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch06_training_the_implicit_layer.studies import (
    CIRCLE_FLOW,
    CIRCLE_OUTPUT,
    CIRCLE_TIMES,
    CIRCLE_WIDTHS,
)
from implicit_tutorial.book.drawing import angle_axis
from implicit_tutorial.book.evidence import MEAN_FIELD, stored
from implicit_tutorial.book.says import says
from implicit_tutorial.book.tasks import CIRCLE_ANGLES as ANGLES
from implicit_tutorial.book.tasks import CIRCLE_SAMPLES as SAMPLES
from implicit_tutorial.book.tasks import CIRCLE_SCALE, on_circle, task
from implicit_tutorial.book.tasks import circle_target as target
from implicit_tutorial.explorer import Control, Explorer, explorer, style


@lru_cache
def predicted() -> np.ndarray:
    """(times, angles) K(x, X) K⁻¹ (1 − e^{−Kt}) y with the kernel of infinite width; the same for every κ."""
    X, y, *_ = task("circle")
    K = it.limit_kernels(X, implicit_scale=CIRCLE_SCALE).implicit
    cross = it.limit_kernels(on_circle(ANGLES), X, implicit_scale=CIRCLE_SCALE).implicit
    values, vectors = torch.linalg.eigh(K)
    grown = -torch.expm1(-values * torch.tensor(CIRCLE_TIMES, dtype=K.dtype)[:, None]) / values
    return (((vectors.T @ y) * grown) @ vectors.T @ cross.T).numpy()


@lru_cache
def learned(width: int, output_scale: float) -> np.ndarray:
    """(times, angles) the network's function, from the stored runs; NaN once it has lost its equilibria."""
    frame = CIRCLE_FLOW.table
    (found,) = frame[(frame.width == width) & (frame.output_scale == output_scale)].function
    return np.array(found, dtype=float)


def waves(f: np.ndarray) -> np.ndarray:
    """(2, times) the slow and the fast wave in functions at the samples, as shares of the target's."""
    at = np.radians(SAMPLES)
    basis = np.stack([np.sin(at), 0.6 * np.cos(4 * at)], axis=1)
    values = np.stack([np.interp(SAMPLES, ANGLES, row) for row in f])
    return np.linalg.lstsq(basis, values.T, rcond=None)[0]


def gap(width: int, output_scale: float) -> np.ndarray:
    """The root mean square distance of network and prediction at each time; NaN once there is no network."""
    return np.sqrt(np.mean((learned(width, output_scale) - predicted()) ** 2, axis=1))


@explorer("learning-circle")
def learning_circle() -> Explorer:
    """The function at one time, for a width and an output scale."""

    def draw(time: float, width: int, output_scale: float) -> go.Figure:
        row = CIRCLE_TIMES.index(time)
        fig = style.figure(x_title="input angle φ", y_range=(-2.6, 2.6), height=400)
        angle_axis(fig)
        fig.add_scatter(x=ANGLES, y=target(ANGLES), **style.guide("target", style.TARGET, width=2))
        fig.add_scatter(x=ANGLES, y=predicted()[row], **style.theory("mean-field prediction"))
        f = learned(width, output_scale)[row]
        there = bool(np.isfinite(f).all())
        fig.add_scatter(x=ANGLES, y=f, **style.measured("network"), showlegend=there)
        fig.add_scatter(x=SAMPLES, y=target(SAMPLES), **style.points("samples", style.TARGET))
        return fig

    def readout(time: float, width: int, output_scale: float) -> str:
        row = CIRCLE_TIMES.index(time)
        f = learned(width, output_scale)[row]
        if not np.isfinite(f).all():
            return "Training has left the well-posed region: there is no function any more."
        error = math.sqrt(np.mean((f - target(ANGLES)) ** 2))
        off = gap(width, output_scale)[row]
        return f"Root mean square distance: {off:.2g} to the prediction, {error:.2g} to the target."

    return Explorer(
        draw,
        [
            Control("time", CIRCLE_TIMES, start=5, label="time $\\kappa^2 t$", fmt="g"),
            Control("width", CIRCLE_WIDTHS, start=192, label="width $m$"),
            Control("output_scale", CIRCLE_OUTPUT, start=3.0, label="output_scale $\\kappa$", fmt="g"),
        ],
        tag=MEAN_FIELD | stored(CIRCLE_FLOW, samples=len(SAMPLES)),
        caption=(
            "A function on the circle, learned from 13 samples by $\\Theta$ alone, one network a setting. "
            f"**Scrub** the time from 0 to 1000: {_slow_first()} "
            f"Then **move** the width and $\\kappa$. {_where_they_part()}"
        ),
        alt=(
            "A function of the angle: a dotted target with 13 samples, a dashed mean-field prediction and "
            f"the network's function as a solid line. {_both()}"
        ),
        readout=readout,
    )


_CELLS = tuple((width, kappa) for width in CIRCLE_WIDTHS for kappa in CIRCLE_OUTPUT)
_GAP = (ANGLES > 240) & (ANGLES < 300)
_BESIDE = (ANGLES < 225) | (ANGLES > 315)


def _functions() -> list[np.ndarray]:
    """The prediction, and every network, as long as it is there."""
    found = [learned(*cell) for cell in _CELLS]
    return [predicted(), *(f[np.isfinite(f).all(axis=1)] for f in found)]


def _misses(f: np.ndarray) -> tuple[float, float]:
    """Root mean square distance to the target at the end, in the gap and away from it."""
    off = (f[-1] - target(ANGLES)) ** 2
    return math.sqrt(off[_GAP].mean()), math.sqrt(off[_BESIDE].mean())


def _slow_first() -> str:
    one = CIRCLE_TIMES.index(1)
    shares = [waves(f) for f in _functions()]
    (slow, fast), missed = zip(*(w[:, one] for w in shares), strict=True), map(_misses, _complete())
    inside, beside = zip(*missed, strict=True)
    first = all((w[0, 1:one] > w[1, 1:one] + 0.3).all() for w in shares)
    return says(
        f"the slow wave comes first, and at time 1 is learned to {100 * min(slow):.0f} to "
        f"{100 * max(slow):.0f} %, the fast one to {100 * max(fast):.0f} % at most; and the gap between the "
        "samples is filled by the kernel's taste, not by the target.",
        first and min(slow) > 0.6 and max(fast) < 0.1 and min(inside) > 5 * max(beside),
    )


def _complete() -> list[np.ndarray]:
    return [f for f in _functions() if len(f) == len(CIRCLE_TIMES)]


def _where_they_part() -> str:
    worst = {cell: float(np.nanmax(gap(*cell))) for cell in _CELLS}
    faint, wide = min(CIRCLE_OUTPUT), max(CIRCLE_WIDTHS)
    lost = [cell for cell in _CELLS if not np.isfinite(gap(*cell)).all()]
    return says(
        "**Notice** where network and prediction part: at each width farthest for "
        f"$\\kappa = {faint:g}$, by {min(worst[w, faint] for w in CIRCLE_WIDTHS):.2f} to "
        f"{max(worst[w, faint] for w in CIRCLE_WIDTHS):.2f} in the root mean square, and at each $\\kappa$ "
        f"least for width {wide}. At width {min(CIRCLE_WIDTHS)} and $\\kappa = {faint:g}$ the network loses "
        "its equilibria on the way.",
        all(max(CIRCLE_OUTPUT, key=lambda k: worst[w, k]) == faint for w in CIRCLE_WIDTHS)
        and all(min(CIRCLE_WIDTHS, key=lambda w: worst[w, k]) == wide for k in CIRCLE_OUTPUT)
        and lost == [(min(CIRCLE_WIDTHS), faint)],
    )


def _both() -> str:
    flat = max(np.abs(f[0]).max() for f in _functions())
    later = [waves(f)[:, -1] for f in _complete()]
    misses = [_misses(f) for f in _complete()]
    return says(
        "Both start flat, follow the slow wave and then the fast one; in a gap without samples both end "
        f"{min(m for m, _ in misses):.1f} or more from the target, and elsewhere within "
        f"{max(b for _, b in misses):.2f}, unless the network is lost on the way.",
        flat < 1e-6 and np.min(later) > 0.9 and np.max(later) < 1.1,
    )
