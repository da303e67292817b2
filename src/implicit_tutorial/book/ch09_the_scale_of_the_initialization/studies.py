"""What chapter 9 stores: the map of (κ, m), the law of κ, learning curves, and the bound along them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial import data
from implicit_tutorial.book.networks import REFERENCE, equilibrium_network, solver_for, trained
from implicit_tutorial.book.study import Study, grid
from implicit_tutorial.book.tasks import TARGETS, task
from implicit_tutorial.generalization import infinite_width_prediction, pac_bayes_bound, pac_bayes_limit

#: Angles of the great circle on which a phase cell's function is stored.
SLICE_ANGLES = 33
#: Eigenvalues kept of a phase cell's matrix DA.
_EIGENVALUES = 16


def phase_cell(**setting: Any) -> dict[str, Any]:
    """The row of :func:`equilibrium_network` with the run's eigenvalues and its learned function.

    The function is sampled at :data:`SLICE_ANGLES` equidistant angles from 0 to 2π of a circle through the
    target's direction β: x = β cos φ + β⊥ sin φ.
    """
    row, _, net = trained(**setting)
    try:
        row["slice"] = [_short(v) for v in net(great_circle(net.n_inputs)).tolist()]
    except it.EquilibriumError:
        row["slice"] = None
    sample = {key: setting[key] for key in ("n_samples", "n_inputs", "noise", "data_seed") if key in setting}
    return row | _fold(net, task(setting["target"], **sample).X)


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


def _short(x: float) -> float:
    return float(f"{x:.4g}")


def infinite_width(
    *, implicit_scale: float, target: str, output_scale: float = 1.0, centered: bool = False, **setting: Any
) -> dict[str, Any]:
    """Everything C16 says of a problem: error in its two parts, the prices, the bound's linear term."""
    scales = {"implicit_scale": implicit_scale, "output_scale": output_scale}
    prediction = infinite_width_prediction(*task(target, **setting), centered=centered, **scales)
    names = ("bias2", "var", "test_error", "labels_price", "initialization_price", "trace", "bound")
    return {name: getattr(prediction, name) for name in names}


def _phase_seeds(scale: float, width: int) -> range:
    """Seeds for a cell of the phase diagram: the edge is where κ and m are small."""
    return range(1 if width >= 512 else 2 if scale > 1.5 else 3)


PHASE = Study(
    "phase",
    "Where in (κ, m) does training leave the well-posed region, and where do the features move?",
    phase_cell,
    tuple(
        {**cell, "seed": seed}
        for cell in grid(
            **REFERENCE,
            loss=[1e-3],
            n_test=[200],
            output_scale=[float(f"{x:.3g}") for x in np.geomspace(0.1, 3, 9)],
            width=[8, 16, 24, 32, 48, 64, 128, 256, 512],
        )
        for seed in _phase_seeds(cell["output_scale"], cell["width"])
    ),
)


def existence(*, output_scale: float, width: int, seed: int) -> dict[str, Any]:
    """Whether a global minimum is proved to exist near the initialization (C20), how near, and its error."""
    p = task(REFERENCE["target"][0], n_test=200)
    scales = {"implicit_scale": REFERENCE["implicit_scale"][0], "output_scale": output_scale}
    net = it.EquilibriumNetwork(6, width, **scales, seed=seed, solver=solver_for(width))
    found = it.global_minimum(net, p.X, p.y)
    row = {"status": "finished", "exists": found.exists, "within": found.within, "steps": found.steps}
    solution = found.network.equilibrium(p.X_test, throw=False)
    if found.exists and bool(solution.converged.all()):
        with torch.no_grad():
            row["test_error"] = (found.network.output(solution.z) - p.y_test).square().mean()
    if found.exists:
        row["norm"] = torch.linalg.matrix_norm(found.network.A.detach(), 2)
    return row


EXISTENCE = Study(
    "existence",
    "Where in (κ, m) does a global minimum exist near the initialization, and how near?",
    existence,
    tuple(
        {"output_scale": cell["output_scale"], "width": cell["width"], "seed": cell["seed"]}
        for cell in PHASE.cells
    ),
)

OUTPUT_SCALE = Study(
    "output_scale",
    "Do networks follow bias² + κ² var, and is the movement 1/(κ√m)?",
    equilibrium_network,
    grid(
        **REFERENCE,
        output_scale=[0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 12.0],
        width=[128, 512],
        seed=range(5),
        centered=[False, True],
    ),
)

KERNEL_LEARNING_CURVE = Study(
    "kernel_learning_curve",
    "What is the kernel's exact learning curve?",
    infinite_width,
    grid(
        target=TARGETS,
        implicit_scale=[0.5],
        n_samples=[8, 16, 32, 64, 128, 256, 512, 1024],
        data_seed=range(5),
    ),
    rtol=1e-5,
)

LEARNING_CURVE = Study(
    "learning_curve",
    "Do n, m and κ together make the error small?",
    equilibrium_network,
    tuple(
        cell
        for width, seeds in ((128, 2), (512, 1))
        for cell in grid(
            target=["linear", "linear + quadratic"],
            implicit_scale=[0.5],
            n_samples=[16, 32, 64, 128, 256],
            output_scale=[0.3, 1.0],
            width=[width],
            seed=range(seeds),
        )
    ),
)


def bound_limit(*, target: str, implicit_scale: float, n_samples: int, data_seed: int) -> dict[str, Any]:
    """C19: the bound on the error of the sign at infinite width, and the errors that it bounds."""
    p = task(target, n_samples=n_samples, data_seed=data_seed)
    b = pac_bayes_limit(p.X, p.y, X_test=p.X_test, y_test=p.y_test, implicit_scale=implicit_scale)
    names = ("total", "training_error", "divergence", "test_error", "mean_error", "scale", "noise")
    return {name: getattr(b, name) for name in names}


def bound_network(
    *,
    target: str,
    implicit_scale: float,
    output_scale: float,
    n_samples: int,
    width: int,
    draws: int,
    seed: int,
) -> dict[str, Any]:
    """The same of a network, by draws of its weights (C21)."""
    p = task(target, n_samples=n_samples)
    scales = {"implicit_scale": implicit_scale, "output_scale": output_scale, "centered": True}
    net = it.EquilibriumNetwork(6, width, seed=seed, solver=it.Picard(rtol=1e-6), **scales)
    b = pac_bayes_bound(net, p.X, p.y, X_test=p.X_test, y_test=p.y_test, draws=draws, seed=seed)
    names = ("total", "training_error", "training_error_at_most", "divergence", "test_error", "mean_error")
    return {name: getattr(b, name) for name in (*names, "scale", "noise", "certified")}


BOUND_LIMIT = Study(
    "bound_limit",
    "How does the bound on the error of the sign fall with n at infinite width?",
    bound_limit,
    grid(
        target=["linear", "linear + quadratic"],
        implicit_scale=[0.5],
        n_samples=[16, 32, 64, 128, 256, 512, 1024],
        data_seed=range(3),
    ),
    rtol=1e-5,
)

BOUND_NETWORK = Study(
    "bound_network",
    "At which widths do networks have the bound of infinite width?",
    bound_network,
    tuple(
        cell
        for width, sizes in ((32, (16, 64, 256, 1024)), (128, (16, 64, 256, 1024)), (512, (16, 64, 256)))
        for cell in grid(
            target=["linear", "linear + quadratic"],
            implicit_scale=[0.5],
            output_scale=[10.0],
            n_samples=sizes,
            width=[width],
            draws=[400],
            seed=[0],
        )
    ),
)
