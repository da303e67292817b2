"""C12 … C14, C20, C22: training the implicit layer alone reaches a global minimum, and along which curve."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from implicit_tutorial import data
from implicit_tutorial.book.ch06_training_the_implicit_layer.exact import ExactNetwork, distance_to_minimum
from implicit_tutorial.book.networks import PLAIN
from implicit_tutorial.claims import Measurement, above, below, claim, close
from implicit_tutorial.equilibrium import Picard, adjoint
from implicit_tutorial.kernels import limit_kernels, network_kernels
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.training import (
    ConvergenceCertificate,
    ExponentialFlow,
    GradientDescent,
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
        "the matrix moves by {} times what its tangent at the start needs to fit the labels",
        history.movement.iloc[-1] / (proof.initial_error / proof.s0),
        0.9,
    )
    yield below("along the run the norm of the matrix reaches {}", history.norm_A.max(), 1)


@claim(
    "C20",
    r"At any computed point: if $r^*(\gamma_i + k_i) < 1$ for every sample and $\Delta(r^*) \le s/2$ for "
    r"$r^* = 2\lVert e\rVert/s$, then the equilibria go on in the ball $\lVert A' - A\rVert_F \le r^*$, an "
    r"exact global minimum lies in it, and gradient flow on $\Theta$ converges to one.",
    subject=convergence_certificate,
)
def proved_end(certificate: Callable) -> Iterator[Measurement]:
    """At the end of a run: each quantity against exact arithmetic, and the minimum that Newton finds there.

    What is left of the error is its slowest part, which asks for the longest way: half of what is certified.
    """
    net, X, y = _nearly_trained(mode=0, error=1e-6)
    proof = certificate(net, X, y, claim="C20")
    yield above("the condition on the equilibria has {} % of room", proof.margins["equilibria"], 0)
    yield above("the condition on the Jacobian has {} % of room", proof.margins["jacobian"], 0)
    yield close(
        "in exact arithmetic a global minimum lies at {} of the radius that is certified",
        distance_to_minimum(net, X, y) / proof.r_star,
        0.5,
        rtol=0.01,
    )
    exact = ExactNetwork(net, X, y)
    resolvents = torch.stack([torch.linalg.matrix_norm(exact.resolvent(i), 2) for i in range(len(X))])
    steepest = torch.tensor([_steepest(net, x) for x in X], dtype=torch.float64)
    for ratio, words in (
        (proof.gamma / resolvents, "the norms of the resolvents are at {} {{}} times the exact ones"),
        (proof.kink / steepest, "units come to their kinks at {} {{}} times as fast as autograd says"),
    ):
        yield close(words.format("least"), float(ratio.min()), 1, rtol=1e-6)
        yield close(words.format("most"), float(ratio.max()), 1, rtol=1e-6)
    history = train(net, X, y, method=ExponentialFlow(), until=Until(time=4 / proof.lambda0), record=PLAIN)
    decay = 0.5 * math.log(history.train_loss.iloc[0] / history.train_loss.iloc[-1])
    yield close(
        "from there the error decays at {} times the proven rate, a quarter of its own",
        decay / (proof.rate * history.time.iloc[-1]),
        4,
        rtol=0.05,
    )


@claim(
    "C22",
    r"If $10\,\Delta(r) < cs$ for $r = 4\lVert e\rVert/cs$ and a $c \le 1$, and $r(\gamma_i + k_i) < 1$ for "
    r"every sample, then descent with any step "
    r"$\eta \le (2 - c)/(\lVert J\rVert + \Delta(r))^2$ in $A$ stays in $\lVert A' - A\rVert_F \le r$ and "
    r"converges. With a step longer than $2/\lambda_{\max}(K)$ in $\Theta$ a minimum with this kernel is "
    "unstable.",
    subject=convergence_certificate,
)
def longest_step(certificate: Callable) -> Iterator[Measurement]:
    """What is left of the error is its fastest part: descent with the proved step, and with one too long."""
    net, X, y = _nearly_trained(mode=-1, error=1e-8)
    values = torch.linalg.eigvalsh(network_kernels(net, X).implicit)
    proof = certificate(net, X, y)
    yield above(
        "each step up to {} % of the edge of stability is proved to converge",
        proof.largest_step / proof.stable_step,
        0.9,
    )
    yield below(
        "no step is proved beyond that edge, up to {} % of it", proof.largest_step / proof.stable_step, 1
    )
    yield close(
        "the edge of stability is at {} times two over the largest eigenvalue of the kernel",
        proof.stable_step * float(values[-1]) / 2,
        1,
        rtol=1e-6,
    )
    kept = _descend(net, X, y, proof.largest_step)
    yield below("with the longest proved step the error shrinks by {} a step", kept, 1)
    left = _descend(net, X, y, 1.1 * proof.stable_step)
    yield close("with one a tenth beyond the edge it grows by {} a step", left, 1.2, rtol=1e-3)


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
                "the slowest error decays {} times as fast as the inequality says, integrated by a rule",
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


def _nearly_trained(mode: int, error: float) -> tuple[EquilibriumNetwork, Tensor, Tensor]:
    """Sixteen units after gradient flow on four inputs, and labels that differ from f by one mode of K."""
    X = data.sphere(4, 3, seed=0)
    solver = Picard(rtol=1e-14, max_steps=5000)
    net = EquilibriumNetwork(3, 16, implicit_scale=0.8, output_scale=2.0, seed=0, solver=solver)
    train(net, X, data.linear(X), method=ExponentialFlow(), until=Until(loss=1e-3), record=PLAIN)
    _, modes = torch.linalg.eigh(network_kernels(net, X).implicit)
    with torch.no_grad():
        return net, X, net(X) + error * modes[:, mode]


def _steepest(net: EquilibriumNetwork, x: Tensor) -> float:
    """max_r ‖∇_A h_r‖_F/|h_r| at one input, by autograd through the resolvent of its active units."""
    A = net.A.detach().clone().requires_grad_()
    with torch.no_grad():
        z, b = net.equilibrium(x[None]).z[0], net.injection(x[None])[0]
    S = torch.nonzero(z > 0).flatten()
    found = torch.linalg.solve(torch.eye(len(S)).to(A) - A[S][:, S], b[S])
    h = A[:, S] @ found + b
    slopes = [torch.linalg.vector_norm(torch.autograd.grad(t, A, retain_graph=True)[0]) / t.abs() for t in h]
    return float(torch.stack(slopes).detach().max())


def _descend(net: EquilibriumNetwork, X: Tensor, y: Tensor, step: float, steps: int = 5) -> float:
    """By what factor ‖e‖ changes in a step of gradient descent, in the mean over a few of them."""
    copied = copy.deepcopy(net)
    until = Until(steps=steps)
    history = train(copied, X, y, method=GradientDescent(step=step), until=until, record=PLAIN)
    return float((history.train_loss.iloc[-1] / history.train_loss.iloc[0]) ** (0.5 / steps))
