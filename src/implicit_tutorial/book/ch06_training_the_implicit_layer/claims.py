"""C12 … C14: gradient flow on the implicit layer alone reaches a global minimum, and along which curve."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from implicit_tutorial import data
from implicit_tutorial.claims import Measurement, above, below, claim, close
from implicit_tutorial.equilibrium import Picard, adjoint
from implicit_tutorial.kernels import limit_kernels, network_kernels
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.training import (
    ConvergenceCertificate,
    ExponentialFlow,
    Record,
    Until,
    convergence_certificate,
    train,
)


def at_initialization(net: EquilibriumNetwork, X: Tensor, y: Tensor) -> ConvergenceCertificate:
    """The certificate that allows units to pass their kinks (C12)."""
    return convergence_certificate(net, X, y, claim="C12")


@claim(
    "C12",
    r"If $\rho_0 + r^* < 1$ and $\Delta(r^*) \le s_0/2$ for $r^* = 2\lVert e_0\rVert/s_0$, then gradient "
    r"flow on $\Theta$ stays in $\lVert A - A_0\rVert_F \le r^*$, well-posed, and $\lVert e(t)\rVert \le "
    r"e^{-\lambda_0 t/4}\,\lVert e_0\rVert$.",
    subject=at_initialization,
)
def certified_convergence(certificate: Callable) -> Iterator[Measurement]:
    """Certified at κ = 1000 for labels of variance one, where the run obeys; and how little at κ = 1."""
    X = data.sphere(4, 10, seed=0)
    y = data.linear(X)
    y = y / y.square().mean().sqrt()

    def network(kappa: float) -> EquilibriumNetwork:
        return EquilibriumNetwork(10, 1000, implicit_scale=0.1, output_scale=kappa, centered=True, seed=0)

    lazy = certificate(network(1000.0), X, y)
    yield above(
        r"at $\kappa = 1000$ the certificate allows {} times the error at the start",
        lazy.largest_error / lazy.initial_error,
        1,
    )
    yield above("the condition on the Jacobian has {} % of room", lazy.margins["jacobian"], 0.1)
    yield close(
        r"the error allowed at $\kappa = 1000$ is {} times the one allowed at $\kappa = 1$",
        lazy.largest_error / certificate(network(1.0), X, y).largest_error,
        1000,
        rtol=1e-3,
    )

    # The slowest label vector there is: the flow is then as slow as it can be.
    net = network(1000.0)
    values, vectors = torch.linalg.eigh(network_kernels(net, X).implicit)
    y = vectors[:, 0] * lazy.initial_error
    proof = certificate(net, X, y)
    yield close(
        "the certificate's smallest eigenvalue is {} times the kernel's",
        proof.lambda0 / float(values[0]),
        1,
        rtol=1e-6,
    )
    before = _features(net, X)
    history = train(net, X, y, method=ExponentialFlow(), until=Until(time=4 / float(values[0])))
    yield below(
        "along the run the Jacobian changes by {} % of what is allowed",
        _jacobian_change(net, before, X) / proof.Delta,
        1,
    )
    decay = 0.5 * math.log(history.train_loss.iloc[0] / history.train_loss.iloc[-1])
    yield above(
        "the slowest error decays at {} times the proven rate",
        decay / (proof.rate * history.time.iloc[-1]),
        1,
    )
    yield below("the matrix moves by {} % of the radius allowed", history.movement.iloc[-1] / proof.r_star, 1)
    yield above(
        "the matrix moves by {} times the least that fits the labels",
        history.movement.iloc[-1] / (proof.initial_error / proof.s0),
        0.9,
    )
    yield below("along the run the norm of the matrix reaches {}", history.norm_A.max(), 1)


@claim(
    "C13",
    r"Along a computed run $\lambda_{\min}(K(t)) > 0$ and the well-posedness of $A(t)$ are measured, and "
    r"$\lVert e(t)\rVert \le \exp(-\int\lambda_{\min}(K))\,\lVert e_0\rVert$.",
    subject=train,
)
def measured_decay(train: Callable) -> Iterator[Measurement]:
    """Labels along the slowest mode, where the inequality is nearly an equality, and ordinary labels.

    The flow slides along the kinks of a few units: there its kernel is a mean of the two sides, and the
    measured λ_min is that of one side, which shows in the third digit.
    """
    X = data.sphere(8, 4, seed=0)
    for name in ("slowest", "ordinary"):
        net = EquilibriumNetwork(4, 256, implicit_scale=0.35, output_scale=3.0, centered=True, seed=0)
        values, vectors = torch.linalg.eigh(network_kernels(net, X).implicit)
        y = vectors[:, 0] if name == "slowest" else data.linear(X)
        history = train(net, X, y, method=ExponentialFlow(rtol=0.005), until=Until(time=3 / float(values[0])))
        smallest, time = history.lambda_min.to_numpy(), history.time.to_numpy()
        integral = float((0.5 * (smallest[1:] + smallest[:-1]) * (time[1:] - time[:-1])).sum())
        decay = 0.5 * math.log(history.train_loss.iloc[0] / history.train_loss.iloc[-1])
        if name == "slowest":
            yield close(
                "the slowest error decays {} times as fast as the inequality says",
                decay / integral,
                1,
                rtol=0.05,
            )
        else:
            yield above(
                "the error of ordinary labels decays {} times as fast as the inequality says",
                decay / integral,
                1,
            )
            yield above(
                "the kernel's smallest eigenvalue stays above {} % of its first value",
                smallest.min() / smallest[0],
                0.1,
            )
        yield below(f"with the {name} labels the norm of the matrix reaches {{}}", history.norm_A.max(), 1)


@claim(
    "C14",
    r"As long as $K(t)$ is within $\varepsilon$ of $K^\infty$ the error is within "
    r"$(\varepsilon/\lambda_{\min}(K^\infty))\,\lVert e_0\rVert$ of $e^{-K^\infty t}e_0$, mode by mode. "
    r"Measured: networks of width $m$ deviate by about $1/\sqrt m$.",
    subject=limit_kernels,
)
def predicted_curve(kernels: Callable) -> Iterator[Measurement]:
    """Networks of three widths at one time, against the matrix exponential of their own first error."""
    n, sigma, kappa = 8, 0.6, 3.0
    X = data.sphere(n, 4, seed=0)
    y = data.linear(X)
    values, modes = torch.linalg.eigh(kernels(X, implicit_scale=sigma, output_scale=kappa).implicit)
    t = float(2 / values[-3:].mean())
    decay = torch.exp(-values * t)
    widths, deviations = (64, 192, 576), []
    for m in widths:
        gaps, predicted, measured = [], [], []
        for seed in range(6):
            net = EquilibriumNetwork(
                4,
                m,
                implicit_scale=sigma,
                output_scale=kappa,
                seed=seed,
                solver=Picard(rtol=1e-7),
            )
            with torch.no_grad():
                e0 = modes.T @ (net(X) - y)
            train(
                net,
                X,
                y,
                method=ExponentialFlow(steps=3),
                until=Until(time=t),
                record=Record(every=3, norm=False, spectrum=False, movement=False),
            )
            with torch.no_grad():
                e = modes.T @ (net(X) - y)
            gaps.append(float((e - decay * e0).square().sum() / e0.square().sum()))
            predicted.append(decay * e0)
            measured.append(e)
        deviations.append(math.sqrt(sum(gaps) / len(gaps)))
    yield below(
        f"networks of width {widths[-1]} deviate from the predicted error by {{}} %",
        deviations[-1],
        0.08,
    )
    exponent = math.log(deviations[-1] / deviations[0]) / math.log(widths[-1] / widths[0])
    yield close("the deviation goes with the width to the power {}", exponent, -0.5, rtol=0.3)
    predicted, measured = torch.cat(predicted), torch.cat(measured)
    slope = float(predicted @ measured / (predicted @ predicted))
    yield close(
        f"at width {widths[-1]} the parts of the error are {{}} times the predicted ones", slope, 1, rtol=0.05
    )


def _features(net: EquilibriumNetwork, X: Tensor) -> tuple[Tensor, Tensor]:
    """z and u, whose outer products κ/√m u zᵀ are the rows of the Jacobian with respect to A (C1)."""
    with torch.no_grad():
        z = net.equilibrium(X).z
        return z, adjoint(net.A, z, net.v).u


def _jacobian_change(net: EquilibriumNetwork, before: tuple[Tensor, Tensor], X: Tensor) -> float:
    """‖J − J⁰‖_F, row by row from scalar products."""
    (z0, u0), (z, u) = before, _features(net, X)
    squares = (
        z.square().sum(1) * u.square().sum(1)
        + z0.square().sum(1) * u0.square().sum(1)
        - 2 * (z * z0).sum(1) * (u * u0).sum(1)
    )
    return net.output_scale / math.sqrt(net.width) * float(squares.clamp(min=0).sum().sqrt())
