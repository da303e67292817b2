"""The problem on the circle at many widths: what networks show, and their error against the width (C17)."""

from __future__ import annotations

from functools import cache

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from implicit_tutorial.book import circle_training
from implicit_tutorial.book.analysis import Estimate
from implicit_tutorial.book.circle import (
    CIRCLE,
    CIRCLE_SEEDS,
    CIRCLE_WIDTHS,
    circle_functions,
    circle_mean,
    circle_prediction,
    circle_runs,
    gap_share,
)
from implicit_tutorial.book.circle_training import DRAWS, advance, seen
from implicit_tutorial.book.evidence import MEAN_FIELD, stored
from implicit_tutorial.book.says import says
from implicit_tutorial.book.tasks import (
    CIRCLE_ANGLES,
    CIRCLE_SAMPLES,
    CIRCLE_SCALE,
    circle_target,
    on_circle,
    task,
)
from implicit_tutorial.explorer import Control, explorer, style
from implicit_tutorial.explorer.computed import Computation, Computed
from implicit_tutorial.prose import at_least

OUTPUTS, TIMES = (0.5, 1.0, 2.0, 5.0), (0, 1, 10, 100)
_LOOK = {"height": 430, "legend_rows": 6}
#: No function or error is as large; twice as large is what there is not.
_LOST = 1e3


def circle_means(output_scale: float, column: str = "test_error") -> dict[int, Estimate]:
    """Means over the finished networks by the width, with their 95 % intervals."""
    means = {m: circle_mean(m, output_scale, column) for m in CIRCLE_WIDTHS}
    return {m: mean for m, mean in means.items() if mean}


def begin(
    G: Tensor, W: Tensor, v: Tensor, X: Tensor, grid: Tensor, y: Tensor,
    width: Tensor, implicit_scale: Tensor, output_scale: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """A network at its initialization, whose output is not centred."""
    first = circle_training.begin(G, W, v, X, grid, y, width, implicit_scale, output_scale)
    return circle_training.with_its_start(first, y)


def observe(
    A: Tensor, b_grid: Tensor, z_grid: Tensor, v: Tensor, f0_grid: Tensor, f_lazy: Tensor, e: Tensor,
    e_lazy: Tensor, kappa: Tensor, width: Tensor, output_scale: Tensor, aim: Tensor, outline: Tensor,
    limit: Tensor, widths: Tensor, outputs: Tensor, functions: Tensor, errors: Tensor, means: Tensor,
    lost: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """This network's function and error, those at infinite width, and the stored ones at the stops."""
    found = seen(A, b_grid, z_grid, v, f0_grid, f_lazy, e, e_lazy, kappa)
    f, _ = found.pop("f"), found.pop("f_lazy")
    error = torch.mean((f - aim)[:-1] ** 2)  # 0° and 360° are one point
    nothing = 0 * kappa / (0 * kappa)
    chosen, there = outputs == output_scale, widths == width
    cell = (chosen[:, None] & there) * torch.ones_like(kappa)
    stored, known = chosen.any(), cell.sum() > 0

    def kept(values: Tensor) -> Tensor:
        return torch.where(values < _LOST, values, nothing)

    row = kept(torch.where(stored, (chosen[:, None, None] * errors).sum(0), 2 * _LOST))
    mean, above, below = torch.where(stored, (chosen[:, None, None] * means).sum(0), nothing)
    here = torch.where(known, (cell.sum(0) * mean).sum(), nothing)
    line = limit[0] + output_scale**2 * limit[1]
    return found | {
        "0/this network/y": f,
        "0/networks/y": kept(torch.where(known, (cell[:, :, None] * functions).sum((0, 1)), 2 * _LOST)),
        "0/± two deviations/y": outline[0] + 2 * output_scale * outline[1],
        "1/one network/x": (0 * row + widths[:, None]).flatten(),
        "1/one network/y": row.flatten(),
        "1/mean/y": mean,
        "1/mean/error_y.array": above,
        "1/mean/error_y.arrayminus": below,
        "1/infinite width/y": torch.stack([line, line]),
        "1/shown/x": (0 * here + width)[None],
        "1/shown/y": here[None],
        "1/this network/x": width[None],
        "1/this network/y": error[None],
        "error": error,
        "mean": here,
        "known": known * torch.ones_like(kappa),
        "limit_error": line,
        "lost": (cell * lost).sum(),
    }


def _figures() -> list[go.Figure]:
    first = circle_functions(CIRCLE_WIDTHS[-1], OUTPUTS[0], title="the functions", **_LOOK)
    x = np.tile(np.append(CIRCLE_ANGLES, np.nan), len(CIRCLE_SEEDS))
    first.update_traces(x=x, selector={"name": "networks"})
    first.add_scatter(x=CIRCLE_ANGLES, **style.measured("this network", style.SERIES[1], width=3))
    x = {"x_title": "width m", "x_log": True, "x_range": (24, 680), "x_ticks": CIRCLE_WIDTHS}
    second = style.figure(title="test error", **x, y_log=True, y_range=(0.007, 3), **_LOOK)
    second.add_scatter(**style.points("one network", style.SERIES[5], size=5))
    bars = {"type": "data", "symmetric": False, "thickness": 1.5}
    second.add_scatter(x=list(CIRCLE_WIDTHS), **style.points("mean", size=9), error_y=bars)
    second.add_scatter(x=[24, 680], **style.theory("infinite width"))
    ring = style.points("shown", style.SERIES[0], symbol="circle-open", size=20, line={"width": 3})
    second.add_scatter(**ring, showlegend=False, hoverinfo="skip")
    second.add_scatter(**style.points("this network", style.SERIES[1], symbol="diamond", size=12))
    return [first, second]


def _stored() -> dict[str, Tensor]:
    """What the figure shows of the study, by the output scale and the width."""
    empty = [[np.full(len(CIRCLE_ANGLES), 2 * _LOST)], [2 * _LOST]]
    functions, errors, means = [], [], []
    for kappa in OUTPUTS:
        runs = [circle_runs(m, kappa) for m in CIRCLE_WIDTHS]
        more = [len(CIRCLE_SEEDS) - len(r) for r in runs]
        shown = [[*r["function"], *(k * empty[0])] for r, k in zip(runs, more, strict=True)]
        functions.append([[np.append(f, 2 * _LOST) for f in each] for each in shown])
        errors.append([[*r["test_error"], *(k * empty[1])] for r, k in zip(runs, more, strict=True)])
        found = circle_means(kappa).values()
        # Below zero there is no error, nor a logarithm.
        bars = [(e.value, e.high - e.value, min(e.value - e.low, 0.9 * e.value)) for e in found]
        means.append(np.transpose(bars))
    lost = [[len(CIRCLE_SEEDS) - len(circle_runs(m, k)) for m in CIRCLE_WIDTHS] for k in OUTPUTS]
    cells = len(OUTPUTS), len(CIRCLE_WIDTHS)
    arrays = {
        "functions": np.array(functions).reshape(*cells, -1).round(2),  # to half a pixel
        "errors": np.round(errors, 9), "means": means, "lost": lost,
        "widths": CIRCLE_WIDTHS, "outputs": OUTPUTS,
    }  # fmt: skip
    return {name: torch.as_tensor(np.array(values, dtype=float)) for name, values in arrays.items()}


@cache
def _computation() -> Computation:
    X, y, *_ = task("circle")
    limit = circle_prediction(1.0)
    mean, high = (np.append(v, v[0]) for v in (limit.mean, limit.band[1]))
    spread = (high - mean) / 2  # at κ = 1, to which it is proportional
    return Computation(
        begin=begin,
        advance=advance,
        observe=observe,
        clock="time",
        constants=_stored()
        | {
            "X": X,
            "grid": on_circle(CIRCLE_ANGLES),
            "y": y,
            "implicit_scale": torch.tensor(CIRCLE_SCALE, dtype=X.dtype),
            "aim": torch.from_numpy(circle_target(CIRCLE_ANGLES)),
            "outline": torch.from_numpy(np.stack([[*mean, *mean[::-1]], [*spread, *-spread[::-1]]])),
            "limit": torch.tensor([limit.bias2, limit.var], dtype=X.dtype),
        },
        draws=DRAWS,
        line=(
            "This network: error {error:.3g}, loss {loss:.2g}"
            "{there?; at some angle its sweeps do not settle now|}. At infinite width "
            "{limit_error:.3g}; {known?no networks are stored here|mean of the stored ones {mean:.3g}}.{lost?"
            + "|".join(["", *(f" {k} of {len(CIRCLE_SEEDS)} networks did not finish." for k in range(1, 9))])
            + "}"
        ),
    )


@explorer("circle-width")
def circle_width() -> Computed:
    """All networks of one width, and the test error against the width."""
    gap = min(gap_share(m, k) for m in CIRCLE_WIDTHS for k in OUTPUTS)
    half = circle_means(0.5)
    return Computed(
        _figures,
        _computation(),
        [
            Control("time", TIMES, start=10, label="time $\\kappa^2 t$", fmt="g"),
            Control("width", CIRCLE_WIDTHS, start=128, label="width $m$"),
            Control("output_scale", OUTPUTS, start=0.5, label="output_scale $\\kappa$", fmt="g"),
        ],
        tag=MEAN_FIELD | stored(CIRCLE, where=f"output_scale in {OUTPUTS}", samples=len(CIRCLE_SAMPLES)),
        caption=f"First: the functions of up to {len(CIRCLE_SEEDS)} networks of one width, at $\\sigma_A = "
        f"{CIRCLE_SCALE:g}$; dashed, with its "
        "band, mean and two standard deviations at infinite width. Second: the mean square error over the "
        "circle, with means and their 95 % intervals; dashed, its value at infinite width. Infinite width is "
        "mean-field for these networks. **Press** *Play*: one more network, of any width and $\\kappa$, is "
        "trained by this page. "
        + says(
            f"**Move** the width: at $\\kappa = 0.5$ the mean error falls from {half[128].value:.2f} at "
            f"$m = 128$ to {half[512].value:.2f} at 512, and these two intervals do not meet. ",
            half[512].high < half[128].low,
        )
        + says(
            "**Notice** where it lies: in every state nearly all of the stored networks' error, taken "
            f"together, {at_least(100 * gap)} % or more, is in the gap between the samples.",
            gap > 0.85,
        ),
        alt="Two panels. First, over the angle, functions through thirteen samples of a dotted target, with "
        "a wide gap between two of them, and one that is being trained. Second, errors over the width: "
        + says(
            "at an output scale of one half every mean is above the dashed line, and the lowest is that of "
            "the widest networks.",
            all(e.value > circle_prediction(0.5).test_error for e in half.values())
            and min(half, key=lambda m: half[m].value) == max(half),
        ),
    )
