"""One network, trained along gradient flow, and what became of it: the experiment of chapters 8 and 9."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import pandas as pd
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.study import Study, grid
from implicit_tutorial.book.tasks import task
from implicit_tutorial.generalization import infinite_width_prediction
from implicit_tutorial.kernels import limit_kernels, network_kernels
from implicit_tutorial.training import ExponentialFlow, Record, TrainingStatus, Until, train

#: Up to here Newton's method is the quicker solver; it follows a network to where its equilibrium is lost.
_NEWTON_WIDTH = 64
#: Tolerance of the flow: halving it moves a test error by a few per cent, less than another seed does.
_RTOL, _MAX_STEPS = 0.05, 300
#: No matrix wider than this is factorised, only multiplied.
_LARGEST = 1024
#: A history in which only what costs nothing is written down.
PLAIN = Record(every=1, movement=False, norm=False, spectrum=False)
#: What a readout says of the end of a run (C20).
ENDS = {
    "certified": "From its end the flow is proved to reach a global minimum.",
    "minimum proved": "A global minimum is proved to lie near its end.",
    "nothing proved": "Nothing is proved at its end.",
    "not asked": "",
}
#: The setting of C16.
REFERENCE = {"target": ["linear + quadratic"], "implicit_scale": [0.5]}


def solver_for(width: int) -> it.Newton | None:
    """Newton's method follows a narrow network to where its equilibrium is lost; None is the default."""
    return it.Newton() if width <= _NEWTON_WIDTH else None


def equilibrium_network(**setting: Any) -> dict[str, Any]:
    """Train Θ by gradient flow; compare the test error with three predictions, each further from the network.

    ``frozen_error`` is that of the same network trained with its kernel held at its initial value: the
    difference to ``test_error`` is what moving the features does. ``lazy_error`` keeps only the initial
    function f₀ and takes the kernel of infinite width; ``infinite_error`` is its mean over f₀ (C16).

    Args:
        setting: ``target``, ``width``, ``output_scale``, ``implicit_scale``, ``seed`` of the network; also
            ``centered``, the mean square error ``loss`` at which to stop, and what :func:`task` takes.
    """
    return trained(**setting)[0]


def trained(
    *,
    target: str,
    width: int,
    output_scale: float,
    implicit_scale: float,
    seed: int,
    centered: bool = False,
    loss: float = 1e-4,
    **sample: Any,
) -> tuple[dict[str, Any], pd.DataFrame, it.EquilibriumNetwork]:
    """The row of :func:`equilibrium_network`, the history with its mean square errors, and the network."""
    p = task(target, **sample)
    scales = {"implicit_scale": implicit_scale, "output_scale": output_scale}
    prediction = infinite_width_prediction(*p, centered=centered, **scales)
    solver = it.Newton(rtol=1e-7) if width <= _NEWTON_WIDTH else it.Picard(rtol=1e-7, max_steps=500)
    net = it.EquilibriumNetwork(p.X.shape[1], width, seed=seed, solver=solver, centered=centered, **scales)
    n, X = len(p.X), torch.cat([p.X, p.X_test])
    with torch.no_grad():
        try:
            A, z, f0 = net.A.clone(), net.equilibrium(p.X).z, net(X)
            kernel = network_kernels(net, X, p.X).implicit
        except it.EquilibriumError:
            row: dict[str, Any] = {"status": "no equilibrium found at initialization"}
            return row, pd.DataFrame({"time": [0.0], "train_error": [math.nan]}), net
        limit = limit_kernels(p.X, **scales).implicit, limit_kernels(p.X_test, p.X, **scales).implicit

        # Narrow networks may have a singular kernel: then the flow fits what it can.
        def lazy(K: Tensor, cross: Tensor) -> Tensor:
            end = f0[n:] + cross @ (torch.linalg.pinv(K, rtol=1e-12, hermitian=True) @ (p.y - f0[:n]))
            return (end - p.y_test).square().mean()

        history = train(
            net,
            p.X,
            p.y,
            method=ExponentialFlow(rtol=_RTOL),
            until=Until(loss=n * loss / 2, steps=_MAX_STEPS),
            record=Record(every=1, norm=False, spectrum=False),
            throw=False,
        )
        history["train_error"] = 2 * history["train_loss"] / n
        status = history.attrs["status"]
        if status == TrainingStatus.LOSS_REACHED:
            status = "finished"
        row = {
            "status": str(status),
            "infinite_error": prediction.test_error,
            "lazy_error": lazy(*limit),
            "frozen_error": lazy(kernel[:n], kernel[n:]),
            "train_error": history["train_error"].iloc[-1],
            "predicted_movement": implicit_scale * math.sqrt(prediction.squared_distance / width),
            "movement": torch.linalg.matrix_norm(net.A - A),
            "spectral_norm": torch.linalg.matrix_norm(net.A, 2) if width <= _LARGEST else math.nan,
            "time": history["time"].iloc[-1],
            "steps": len(history) - 1,
            **end(net, p.X, p.y),
        }
        if status == "finished":
            # Training follows an equilibrium step by step; from zero, or at a new input, none may be found.
            where = "from zero"
            try:
                after = network_kernels(net, p.X).implicit
                feature_movement = (net.equilibrium(p.X).z - z).norm() / z.norm()
                where = "at a test point"
                test_error = (net(p.X_test) - p.y_test).square().mean()
            except it.EquilibriumError:
                row["status"] = f"no equilibrium found {where}"
                return row, history, net
            row |= {
                "test_error": test_error,
                "feature_movement": feature_movement,
                "kernel_movement": (after - kernel[:n]).norm() / kernel[:n].norm(),
            }
    return row, history, net


def end(net: it.EquilibriumNetwork, X: Tensor, y: Tensor) -> dict[str, Any]:
    """What is proved where a run ends (C20): its word, and in which distance a global minimum lies.

    Networks that are too wide, or have several outputs, are not asked.
    """
    if net.width > _LARGEST or y.ndim > 1:
        return {"end": "not asked"}
    with suppress(it.EquilibriumError):  # a run follows equilibria that are not found from zero
        found = it.global_minimum(net, X, y)
        if found.exists:
            proved = "certified" if found.converges else "minimum proved"
            return {"end": proved, "minimum_within": found.within}
    return {"end": "nothing proved"}


WIDTH_IMPLICIT_SCALE = Study(
    "width_implicit_scale",
    "Does the law of the width depend on σ_A?",
    equilibrium_network,
    grid(
        target=REFERENCE["target"],
        implicit_scale=[0.3, 0.8, 1.1],
        output_scale=[1.0],
        width=[32, 128, 512],
        seed=range(3),
    ),
)
