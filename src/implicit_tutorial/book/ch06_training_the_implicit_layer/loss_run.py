"""A run of gradient flow with the integral of C13 along it, over the two initialization scales."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.ch06_training_the_implicit_layer.setting import FLOW, unit_labels
from implicit_tutorial.book.networks import end
from implicit_tutorial.training import TrainingStatus

WIDTH, SAMPLES, INPUTS, SEED = 128, 6, 10, 0
IMPLICIT = (0.1, 0.2, 0.4, 0.8)
OUTPUT = (0.1, 1.0, 10.0, 10_000.0)
#: In units of 1/λ_max(K^∞).
TIMES = np.geomspace(0.01, 1e3, 61)
DECAY = 1e-3


@lru_cache
def task() -> tuple[Tensor, Tensor]:
    """Six inputs and linear labels of mean square one."""
    X = it.data.sphere(SAMPLES, INPUTS, seed=0)
    return X, unit_labels(X)


def network(implicit_scale: float, output_scale: float) -> it.EquilibriumNetwork:
    """The network before training; its output starts at zero."""
    scales = {"implicit_scale": implicit_scale, "output_scale": output_scale}
    # κ multiplies what the solver leaves.
    solver = it.Picard(rtol=1e-6 / max(output_scale, 1.0))
    return it.EquilibriumNetwork(INPUTS, WIDTH, **scales, centered=True, seed=SEED, solver=solver)


def limit_kernel(implicit_scale: float, output_scale: float) -> Tensor:
    """(n, n) K^∞ of the implicit layer on the inputs of the task."""
    return it.limit_kernels(task()[0], implicit_scale=implicit_scale, output_scale=output_scale).implicit


def loss_curves(*, implicit_scale: float, output_scale: float) -> dict[str, Any]:
    """Gradient flow until the loss has fallen to a thousandth, in steps short enough for ∫λ_min.

    ``bound`` is C13's, L₀ exp(−2∫λ_min), at the rows of the history.
    """
    X, y = task()
    unit = 1 / float(torch.linalg.eigvalsh(limit_kernel(implicit_scale, output_scale))[-1])
    net, start = network(implicit_scale, output_scale), float(y.square().sum() / 2)
    run = it.Run(net, X, y, method=FLOW)
    for t in unit * TIMES[::3]:
        history = run.advance(it.Until(loss=DECAY * start, time=t), throw=False)
        if run.status != TrainingStatus.TIME_REACHED:
            break
    t, smallest = history.time.to_numpy(), history.lambda_min.to_numpy()
    integral = np.concatenate([[0], np.cumsum((smallest[1:] + smallest[:-1]) / 2 * np.diff(t))])
    return {
        "status": str(run.status),
        **end(net, X, y),
        **{name: history[name].tolist() for name in ("time", "train_loss", "movement", "norm_A")},
        "bound": (start * np.exp(-2 * integral)).tolist(),
    }
