"""The error mode by mode, against the matrix exponential of the infinite-width kernel (C14)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book import circle_training
from implicit_tutorial.book.ch06_training_the_implicit_layer.setting import decayed
from implicit_tutorial.book.ch06_training_the_implicit_layer.studies import (
    MODE_FLOW,
    MODES_OUTPUT,
    MODES_SCALE,
    MODES_TIMES,
    MODES_WIDTHS,
    mode_task,
)
from implicit_tutorial.book.circle_training import flow_of
from implicit_tutorial.book.evidence import MEAN_FIELD, measured
from implicit_tutorial.book.limit_rule import limit_kernel
from implicit_tutorial.book.says import says
from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.explorer import Control, explorer, style
from implicit_tutorial.explorer.computed import Computation, Computed, settled
from implicit_tutorial.explorer.eigenvalues import eigenvalues

#: The fastest mode, one in the middle, and the slowest.
SHOWN = {"fastest": -1, "third": -3, "slowest": 0}
#: The stops of the handles.
STOPS, SCALES = [0, 1, 3, 10, 30, 100], [0.3, MODES_SCALE, 0.9]


@lru_cache
def mode_curves(width: int, output_scale: float) -> tuple[np.ndarray, np.ndarray]:
    """(times, n) coefficients of e(t)/‖e₀‖ in the modes of K^∞, measured and predicted."""
    X, y = mode_task()
    K = it.limit_kernels(X, implicit_scale=MODES_SCALE, output_scale=output_scale).implicit
    values, vectors = torch.linalg.eigh(K)
    frame = MODE_FLOW.table
    (outputs,) = frame[(frame.width == width) & (frame.output_scale == output_scale)].outputs
    size = float(y.norm())
    measured = (np.array(outputs, dtype=float) - y.numpy()) @ vectors.numpy() / size
    return measured, decayed(K, -y, MODES_TIMES / float(values[-1])) @ vectors.numpy() / size


def deviation(width: int, output_scale: float) -> float:
    """The largest ‖e − e^{−K^∞t}e₀‖/‖e₀‖ at the times shown."""
    measured, predicted = mode_curves(width, output_scale)
    return float(np.linalg.norm(measured - predicted, axis=1).max())


def half_time(width: int, output_scale: float, mode: str) -> float:
    """When a network's part of the error has fallen to one half, in the units of the figure."""
    part = mode_curves(width, output_scale)[0][:, SHOWN[mode]]
    share = part / part[0]
    after = int(np.argmax(share < 0.5))
    pair = slice(after - 1, after + 1)
    return float(np.exp(np.interp(-0.5, -share[pair], np.log(MODES_TIMES[pair]))))


def begin(
    G: Tensor, W: Tensor, v: Tensor, X: Tensor, minus: Tensor, one: Tensor, y: Tensor, times: Tensor,
    width: Tensor, implicit_scale: Tensor, output_scale: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """The network at its initialization, its flow at infinite width, and the modes of the kernel there."""
    first = circle_training.begin(G, W, v, X, X, y, width, implicit_scale, output_scale)
    K = output_scale**2 * limit_kernel(minus, implicit_scale)
    values = eigenvalues(K)[:, 0]
    modes = []
    for k in SHOWN.values():
        mode = torch.cos(values)  # a vector like any other, which inverse iteration turns to the mode
        for _ in range(3):
            mode = torch.linalg.solve_ex(K - values[k] * (1 + 1e-7) * one, mode[:, None])[0][:, 0]
            mode = mode / torch.linalg.vector_norm(mode)
        modes.append(mode)
    eta = first["eta"] / 2  # steps are to be short beside what a network changes
    nowhere = torch.where(times[:, None] > 0, 0 * y / (0 * y), -y)
    return first | {
        "kernel": torch.cat([K, K]) @ flow_of(eta * K, one), "eta": eta, "step": eta * values[-1],
        "modes": torch.stack(modes, 1),
        "rates": torch.stack([values[k] for k in SHOWN.values()]) / values[-1],
        "path": nowhere, "path_lazy": nowhere,
    }  # fmt: skip


def advance(
    A: Tensor, z: Tensor, dz: Tensor, u: Tensor, du: Tensor, e: Tensor, b: Tensor, v_column: Tensor,
    f0: Tensor, y: Tensor, kernel: Tensor, e_lazy: Tensor, f_lazy: Tensor, time_now: Tensor,
    kappa: Tensor, eta: Tensor, step: Tensor, share: Tensor, width: Tensor, implicit_scale: Tensor,
    times: Tensor, path: Tensor, path_lazy: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """One step, which writes down the errors at the times that it passes."""
    new = circle_training.advance(
        A, z, dz, u, du, e, b, v_column, f0, y, kernel, e_lazy, f_lazy, time_now,
        kappa, eta, step, share, width, implicit_scale,
    )  # fmt: skip
    gone = ((times - time_now) / step)[:, None]
    passed = (gone > 0) & (gone <= 1)
    before, after = e[0, :, 0], new["e"][0, :, 0]
    return new | {
        "path": torch.where(passed, before + gone * (after - before), path),
        "path_lazy": torch.where(passed, e_lazy + gone * (new["e_lazy"] - e_lazy), path_lazy),
    }


def observe(
    A: Tensor, b: Tensor, z: Tensor, y: Tensor, path: Tensor, path_lazy: Tensor, modes: Tensor, rates: Tensor,
    times: Tensor, width: Tensor, output_scale: Tensor, implicit_scale: Tensor, widths: Tensor,
    outputs: Tensor, flows: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """What is left of each mode: of the network up to now, at infinite width, and of the stored network."""
    one = torch.ones_like(width)
    nothing = 0 * one / (0 * one)
    at = (widths == width) & (outputs == output_scale) & (implicit_scale == MODES_SCALE)
    flow = torch.where(at.any(), (at * flows).sum((0, 1)), nothing)
    left = path @ modes / (path[0] @ modes)
    left = torch.where(left.abs() < _LOST, left, nothing)
    decay = torch.exp(-rates * times[:, None])
    shown = {}
    for k, name in enumerate(SHOWN):
        shown |= {
            f"0/{name}/y": left[1:, k],
            f"0/{name}, {_LIMIT}/y": decay[1:, k],
            f"0/{name}, {_FLOW}/y": flow[1:, k],
        }
    off = torch.linalg.vector_norm(path - path_lazy, dim=1)
    _, there = settled(Problem(A[0], b[0]), z[0], **circle_training.EXACTLY)
    return shown | {
        "there": there * one,
        "off": 100 * torch.where(off == off, off, torch.zeros_like(off)).amax() / torch.linalg.vector_norm(y),
    }


_LIMIT, _FLOW = "infinite width", "exact flow"
#: A part that has grown so much is of a network that has lost its equilibrium.
_LOST = 100.0


def _figures() -> list[go.Figure]:
    times = {"x_title": "time, in units of 1/λ<sub>max</sub>", "x_log": True, "x_range": (0.03, 300)}
    fig = style.figure(**times, y_title="part of the error left", y_range=(-0.25, 1.1), height=380)
    for name, color in zip(SHOWN, style.SERIES[:5:2], strict=True):
        for kind, look in ((_LIMIT, style.theory), (_FLOW, style.measured)):
            thin = look(f"{name}, {kind}", color) | {"showlegend": False}
            fig.add_scatter(x=MODES_TIMES[1:], **thin)
        fig.update_traces(line_width=1, selector={"name": f"{name}, {_FLOW}"})
        fig.add_scatter(x=MODES_TIMES[1:], **style.measured(name, color))
    fig.add_scatter(x=[None], y=[None], **style.theory("mean-field"))
    return [fig]


@lru_cache
def _computation() -> Computation:
    X, y = mode_task()
    flows = np.array([[mode_curves(w, k)[0] for k in MODES_OUTPUT] for w in MODES_WIDTHS])
    kept = flows[..., list(SHOWN.values())] / flows[..., :1, list(SHOWN.values())]
    widths, outputs = (torch.tensor(values, dtype=X.dtype) for values in (MODES_WIDTHS, MODES_OUTPUT))
    return Computation(
        begin=begin,
        advance=advance,
        observe=observe,
        clock="time",
        constants={
            "X": X,
            "minus": torch.cdist(X, X, compute_mode="donot_use_mm_for_euclid_dist") ** 2 / 2,
            "one": torch.eye(len(X), dtype=X.dtype),
            "y": y,
            "times": torch.from_numpy(MODES_TIMES),
            "widths": widths.reshape(-1, 1, 1, 1),
            "outputs": outputs.reshape(-1, 1, 1),
            "flows": torch.from_numpy(kept),
        },
        draws=circle_training.DRAWS | {"W": ("width", X.shape[1])},
        line=(
            "{there?For some label no equilibrium is found now: there is no error to draw.|"
            "So far the error vector was never farther from its prediction than {off:.2g} % of its start.}"
        ),
    )


@explorer("mode-decay")
def mode_decay() -> Computed:
    """Three coefficients of the error over time, solid and thin for networks, dashed for infinite width."""
    networks = measured(width=MODES_WIDTHS, seeds=(1, 2), samples=len(mode_task()[0]))
    return Computed(
        _figures,
        _computation(),
        [
            Control("time", STOPS, start=10, label="time $\\lambda_{\\max}t$", fmt="g"),
            Control("width", MODES_WIDTHS, start=128, label="width $m$"),
            Control("implicit_scale", SCALES, start=MODES_SCALE, label="implicit_scale $\\sigma_A$", fmt="g"),
            Control("output_scale", MODES_OUTPUT, start=5.0, label="output_scale $\\kappa$", fmt="g"),
        ],
        tag=MEAN_FIELD | networks.ending(MODE_FLOW.table["end"]),
        caption=(
            "The error of eight labels, taken apart along the eigenvectors of $K^\\infty$; three of the "
            "eight parts. Dashed: $e^{-\\lambda t}$, mean-field. **Press** *Play*: solid is a network that "
            f"this page trains. Thin, at the stops with $\\sigma_A = {MODES_SCALE:g}$: another, along the "
            "exact flow. **Move** the width "
            f"from 32 to 512. {_what_to_notice()}"
        ),
        alt=(
            "The fastest, the third and the slowest part of the error over a logarithmic time axis, each "
            f"beside a dashed exponential. {_in_order()}"
        ),
    )


def _what_to_notice() -> str:
    gaps = {(w, k): 100 * deviation(w, k) for w in MODES_WIDTHS for k in MODES_OUTPUT}
    narrow, middle, wide = MODES_WIDTHS
    overtaken = {cell: half_time(*cell, "third") < half_time(*cell, "fastest") for cell in gaps}
    below = {
        cell: float((m / m[0])[:, list(SHOWN.values())].min())
        for cell in gaps
        for m in [mode_curves(*cell)[0]]
    }
    (cell,) = [cell for cell, yes in overtaken.items() if yes]
    passing = sum(x < -0.01 for x in below.values())
    words = " and ".join(
        f"{gaps[narrow, k]:.0f}, {gaps[middle, k]:.1f} and {gaps[wide, k]:.1f} % for $\\kappa = {k:g}$"
        for k in MODES_OUTPUT
    )
    return " ".join(
        [
            says(
                "**Notice** how far the whole error of the thin network, of eight parts, is from its "
                f"prediction at the most: {words}, of its length at the start. From {narrow} to {middle} "
                "this falls by a factor of four or more; beyond, "
                "these single networks tell nothing of $1/\\sqrt m$: for that C14 below takes the mean of "
                "several.",
                all(gaps[middle, k] < gaps[narrow, k] / 4 for k in MODES_OUTPUT)
                and gaps[wide, MODES_OUTPUT[0]] < gaps[middle, MODES_OUTPUT[0]]
                and gaps[wide, MODES_OUTPUT[1]] > gaps[middle, MODES_OUTPUT[1]],
            ),
            says(
                f"Modes of the limit are not quite modes of the network: in {passing} of the {len(below)} "
                "settings a part passes zero by more than a hundredth before it vanishes, and at width "
                f"{cell[0]} and "
                f"$\\kappa = {cell[1]:g}$ the third overtakes the fastest.",
                passing > len(below) / 2 and cell[0] == narrow,
            ),
        ]
    )


def _in_order() -> str:
    order = all(
        half_time(w, k, "fastest") < half_time(w, k, "third") < half_time(w, k, "slowest")
        for w in MODES_WIDTHS
        for k in MODES_OUTPUT
        if w > MODES_WIDTHS[0]
    )
    early = all(
        (np.diff(m[:4, k]) * np.sign(m[0, k]) < 0).all()
        for cell in ((w, k) for w in MODES_WIDTHS for k in MODES_OUTPUT)
        for m in [mode_curves(*cell)[0]]
        for k in SHOWN.values()
    )
    return says(
        "The thin ones all fall from the start, and from width 128 on they reach one half in this order.",
        order and early,
    )
