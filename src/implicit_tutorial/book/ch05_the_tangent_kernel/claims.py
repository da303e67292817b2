"""C9 … C11: the tangent kernel is a forward kernel times a backward kernel, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from implicit_tutorial import data
from implicit_tutorial.claims import Measurement, above, below, claim, close
from implicit_tutorial.kernels import limit_kernels, network_kernels
from implicit_tutorial.network import EquilibriumNetwork


@claim(
    "C9",
    r"With only $\Theta$ trained the tangent kernel factorises, $K = \kappa^2\sigma_A^2\,(z\cdot "
    r"z'/m)(u\cdot u'/m)$, and gradient flow moves the error by $\dot e = -K e$.",
    subject=network_kernels,
)
def kernel_factorises(kernels: Callable) -> Iterator[Measurement]:
    """Against autograd's Jacobian of each layer, and the error after a short step down the gradient."""
    net = EquilibriumNetwork(4, 60, implicit_scale=0.7, input_scale=1.2, output_scale=0.8, seed=0)
    X = data.sphere(6, 4, seed=0)
    found = kernels(net, X)
    layers = {"implicit": "Theta", "output": "v", "input": "W"}
    f = net(X)
    for layer, name in layers.items():
        parameter = getattr(net, name)
        J = torch.stack([torch.autograd.grad(f_i, parameter, retain_graph=True)[0].flatten() for f_i in f])
        gap = torch.linalg.matrix_norm(getattr(found, layer) - J @ J.T) / torch.linalg.matrix_norm(J @ J.T)
        yield below(
            f"the {layer} layer's kernel differs from autograd's by {{}} of its size at most",
            _floor(gap),
            1e-6,
        )

    e = f - data.linear(X)
    (gradient,) = torch.autograd.grad(e.square().sum() / 2, net.Theta)
    h = 1e-4
    with torch.no_grad():
        e = e.detach()
        net.Theta -= h * gradient
        speed = (net(X) - f) / h
        flow = found.implicit @ e
        gap = torch.linalg.vector_norm(speed + flow) / torch.linalg.vector_norm(flow)
    yield below(
        "over a short step the velocity of the error differs from $-K e$ by {} of its size", gap, 0.01
    )


@claim(
    "C10",
    r"For $\sigma_A < 1/2$ the kernels tend, as $m \to \infty$, to the fixed point $k = \sigma_A^2 Q(k) + "
    r"\sigma_U^2\,x\cdot x'$, $\Pi = \dot\Sigma/(1 - \sigma_A^2\dot\Sigma)$, $K = "
    r"\kappa^2\sigma_A^2\,Q\circ\Pi$. Measured: so they do at $\sigma_A = 0.8$, at the rate $1/\sqrt m$.",
    subject=limit_kernels,
)
def infinite_width(kernels: Callable) -> Iterator[Measurement]:
    """Against Gaussian averages at the fixed point, the closed form on the diagonal, and networks."""
    sigma = 0.8
    X = data.sphere(6, 4, seed=0)
    limit = kernels(X, implicit_scale=sigma)
    k = sigma**2 * limit.forward + X @ X.T
    generator = torch.Generator().manual_seed(0)
    h = torch.randn(60_000, 6, generator=generator, dtype=torch.float64) @ _root(k)
    h = torch.cat([h, -h])  # antithetic: half the variance
    z, D = torch.relu(h), (h > 0).to(torch.float64)
    slope = D.T @ D / len(h)
    backward = slope / (1 - sigma**2 * slope)
    yield below(
        "the forward kernel differs from its Gaussian average by {} %",
        _gap(limit.forward, z.T @ z / len(h)),
        0.02,
    )
    yield below(
        "the backward kernel differs from its Gaussian average by {} %",
        _gap(limit.backward, backward),
        0.02,
    )

    diagonal = limit.implicit.diag().mean()
    yield close(
        "the limit kernel of an input with itself is {}", diagonal, (sigma / (2 - sigma**2)) ** 2, rtol=1e-6
    )

    widths, errors = (64, 192, 576), []
    for m in widths:
        nets = [EquilibriumNetwork(4, m, implicit_scale=sigma, seed=seed) for seed in range(16)]
        gaps = torch.stack([network_kernels(net, X).implicit - limit.implicit for net in nets])
        errors.append(float(gaps.square().mean().sqrt()))
    exponent = math.log(errors[-1] / errors[0]) / math.log(widths[-1] / widths[0])
    yield close(
        "the distance of networks from the limit goes with the width to the power {}",
        exponent,
        -0.5,
        rtol=0.2,
    )


@claim(
    "C11",
    r"$\lambda_{\min}(K^\infty)$ is at least $\sigma_A^2/(2 - \sigma_A^2)$ times that of the output "
    "layer: at infinite width the implicit layer alone learns every data set on the sphere without equal "
    r"inputs, and from $\sigma_A = 1$ on its slowest rate is no less than the output layer's.",
    subject=limit_kernels,
)
def implicit_layer_suffices(kernels: Callable) -> Iterator[Measurement]:
    """The inequality at five scales, also for near-parallel and opposite inputs; equality for the traces."""
    X = data.sphere(20, 5, seed=0)
    near = data.circle(torch.tensor([0.0, 0.1, 0.2, 2.0], dtype=torch.float64))
    hexagon = data.circle(torch.arange(6, dtype=torch.float64) * math.pi / 3)
    worst = math.inf
    for sigma in (0.2, 0.6, 1.0, 1.3, 1.4):
        bound = sigma**2 / (2 - sigma**2)
        for points in (X, near, hexagon):
            k = kernels(points, implicit_scale=sigma)
            worst = min(worst, _smallest(k.implicit) / _smallest(k.output) / bound)
        k = kernels(X, implicit_scale=sigma)
        yield close(
            f"at the scale {sigma:g} the implicit kernel's trace is {{}} times the output kernel's",
            k.implicit.trace() / k.output.trace(),
            bound,
            rtol=1e-6,
        )
    yield above(
        "on three sets of inputs, at five scales, the ratio of the smallest eigenvalues is at least {} times "
        "its bound",
        worst,
        1,
    )
    without, k = (kernels(hexagon, implicit_scale=sigma) for sigma in (0.0, 0.2))
    size = without.output.trace()
    yield below(
        "with opposite inputs and no loop, the output kernel's least eigenvalue is {} of the trace at most",
        _floor(_smallest(without.output) / size),
        1e-6,
    )
    yield above(
        "with opposite inputs at the scale 0.2, the implicit kernel's smallest eigenvalue is {} of the trace",
        _smallest(k.implicit) / k.implicit.trace(),
        1e-3,
    )
    k = kernels(X, implicit_scale=1.0)
    yield above(
        "at the scale 1 the slowest direction is learned {} times as fast as by the output layer",
        _smallest(k.implicit) / _smallest(k.output),
        1,
    )
    k = kernels(X, implicit_scale=1.41)
    yield above(
        "at the scale 1.41 the slowest direction is learned {} times as fast as by the output layer",
        _smallest(k.implicit) / _smallest(k.output),
        100,
    )


def _smallest(K: Tensor) -> float:
    return float(torch.linalg.eigvalsh(K)[0])


def _root(k: Tensor) -> Tensor:
    """A square root of a covariance, transposed."""
    return torch.linalg.cholesky(k).T


def _gap(x: Tensor, reference: Tensor) -> float:
    return float((x - reference).abs().max() / reference.abs().max())


def _floor(gap: Tensor | float) -> float:
    """A relative gap with rounding hidden: nothing below 1e-8 is told apart."""
    return max(abs(float(gap)), 1e-8)
