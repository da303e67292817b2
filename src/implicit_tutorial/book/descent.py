"""Plain gradient descent on the implicit layer, step by step, on one small task with noisy labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

import implicit_tutorial as it

INPUTS, SAMPLES, TESTS, WIDTH, STEPS, RATE, SEED = 5, 20, 50, 64, 40, 0.75, 0
NOISE = 1.5  # standard deviation of what is added to the training labels
RTOL, LIMIT = 1e-6, 400


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


def softmax(net: it.EquilibriumNetwork) -> it.SoftmaxColumns:
    """The network's Θ as logits: its A is σ_A Θ/√m."""
    return it.SoftmaxColumns(0.7, temperature=net.implicit_scale / math.sqrt(net.width))


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
