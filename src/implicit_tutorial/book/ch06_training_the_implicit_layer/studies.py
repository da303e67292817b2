"""What chapter 6 stores: runs along the gradient flow, layers trained alone, and certified errors."""

from __future__ import annotations

import math
from contextlib import suppress
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from implicit_tutorial import data
from implicit_tutorial.book.ch06_training_the_implicit_layer.loss_run import IMPLICIT, OUTPUT, loss_curves
from implicit_tutorial.book.ch06_training_the_implicit_layer.setting import QUIET, SOLVER, unit_labels, watch
from implicit_tutorial.book.networks import end, solver_for
from implicit_tutorial.book.study import Study, grid
from implicit_tutorial.book.tasks import CIRCLE_ANGLES, CIRCLE_SCALE, circle_target, on_circle, task
from implicit_tutorial.equilibrium import EquilibriumError, Picard
from implicit_tutorial.kernels import limit_kernels, network_kernels
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.training import (
    ExponentialFlow,
    GradientDescent,
    Record,
    ReferenceFlow,
    Run,
    SingleSweep,
    TrainingStatus,
    Until,
    convergence_certificate,
    global_minimum,
    train,
)

WIDTH, SCALE = 128, 0.7
#: The flow is followed to this many times 1/λ_min(K) of the initial kernel.
_DECAYS = 4

#: A method by its name, and the values of the one number that makes it more expensive and more exact.
INTEGRATORS = {
    "gradient descent": (lambda fraction: GradientDescent(fraction=fraction), (0.5, 0.25, 0.1)),
    "single sweep": (lambda fraction: SingleSweep(fraction=fraction), (0.5, 0.25, 0.1, 0.05)),
    "exponential flow": (lambda steps: ExponentialFlow(steps=int(steps)), (5, 10, 20, 40, 80)),
}


def sample(inputs: str) -> tuple[Tensor, Tensor, Tensor]:
    """X, y and test inputs: 24 random points of S⁹, or 24 points of the circle that crowd together."""
    if inputs == "sphere":
        X = data.sphere(24, 10, seed=0)
        return X, data.linear_quadratic(X), data.sphere(200, 10, seed=1)
    if inputs == "circle":
        angle = 2 * math.pi * (torch.arange(24, dtype=torch.float64) / 24) ** 1.2
        X = data.circle(angle)
        fine = data.circle(torch.linspace(0, 2 * math.pi, 181, dtype=torch.float64)[:-1])
        return X, torch.cos(angle) + torch.sin(3 * angle) / 2, fine
    raise ValueError(f"inputs={inputs!r}; choose 'sphere' or 'circle'.")


def network(inputs: str) -> EquilibriumNetwork:
    """The network that all methods start from."""
    n_inputs = sample(inputs)[0].shape[1]
    return EquilibriumNetwork(n_inputs, WIDTH, implicit_scale=SCALE, centered=True, seed=0)


@lru_cache
def end_time(inputs: str) -> tuple[float, float]:
    """t = 4/λ_min(K(0)), and the condition number of K(0)."""
    values = torch.linalg.eigvalsh(network_kernels(network(inputs), sample(inputs)[0]).implicit)
    return _DECAYS / float(values[0]), float(values[-1] / values[0])


def follow(inputs: str, method: Any) -> tuple[Tensor, Any, EquilibriumNetwork]:
    """The predictor at the end of the time, the last row of the history, and the network."""
    net, (X, y, X_test) = network(inputs), sample(inputs)
    history = train(net, X, y, method=method, until=Until(time=end_time(inputs)[0]), record=QUIET)
    with torch.no_grad():
        return net(X_test), history.iloc[-1], net


def reference_flow(*, inputs: str) -> dict[str, Any]:
    """The predictor at the end of the time, by torchdiffeq's adaptive Runge–Kutta method."""
    predictor, *_ = follow(inputs, ReferenceFlow(rtol=1e-4))
    return {"status": "finished", "predictor": predictor.tolist()}


REFERENCE_FLOW = Study(
    "reference_flow",
    "Where does the gradient flow lead?",
    reference_flow,
    grid(inputs=["circle", "sphere"]),
)


def integration(*, inputs: str, method: str, parameter: float) -> dict[str, Any]:
    """One run of a method: the distance of its final predictor from the flow's, and what it cost.

    ``evaluations`` of the gradient, or of the kernel where that is what a method evaluates; ``products`` of
    n × m by m × m: sweeps, and updates of Θ, of which the predictor–corrector makes three a step.
    """
    exact = torch.tensor(REFERENCE_FLOW.table.set_index("inputs").predictor[inputs], dtype=torch.float64)
    f, last, net = follow(inputs, INTEGRATORS[method][0](parameter))
    steps, flow = int(last.step), method == "exponential flow"
    return {
        "status": "finished",
        "condition": end_time(inputs)[1],
        "error": torch.linalg.vector_norm(f - exact) / torch.linalg.vector_norm(exact),
        "evaluations": 2 * steps + 1 if flow else steps,
        "products": int(last.forward_sweeps + last.adjoint_sweeps) + steps * (3 if flow else 1),
        **end(net, *sample(inputs)[:2]),
    }


INTEGRATION = Study(
    "integration",
    "How exactly does each method follow the flow, and at what cost?",
    integration,
    # The longest first, so that no process is left with one while the others have nothing to do.
    tuple(
        {"inputs": inputs, "method": method, "parameter": parameter}
        for inputs in ("circle", "sphere")
        for method, (_, parameters) in INTEGRATORS.items()
        for parameter in reversed(parameters)
    ),
    needs=(REFERENCE_FLOW,),
)

LOSS_CURVES = Study(
    "loss_curves",
    "How does the loss fall, and how far does A move, at each pair of scales?",
    loss_curves,
    grid(implicit_scale=IMPLICIT, output_scale=OUTPUT),
)

#: What may be trained, by the name it has in the chapter.
CHOICES = {
    "implicit": ("implicit",),
    "output": ("output",),
    "input": ("input",),
    "all three": ("implicit", "output", "input"),
}


def trained_layers(*, layers: str, implicit_scale: float, seed: int) -> dict[str, Any]:
    """One choice of layers trained on 24 inputs in R⁶ until the mean square error is 10⁻³, with its curves.

    ``limit_rate`` is λ_min of the infinite-width kernel of these layers, ``rate`` that of the network's.
    """
    X, X_test = data.sphere(24, 6, seed=0), data.sphere(500, 6, seed=1)
    y, y_test = data.linear_quadratic(X), data.linear_quadratic(X_test)
    net = EquilibriumNetwork(6, 256, implicit_scale=implicit_scale, centered=True, seed=seed)
    chosen = CHOICES[layers]
    K = sum(getattr(limit_kernels(X, implicit_scale=implicit_scale), layer) for layer in chosen)
    run = Run(
        net,
        X,
        y,
        method=ExponentialFlow(rtol=0.05),
        layers=chosen,
        X_test=X_test,
        y_test=y_test,
        record=Record(every=1, norm=False),
    )
    # The output layer is a linear model, through which one step of the flow leads to the end; with stops on
    # the way it has a curve, and the time at which the error is small enough.
    stops = np.geomspace(0.01, 1e4, 146) if layers == "output" else [None]
    for time in stops:
        history = run.advance(Until(loss=len(X) * 1e-3 / 2, time=time), throw=False)
        if run.status is not TrainingStatus.TIME_REACHED:
            break
    return {
        "status": history.attrs["status"],
        "limit_rate": torch.linalg.eigvalsh(K)[0],
        "rate": history.lambda_min.iloc[0],
        "time": history.time.iloc[-1],
        "movement": history.movement.iloc[-1],
        "test_error": history.test_error.iloc[-1],
        **end(net, X, y),
        "curve_time": _short(history.time),
        "curve_error": _short(2 * history.train_loss / len(X)),
        "curve_test": _short(history.test_error),
    }


def _short(values: Any) -> list[float]:
    """About 25 of the values, to four digits."""
    kept = np.unique(np.linspace(0, len(values) - 1, 25).round().astype(int))
    return [float(f"{v:.4g}") for v in np.asarray(values)[kept]]


TRAINED_LAYERS = Study(
    "trained_layers",
    "How fast does each layer alone learn, and how well does it generalize?",
    trained_layers,
    grid(layers=list(CHOICES), implicit_scale=[0.3, 0.7, 1.1], seed=range(3)),
)


def certified_error(*, width: int, implicit_scale: float, seed: int) -> dict[str, Any]:
    """The largest ‖e₀‖ that C12 certifies for five random inputs in R¹⁰, κ = 1."""
    X = data.sphere(5, 10, seed=0)
    net = EquilibriumNetwork(10, width, implicit_scale=implicit_scale, centered=True, seed=seed)
    found = convergence_certificate(net, X, data.linear(X), claim="C12")
    return {"status": "finished", "largest_error": found.largest_error, "s0": found.s0}


CERTIFIED_ERROR = Study(
    "certified_error",
    "Which ‖e₀‖ does the certificate admit at κ = 1, and how does it grow with the width?",
    certified_error,
    grid(width=[64, 128, 256, 512, 1024, 2048, 4096], implicit_scale=[0.1, 0.2, 0.4], seed=range(9)),
)

END_WIDTHS, END_OUTPUTS, END_SCALES = (16, 32, 64, 128, 256, 512), (0.1, 0.3, 1.0, 3.0, 10.0), (0.3, 0.5, 0.7)
END_SAMPLES, _END_STEPS = 20, 60


def proved_end(*, width: int, implicit_scale: float, output_scale: float) -> dict[str, Any]:
    """A run asked at each step whether a global minimum is proved to exist nearby, and to be reached (C20).

    ``exists`` and ``certified`` are the rows of the history from which on, missing where it never is.
    """
    X = data.sphere(END_SAMPLES, 10, seed=0)
    y = unit_labels(X)
    scales = {"implicit_scale": implicit_scale, "output_scale": output_scale}
    # κ multiplies what the solver leaves, and the losses asked for are tiny.
    solver = solver_for(width) or Picard(rtol=1e-10 / max(output_scale, 1.0), max_steps=5000)
    net = EquilibriumNetwork(10, width, **scales, centered=True, seed=0, solver=solver)
    first = convergence_certificate(net, X, y, claim="C12").largest_error
    record = Record(every=1, spectrum=False, certified=True)
    run = Run(net, X, y, method=ExponentialFlow(rtol=0.1), record=record)
    row: dict[str, Any] = {"exists": None, "within": None, "certified": None}
    for _ in range(_END_STEPS):
        if row["exists"] is None:
            with suppress(EquilibriumError):  # a run follows equilibria that are not found from zero
                found = global_minimum(net, X, y)
                if found.exists:
                    row |= {"exists": run.step, "within": found.within}
        history = run.advance(Until(steps=run.step + 1), throw=False)
        if run.status.failed or run.status is TrainingStatus.TIME_REACHED:
            break
        if history["certified"].iloc[-1] == 1:
            break
    last = history.iloc[-1]
    if last["certified"] == 1:
        certificate = convergence_certificate(net, X, y, z0=run.stepper.z)
        row |= {
            "certified": len(history) - 1,
            "claim": certificate.claim,
            "r_star": certificate.r_star,
            "largest_step": certificate.largest_step,
            "stable_step": certificate.stable_step,
        }
    return row | {
        "status": "finished" if row["certified"] is not None else str(run.status),
        "certified_at_start": first,
        "norm": last["norm_A"],
        "movement": last["movement"],
        "curve_time": [float(f"{t:.4g}") for t in history["time"]],
        "curve_loss": [float(f"{t:.3g}") for t in history["train_loss"]],
    }


PROVED_END = Study(
    "proved_end",
    "From which moment of a run is its end proved?",
    proved_end,
    grid(width=END_WIDTHS, output_scale=END_OUTPUTS, implicit_scale=END_SCALES),
)

CIRCLE_WIDTHS, CIRCLE_OUTPUT = (32, 64, 192), (0.3, 1.0, 3.0)
#: Times in units of 1/κ², so that they mean the same for each κ.
CIRCLE_TIMES = (0, 0.5, 1, 2, 5, 10, 20, 50, 200, 1000)


def circle_flow(*, width: int, output_scale: float) -> dict[str, Any]:
    """The function of a network on the circle at each time, and how far it ends from the target.

    NaN from the time on at which training has left the well-posed region.
    """
    scales = {"implicit_scale": CIRCLE_SCALE, "output_scale": output_scale}
    net = EquilibriumNetwork(2, width, **scales, centered=True, seed=0, solver=SOLVER)
    X, y, *_ = task("circle")
    f = watch(net, X, y, [t / output_scale**2 for t in CIRCLE_TIMES], on_circle(CIRCLE_ANGLES))
    return {
        "status": "finished" if np.isfinite(f).all() else "left the well-posed region",
        "distance": float(np.sqrt(np.mean((f[-1] - circle_target(CIRCLE_ANGLES)) ** 2))),
        "function": f.tolist(),
        **end(net, X, y),
    }


CIRCLE_FLOW = Study(
    "circle_flow",
    "Which function on the circle does a network show at each time?",
    circle_flow,
    grid(width=CIRCLE_WIDTHS, output_scale=CIRCLE_OUTPUT),
)

MODES_SCALE, MODES_WIDTHS, MODES_OUTPUT = 0.6, (32, 128, 512), (0.5, 5.0)
#: Times in units of 1/λ_max(K^∞).
MODES_TIMES = np.concatenate([[0.0], np.geomspace(0.03, 300, 25)])


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
        **end(net, X, y),
    }


MODE_FLOW = Study(
    "mode_flow",
    "How does each mode of the error decay?",
    mode_flow,
    grid(width=MODES_WIDTHS, output_scale=MODES_OUTPUT),
)
