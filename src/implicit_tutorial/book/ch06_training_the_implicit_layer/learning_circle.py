"""A function on the circle while it is learned: target, network and kernel prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.ch06_training_the_implicit_layer.studies import (
    CIRCLE_FLOW,
    CIRCLE_OUTPUT,
    CIRCLE_TIMES,
    CIRCLE_WIDTHS,
)
from implicit_tutorial.book.circle_training import DRAWS, advance, flow_of, seen
from implicit_tutorial.book.circle_training import begin as initialized
from implicit_tutorial.book.drawing import angle_axis
from implicit_tutorial.book.evidence import MEAN_FIELD, measured
from implicit_tutorial.book.says import says
from implicit_tutorial.book.tasks import CIRCLE_ANGLES as ANGLES
from implicit_tutorial.book.tasks import CIRCLE_SAMPLES as SAMPLES
from implicit_tutorial.book.tasks import CIRCLE_SCALE, on_circle, task
from implicit_tutorial.book.tasks import circle_target as target
from implicit_tutorial.explorer import Control, explorer, style
from implicit_tutorial.explorer.computed import Computation, Computed
from implicit_tutorial.explorer.point import Point
from implicit_tutorial.prose import at_least, at_most


def predicted(at: np.ndarray = ANGLES) -> np.ndarray:
    """(times, angles) K(x, X) K⁻¹ (1 − e^{−Kt}) y with the kernel of infinite width; the same for every κ."""
    return _predicted(tuple(at))


@lru_cache
def _predicted(at: tuple[float, ...]) -> np.ndarray:
    X, y, *_ = task("circle")
    K = it.limit_kernels(X, implicit_scale=CIRCLE_SCALE).implicit
    cross = it.limit_kernels(on_circle(np.array(at)), X, implicit_scale=CIRCLE_SCALE).implicit
    values, vectors = torch.linalg.eigh(K)
    grown = -torch.expm1(-values * torch.tensor(CIRCLE_TIMES, dtype=K.dtype)[:, None]) / values
    return (((vectors.T @ y) * grown) @ vectors.T @ cross.T).numpy()


@lru_cache
def learned(width: int, output_scale: float) -> np.ndarray:
    """(times, angles) the network's function, from the stored runs; NaN once it has lost its equilibria."""
    frame = CIRCLE_FLOW.table
    (found,) = frame[(frame.width == width) & (frame.output_scale == output_scale)].function
    return np.array(found, dtype=float)


def waves(f: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(2, times) the slow and the fast wave in functions at these angles, as shares of the target's."""
    angle = np.radians(at)
    basis = np.stack([np.sin(angle), 0.6 * np.cos(4 * angle)], axis=1)
    return np.linalg.lstsq(basis, f.T, rcond=None)[0]


#: The stops of the handles. The study follows its networks longer, when little moves any more.
TIMES, WIDTHS = CIRCLE_TIMES[:-1], (*CIRCLE_WIDTHS, 256)
#: As far apart lie the angles at which the kernel of infinite width is known, in degrees: between two inputs
#: of the circle it depends on the angle between them alone.
_APART = 0.5
#: Whole numbers of steps reach the stops of the time, which are multiples of this.
_SHORTEST = 0.5
#: In the place of a stored function that there is not.
_LOST = 99.0
#: A distance that rounding makes, where there is none.
_ROUNDING = 1e-9


def begin(
    G: Tensor, W: Tensor, v: Tensor, grid: Tensor, angle: Tensor, y: Tensor, profile: Tensor,
    apart: Tensor, one: Tensor, width: Tensor, implicit_scale: Tensor, output_scale: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """The network at its initialization, and one step of the exact flow at the kernel of infinite width."""
    there = torch.cat([angle, grid]) * (math.pi / 180)
    inputs = torch.stack([torch.cos(there), torch.sin(there)], 1)
    n = angle.shape[0]
    first = initialized(G, W, v, inputs[:n], inputs[n:], y, width, implicit_scale, output_scale)
    step = _SHORTEST / -torch.floor(-_SHORTEST / first["step"])
    between = torch.abs(there[:, None] - there[:n]) * (180 / math.pi)
    between = torch.minimum(between, 360 - between)[:, :, None]
    K = (torch.relu(1 - torch.abs(between - apart) / _APART) * profile).sum(2)
    kernel = (output_scale**2 * K) @ flow_of(step * K[:n], one)
    return first | {
        "step": step, "eta": step / output_scale**2, "kernel": kernel,
        "0/samples/x": angle, "0/samples/y": y,
    }  # fmt: skip


def observe(
    A: Tensor, b_grid: Tensor, z_grid: Tensor, v: Tensor, f0_grid: Tensor, f_lazy: Tensor, e: Tensor,
    e_lazy: Tensor, kappa: Tensor, time_now: Tensor, width: Tensor, output_scale: Tensor, angle: Tensor,
    y: Tensor, home: Tensor, times: Tensor, widths: Tensor, outputs: Tensor, flows: Tensor, aim: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """The functions on the grid, that of the stored flow where there is one, and two distances."""
    found = seen(A, b_grid, z_grid, v, f0_grid, f_lazy, e, e_lazy, kappa)
    f, f_lazy = found.pop("f"), found.pop("f_lazy")
    at = (torch.abs(times - time_now) < 1e-6) & (widths == width) & (outputs == output_scale)
    flow = (at * flows).sum((0, 1, 2))
    unmoved = torch.abs(torch.stack([angle, y]) - home).amax() == 0
    off = torch.sqrt(torch.mean((f - f_lazy) ** 2))
    known = at.any() & unmoved & (flow.amax() < _LOST)
    return found | {
        "0/network/y": f,
        "0/network/showlegend": found["there"],
        "0/mean-field prediction/y": f_lazy,
        "0/exact flow/y": torch.where(known, flow, 0 * kappa / (0 * kappa)),
        "0/exact flow/showlegend": known * torch.ones_like(kappa),
        "off": torch.where(off < _ROUNDING, 0 * off, off),
        "error": torch.sqrt(torch.mean((f - aim) ** 2)),
    }


def _figures() -> list[go.Figure]:
    fig = style.figure(x_title="input angle φ", y_range=(-2.6, 2.6), height=400)
    angle_axis(fig)
    nothing = {"x": ANGLES, "y": 0 * ANGLES}
    fig.add_scatter(x=ANGLES, y=target(ANGLES), **style.guide("target", style.TARGET, width=2))
    fig.add_scatter(**nothing, **style.theory("mean-field prediction"))
    fig.add_scatter(**nothing, **style.measured("exact flow", style.SERIES[5], width=1))
    fig.add_scatter(**nothing, **style.measured("network"))
    fig.add_scatter(x=SAMPLES, y=target(SAMPLES), **style.points("samples", style.TARGET))
    return [fig]


def _constants() -> dict[str, Tensor]:
    between = torch.arange(0, 180 + _APART, _APART, dtype=torch.float64)
    profile = it.limit_kernels(
        on_circle(between.numpy()), on_circle(np.zeros(1)), implicit_scale=CIRCLE_SCALE
    )
    flows = np.array([[learned(w, k)[: len(TIMES)] for k in CIRCLE_OUTPUT] for w in CIRCLE_WIDTHS])
    return {
        "grid": torch.from_numpy(ANGLES),
        "one": torch.eye(len(SAMPLES), dtype=torch.float64),
        "apart": between,
        "profile": profile.implicit[:, 0],
        "implicit_scale": torch.tensor(CIRCLE_SCALE, dtype=torch.float64),
        "home": torch.tensor([p.start for p in _points()], dtype=torch.float64).T,
        "times": _column(TIMES, 3),
        "widths": _column(CIRCLE_WIDTHS, 2),
        "outputs": _column(CIRCLE_OUTPUT, 1),
        "flows": torch.from_numpy(np.nan_to_num(flows.transpose(2, 0, 1, 3), nan=_LOST)),
        "aim": torch.from_numpy(target(ANGLES)),
    }


def _column(values: Sequence[float], more: int) -> Tensor:
    """The values along a dimension that ``more`` dimensions follow."""
    return torch.tensor(values, dtype=torch.float64).reshape(-1, *[1] * more)


def _points() -> list[Point]:
    """A handle for each sample."""
    at = zip(SAMPLES.tolist(), target(SAMPLES).tolist(), strict=True)
    return [
        Point(x=f"angle{k}", y=f"value{k}", start=(x, round(y, 6)), label=f"Sample {k}")
        for k, (x, y) in enumerate(at, 1)
    ]


@lru_cache
def _computation() -> Computation:
    points = _points()
    return Computation(
        begin=begin,
        advance=advance,
        observe=observe,
        clock="time",
        constants=_constants(),
        draws=DRAWS,
        vectors={"angle": [p.x for p in points], "y": [p.y for p in points]},
        choices={f"0/{name}/showlegend": [False, True] for name in ("network", "exact flow")},
        line=(
            "Root mean square distance: {off:.2g} to the prediction, {error:.2g} to the target."
            "{there? At some angle no equilibrium is found now: there is no function to draw.|}"
        ),
    )


@lru_cache
def trained(width: int, output_scale: float) -> np.ndarray:
    """(times, angles) the function of the network that a page trains; NaN once it has lost its equilibria."""
    values = {k: v for p in _points() for k, v in zip((p.x, p.y), p.start, strict=True)}
    values |= {"width": width, "output_scale": output_scale}
    found = [_computation().shown(values | {"time": time})["0/network/y"] for time in TIMES]
    return torch.stack(found).numpy()


@explorer("learning-circle")
def learning_circle() -> Computed:
    """The function at one time, for a width and an output scale, and for samples that are dragged."""
    return Computed(
        _figures,
        _computation(),
        [
            Control("time", TIMES, start=5, label="time $\\kappa^2 t$", fmt="g"),
            Control("width", WIDTHS, start=192, label="width $m$"),
            Control("output_scale", CIRCLE_OUTPUT, start=3.0, label="output_scale $\\kappa$", fmt="g"),
        ],
        _points(),
        tag=MEAN_FIELD
        | measured(width=WIDTHS, seeds=(1, 2), samples=len(SAMPLES)).ending(CIRCLE_FLOW.table["end"]),
        caption=(
            "A function on the circle, learned from 13 samples by $\\Theta$ alone. Solid: a network, which "
            "this page trains. Thin, at the stops up to $m = 192$: another one, along the exact flow. "
            "**Press** *Play*: "
            f"{_slow_first()} **Drag** a sample, and training begins anew. "
            f"Then **move** the width and $\\kappa$. {_where_they_part()}"
        ),
        alt=(
            "A function of the angle: a dotted target with 13 samples, a dashed mean-field prediction and "
            f"the functions of two networks as solid lines. {_both()}"
        ),
    )


#: The widest gap between the samples, and the rest of the circle.
_GAP = (ANGLES > 228) & (ANGLES < 310)
_BESIDE = ~_GAP


def _networks() -> dict[tuple[int, float, str], np.ndarray]:
    """The functions of all networks at the stops, by width, output scale and kind."""
    found = {(w, k, "stored"): learned(w, k)[: len(TIMES)] for w in CIRCLE_WIDTHS for k in CIRCLE_OUTPUT}
    return found | {(w, k, "here"): trained(w, k) for w in WIDTHS for k in CIRCLE_OUTPUT}


def _functions() -> list[np.ndarray]:
    """The prediction, and every network, as long as it is there."""
    found = (f[np.isfinite(f).all(axis=1)] for f in _networks().values())
    return [predicted()[: len(TIMES)], *found]


def _misses(f: np.ndarray) -> tuple[float, float]:
    """Root mean square distance to the target at the end, in the gap and away from it."""
    off = (f[-1] - target(ANGLES)) ** 2
    return math.sqrt(off[_GAP].mean()), math.sqrt(off[_BESIDE].mean())


def _shares(f: np.ndarray) -> np.ndarray:
    """The waves in a function where it has samples."""
    return waves(f[:, _BESIDE], ANGLES[_BESIDE])


def _slow_first() -> str:
    one = TIMES.index(1)
    shares = list(map(_shares, _functions()))
    (slow, fast), missed = zip(*(w[:, one] for w in shares), strict=True), map(_misses, _complete())
    inside, beside = zip(*missed, strict=True)
    first = all((w[0, 1:one] > w[1, 1:one] + 0.3).all() for w in shares)
    return says(
        f"the slow wave comes first, and at the stops is learned at time 1 to {100 * min(slow):.0f} to "
        f"{100 * max(slow):.0f} %, the fast one to {at_most(100 * max(fast), 1)} % at most (fitted beside "
        "the gap); and the gap between the samples is filled by the kernel's taste, not by the target.",
        first and min(slow) > 0.55 and max(fast) < 0.1 and min(inside) > 3 * max(beside),
    )


def _complete() -> list[np.ndarray]:
    return [f for f in _functions() if len(f) == len(TIMES)]


def _where_they_part() -> str:
    gaps = {
        cell: np.sqrt(np.mean((f - predicted()[: len(TIMES)]) ** 2, 1)) for cell, f in _networks().items()
    }
    lost = {(w, k) for (w, k, _), off in gaps.items() if not np.isfinite(off).all()}
    worst = {cell: float(np.nanmax(off)) for cell, off in gaps.items()}
    faint, (narrow, *_, last, widest) = min(CIRCLE_OUTPUT), WIDTHS
    smaller = " and ".join(map(str, WIDTHS[:-2]))
    farthest = [off for (_, k, _), off in worst.items() if k == faint]
    nearer = all(
        min(off for (w, k, _), off in worst.items() if k == scale and w < last)
        > max(off for (w, k, _), off in worst.items() if k == scale and w >= last)
        for scale in CIRCLE_OUTPUT
    )
    return says(
        "**Notice** how far network and prediction part at their worst, at the stops and with these samples: "
        f"at each width farthest for $\\kappa = {faint:g}$, by {min(farthest):.2f} to {max(farthest):.2f} in "
        f"the root mean square, and at each $\\kappa$ less far for the widths {last} and {widest} than "
        f"for {smaller}. Between the stops, or with samples of yours, networks may be thrown farther off for "
        f"$\\kappa = {faint:g}$, or lose their equilibria; here only those of width {narrow} do.",
        all(worst[w, faint, kind] >= off for (w, _, kind), off in worst.items())
        and nearer
        and lost == {(narrow, faint)},
    )


def _both() -> str:
    flat = max(np.abs(f[0]).max() for f in _functions())
    slow, fast = zip(*(_shares(f)[:, -1] for f in _complete()), strict=True)
    misses = [_misses(f) for f in _complete()]
    return says(
        f"All start flat, follow the slow wave and then the fast one, to {at_least(100 * min(fast))} % or "
        "more beside the gap; in a gap without samples they end "
        f"{at_least(min(m for m, _ in misses), 1)} or more from the target, and elsewhere within "
        f"{at_most(max(b for _, b in misses), 1)}, both in the root mean square, unless the network is "
        "lost on the way.",
        flat < 1e-6 and min(slow) > 0.9 and max(*slow, *fast) < 1.1,
    )
