"""One network, trained along gradient flow, and what became of it: the experiment of chapters 08 and 09."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial import data
from implicit_tutorial.experiments.problems import problem
from implicit_tutorial.generalization import infinite_width_prediction
from implicit_tutorial.kernels import limit_kernels, network_kernels
from implicit_tutorial.training import ExponentialFlow, Record, TrainingStatus, Until, train

#: Up to here Newton's method is the quicker solver; it follows a network to where its equilibrium is lost.
_NEWTON_WIDTH = 64
#: Tolerance of the flow: halving it moves a test error by a few per cent, less than another seed does.
_RTOL, _MAX_STEPS = 0.05, 300
#: Angles of the circle on which a phase cell's function is stored, points kept of its loss curve.
SLICE_ANGLES, _CURVE = 33, 16
#: Eigenvalues kept of a phase cell's matrix DA.
_EIGENVALUES = 16


def equilibrium_network(**setting: Any) -> dict[str, Any]:
    """Train Θ by gradient flow; compare the test error with three predictions, each further from the network.

    ``frozen_error`` is that of the same network trained with its kernel held at its initial value: the
    difference to ``test_error`` is what moving the features does. ``lazy_error`` keeps only the initial
    function f₀ and takes the kernel of infinite width; ``infinite_error`` is its mean over f₀ (C16).

    Args:
        setting: ``target``, ``width``, ``output_scale``, ``implicit_scale``, ``seed`` of the network; also
            ``centered``, the mean square error ``loss`` at which to stop, and what :func:`problem` takes.
    """
    return _run(**setting)[0]


def phase_cell(**setting: Any) -> dict[str, Any]:
    """The row of :func:`equilibrium_network` with the run's loss curve, eigenvalues, and learned function.

    The function is sampled at :data:`SLICE_ANGLES` equidistant angles from 0 to 2π of a circle through the
    target's direction β: x = β cos φ + β⊥ sin φ.
    """
    row, history, net = _run(**setting)
    kept = np.unique(np.linspace(0, len(history) - 1, _CURVE).round().astype(int))
    row["curve_time"] = [_short(t) for t in history["time"].iloc[kept]]
    row["curve_error"] = [_short(e) for e in history["train_error"].iloc[kept]]
    try:
        row["slice"] = [_short(v) for v in net(great_circle(net.n_inputs)).tolist()]
    except it.EquilibriumError:
        row["slice"] = None
    sample = {key: setting[key] for key in ("n_samples", "n_inputs", "noise", "data_seed") if key in setting}
    return row | _fold(net, problem(setting["target"], **sample).X)


def _fold(net: it.EquilibriumNetwork, X: Tensor) -> dict[str, Any]:
    """The outermost eigenvalues of DA at the input of X that is nearest to losing its equilibrium.

    An equilibrium is lost where a real eigenvalue of DA reaches 1; of all inputs whose equilibrium is found
    from zero it is the one with the rightmost eigenvalue. Conjugates are left out.
    """
    with torch.no_grad():
        A, b = net.A.clone(), net.injection(X)
        solution = it.solve(A, b, solver=net.solver, throw=False)
        spectra = [_eigenvalues(A, z > 0) for z in solution.z[solution.converged]]
    if not spectra:
        return {"rightmost": math.nan, "eigenvalues": None}
    nearest = max(spectra, key=lambda values: values.real.max())
    upper = nearest[nearest.imag >= 0]
    outermost = upper[np.argsort(-np.abs(upper), kind="stable")][:_EIGENVALUES]
    return {
        "rightmost": nearest.real.max(),
        "eigenvalues": [[_short(v.real), _short(v.imag)] for v in outermost],
    }


def _eigenvalues(A: Tensor, active: Tensor) -> np.ndarray:
    """Those of DA that are not zero for want of activity: the eigenvalues of the block of active units."""
    return torch.linalg.eigvals(A[active][:, active]).numpy() if bool(active.any()) else np.zeros(1)


def great_circle(n_inputs: int, n_angles: int = SLICE_ANGLES) -> Tensor:
    """(n_angles, d) points on a circle through β, the direction along which the targets vary."""
    eye = torch.eye(n_inputs, dtype=torch.float64)
    beta = data.linear(eye) / math.sqrt(n_inputs)
    across = eye[0] - beta[0] * beta
    across = across / torch.linalg.vector_norm(across)
    angle = torch.linspace(0, 2 * math.pi, n_angles, dtype=torch.float64)[:, None]
    return torch.cos(angle) * beta + torch.sin(angle) * across


def _run(
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
    p = problem(target, **sample)
    scales = {"implicit_scale": implicit_scale, "output_scale": output_scale}
    prediction = infinite_width_prediction(p.X, p.y, p.X_test, p.y_test, centered=centered, **scales)
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
            "spectral_norm": torch.linalg.matrix_norm(net.A, 2) if width <= 1024 else math.nan,
            "time": history["time"].iloc[-1],
            "steps": len(history) - 1,
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


def _short(x: float) -> float:
    return float(f"{x:.4g}")
