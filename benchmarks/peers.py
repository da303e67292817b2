"""Other ways to take the same step: each a function that makes a step out of a network and its data.

All of them descend on A itself, in place and without an optimizer's own bookkeeping, with the injections
computed beforehand: what is left is what autograd must do.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from benchmarks.setting import Step
from implicit_tutorial.network import EquilibriumNetwork


class _Layer:
    """The parts of a network that a peer needs, and the descent of C1: dA/dt = −(σ_A²/m) ∇_A L."""

    def __init__(self, net: EquilibriumNetwork, X: Tensor, y: Tensor, eta: float) -> None:
        with torch.no_grad():
            self.b = net.injection(X)
            self.v = net.v * (net.output_scale / math.sqrt(net.width))
        self.A = net.A.detach().requires_grad_()
        self.y = y
        self.rate = eta * net.implicit_scale**2 / net.width

    def descend(self, z: Tensor) -> Tensor:
        loss = (z @ self.v - self.y).square().sum() / 2
        (gradient,) = torch.autograd.grad(loss, self.A)
        with torch.no_grad():
            self.A.sub_(gradient, alpha=self.rate)
        return loss.detach()


def explicit(net: EquilibriumNetwork, X: Tensor, y: Tensor, eta: float) -> Step:
    """f = κ v·relu(A relu(b))/√m, one hidden layer of which A is trained: two products of size n·m·m."""
    layer = _Layer(net, X, y, eta)
    hidden = torch.relu(layer.b)
    return lambda: layer.descend(torch.relu(hidden @ layer.A.T))


def unrolled(net: EquilibriumNetwork, X: Tensor, y: Tensor, eta: float, depth: int = 20) -> Step:
    """The weight-tied network of that many layers; autograd goes back through all of them."""
    layer = _Layer(net, X, y, eta)

    def step() -> Tensor:
        z = torch.relu(layer.b)
        for _ in range(depth - 1):
            z = torch.relu(torch.addmm(layer.b, z, layer.A.T))
        return layer.descend(z)

    return step


def torchdeq(net: EquilibriumNetwork, X: Tensor, y: Tensor, eta: float, *, warm: bool = True) -> Step:
    """torchdeq with implicit differentiation, fixed-point iteration both ways, to 1e-6 of the state.

    The absolute criterion of its default is below rounding in float32 and would always run to the step limit.
    With ``warm`` the forward solve starts from the last equilibrium; the backward solve offers no start.
    """
    from torchdeq import get_deq

    layer = _Layer(net, X, y, eta)
    options = {"solver": "fixed_point_iter", "tol": 1e-6, "stop_mode": "rel", "max_iter": 100}
    both = {f"{way}_{name}": value for name, value in options.items() for way in "fb"}
    deq = get_deq(ift=True, **both)
    z = torch.zeros_like(layer.b)

    def step() -> Tensor:
        nonlocal z
        states, _ = deq(lambda z: torch.relu(torch.addmm(layer.b, z, layer.A.T)), z)
        loss = layer.descend(states[-1])
        if warm:
            z = states[-1].detach()
        return loss

    return step
