"""What a constraint is, and how a network takes one on."""

from __future__ import annotations

import math
from inspect import signature
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from implicit_tutorial.equilibrium.checks import check_float, check_matrix, checked
from implicit_tutorial.network import EquilibriumNetwork

Net = TypeVar("Net", bound=EquilibriumNetwork)

#: Every constraint by its name; a class enters itself, see :class:`Constraint`.
CONSTRAINTS: dict[str, type[Constraint]] = {}


class Constraint(nn.Module):
    """A differentiable map from free parameters to matrices A that satisfy a condition of C5.

    Use it with :func:`constrain`, or on any matrix parameter with ``torch.nn.utils.parametrize``.
    Autograd then differentiates the loss with respect to the free parameters, through the constraint.
    """

    guarantees: str | None = None
    """Name of the condition in ``certify(A)`` that holds for every value of the free parameters.

    A class that says so, if only with None, is one of :data:`CONSTRAINTS`; a variant of another need not.
    """

    def __init_subclass__(cls) -> None:
        if "guarantees" in vars(cls):
            CONSTRAINTS[cls.__name__] = cls

    rectangular: bool = False
    """Whether it is one for matrices that are not square, too."""

    def __call__(self, *free: Tensor) -> Tensor:
        """A of the free parameters, each of which is refused by name where it is no matrix of numbers."""
        for name, x in zip(signature(self.forward).parameters, free, strict=False):
            check_float(name, x)
            if x.ndim != 2 or not self.rectangular:
                check_matrix(x, name)
        return super().__call__(*free)

    def forward(self, *free: Tensor) -> Tensor:
        raise NotImplementedError

    def right_inverse(self, A: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Free parameters to start from, given an unconstrained A."""
        return A


class _Scaled(nn.Module):
    """A constraint on A = scale·Θ as a parametrization of Θ; free parameters keep Θ's unit."""

    def __init__(self, constraint: Constraint, scale: float) -> None:
        super().__init__()
        self.constraint, self.scale = constraint, scale

    def forward(self, *free: Tensor) -> Tensor:
        return self.constraint(*(x * self.scale for x in free)) / self.scale

    def right_inverse(self, Theta: Tensor) -> Tensor | tuple[Tensor, ...]:
        free = self.constraint.right_inverse(Theta * self.scale)
        return free / self.scale if isinstance(free, Tensor) else tuple(x / self.scale for x in free)


@checked
def constrain(net: Net, constraint: Constraint) -> Net:
    """Make ``net.A`` obey a constraint from now on (C8): A = C(σ_A Θ/√m), with Θ the free parameter.

    The free parameters are ``net.parametrizations.Theta.original`` (or ``original0``, ``original1``),
    which ``net.parameters()`` yields; gradient steps on them have the unit of steps on Θ. A centered
    network takes the constrained network as its new initialization, so that f − f₀ starts at zero.
    ``torch.nn.utils.parametrize.remove_parametrizations(net, "Theta")`` undoes it and keeps the
    constrained A.

    Args:
        net: changed in place.
        constraint: e.g. ``SpectralScaling(0.9)``.

    Returns:
        The same network.

    Raises:
        ValueError: the network is constrained already, or its implicit_scale is zero.
    """
    if parametrize.is_parametrized(net, "Theta"):
        raise ValueError(
            "this network is constrained already; undo that first with "
            'torch.nn.utils.parametrize.remove_parametrizations(net, "Theta").'
        )
    if net.implicit_scale == 0:
        raise ValueError("implicit_scale=0 makes A = 0 whatever Θ is; there is nothing to constrain.")
    scaled = _Scaled(constraint, net.implicit_scale / math.sqrt(net.width))
    parametrize.register_parametrization(net, "Theta", scaled)
    if net.centered:
        with torch.no_grad():
            net.initial_Theta.copy_(net.Theta)
    return net


def check_limit(name: str, value: float) -> float:
    """Refuse a bound that would not guarantee anything."""
    if not 0 < value < 1:
        raise ValueError(f"{name}={value}: the equilibrium is guaranteed for a value between 0 and 1.")
    return value
