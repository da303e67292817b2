"""What centring, dividing and normalising do to the angles between inputs, and to the kernel's spectrum."""

from __future__ import annotations

from functools import cache

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from implicit_tutorial.book.ch11_your_own_data.setting import TABLES, scaled, split
from implicit_tutorial.book.evidence import MEAN_FIELD
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.kernels import limit_kernels
from implicit_tutorial.prose import at_least

STEPS = ("as they are", "centred", "divided", "on the sphere", "with an offset")
SCALE, _BINS = 0.5, np.linspace(0, 180, 37)


def inputs(table: str, step: str) -> Tensor:
    """(n, d) the training inputs after a step."""
    X = split(table).X
    if step == STEPS[0]:
        return X
    if step == STEPS[1]:
        return X - X.mean(dim=0)
    if step == STEPS[2]:
        return (X - X.mean(dim=0)) / X.std(dim=0)
    return scaled(table, 0.0 if step == STEPS[3] else 1.0).Z


@cache
def angles(table: str, step: str) -> np.ndarray:
    """The angles between all pairs of inputs, in degrees."""
    Z = torch.nn.functional.normalize(inputs(table, step), dim=1)
    i, j = torch.triu_indices(len(Z), len(Z), 1)
    half = torch.linalg.vector_norm(Z[i] - Z[j], dim=1) / 2
    return np.degrees(2 * torch.asin(half.clamp(max=1)).numpy())


@cache
def spectrum(table: str, step: str) -> np.ndarray:
    """The eigenvalues of K₁, the largest first, as shares of their sum."""
    K = limit_kernels(inputs(table, step), implicit_scale=SCALE).implicit
    values = torch.linalg.eigvalsh(K).flip(0).clamp(min=0)
    return (values / values.sum()).numpy()


@explorer("scaling-steps")
def scaling_steps() -> Explorer:
    """Angles between inputs, and eigenvalues of the kernel, step by step from the file to the sphere."""

    def draw(table: str, step: str) -> list[go.Figure]:
        share, edges = np.histogram(angles(table, step), _BINS)
        x = {
            "x_title": "angle between two inputs (degrees)",
            "x_range": (0, 180),
            "x_ticks": (0, 45, 90, 135, 180),
        }
        pairs = style.figure(title="share of the pairs", **x, y_range=(0, 0.75), height=340)
        middle = (edges[1:] + edges[:-1]) / 2
        pairs.add_bar(
            x=middle, y=share / share.sum(), width=5, marker={"color": style.MEASURED}, name="pairs"
        )
        values = spectrum(table, step)
        k = np.arange(1, len(values) + 1)
        x = {"x_title": "mode k, the fastest first", "x_log": True, "x_range": (0.9, 250)}
        y = {"y_log": True, "y_range": (1e-7, 2)}
        modes = style.figure(title="share of an eigenvalue of K₁", **x, **y, height=340)
        modes.add_scatter(x=k, y=values, **style.marked("K₁", size=4))
        return [pairs.update_layout(showlegend=False), modes.update_layout(showlegend=False)]

    def readout(table: str, step: str) -> str:
        found, values = np.quantile(angles(table, step), [0.05, 0.5, 0.95]), spectrum(table, step)
        return (
            f"Half of the angles are below {found[1]:.0f}°, nine tenths between {found[0]:.0f}° and "
            f"{found[2]:.0f}°; the first eigenvalue is {100 * values[0]:.0f} % of the trace."
        )

    raw, after = ({t: spectrum(t, step)[0] for t in TABLES} for step in (STEPS[0], STEPS[3]))
    apart = [np.median(angles(t, STEPS[3])) for t in TABLES]
    near = [np.quantile(angles(t, STEPS[0]), 0.95) for t in TABLES]
    kept = [np.median(angles(t, STEPS[4])) for t in TABLES]
    right = [float((np.abs(angles(t, STEPS[3]) - 90) < 30).mean()) for t in TABLES]
    return Explorer(
        draw,
        [Control("table", TABLES), Control("step", STEPS, label="inputs")],
        tag=MEAN_FIELD.on(seeds=1, samples=[len(split(t).y) for t in TABLES]),
        caption="The training inputs of a table, as they are in the file and after each step, and the "
        f"eigenvalues of their limit kernel at $\\sigma_A = {SCALE}$, as shares of the trace. **Choose** "
        "one step after the other. "
        + says(
            "**Notice** that the inputs as they are lie in a narrow cone, nineteen of twenty pairs within "
            f"{max(near):.0f}°, and that one mode holds {at_least(100 * min(raw.values()), 2)} % of the "
            "trace or more; ",
            min(raw.values()) > 0.5 and max(near) < 45,
        )
        + says(
            "that on the sphere two thirds of the angles are within 30° of a right one; and that an offset "
            "makes them smaller again: that is the price of keeping the norm.",
            all(0.64 < s < 0.7 for s in right) and all(k < a - 20 for k, a in zip(kept, apart, strict=True)),
        ),
        alt="First, a histogram of the angles between two inputs: "
        + says("a peak near zero for the inputs as they are, ", max(near) < 45)
        + says("a wide hill about ninety degrees on the sphere. ", all(80 < a < 95 for a in apart))
        + says(
            "Second, the eigenvalues of the kernel on a log-log plot, falling; the first is less than half "
            "as large on the sphere as for the inputs as they are.",
            all(after[t] < raw[t] / 2 for t in TABLES),
        ),
        readout=readout,
    )
