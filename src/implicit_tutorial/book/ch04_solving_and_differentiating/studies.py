"""What chapter 4 stores: time and sweeps of every solver, and of a gradient, exact and cheaper (C6, C8)."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.ch04_solving_and_differentiating import setting
from implicit_tutorial.book.networks import end
from implicit_tutorial.book.oracles import gaussian, normal
from implicit_tutorial.book.study import Study, grid
from implicit_tutorial.book.timing import best_times

PLANE_WIDTH, PLANE_SAMPLES, PLANE_LIMIT = 64, 4, 500
#: The values of s and of a.
PLANE = [round(0.1 * k, 1) for k in range(25)]

#: Training from the last states: σ_A, width, number of steps, and their size in units of 1/λ_max(K).
WARM_SCALE, WARM_WIDTH, WARM_STEPS, _WARM_RATE = 0.8, 128, 40, 0.3
#: Training along cheaper gradients: σ_A, the width, the number of steps, their size, the solver's tolerance.
GRADIENT_SCALES, NARROW, DESCENT_STEPS, _RATE, _RTOL = (0.4, 0.7, 1.0), 64, 40, 0.5, 1e-6


def warm_descent(*, tolerance: float) -> dict[str, Any]:
    """Mean sweeps of each step of descent on Θ with exact gradients, each problem solved cold and warm.

    And what is proved at the end.
    """
    X = setting.inputs()
    net = it.EquilibriumNetwork(X.shape[1], WARM_WIDTH, implicit_scale=WARM_SCALE, seed=0)
    b, y, solver = net.injection(X).detach(), it.data.linear_quadratic(X), it.Picard(rtol=tolerance)
    kernel = it.network_kernels(net, X).implicit.detach()
    step = _WARM_RATE * len(X) / float(torch.linalg.eigvalsh(kernel)[-1])
    z = u = None
    rows = []
    with torch.no_grad():
        for _ in range(WARM_STEPS):
            A = net.A
            cold, warm = (it.solve(A, b, solver=solver, z0=start) for start in (None, z))
            z = warm.z
            # With v for g the adjoint does not change when the loss does.
            back, again = (it.adjoint(A, z, net.v, solver=solver, u0=start) for start in (None, u))
            u = again.u
            rows.append([float(s.steps.double().mean()) for s in (cold, warm, back, again)])
            mismatch = (net.output(z) - y) * (net.implicit_scale / (net.width * len(X)))
            net.Theta -= step * (mismatch[:, None] * u).T @ z
    sweeps = zip(("cold", "warm", "back", "again"), map(list, zip(*rows, strict=True)), strict=True)
    return dict(sweeps) | {"end": end(net, X, y)["end"]}


WARM_TRAINING = Study(
    "warm_training",
    "How many sweeps does training save that begins each solve where the last one ended?",
    warm_descent,
    grid(tolerance=setting.TOLERANCES),
)


def gradient_descent(*, gradient: str, implicit_scale: float) -> dict[str, Any]:
    """Loss before each step of descent on Θ along the named gradient and after the last one, and its end."""
    X, way = setting.inputs(), setting.GRADIENTS[gradient]
    y = it.data.linear_quadratic(X)
    net = it.EquilibriumNetwork(X.shape[1], NARROW, implicit_scale=implicit_scale, seed=0)
    kernel = it.network_kernels(net, X).implicit.detach()
    rate = _RATE * len(X) / float(torch.linalg.eigvalsh(kernel)[-1])
    losses = []
    for _ in range(DESCENT_STEPS):
        loss, slope = setting.gradient(net, X, y, way, rtol=_RTOL)
        losses.append(loss)
        net.Theta.data -= rate * slope
    last, _ = setting.gradient(net, X, y, way, rtol=_RTOL)
    return {"loss": [*losses, last], "end": end(net, X, y)["end"]}


GRADIENT_DESCENT = Study(
    "gradient_descent",
    "What does training feel of a cheaper gradient?",
    gradient_descent,
    grid(implicit_scale=GRADIENT_SCALES, gradient=list(setting.GRADIENTS)),
)


def solver_times(*, matrix: str, solver: str) -> dict[str, Any]:
    """Sweeps of a solver on one of the chapter's matrices; None where it refuses or fails."""
    (A, b), make = setting.problems()[matrix], setting.SOLVERS[solver]
    try:
        solution = it.solve(A, b, solver=make())
    except (it.UnsafeStepError, it.EquilibriumError):
        return {"sweeps": None}
    # A new solver each time: what it remembers of a matrix must not make the next run cheaper.
    return {"sweeps": float(solution.steps.double().mean()), "run": lambda: it.solve(A, b, solver=make())}


def gradient_times(*, implicit_scale: float, gradient: str) -> dict[str, Any]:
    """Forward and backward pass together, because each way has its own forward solver."""
    net = it.EquilibriumNetwork(setting.INPUTS, setting.WIDTH, implicit_scale=implicit_scale, seed=0)
    X = setting.inputs()
    y, way = it.data.linear_quadratic(X), setting.GRADIENTS[gradient]
    return {"run": lambda: setting.gradient(net, X, y, way)}


@cache
def plane_parts() -> tuple[Tensor, Tensor]:
    """S = Sᵀ with λ_max(S) = 1 and K = −Kᵀ with ‖K‖₂ = 1, both (m, m), from one Gaussian matrix."""
    G = gaussian(PLANE_WIDTH, seed=0)
    S, K = G + G.T, G - G.T
    return S / torch.linalg.eigvalsh(S)[-1], K / torch.linalg.matrix_norm(K, 2)


def plane_matrix(symmetric: float, antisymmetric: float) -> Tensor:
    """(m, m) A = sS + aK."""
    S, K = plane_parts()
    return symmetric * S + antisymmetric * K


def plane_sweeps(solver: str, symmetric: float, antisymmetric: float) -> float | None:
    """Mean sweeps to a relative residual of 1e-10; None if a sample fails, or the solver refuses A."""
    try:
        solution = it.solve(
            plane_matrix(symmetric, antisymmetric),
            normal(PLANE_SAMPLES, PLANE_WIDTH, seed=1),
            solver=setting.SOLVERS[solver](max_steps=PLANE_LIMIT),
        )
    except (it.UnsafeStepError, it.EquilibriumError):
        return None
    return float(solution.steps.double().mean())


def solver_plane(*, solver: str, antisymmetric: float) -> dict[str, Any]:
    """The sweeps of a solver at each value of s."""
    return {"sweeps": [plane_sweeps(solver, s, antisymmetric) for s in PLANE]}


SOLVER_TIMES = Study(
    "solver_times",
    "How long does each solver take, and how many sweeps?",
    solver_times,
    grid(matrix=setting.MATRICES, solver=list(setting.SOLVERS)),
    clock=best_times,
)

GRADIENT_TIMES = Study(
    "gradient_times",
    "What does each gradient cost?",
    gradient_times,
    grid(implicit_scale=GRADIENT_SCALES, gradient=list(setting.GRADIENTS)),
    clock=best_times,
)

SOLVER_PLANE = Study(
    "solver_plane",
    "Which solver is quick where A = sS + aK is strong in its symmetric, or in its antisymmetric part?",
    solver_plane,
    grid(solver=list(setting.SOLVERS), antisymmetric=PLANE),
)
