"""C15 … C17: what is known of the test error before the network is tested, and before it is trained."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from implicit_tutorial import data
from implicit_tutorial.claims.registry import Measurement, above, below, claim, close
from implicit_tutorial.claims.runs import PLAIN, solver
from implicit_tutorial.generalization import generalization_bound, infinite_width_prediction
from implicit_tutorial.kernels import limit_kernels
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.training import ExponentialFlow, Until, train

_BOUND, _WIDTH = "07_a_bound_you_can_compute", "08_generalization_error_against_width"


@claim(
    "C15",
    "With probability 1 − δ, test loss ≤ training loss + 2c(r/n)(√(Σ‖J_i⁰‖²) + Σδ_i(r)) + a confidence term: "
    "computed from the training inputs, and vacuous for random labels.",
    chapter=_BOUND,
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
    yield close("linear term, by autograd", result.linear, 2 * r / n * norm, rtol=0.01)

    change = torch.linalg.vector_norm(_jacobian(moved, X) - J, dim=1)
    yield below("change of the Jacobian over δ(r), at most", float((change / result.delta).max()), 1)

    fitted = []
    for seed in range(8):
        signs = data.noise(X, seed=seed).sign()
        climber = copy.deepcopy(net0)
        _move(climber, net0, (signs @ J).reshape(120, 120), r)
        with torch.no_grad():
            fitted.append(float((signs * (climber(X) - net0(X))).mean()))
    complexity = (result.linear + result.remainder) / 2
    yield below("random signs fitted in the ball, over the bound", sum(fitted) / 8 / complexity, 1)

    # On noise the best possible loss is that of f = 0; a bound below it would be wrong.
    noise = data.noise(X, seed=0)
    trained = copy.deepcopy(net0)
    train(trained, X, noise, method=ExponentialFlow(rtol=0.1), until=Until(loss=1e-3), record=PLAIN)
    result = bound(net0, trained, X, noise)
    yield above("bound on random labels, where 1 says nothing", result.total, 1)

    squares = []
    for seed in range(5):
        net = EquilibriumNetwork(d, 300, implicit_scale=0.4, seed=seed)
        squares.append(bound(net, net, X, data.linear(X)).lazy_linear ** 2)
    expected = infinite_width_prediction(X, data.linear(X), X, implicit_scale=0.4).bound
    yield close(
        "linear term at width 300 over infinite width", math.sqrt(sum(squares) / 5) / expected, 1, rtol=0.2
    )


@claim(
    "C16",
    "At infinite width gradient flow ends at f₀(x) + K(x,X)K⁻¹(y − f₀(X)), so the expected test error is "
    "bias² + κ² var, with both parts known before training.",
    chapter=_WIDTH,
    subject=infinite_width_prediction,
)
def test_error_at_infinite_width(predict: Callable) -> Iterator[Measurement]:
    """Against 20,000 sampled initializations carried through the kernel, and against trained networks."""
    n, kappa = 20, 2.0
    X, X_test = data.sphere(n, 4, seed=1), data.sphere(100, 4, seed=2)
    y, y_test = data.linear_quadratic(X), data.linear_quadratic(X_test)
    scales = {"implicit_scale": 0.5, "output_scale": kappa}
    prediction = predict(X, y, X_test, y_test, **scales)

    kernels = limit_kernels(torch.cat([X, X_test]), **scales)
    generator = torch.Generator().manual_seed(0)
    draw = torch.randn(n + 100, 20_000, generator=generator, dtype=torch.float64)
    f0 = torch.linalg.cholesky(kernels.output) @ draw
    M = torch.linalg.solve(kernels.implicit[:n, :n], kernels.implicit[:n, n:]).T
    end = f0[n:] + M @ (y[:, None] - f0[:n])
    sampled = float((end - y_test[:, None]).square().mean())
    yield close("expected test error, over that of samples", prediction.test_error / sampled, 1, rtol=0.02)
    bias2 = float((M @ y - y_test).square().mean())
    yield close("bias², over that of kernel regression", prediction.bias2 / bias2, 1, rtol=0.01)

    centered = predict(X, y, X_test, y_test, centered=True, **scales)
    mean = torch.zeros_like(y_test)
    for seed in range(6):
        net = EquilibriumNetwork(4, 256, seed=seed, centered=True, **scales)
        train(net, X, y, method=ExponentialFlow(rtol=0.1), until=Until(loss=1e-4), record=PLAIN)
        with torch.no_grad():
            mean += net(X_test) / 6
    gap = (mean - centered.mean).norm() / centered.mean.norm()
    yield below("mean network from K(x,X)K⁻¹y, relative", float(gap), 0.1)


@claim(
    "C17",
    "The test error tends to the infinite-width prediction as the width grows; narrow networks differ from "
    "it because their features move and their kernels fluctuate.",
    chapter=_WIDTH,
    subject=train,
)
def width(train: Callable) -> Iterator[Measurement]:
    """The distance between networks and the limit kernel's predictor from the same f₀, at two widths."""
    X, X_test = data.sphere(20, 4, seed=1), data.sphere(200, 4, seed=2)
    y = data.linear(X)
    scales = {"implicit_scale": 0.5, "output_scale": 1.0}
    K, cross = (limit_kernels(*inputs, **scales).implicit for inputs in ((X,), (X_test, X)))
    distance = {}
    for m, seeds in ((32, 6), (400, 3)):
        squares = []
        for seed in range(seeds):
            net = EquilibriumNetwork(4, m, seed=seed, solver=solver(m), **scales)
            with torch.no_grad():
                limit = net(X_test) + cross @ torch.linalg.solve(K, y - net(X))
                train(net, X, y, method=ExponentialFlow(rtol=0.1), until=Until(loss=1e-4), record=PLAIN)
                squares.append(float((net(X_test) - limit).square().mean()))
                fit = float((net(X) - y).square().mean())
        distance[m] = math.sqrt(sum(squares) / seeds)
    yield below("training error of the last network", fit, 1e-3)
    yield above("distance to the limit, width 32 over 400", distance[32] / distance[400], 2)
    yield below("distance to the limit at width 400", distance[400], 0.2)


def _jacobian(net: EquilibriumNetwork, X: Tensor) -> Tensor:
    """(n, m²) derivatives of the outputs in A, one sample at a time."""
    rows = [torch.autograd.grad(net(x[None]).sum(), net.Theta)[0].flatten() for x in X]
    return torch.stack(rows) * math.sqrt(net.width) / net.implicit_scale


def _move(net: EquilibriumNetwork, origin: EquilibriumNetwork, direction: Tensor, r: float) -> None:
    """Put A at distance r from the origin's along a direction."""
    with torch.no_grad():
        step = direction / torch.linalg.matrix_norm(direction) * r
        net.Theta.copy_(origin.Theta + step * math.sqrt(net.width) / net.implicit_scale)
