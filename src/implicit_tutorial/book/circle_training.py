"""A network that learns the function on the circle: the steps of the figures whose page trains it."""

from __future__ import annotations

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.problem import Problem
from implicit_tutorial.explorer.computed import settled
from implicit_tutorial.training.arithmetic import implicit_kernel, output_between, pushed, swept, swept_back

#: The network's weights before its scales, as `Computation.draws` has them.
DRAWS = {"G": ("width", "width"), "W": ("width", 2), "v": ("width",)}
EXACTLY = {"close": 1e-13, "most": 2000}
_FRACTION = 0.15
_TERMS = 12


def flow_of(M: Tensor, one: Tensor) -> Tensor:
    """(1 − exp(−M)) M⁻¹ by its series, for ‖M‖ of about one: a step of the flow takes M times that off e."""
    series = one
    for k in range(_TERMS, 1, -1):
        series = one - M @ series / k
    return series


def begin(
    G: Tensor, W: Tensor, v: Tensor, X: Tensor, grid: Tensor, y: Tensor,
    width: Tensor, implicit_scale: Tensor, output_scale: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """A network at its initialization, its tangent kernel, and the step: 0.15 of a bound on 2/λ_max."""
    A = G * (implicit_scale / torch.sqrt(width))
    kappa = output_scale / torch.sqrt(width)
    b = torch.cat([X, grid]) @ W.T
    z, _ = settled(Problem(A, b), torch.zeros_like(b), **EXACTLY)
    active = (z > 0) * torch.ones((), dtype=z.dtype)
    u, _ = settled(Problem(A.T, v.expand(z.shape), active), torch.zeros_like(b), **EXACTLY)
    n = y.shape[0]
    kernel = implicit_kernel(z, u, z[:n], u[:n], kappa, implicit_scale, width)
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


def with_its_start(first: dict[str, Tensor], y: Tensor) -> dict[str, Tensor]:
    """The same network where its output is not centred: it has its first function to unlearn."""
    f0, n = first["f0"], y.shape[0]
    error = f0[:n] - y
    start = {"e": error[None, :, None], "e_lazy": error, "f_lazy": f0.clone()}
    return first | start | {"f0": 0 * f0, "f0_grid": 0 * first["f0_grid"]}


def advance(
    A: Tensor, z: Tensor, dz: Tensor, u: Tensor, du: Tensor, e: Tensor, b: Tensor, v_column: Tensor,
    f0: Tensor, y: Tensor, kernel: Tensor, e_lazy: Tensor, f_lazy: Tensor, time_now: Tensor,
    kappa: Tensor, eta: Tensor, step: Tensor, share: Tensor, width: Tensor, implicit_scale: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """One single-sweep step of A, and the same step of the linear model at the first kernel."""
    A = pushed(A, z, dz, u, du, e, eta, kappa, share, implicit_scale, width)
    new = swept(A, b, z, 1)
    change = new - z
    n = y.shape[0]
    e = kappa * output_between(z, change, u, v_column) - f0[:n, None] - y[:, None]
    back = swept_back(A, v_column.mT.expand(new.shape), u, new, 1)
    learned = kernel @ (eta * e_lazy)
    return {
        "A": A, "z": new, "dz": change, "u": back, "du": back - u, "e": e,
        "f_lazy": f_lazy - learned, "e_lazy": e_lazy - learned[:n], "time_now": time_now + step,
    }  # fmt: skip


def seen(
    A: Tensor, b_grid: Tensor, z_grid: Tensor, v: Tensor, f0_grid: Tensor, f_lazy: Tensor, e: Tensor,
    e_lazy: Tensor, kappa: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """The network's function ``f`` and the lazy one on the grid, and both losses; not a number if lost."""
    z, there = settled(Problem(A[0], b_grid), z_grid, **EXACTLY)
    n = e_lazy.shape[0]
    lost = torch.where(there, 0 * kappa, 0 * kappa / (0 * kappa))
    return {
        "z_grid": torch.where(there, z, z_grid),
        "f": kappa * (z @ v) - f0_grid + lost,
        "f_lazy": f_lazy[n:],
        "there": there * torch.ones_like(kappa),
        "loss": (e * e).sum() / 2 + lost,
        "lazy_loss": (e_lazy * e_lazy).sum() / 2,
    }
