"""What the chapter shares: labels, a task, a linear flow solved, and a network watched along its flow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.training import ExponentialFlow, Record, Run, Until

#: Loose enough to be quick; the figures show three digits at most.
SOLVER = it.Picard(rtol=1e-6)
FLOW = ExponentialFlow(rtol=0.03)
#: Nothing is written down but the first row and the last.
QUIET = Record(every=10**9, movement=False, norm=False, spectrum=False)


def unit_labels(X: Tensor) -> Tensor:
    """Linear labels of mean square one on this sample."""
    y = it.data.linear(X)
    return y / y.square().mean().sqrt()


def demanding_task() -> tuple[Tensor, Tensor]:
    """Twelve inputs in R⁵ with linear and quadratic labels, for the first network of the chapter."""
    X = it.data.sphere(12, 5, seed=1)
    return X, it.data.linear_quadratic(X)


def decayed(K: Tensor, e: Tensor, times: Sequence[float]) -> np.ndarray:
    """(len(times), n) rows e^{−Kt} e."""
    values, vectors = torch.linalg.eigh(K)
    decay = torch.exp(-values * torch.tensor(list(times), dtype=K.dtype)[:, None])
    return ((decay * (vectors.T @ e)) @ vectors.T).numpy()


def watch(
    net: it.EquilibriumNetwork, X: Tensor, y: Tensor, times: Sequence[float], X_watch: Tensor
) -> np.ndarray:
    """Outputs (len(times), len(X_watch)) when gradient flow on Θ passes each time; NaN after a failure.

    The network is trained in place.
    """
    run = Run(net, X, y, method=FLOW, record=QUIET)
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
