"""C15: a bound on the test loss that is computed from the training run."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from implicit_tutorial import data
from implicit_tutorial.book.networks import PLAIN
from implicit_tutorial.claims import Measurement, above, below, claim, close
from implicit_tutorial.generalization import generalization_bound, infinite_width_prediction
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.training import ExponentialFlow, Until, train


@claim(
    "C15",
    r"With probability $1 - \delta$ the test loss is at most the training loss plus "
    r"$(2cr/n)\bigl(\sqrt{\sum_i\lVert J_i^0\rVert_F^2} + \sum_i\delta_i(r)\bigr)$ and a confidence term: "
    "computed from the training inputs, and vacuous for random labels.",
    subject=generalization_bound,
)
def computable_bound(bound: Callable) -> Iterator[Measurement]:
    """Each term against autograd, gradient ascent on random signs, and labels that nobody can predict."""
    n, d, r = 12, 5, 0.1
    X = data.sphere(n, d, seed=0)
    net0 = EquilibriumNetwork(d, 120, implicit_scale=0.2, seed=0)
    J = _jacobian(net0, X)
    moved = copy.deepcopy(net0)
    _move(moved, net0, J[0].reshape(120, 120), r)
    result = bound(net0, moved, X, data.linear(X), base=r * (1 + 1e-9))
    norm = float(torch.linalg.matrix_norm(J))
    yield close(
        "the linear term is {} times the one by autograd", result.linear / (2 * r / n * norm), 1, rtol=0.01
    )

    change = torch.linalg.vector_norm(_jacobian(moved, X) - J, dim=1)
    yield below(
        "in the ball a Jacobian changes by {} % of what is allowed", float((change / result.delta).max()), 1
    )

    fitted = []
    for seed in range(8):
        signs = data.noise(X, seed=seed).sign()
        climber = copy.deepcopy(net0)
        _move(climber, net0, (signs @ J).reshape(120, 120), r)
        with torch.no_grad():
            fitted.append(float((signs * (climber(X) - net0(X))).mean()))
    complexity = (result.linear + result.remainder) / 2
    yield below("random signs are fitted to {} % of what the bound allows", sum(fitted) / 8 / complexity, 1)

    # On noise the best possible loss is that of f = 0; a bound below it would be wrong.
    noise = data.noise(X, seed=0)
    trained = copy.deepcopy(net0)
    train(trained, X, noise, method=ExponentialFlow(rtol=0.1), until=Until(loss=1e-3), record=PLAIN)
    result = bound(net0, trained, X, noise)
    yield above("the bound on random labels is {}, where 1 already says nothing", result.total, 1)

    squares = []
    for seed in range(5):
        net = EquilibriumNetwork(d, 300, implicit_scale=0.4, seed=seed)
        squares.append(bound(net, net, X, data.linear(X)).lazy_linear ** 2)
    expected = infinite_width_prediction(X, data.linear(X), X, implicit_scale=0.4).bound
    yield close(
        "the linear term at width 300 is {} times that at infinite width",
        math.sqrt(sum(squares) / 5) / expected,
        1,
        rtol=0.2,
    )


def _jacobian(net: EquilibriumNetwork, X: Tensor) -> Tensor:
    """(n, m²) derivatives of the outputs in A, one sample at a time."""
    rows = [torch.autograd.grad(net(x[None]).sum(), net.Theta)[0].flatten() for x in X]
    return torch.stack(rows) * math.sqrt(net.width) / net.implicit_scale


def _move(net: EquilibriumNetwork, origin: EquilibriumNetwork, direction: Tensor, r: float) -> None:
    """Put A at distance r from the origin's along a direction."""
    with torch.no_grad():
        step = direction / torch.linalg.matrix_norm(direction) * r
        net.Theta.copy_(origin.Theta + step * math.sqrt(net.width) / net.implicit_scale)
