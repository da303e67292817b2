"""Gradient descent on the implicit layer under one remedy or none, on one small task (C8)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

import implicit_tutorial as it

INPUTS, SAMPLES, TESTS, WIDTH, STEPS, RATE, SEED = 5, 20, 50, 64, 40, 0.75, 0
NOISE = 1.5  # standard deviation of what is added to the training labels
SCALES = (0.5, 0.7, 0.9)
RTOL, LIMIT = 1e-6, 400
_BOUND = 0.9


@dataclass(frozen=True)
class Method:
    """One way to train: a constraint on A, or a weight of the Jacobian penalty, and the solver it needs."""

    constraint: Callable[[it.EquilibriumNetwork], torch.nn.Module] | None = None
    penalty: float = 0.0
    solver: Callable = field(default=it.Picard)


def softmax(net: it.EquilibriumNetwork) -> it.SoftmaxColumns:
    """The network's Θ as logits: its A is σ_A Θ/√m."""
    return it.SoftmaxColumns(0.7, temperature=net.implicit_scale / math.sqrt(net.width))


#: The methods by the name they have in the chapter.
METHODS: dict[str, Method] = {
    "none": Method(),
    "spectral scaling": Method(lambda _: it.SpectralScaling(_BOUND, always=False)),
    "fixed γ = 1/2": Method(lambda _: it.FixedScale(0.5)),
    "l1 rows": Method(lambda _: it.L1Rows(_BOUND)),
    "Perron–Frobenius": Method(lambda _: it.PerronScaling(_BOUND, always=False)),
    "softmax columns": Method(softmax),
    "monotone": Method(lambda _: it.Monotone(0.1), solver=it.PeacemanRachford),
    "symmetric": Method(lambda _: it.Symmetric(0.1), solver=it.PeacemanRachford),
    "Jacobian penalty": Method(penalty=100.0),
}


class Task(NamedTuple):
    """Inputs on the sphere with noisy labels, and others with the labels that they should have."""

    X: Tensor
    """(20, 5) training inputs."""
    y: Tensor
    """(20,) labels 3 (s + ½(s² − 1)) + NOISE N(0, 1), s = √d β·x: large, and noisy."""
    X_test: Tensor
    """(50, 5) test inputs."""
    y_test: Tensor
    """(50,) labels without the noise."""


def task() -> Task:
    """The problem that all remedies are compared on."""

    def target(X: Tensor) -> Tensor:
        return 3 * it.data.linear_quadratic(X, seed=2)

    X, X_test = (it.data.sphere(n, INPUTS, seed=seed) for n, seed in ((SAMPLES, 1), (TESTS, 3)))
    return Task(X, target(X) + NOISE * it.data.noise(X, seed=4), X_test, target(X_test))


def network(
    constraint: Callable[[it.EquilibriumNetwork], torch.nn.Module] | None, implicit_scale: float
) -> it.EquilibriumNetwork:
    """The network of the comparison, under a constraint or none."""
    net = it.EquilibriumNetwork(INPUTS, WIDTH, implicit_scale=implicit_scale, seed=SEED)
    return net if constraint is None else it.constrain(net, constraint(net))


#: What finds the states: A, b and what was found before the last step, None at first ↦ z, steps, converged.
Find = Callable[[Tensor, Tensor, Any], Any]


class Step(NamedTuple):
    """What is known before a step of descent, while the network still has its old weights."""

    A: Tensor
    found: Any
    loss: Tensor
    """() half the mean square of f − f₀ − y, without the penalty."""
    gradient: tuple[Tensor, ...]
    """of loss and penalty, one for each free parameter."""


def descend(
    net: it.EquilibriumNetwork, X: Tensor, y: Tensor, find: Find, *, penalty: float = 0.0, steps: int = STEPS
) -> Iterator[Step]:
    """Plain gradient descent on the free parameters of A: what is known before each step, and at the end.

    It ends early where no equilibrium is found.
    """
    b = net.injection(X).detach()
    free = [p for name, p in net.named_parameters() if name not in ("W", "v")]
    found = start = None
    for k in range(steps + 1):
        A = net.A
        found = find(A, b, found)
        if not bool(found.converged.all()):
            return
        f = net.output(found.z)
        start = f.detach() if start is None else start
        loss = (f - start - y).square().mean() / 2
        total = loss if penalty == 0 else loss + penalty * it.jacobian_penalty(A, found.z, probes=None)
        gradient = torch.autograd.grad(total, free)
        yield Step(A.detach(), found, loss.detach(), gradient)
        if k == steps:
            return
        with torch.no_grad():
            for parameter, slope in zip(free, gradient, strict=True):
                parameter -= RATE * slope


def tester(net: it.EquilibriumNetwork, X: Tensor, y: Tensor, find: Find) -> Callable[[], float]:
    """A function that returns ½ mean (f − f₀ − y)² with the weights of the moment; nan without equilibria.

    f₀ is the output at its first call.
    """
    b = net.injection(X).detach()
    start: Tensor | None = None

    @torch.no_grad()
    def error() -> float:
        nonlocal start
        found = find(net.A, b, None)
        f = net.output(found.z)
        start = f if start is None else start
        return float((f - start - y).square().mean() / 2) if bool(found.converged.all()) else math.nan

    return error


def finder(method: str) -> Find:
    """Solve with the method's solver; the adjoint exactly, by Newton's method."""
    solver = METHODS[method].solver(rtol=RTOL, max_steps=LIMIT)
    return lambda A, b, _: it.solve(A, b, solver=solver, adjoint_solver=it.Newton(), throw=False)


@dataclass(frozen=True)
class Training:
    """What was measured before each step; the run ends where the solver finds no equilibrium."""

    sweeps: np.ndarray
    loss: np.ndarray
    test: np.ndarray
    """nan where a test input has no equilibrium."""
    norm: np.ndarray

    @property
    def failed(self) -> int | None:
        """The step at which the solver failed, None if it never did."""
        return len(self.sweeps) if len(self.sweeps) <= STEPS else None


@cache
def training(method: str, implicit_scale: float) -> Training:
    """One run of the comparison; the output at initialization is subtracted."""
    chosen, find = METHODS[method], finder(method)
    net = network(chosen.constraint, implicit_scale)
    X, y, X_test, y_test = task()
    test_error = tester(net, X_test, y_test, find)
    measured = [
        (
            float(step.found.steps.max()),
            float(step.loss),
            test_error(),
            float(torch.linalg.matrix_norm(step.A, 2)),
        )
        for step in descend(net, X, y, find, penalty=chosen.penalty)
    ]
    return Training(*np.array(measured).reshape(-1, 4).T)
