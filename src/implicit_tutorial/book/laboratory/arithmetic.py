"""What the laboratory computes, for its page to run: what ``it.train`` does with ``SingleSweep``."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from implicit_tutorial.book.limit_rule import limit_kernel
from implicit_tutorial.equilibrium.solver import relative_tolerance
from implicit_tutorial.explorer.computed import loop
from implicit_tutorial.training.arithmetic import implicit_kernel, output_between, pushed, swept, swept_back
from implicit_tutorial.training.single_sweep import SingleSweep

METHOD = SingleSweep()
#: The tolerance of the first states, as of the solver; of those that are only looked at; and on the way.
_FIRST, _SEEN, _TRUSTED = relative_tolerance(None, torch.float64), 1e-12, METHOD.tolerance
#: States so many times as large as the injections have diverged.
_CEILING = 1e8
#: 1 − cos of the angle below which two inputs are one.
SAME = 5e-15


def begin(
    Theta: Tensor, W: Tensor, v: Tensor, X: Tensor, seen: Tensor, y: Tensor,
    width: Tensor, implicit_scale: Tensor, output_scale: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """A centered network as ``EquilibriumNetwork`` draws it, its first states and kernel, and the step."""
    A = (Theta * (implicit_scale / torch.sqrt(width)))[None]
    kappa, column = output_scale / torch.sqrt(width), v[None, :, None]
    b, b_seen, zero = (X @ W.T)[None], (seen @ W.T)[None], torch.zeros((), dtype=A.dtype)
    before, z, there = _forward(A, b, b * zero, _FIRST)
    u_before, u, _ = _adjoint(A, column, b * zero, z, _FIRST)
    exact, *_ = _forward(A, b, z, _SEEN)
    z_seen, *_ = _forward(A, b_seen, b_seen * zero, _SEEN)
    u_seen, *_ = _adjoint(A, column, b_seen * zero, z_seen, _SEEN)
    f0_seen = kappa * (z_seen[0] @ v)
    target = y[None, :, None] + kappa * (exact @ column)
    K = implicit_kernel(z[0], u[0], z[0], u[0], kappa, implicit_scale, width)
    eta = METHOD.fraction * 2 / torch.amax(torch.linalg.eigvalsh(K))
    return {
        "A": A, "A_first": A * 1, "kappa": kappa, "b": b, "b_seen": b_seen, "column": column,
        "z": z, "dz": z - before, "u": u, "du": u - u_before, "z_seen": z_seen,
        "target": target, "f0_seen": f0_seen, "e": kappa * (before @ column) - target,
        "K": K, "K_seen": implicit_kernel(z_seen[0], u_seen[0], z[0], u[0], kappa, implicit_scale, width),
        "e_lazy": -y, "f_lazy": 0 * f0_seen, "eta": eta, "time": zero * 1, "there": there * (zero + 1),
        "share": implicit_scale**2 / (2 - implicit_scale**2) + zero,
    }  # fmt: skip


def advance(
    A: Tensor, z: Tensor, dz: Tensor, u: Tensor, du: Tensor, e: Tensor, b: Tensor, column: Tensor,
    target: Tensor, K: Tensor, K_seen: Tensor, e_lazy: Tensor, f_lazy: Tensor, time: Tensor,
    kappa: Tensor, eta: Tensor, share: Tensor, width: Tensor, implicit_scale: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """A single-sweep step of A, more sweeps where states lag, and the same step of the linear model."""
    A = pushed(A, z, dz, u, du, e, eta, kappa, share, implicit_scale, width)
    before, new, there = _forward(A, b, z, _TRUSTED)
    e = kappa * output_between(before, new - before, u, column) - target
    u_before, back, back_there = _adjoint(A, column, u, new, _TRUSTED)
    lazily = eta * e_lazy
    return {
        "A": A, "z": new, "dz": new - before, "u": back, "du": back - u_before, "e": e,
        "e_lazy": e_lazy - K @ lazily, "f_lazy": f_lazy - K_seen @ lazily, "time": time + eta,
        "there": (there & back_there) * torch.ones_like(eta),
    }  # fmt: skip


def observe(
    A: Tensor, A_first: Tensor, z: Tensor, u: Tensor, b_seen: Tensor, z_seen: Tensor, column: Tensor,
    f0_seen: Tensor, e: Tensor, e_lazy: Tensor, f_lazy: Tensor, y: Tensor, y_seen: Tensor, part: Tensor,
    kappa: Tensor, width: Tensor, implicit_scale: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    """A row of the history; ``part`` weighs what is seen into the test error, 1/t for a test row, else 0."""
    _, z_seen, there = _forward(A, b_seen, z_seen, _SEEN)
    lost = torch.where(there, 0 * kappa, 0 * kappa / (0 * kappa))  # no equilibrium, no function
    f = kappa * (z_seen @ column)[0, :, 0] - f0_seen + lost
    values = torch.linalg.eigvalsh(implicit_kernel(z[0], u[0], z[0], u[0], kappa, implicit_scale, width))
    M = A[0]
    return {
        "z_seen": torch.where(there, z_seen, 0 * b_seen), "f": f, "f_train": e[0, :, 0] + y,
        "f_lazy_seen": f_lazy * 1, "f_lazy_train": e_lazy + y,
        "train_loss": (e * e).sum() / 2, "lazy_loss": (e_lazy * e_lazy).sum() / 2,
        "test_error": (part * (f - y_seen) ** 2).sum(),
        "lazy_test_error": (part * (f_lazy - y_seen) ** 2).sum(),
        "movement": torch.linalg.vector_norm(A - A_first),
        "norm_A": torch.sqrt(torch.relu(torch.amax(torch.linalg.eigvalsh(M.T @ M)))),
        "monotone": torch.amax(torch.linalg.eigvalsh((M + M.T) / 2)),
        "row_sum": torch.amax(M.abs().sum(1)),
        "lambda_min": torch.amin(values), "lambda_max": torch.amax(values),
    }  # fmt: skip


def limit(
    X: Tensor, seen: Tensor, y: Tensor, other: Tensor, y_seen: Tensor, part: Tensor, implicit_scale: Tensor
) -> dict[str, Tensor]:
    """Of the infinitely wide network: what the labels cost, and those in another order; where it ends."""
    near = _minus(X, X)
    K = limit_kernel(near, implicit_scale)
    weights = torch.linalg.solve_ex(K, torch.stack([y, other], dim=1)).result
    ends = limit_kernel(_minus(seen, X), implicit_scale) @ weights[:, 0]
    return {
        "price": y @ weights[:, 0], "other_price": other @ weights[:, 1],
        "ends": ends, "predicted_error": (part * (ends - y_seen) ** 2).sum(),
    }  # fmt: skip


def _forward(A: Tensor, b: Tensor, z: Tensor, tolerance: float) -> tuple[Tensor, Tensor, Tensor]:
    """Sweeps of z: the last state but one, the last one, and whether they settled."""
    return _sweeps(lambda z: swept(A, b, z, 1), z, _CEILING * torch.linalg.vector_norm(b), tolerance)


def _adjoint(
    A: Tensor, column: Tensor, u: Tensor, z: Tensor, tolerance: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The same of the adjoints at z."""
    g = column.mT.expand(z.shape)
    return _sweeps(lambda u: swept_back(A, g, u, z, 1), u, _CEILING * torch.linalg.vector_norm(g), tolerance)


def _sweeps(
    once: Callable[[Tensor], Tensor], start: Tensor, ceiling: Tensor, tolerance: float
) -> tuple[Tensor, Tensor, Tensor]:
    """One sweep, and more while the relative residual is above the tolerance, as in ``Sweeper``."""

    def go_on(before: Tensor, z: Tensor, lag: Tensor, size: Tensor, taken: Tensor) -> Tensor:
        return (taken < 1) | ((lag > tolerance) & (size < ceiling) & (taken < METHOD.max_sweeps))

    def step(before: Tensor, z: Tensor, lag: Tensor, size: Tensor, taken: Tensor) -> tuple[Tensor, ...]:
        new = once(z)
        size = torch.linalg.vector_norm(new)
        return z * 1, new, torch.linalg.vector_norm(new - z) / size, size, taken + 1

    zero = torch.zeros((), dtype=start.dtype)
    state = (start * 1, start * 1, zero * 1, zero * 1, torch.zeros((), dtype=torch.int64))
    before, z, lag, *_ = loop(go_on, step, state)
    return before, z, lag <= tolerance  # what is not a number has not settled


def _minus(X: Tensor, Y: Tensor) -> Tensor:
    """1 − cos of the angles between unit vectors, zero where they are one input."""
    minus = 1 - X @ Y.T
    return torch.where(minus > SAME, minus, 0 * minus)
