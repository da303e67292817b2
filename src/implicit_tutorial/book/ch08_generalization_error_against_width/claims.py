"""C16, C17: the test error before the network is trained, and how it depends on the width."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch

from implicit_tutorial import data
from implicit_tutorial.book.networks import PLAIN, solver_for
from implicit_tutorial.claims import Measurement, above, below, claim, close
from implicit_tutorial.generalization import infinite_width_prediction
from implicit_tutorial.kernels import limit_kernels
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.training import ExponentialFlow, Until, train


@claim(
    "C16",
    "At infinite width gradient flow ends at $f_0(x) + K(x, X)K^{-1}(y - f_0(X))$, so the expected test "
    r"error is $\text{bias}^2 + \kappa^2\,\text{variance}$, with both parts known before training.",
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
    yield close(
        "the predicted test error is {} times that of 20,000 random starts",
        prediction.test_error / sampled,
        1,
        rtol=0.02,
    )
    bias2 = float((M @ y - y_test).square().mean())
    yield close(
        "the squared bias is {} times that of kernel regression", prediction.bias2 / bias2, 1, rtol=0.01
    )

    centered = predict(X, y, X_test, y_test, centered=True, **scales)
    mean = torch.zeros_like(y_test)
    for seed in range(6):
        net = EquilibriumNetwork(4, 256, seed=seed, centered=True, **scales)
        train(net, X, y, method=ExponentialFlow(rtol=0.1), until=Until(loss=1e-4), record=PLAIN)
        with torch.no_grad():
            mean += net(X_test) / 6
    gap = (mean - centered.mean).norm() / centered.mean.norm()
    yield below("the mean of six networks differs from kernel regression by {} %", float(gap), 0.1)


@claim(
    "C17",
    "What a network learns comes nearer to the prediction of the limit kernel from the same $f_0$ as the "
    "width grows; at a finite width the test errors differ by a finite kernel and by features that move.",
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
            net = EquilibriumNetwork(4, m, seed=seed, solver=solver_for(m), **scales)
            with torch.no_grad():
                limit = net(X_test) + cross @ torch.linalg.solve(K, y - net(X))
                train(net, X, y, method=ExponentialFlow(rtol=0.1), until=Until(loss=1e-4), record=PLAIN)
                squares.append(float((net(X_test) - limit).square().mean()))
                fit = float((net(X) - y).square().mean())
        distance[m] = math.sqrt(sum(squares) / seeds)
    yield below("the training error of the last network is {}", fit, 1e-3)
    yield above(
        "networks of width 32 end {} times as far from the limit as those of width 400",
        distance[32] / distance[400],
        2,
    )
    yield below("networks of width 400 end at a distance of {} from the limit", distance[400], 0.2)
