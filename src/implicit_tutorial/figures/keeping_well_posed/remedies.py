"""Gradient descent on the implicit layer with and without a remedy: sweeps, loss and norm (C8)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.explorer import Control, Explorer, style

INPUTS, SAMPLES, WIDTH, STEPS, RATE, SEED = 5, 20, 64, 30, 1.5, 0
SCALES = (0.5, 0.7, 0.9)
RTOL, LIMIT = 1e-6, 400
_BOUND = 0.9


@dataclass(frozen=True)
class Method:
    """One way to train: a constraint on A, or a weight of the Jacobian penalty, and the solver it needs."""

    constraint: Callable[[it.EquilibriumNetwork], torch.nn.Module] | None = None
    penalty: float = 0.0
    solver: Callable = field(default=it.Picard)


def _softmax(net: it.EquilibriumNetwork) -> it.SoftmaxColumns:
    """The network's Θ as logits: its A is σ_A Θ/√m."""
    return it.SoftmaxColumns(0.7, temperature=net.implicit_scale / math.sqrt(net.width))


#: The methods by the name they have in the chapter.
METHODS: dict[str, Method] = {
    "none": Method(),
    "spectral scaling": Method(lambda _: it.SpectralScaling(_BOUND, always=False)),
    "fixed γ = 1/2": Method(lambda _: it.FixedScale(0.5)),
    "l1 rows": Method(lambda _: it.L1Rows(_BOUND)),
    "Perron–Frobenius": Method(lambda _: it.PerronScaling(_BOUND, always=False)),
    "softmax columns": Method(_softmax),
    "monotone": Method(lambda _: it.Monotone(0.1), solver=it.PeacemanRachford),
    "symmetric": Method(lambda _: it.Symmetric(0.1), solver=it.PeacemanRachford),
    "Jacobian penalty": Method(penalty=300.0),
}


def task() -> tuple[Tensor, Tensor]:
    """(n, d) inputs on the sphere and (n,) labels 6·N(0, 1), which are hard to fit with Θ alone."""
    X = it.data.sphere(SAMPLES, INPUTS, seed=1)
    return X, 6 * it.data.noise(X, seed=2)


@dataclass(frozen=True)
class Training:
    """What was measured before each step; the run ends where the solver finds no equilibrium."""

    sweeps: np.ndarray
    loss: np.ndarray
    norm: np.ndarray

    @property
    def failed(self) -> int | None:
        """The step at which the solver failed, None if it never did."""
        return len(self.sweeps) if len(self.sweeps) <= STEPS else None


def network(method: str, implicit_scale: float) -> it.EquilibriumNetwork:
    """A network under the method's constraint."""
    net = it.EquilibriumNetwork(INPUTS, WIDTH, implicit_scale=implicit_scale, seed=SEED)
    constraint = METHODS[method].constraint
    return net if constraint is None else it.constrain(net, constraint(net))


@cache
def training(method: str, implicit_scale: float) -> Training:
    """Plain gradient descent on the free parameters of A; the output at initialization is subtracted."""
    net, chosen = network(method, implicit_scale), METHODS[method]
    X, y = task()
    b = net.injection(X).detach()
    free = [p for name, p in net.named_parameters() if name not in ("W", "v")]
    solver = chosen.solver(rtol=RTOL, max_steps=LIMIT)
    measured: list[tuple[float, float, float]] = []
    start = None
    for _ in range(STEPS + 1):
        A = net.A
        solution = it.solve(A, b, solver=solver, adjoint_solver=it.Newton(), throw=False)
        if not bool(solution.converged.all()):
            break
        f = net.output(solution.z)
        start = f.detach() if start is None else start
        loss = (f - start - y).square().mean() / 2
        norm = torch.linalg.matrix_norm(A.detach(), 2)
        measured.append((float(solution.steps.max()), float(loss.detach()), float(norm)))
        if chosen.penalty:
            loss = loss + chosen.penalty * it.jacobian_penalty(A, solution.z, probes=None)
        with torch.no_grad():
            for parameter, slope in zip(free, torch.autograd.grad(loss, free), strict=True):
                parameter -= RATE * slope
    sweeps, loss, norm = np.array(measured).reshape(-1, 3).T
    return Training(sweeps, loss, norm)


def training_remedies() -> Explorer:
    """Sweeps, loss and ‖A‖₂ along gradient descent, for each remedy and initialization scale (C8)."""
    return Explorer(
        _draw,
        [
            Control("method", list(METHODS), label="remedy"),
            Control("implicit_scale", list(SCALES), start=0.9, label="implicit scale $\\sigma_A$", fmt=".1f"),
        ],
        name="training-remedies",
        caption=(
            f"Gradient descent on $\\Theta$ alone: width {WIDTH}, {SAMPLES} random labels. First: sweeps to "
            "a relative residual of $10^{-6}$, Picard's, or those of Peaceman and Rachford where only "
            "monotonicity holds. A cross marks the step at which no equilibrium was found. Second: the loss. "
            "Third: $\\lVert A\\rVert_2$. Dashed: plain descent from the same $\\sigma_A$. **Move** the "
            "remedy at $\\sigma_A = 0.9$. **Notice** which remedies keep the sweeps flat, and what they pay "
            "for it in loss. (Gradients here are exact: the adjoint is solved by Newton's method.)"
        ),
        alt=(
            "Three curves against the step of gradient descent for the chosen remedy, each beside the curve "
            "of plain descent: the number of solver sweeps on a logarithmic axis, the training loss, and the "
            "spectral norm of A. Without a remedy the sweeps rise until a cross marks the failure."
        ),
        readout=_readout,
    )


def _draw(method: str, implicit_scale: float) -> list[go.Figure]:
    here, plain = training(method, implicit_scale), training("none", implicit_scale)
    return [
        _panel("Sweeps", "sweeps", here.sweeps, plain.sweeps, (6, 500), failure=LIMIT, log=True),
        _panel("Loss", "½ mean square error", here.loss, plain.loss, (0, 20)),
        _panel("Norm", "‖A‖₂", here.norm, plain.norm, (0, 3)),
    ]


def _panel(
    title: str,
    y_title: str,
    here: np.ndarray,
    plain: np.ndarray,
    limits: tuple[float, float],
    *,
    failure: float | None = None,
    log: bool = False,
) -> go.Figure:
    figure = style.figure(
        title=title,
        x_title="step of gradient descent",
        y_title=y_title,
        x_range=(-0.5, STEPS + 0.5),
        y_range=limits,
        y_log=log,
        height=330,
    )
    for values, look in ((plain, style.theory("none")), (here, style.measured("remedy"))):
        figure.add_scatter(x=np.arange(len(values)), y=values, **look)
    if failure is not None:
        ends = [(len(v), c) for v, c in ((plain, style.GRAY), (here, style.BAD)) if len(v) <= STEPS]
        figure.add_scatter(
            x=[x for x, _ in ends],
            y=[failure] * len(ends),
            mode="markers",
            name="fails",
            marker={"symbol": "x", "size": 11, "color": [c for _, c in ends]},
        )
    return figure.update_layout(showlegend=title == "Sweeps", legend={"font": {"size": 10}})


def _readout(method: str, implicit_scale: float) -> str:
    here = training(method, implicit_scale)
    who = "Picard" if METHODS[method].solver is it.Picard else "Peaceman–Rachford"
    if here.failed == 0:
        return f"{who} finds no equilibrium even before the first step."
    span = f"sweeps went from {here.sweeps[0]:.0f} to {here.sweeps[-1]:.0f}"
    fall = f"the loss from {here.loss[0]:.3g} to {here.loss[-1]:.3g}"
    if here.failed is None:
        return f"All {STEPS} steps: {who}'s {span}, {fall}."
    return f"{who} fails at step {here.failed}. Before that its {span}, {fall}."
