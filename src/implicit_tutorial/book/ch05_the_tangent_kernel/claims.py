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
    "With only Θ trained the tangent kernel factorises, K = κ²σ_A² (z·z'/m)(u·u'/m), and gradient flow moves "
    "the error by de/dt = −K e.",
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
        yield below(f"distance from autograd's {layer} kernel", _floor(gap), 1e-6)

    e = f - data.linear(X)
    (gradient,) = torch.autograd.grad(e.square().sum() / 2, net.Theta)
    h = 1e-4
    with torch.no_grad():
        e = e.detach()
        net.Theta -= h * gradient
        speed = (net(X) - f) / h
        flow = found.implicit @ e
        gap = torch.linalg.vector_norm(speed + flow) / torch.linalg.vector_norm(flow)
    yield below("relative distance of de/dt from −K e, by differences", gap, 0.01)


@claim(
    "C10",
    "For σ_A < 1/2 the kernels tend, as m → ∞, to the fixed point k = σ_A² Q(k) + σ_U² x·x', "
    "Π = Σ̇/(1 − σ_A² Σ̇), K = κ²σ_A² Q ∘ Π. Measured: so they do at σ_A = 0.8, at the rate 1/√m.",
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
    yield below("distance of Q from its Gaussian average", _gap(limit.forward, z.T @ z / len(h)), 0.02)
    yield below("distance of Π from its Gaussian average", _gap(limit.backward, backward), 0.02)

    diagonal = limit.implicit.diag().mean()
    yield close("K^∞ on the diagonal", diagonal, (sigma / (2 - sigma**2)) ** 2, rtol=1e-6)

    widths, errors = (64, 192, 576), []
    for m in widths:
        nets = [EquilibriumNetwork(4, m, implicit_scale=sigma, seed=seed) for seed in range(16)]
        gaps = torch.stack([network_kernels(net, X).implicit - limit.implicit for net in nets])
        errors.append(float(gaps.square().mean().sqrt()))
    exponent = math.log(errors[-1] / errors[0]) / math.log(widths[-1] / widths[0])
    yield close("exponent of m in the distance of networks", exponent, -0.5, rtol=0.2)


@claim(
    "C11",
    "λ_min(K^∞)/λ_min(K_out^∞) ≥ σ_A²/(2 − σ_A²): at infinite width the implicit layer alone learns every "
    "data set without equal inputs, and from σ_A = 1 on no slower than the output layer.",
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
            f"ratio of the traces at σ_A = {sigma:g}", k.implicit.trace() / k.output.trace(), bound, rtol=1e-6
        )
    yield above("smallest ratio of the λ_min over its bound", worst, 1)
    without, k = (kernels(hexagon, implicit_scale=sigma) for sigma in (0.0, 0.2))
    size = without.output.trace()
    yield below(
        "opposite pairs: λ_min/trace of K_out at σ_A = 0", _floor(_smallest(without.output) / size), 1e-6
    )
    yield above(
        "opposite pairs: λ_min/trace of K at σ_A = 0.2", _smallest(k.implicit) / k.implicit.trace(), 1e-3
    )
    k = kernels(X, implicit_scale=1.0)
    yield above("λ_min(K)/λ_min(K_out) at σ_A = 1", _smallest(k.implicit) / _smallest(k.output), 1)
    k = kernels(X, implicit_scale=1.41)
    yield above("λ_min(K)/λ_min(K_out) at σ_A = 1.41", _smallest(k.implicit) / _smallest(k.output), 100)


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
