"""Networks of chapter 06, watched while they follow the gradient flow: on the circle, and by modes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from implicit_tutorial import data
from implicit_tutorial.equilibrium import Picard
from implicit_tutorial.kernels import limit_kernels
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.training import ExponentialFlow, Record, Run, Until

#: Loose enough to be quick; the figures show three digits at most.
SOLVER = Picard(rtol=1e-6)
FLOW = ExponentialFlow(rtol=0.03)

CIRCLE_SCALE, CIRCLE_WIDTHS, CIRCLE_OUTPUT = 0.8, (32, 64, 192), (0.3, 1.0, 3.0)
#: Times in units of 1/κ², so that they mean the same for each κ.
CIRCLE_TIMES = (0, 0.5, 1, 2, 5, 10, 20, 50, 200, 1000)
ANGLES = np.linspace(0, 360, 49)
SAMPLES = np.array([8, 30, 52, 74, 96, 118, 140, 162, 184, 206, 228, 310, 332], dtype=float)

MODES_SCALE, MODES_WIDTHS, MODES_OUTPUT = 0.6, (32, 128, 512), (0.5, 5.0)
#: Times in units of 1/λ_max(K^∞).
MODES_TIMES = np.concatenate([[0.0], np.geomspace(0.03, 300, 25)])


def watch(
    net: EquilibriumNetwork, X: Tensor, y: Tensor, times: Sequence[float], X_watch: Tensor
) -> np.ndarray:
    """Outputs (len(times), len(X_watch)) when gradient flow on Θ passes each time; NaN after a failure.

    The network is trained in place.
    """
    quiet = Record(every=10**9, movement=False, norm=False, spectrum=False)
    run = Run(net, X, y, method=FLOW, record=quiet)
    seen = np.full((len(times), len(X_watch)), np.nan)
    z = None
    with torch.no_grad():
        start = net.initial_output(X_watch) if net.centered else 0.0
    for i, t in enumerate(times):
        run.advance(Until(time=t), throw=False)
        if run.status.failed:
            break
        with torch.no_grad():
            solution = net.equilibrium(X_watch, z0=z, throw=False)
            if not bool(solution.converged.all()):
                break
            z = solution.z
            seen[i] = (net.output(z) - start).numpy()
    return seen


def target(degrees: np.ndarray) -> np.ndarray:
    """A slow wave with a faster one on it."""
    phi = np.radians(degrees)
    return np.sin(phi) + 0.6 * np.cos(4 * phi)


def inputs(degrees: np.ndarray) -> Tensor:
    """The points of the circle at these angles."""
    return data.circle(torch.as_tensor(np.radians(degrees)))


def circle_flow(*, width: int, output_scale: float) -> dict[str, Any]:
    """The function of a network on the circle at each time, and how far it ends from the target.

    NaN from the time on at which training has left the well-posed region.
    """
    scales = {"implicit_scale": CIRCLE_SCALE, "output_scale": output_scale}
    net = EquilibriumNetwork(2, width, **scales, centered=True, seed=0, solver=SOLVER)
    X, y = inputs(SAMPLES), torch.as_tensor(target(SAMPLES))
    f = watch(net, X, y, [t / output_scale**2 for t in CIRCLE_TIMES], inputs(ANGLES))
    return {
        "status": "finished" if np.isfinite(f).all() else "left the well-posed region",
        "distance": float(np.sqrt(np.mean((f[-1] - target(ANGLES)) ** 2))),
        "function": f.tolist(),
    }


@lru_cache
def mode_task() -> tuple[Tensor, Tensor]:
    """Eight inputs, and labels that contain every mode of the kernel equally."""
    X = data.sphere(8, 4, seed=0)
    _, vectors = torch.linalg.eigh(limit_kernels(X, implicit_scale=MODES_SCALE).implicit)
    return X, vectors.sum(dim=1)


def mode_flow(*, width: int, output_scale: float) -> dict[str, Any]:
    """The outputs of a network at its inputs at each time, and the error that is left half-way."""
    X, y = mode_task()
    scales = {"implicit_scale": MODES_SCALE, "output_scale": output_scale}
    unit = 1 / float(torch.linalg.eigvalsh(limit_kernels(X, **scales).implicit)[-1])
    net = EquilibriumNetwork(4, width, **scales, centered=True, seed=0, solver=SOLVER)
    f = watch(net, X, y, unit * MODES_TIMES, X)
    return {
        "status": "finished",
        "middle": float(np.linalg.norm(f[len(f) // 2] - y.numpy())),
        "outputs": f.tolist(),
    }
