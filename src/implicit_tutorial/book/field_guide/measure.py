"""Run every method on the same problem: chapter 3's task and its plain gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn.utils.parametrize import is_parametrized

import implicit_tutorial as it
from implicit_tutorial.book.descent import descend, network, task, tester
from implicit_tutorial.book.field_guide.systems import SYSTEMS, System
from implicit_tutorial.equilibrium import Condition

SCALE = 0.7


@dataclass(frozen=True)
class Measured:
    """What one run of a method showed."""

    steps: int
    """Steps of descent that it took; fewer than were asked for if no equilibrium was found."""
    first_sweeps: int
    last_sweeps: int
    """Sweeps of the slowest sample, before the first and the last step."""
    backward_sweeps: int
    """Of the adjoint, before the last step."""
    gradient_error: float
    """‖gradient − exact‖/‖exact‖ before the first step."""
    certificate: Condition | None
    """After training: what the method promises; otherwise the first sufficient condition that holds."""
    loss: float
    test: float


def network_of(system: System) -> it.EquilibriumNetwork:
    """The network of the common problem under the method's constraint."""
    return network(system.constraint, SCALE)


@cache
def measure(name: str) -> Measured:
    """One method on the common problem."""
    system = SYSTEMS[name]
    X, y, X_test, y_test = task()
    net = network_of(system)
    b = net.injection(X).detach()
    test_error = tester(net, X_test, y_test, system.find)
    test_error()  # the outputs to subtract are those before training
    first, *_, last = run = list(descend(net, X, y, system.find, penalty=system.penalty))
    (exact, *_) = descend(network_of(system), X, y, system.exact, penalty=system.penalty, steps=0)
    return Measured(
        steps=len(run) - 1,
        first_sweeps=system.forward(first.A, b, first.found),
        last_sweeps=system.forward(last.A, b, last.found),
        backward_sweeps=system.backward(last.A, b, last.found, net.v.detach()),
        gradient_error=_distance(first.gradient, exact.gradient),
        certificate=_certificate(net),
        loss=float(last.loss),
        test=test_error(),
    )


def _distance(gradient: tuple[Tensor, ...], exact: tuple[Tensor, ...]) -> float:
    found, expected = (torch.cat([x.flatten() for x in g]) for g in (gradient, exact))
    return float((found - expected).norm() / expected.norm())


def _certificate(net: it.EquilibriumNetwork) -> Condition | None:
    certificate = it.certify(net.A.detach())
    if is_parametrized(net, "Theta"):
        promise = net.parametrizations.Theta[0].constraint.guarantees
        if promise is not None:
            return certificate[promise]
    return next((c for c in certificate.conditions if c.sufficient and c.holds), None)
