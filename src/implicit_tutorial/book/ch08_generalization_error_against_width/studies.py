"""What chapter 8 stores: networks of all widths, and other ways to spend their parameters."""

from __future__ import annotations

import math
from typing import Any

import torch

import implicit_tutorial as it
from implicit_tutorial.book.circle import CIRCLE  # noqa: F401  (chapters 8, 9 and 10 share it; listed here)
from implicit_tutorial.book.networks import (
    REFERENCE,
    WIDTH_IMPLICIT_SCALE,  # noqa: F401  (chapters 8 and 9 share it; it is listed with this chapter's)
    equilibrium_network,
)
from implicit_tutorial.book.study import Study, grid
from implicit_tutorial.book.tasks import TARGETS, task

#: Tolerated relative difference between a step's outcome and its linear prediction.
_STEP_ERROR = 0.05


def output_layer(
    *, target: str, width: int, output_scale: float, implicit_scale: float, seed: int, **setting: Any
) -> dict[str, Any]:
    """Test error when only v is trained, at the end of gradient flow: least squares on the m features z/√m.

    The shortest change of v among those that fit best; with m < n the training error stays positive.
    """
    p = task(target, **setting)
    net = it.EquilibriumNetwork(
        p.X.shape[1], width, implicit_scale=implicit_scale, output_scale=output_scale, seed=seed
    )
    with torch.no_grad():
        z, z_test = net.equilibrium(p.X).z, net.equilibrium(p.X_test).z
        change = torch.linalg.lstsq(
            net.output_scale / math.sqrt(width) * z, p.y - net.output(z), driver="gelsd"
        )
        net.v += change.solution
        return {
            "train_error": (net.output(z) - p.y).square().mean(),
            "test_error": (net.output(z_test) - p.y_test).square().mean(),
            "parameters": width,
        }


def two_layer(
    *, target: str, width: int, output_scale: float, seed: int, loss: float = 1e-4, **setting: Any
) -> dict[str, Any]:
    """Test error of the explicit network κ v·relu(Wx)/√m with W and v trained by gradient flow.

    The flow is followed as for the equilibrium network: (W, v) ← (W, v) − Jᵀ K⁻¹(1 − e^{−Kh}) e,
    with the step h such that the outcome is within 5 % of its linear prediction.

    Args:
        loss: mean square training error at which to stop.
    """
    p = task(target, **setting)
    generator = torch.Generator().manual_seed(seed)
    W = torch.randn(width, p.X.shape[1], generator=generator, dtype=p.X.dtype)
    v = torch.randn(width, generator=generator, dtype=p.X.dtype)
    c = output_scale / math.sqrt(width)
    W0 = W
    e = c * torch.relu(p.X @ W.T) @ v - p.y
    step = None
    for _ in range(1000):
        if float(e.square().mean()) <= loss:
            break
        z = torch.relu(p.X @ W.T)
        u = (z > 0) * v
        K = c**2 * (z @ z.T + (p.X @ p.X.T) * (u @ u.T))
        rate, modes = torch.linalg.eigh(K)
        rate = rate.clamp(min=1e-15 * float(rate[-1]))
        step = step or 0.1 / float(rate[-1])
        while True:
            push = modes @ (-torch.expm1(-rate * step) / rate * (modes.T @ e))
            W_new, v_new = W - c * (u * push[:, None]).T @ p.X, v - c * z.T @ push
            e_new = c * torch.relu(p.X @ W_new.T) @ v_new - p.y
            error = float((e_new - (e - K @ push)).norm() / e.norm())
            if error <= 1.5 * _STEP_ERROR or step * float(rate[-1]) < 1e-3:
                break
            step *= max(0.2, 0.8 * _STEP_ERROR / error)
        W, v, e = W_new, v_new, e_new
        step *= min(3.0, 0.9 * _STEP_ERROR / max(error, 1e-6))
    train_error = float(e.square().mean())
    return {
        "status": "finished" if train_error <= loss else "step limit",
        "train_error": train_error,
        "test_error": (c * torch.relu(p.X_test @ W.T) @ v - p.y_test).square().mean(),
        "movement": torch.linalg.vector_norm(W - W0),
        "parameters": width * (p.X.shape[1] + 1),
    }


def _widths(**values: Any) -> tuple[dict[str, Any], ...]:
    """All widths; the narrowest, which mostly fail, and the wide ones, which take long, with fewer seeds."""
    seeds = {16: 3, 1024: 4}
    return tuple(
        cell
        for m in (16, 32, 64, 128, 256, 512, 1024)
        for cell in grid(**values, width=[m], seed=range(seeds.get(m, 5)))
    )


WIDTH = Study(
    "width",
    "How does the test error approach its infinite-width value?",
    equilibrium_network,
    _widths(target=TARGETS[:2], implicit_scale=[0.5], output_scale=[0.5, 1.0, 3.0])
    + grid(
        target=TARGETS[2:],
        implicit_scale=[0.5],
        output_scale=[1.0],
        width=[32, 64, 128, 256, 512],
        seed=range(4),
    ),
)

WIDE = Study(
    "wide",
    "Are very wide networks where the prediction is?",
    equilibrium_network,
    grid(**REFERENCE, output_scale=[1.0], width=[2048], seed=range(3))
    + grid(**REFERENCE, output_scale=[1.0], width=[4096], seed=[0]),
)

WIDTH_NOISE = Study(
    "width_noise",
    "Does it depend on noise in the labels, or on the number of samples?",
    equilibrium_network,
    tuple(
        cell
        for target, noise, n_samples in (
            ("linear", 0.5, 60),
            ("linear + quadratic", 0.0, 30),
            ("linear + quadratic", 0.0, 200),
        )
        for cell in grid(
            target=[target],
            implicit_scale=[0.5],
            output_scale=[1.0],
            noise=[noise],
            n_samples=[n_samples],
            width=[32, 128, 512],
            seed=range(3),
        )
    ),
)

EXPLICIT_NETWORK = Study(
    "explicit_network",
    "What do the same parameters buy in an explicit network?",
    two_layer,
    grid(target=TARGETS, output_scale=[1.0], width=[16, 64, 256, 1024, 4096, 16384], seed=range(2)),
)

OUTPUT_LAYER = Study(
    "output_layer",
    "And when only the output layer is trained?",
    output_layer,
    grid(
        target=TARGETS,
        implicit_scale=[0.5],
        output_scale=[1.0],
        width=[16, 32, 64, 128, 256, 512, 1024],
        seed=range(3),
    ),
)
