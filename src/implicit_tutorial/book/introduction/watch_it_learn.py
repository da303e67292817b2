"""A network that learns the function on the circle while the reader watches: the page trains it."""

from __future__ import annotations

import plotly.graph_objects as go
import torch
from torch import Tensor

from implicit_tutorial.book.drawing import angle_axis
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.book.tasks import CIRCLE_ANGLES, CIRCLE_SAMPLES, circle_target, on_circle
from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.explorer import Control, explorer, style
from implicit_tutorial.explorer.computed import Computation, Computed, settled
from implicit_tutorial.training.arithmetic import caught_up, descended, output_between, swept, swept_back

TIMES = [0, 1, 3, 10, 30, 100, 300]
WIDTHS, SCALES, OUTPUTS = [32, 128, 256], [0.5, 0.9], [0.3, 1.0, 3.0]
_EXACTLY = {"close": 1e-13, "most": 2000}
_FRACTION = 0.15


def begin(
    G: Tensor, W: Tensor, v: Tensor, X: Tensor, grid: Tensor, y: Tensor,
    width: Tensor, implicit_scale: Tensor, output_scale: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """A network at its initialization, its tangent kernel, and the step: 0.15 of a bound on 2/λ_max."""
    A = G * (implicit_scale / torch.sqrt(width))
    kappa = output_scale / torch.sqrt(width)
    b = torch.cat([X, grid]) @ W.T
    z, _ = settled(Problem(A, b), torch.zeros_like(b), **_EXACTLY)
    active = (z > 0) * torch.ones((), dtype=z.dtype)
    u, _ = settled(Problem(A.T, v.expand(z.shape), active), torch.zeros_like(b), **_EXACTLY)
    n = y.shape[0]
    # C9, for Θ: ∂f/∂Θ = (κ/√m)(σ_A/√m) u zᵀ.
    kernel = (kappa * implicit_scale / torch.sqrt(width)) ** 2 * (z @ z[:n].T) * (u @ u[:n].T)
    step = 2 * _FRACTION / torch.amax(kernel[:n].abs().sum(1))
    f0 = kappa * (z @ v)
    return {
        "A": A[None], "kappa": kappa, "b": b[None, :n], "b_grid": b[n:], "v_column": v[None, :, None],
        "z": z[None, :n], "dz": torch.zeros_like(z[None, :n]), "u": u[None, :n],
        "du": torch.zeros_like(u[None, :n]), "z_grid": z[n:], "f0": f0, "f0_grid": f0[n:],
        "e": -y[None, :, None], "kernel": kernel, "e_lazy": -y, "f_lazy": torch.zeros_like(f0),
        "step": step * output_scale**2, "eta": step, "time_now": torch.zeros_like(step),
        "share": implicit_scale**2 / (2 - implicit_scale**2),
    }  # fmt: skip


def advance(
    A: Tensor, z: Tensor, dz: Tensor, u: Tensor, du: Tensor, e: Tensor, b: Tensor, v_column: Tensor,
    f0: Tensor, y: Tensor, kernel: Tensor, e_lazy: Tensor, f_lazy: Tensor, time_now: Tensor,
    kappa: Tensor, eta: Tensor, step: Tensor, share: Tensor, width: Tensor, implicit_scale: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """One single-sweep step of A, and the same step of the linear model at the first kernel."""
    # In A's units the rate of Θ is σ_A²/m; numbers that the reader sets come as tensors, not as alpha.
    weight = e * (eta * kappa * implicit_scale**2 / width)
    A = descended(A, caught_up(u, du * share, 1) * weight, caught_up(z, dz * share, 1), 1)
    new = swept(A, b, z, 1)
    change = new - z
    n = y.shape[0]
    e = kappa * output_between(z, change, u, v_column) - f0[:n, None] - y[:, None]
    back = swept_back(A, v_column.mT.expand(new.shape), u, new, 1)
    pushed = kernel @ (eta * e_lazy)
    return {
        "A": A, "z": new, "dz": change, "u": back, "du": back - u, "e": e,
        "f_lazy": f_lazy - pushed, "e_lazy": e_lazy - pushed[:n], "time_now": time_now + step,
    }  # fmt: skip


def observe(
    A: Tensor, b_grid: Tensor, z_grid: Tensor, v: Tensor, f0_grid: Tensor, f_lazy: Tensor, e: Tensor,
    e_lazy: Tensor, kappa: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """The network's function and the lazy one on the grid, and both losses."""
    z, there = settled(Problem(A[0], b_grid), z_grid, **_EXACTLY)
    n = e_lazy.shape[0]
    lost = torch.where(there, 0 * kappa, 0 * kappa / (0 * kappa))
    return {
        "z_grid": torch.where(there, z, z_grid),
        "0/network/y": kappa * (z @ v) - f0_grid + lost,
        "there": there * torch.ones_like(kappa),
        "0/lazy prediction/y": f_lazy[n:],
        "loss": (e * e).sum() / 2 + lost,
        "lazy_loss": (e_lazy * e_lazy).sum() / 2,
    }


def _figures() -> list[go.Figure]:
    figure = style.figure(x_title="input angle φ", y_range=(-2.6, 2.6), height=380)
    angle_axis(figure)
    figure.add_scatter(
        x=CIRCLE_ANGLES, y=circle_target(CIRCLE_ANGLES), **style.guide("target", style.TARGET, width=2)
    )
    figure.add_scatter(x=CIRCLE_ANGLES, y=0 * CIRCLE_ANGLES, **style.theory("lazy prediction"))
    figure.add_scatter(x=CIRCLE_ANGLES, y=0 * CIRCLE_ANGLES, **style.measured("network"))
    figure.add_scatter(
        x=CIRCLE_SAMPLES, y=circle_target(CIRCLE_SAMPLES), **style.points("samples", style.TARGET)
    )
    return [figure]


@explorer("watch-it-learn")
def watch_it_learn() -> Computed:
    """A network on the circle, trained in the page."""
    computation = Computation(
        begin=begin,
        advance=advance,
        observe=observe,
        clock="time",
        constants={
            "X": on_circle(CIRCLE_SAMPLES),
            "grid": on_circle(CIRCLE_ANGLES),
            "y": torch.from_numpy(circle_target(CIRCLE_SAMPLES)),
        },
        draws={"G": ("width", "width"), "W": ("width", 2), "v": ("width",)},
        line=(
            "Loss {loss:.2e}, of the lazy prediction {lazy_loss:.2e}."
            "{there? This network has lost its equilibrium: there is no function any more.|}"
        ),
    )
    return Computed(
        _figures,
        computation,
        [
            Control("time", TIMES, label="time $\\kappa^2 t$", fmt="g"),
            Control("width", WIDTHS, start=128, label="width $m$"),
            Control("implicit_scale", SCALES, start=0.5, label="implicit_scale $\\sigma_A$", fmt="g"),
            Control("output_scale", OUTPUTS, start=1.0, label="output_scale $\\kappa$", fmt="g"),
        ],
        caption=(
            "A network of infinite depth learns a function on the circle from the 13 dots, and only its "
            "matrix $A$ is trained. **Press** *Play*: this page trains it while you watch. Then change the "
            "width and the scales, and play again. **Notice** where the network leaves the dashed line, "
            "which is what its tangent kernel at the start predicts."
        ),
        alt=(
            "A function of the angle: a dotted target with 13 samples on it, the function of the network as "
            "a solid line, and a dashed prediction. At time zero both are zero."
        ),
        tag=measured(width=WIDTHS, seeds=1, samples=len(CIRCLE_SAMPLES)),
    )
