"""What chapter 4 compares: six solvers on five matrices, and five gradients on a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial

import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.oracles import gaussian
from implicit_tutorial.explorer import Control, style
from implicit_tutorial.prose import powers

WIDTH, SAMPLES, INPUTS = 256, 32, 5
TOLERANCES = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10)
#: The trained network: σ_A, the size of its random labels, the step of descent and how many.
_SCALE, _LABELS, _RATE, _STEPS = 0.8, 8.0, 0.4, 40

#: The names of the matrices.
MATRICES = ("σ_A = 0.4", "σ_A = 0.8", "σ_A = 1.2", "monotone", "trained")
#: The solvers by the name they have in the chapter.
SOLVERS: dict[str, Callable] = {
    solver.__name__: solver
    for solver in (it.Picard, it.Anderson, it.Broyden, it.ForwardBackward, it.PeacemanRachford, it.Newton)
}
#: Anderson as in textbooks, which mixes at every sweep from the first; by default it leaves a disc to Picard.
PLAIN_ANDERSON = partial(it.Anderson, start_gain=0, period=1)
#: Where a solve may start, from zero or from the last solution, each with its colour.
STARTS = {"cold": style.SERIES[1], "warm": style.SERIES[0]}


def inputs() -> Tensor:
    """(n, d) inputs on the sphere."""
    return it.data.sphere(SAMPLES, INPUTS, seed=1)


def trained(steps: int = _STEPS) -> tuple[Tensor, Tensor]:
    """A and the injections after so many steps of gradient descent on Θ towards random labels."""
    net = it.EquilibriumNetwork(INPUTS, WIDTH, implicit_scale=_SCALE, solver=it.Anderson(), seed=0)
    X = inputs()
    y = _LABELS * it.data.noise(X, seed=2)
    start = net(X).detach()
    for _ in range(steps):
        loss = (net(X) - start - y).square().mean() / 2
        net.Theta.data -= _RATE * torch.autograd.grad(loss, net.Theta)[0]
    return net.A.detach(), net.injection(X).detach()


@cache
def problems() -> dict[str, tuple[Tensor, Tensor]]:
    """A (m, m) and injections (n, m) by the name of the matrix.

    Three Gaussian ones, a strongly monotone one with ‖A‖₂ > 1 on which Picard diverges, and a trained one.
    """
    nets = {
        scale: it.EquilibriumNetwork(INPUTS, WIDTH, implicit_scale=scale, seed=0) for scale in (0.4, 0.8, 1.2)
    }
    b = nets[0.4].injection(inputs()).detach()
    monotone = it.Monotone(0.2)(gaussian(WIDTH, 0.7, seed=3), gaussian(WIDTH, 0.7, seed=4))
    gaussians = ((net.A.detach(), b) for net in nets.values())
    return dict(zip(MATRICES, (*gaussians, (monotone, b), trained()), strict=True))


@dataclass(frozen=True)
class Backward:
    """A way to the gradient: the solver of the forward pass, and what is done in the backward pass."""

    gradient: it.Exact | it.Phantom | it.Shine
    solver: Callable = field(default=it.Picard)
    measured: tuple[str, int] | None = None
    """Which error curve it lies on, and after how many products with Aᵀ; none where it is exact."""


#: The gradients by the name they have in the chapter.
GRADIENTS: dict[str, Backward] = {
    "exact": Backward(it.Exact()),
    "one step": Backward(it.Phantom(), measured=("phantom", 0)),
    "phantom, 5 steps": Backward(it.Phantom(steps=5), measured=("phantom", 4)),
    "SHINE": Backward(it.Shine(), it.Broyden, ("shine", 0)),
    "SHINE + 4 sweeps": Backward(it.Shine(refine=4), it.Broyden, ("shine", 4)),
}


def gradient(
    network: it.EquilibriumNetwork, X: Tensor, y: Tensor, way: Backward, **tolerances: float
) -> tuple[float, Tensor]:
    """The loss ½ mean (f − y)² and its derivative (m, m) in Θ, the backward pass done in the given way."""
    solution = network.equilibrium(X, solver=way.solver(**tolerances), gradient=way.gradient)
    loss = (network.output(solution.z) - y).square().mean() / 2
    return float(loss.detach()), torch.autograd.grad(loss, network.Theta)[0]


def tolerance_control() -> Control:
    """The slider of the relative residual at which a solver stops."""
    return Control("tolerance", TOLERANCES, start=1e-4, fmt=lambda t: powers(t, 1).removeprefix("1·"))
