"""C18, C19: what the scale of the initialization does to training and to the test error."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from implicit_tutorial import data
from implicit_tutorial.book.networks import PLAIN, solver_for
from implicit_tutorial.claims import Measurement, above, below, claim, close
from implicit_tutorial.generalization import pac_bayes_bound, pac_bayes_limit
from implicit_tutorial.generalization.confidence import maurer, relative_entropy
from implicit_tutorial.kernels import limit_kernels, network_kernels
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.training import ExponentialFlow, TrainingStatus, Until, train


@claim(
    "C18",
    r"Lazy training moves $A$ by $\lVert A - A_0\rVert_F^2 = p\,\sigma_A^2/m$ on average, with $p = "
    r"\kappa^{-2}y^\top K_1^{-1}y + \operatorname{tr}(K_1^{-1}Q)$. Measured: networks that are narrow for "
    r"a small $\kappa$ leave the well-posed region, wide ones at a large $\kappa$ do not.",
    subject=train,
)
def movement_and_the_edge(train: Callable) -> Iterator[Measurement]:
    """The movement of lazy networks, and how many runs fail on either side of the edge."""
    X = data.sphere(20, 4, seed=1)
    y = data.linear(X)
    ratios = []
    for seed in range(3):
        net = EquilibriumNetwork(4, 200, implicit_scale=0.5, output_scale=30.0, centered=True, seed=seed)
        K = network_kernels(net, X).implicit
        A0 = net.A.detach().clone()
        train(net, X, y, method=ExponentialFlow(), until=Until(loss=1e-9), record=PLAIN)
        lazy = 0.5**2 / 200 * float(y @ torch.linalg.solve(K, y))
        ratios.append(float((net.A.detach() - A0).square().sum()) / lazy)
    yield close("lazy networks move by {} times the predicted square", sum(ratios) / 3, 1, rtol=0.05)

    X = data.sphere(40, 6, seed=0)
    y = data.linear_quadratic(X)
    for m, kappa in ((8, 0.1), (96, 3.0)):
        failed = []
        for seed in range(3):
            net = EquilibriumNetwork(
                6, m, implicit_scale=0.5, output_scale=kappa, seed=seed, solver=solver_for(m)
            )
            until = Until(loss=40 * 1e-3 / 2, steps=100)
            history = train(
                net, X, y, method=ExponentialFlow(rtol=0.1), until=until, record=PLAIN, throw=False
            )
            failed.append(history.attrs["status"] != TrainingStatus.LOSS_REACHED)
        words = f"of the networks of width {m}, at $\\kappa = {kappa:g}$, {{}} % leave the well-posed region"
        share = sum(failed) / 3
        if kappa < 1:
            yield above(words, share, 0.7)
        else:
            yield below(words, share, 0.3)


@claim(
    "C19",
    "For a target in the kernel's space that is almost nowhere zero the bound on the error of the sign at "
    r"infinite width tends to zero with $n$: its divergence is at most $\frac12\ln\det(I + \tau^2 "
    r"K_1/s^2) + \lVert g\rVert^2/2\tau^2$, whose mean is $o(n)$. Measured: wide networks have the same "
    "bound.",
    subject=pac_bayes_limit,
)
def arbitrarily_small_error(limit: Callable) -> Iterator[Measurement]:
    """A linear target on the sphere of R³, whose norm and eigenvalues follow from the Funk–Hecke formula."""
    scales = {"implicit_scale": 0.5}
    eigenvalues = _eigenvalues(200, **scales)
    X, X_test = data.sphere(20, 3, seed=0), data.sphere(300, 3, seed=1)
    y, y_test = data.linear(X), data.linear(X_test)
    found = limit(X, y, **scales)
    K = found.scale**2 * limit_kernels(X, **scales).implicit
    gain = torch.linalg.solve(K + found.noise**2 * torch.eye(20).to(K), K).T
    after = K - gain @ K
    regression = MultivariateNormal(gain @ y, (after + after.T) / 2)
    dense = kl_divergence(regression, MultivariateNormal(torch.zeros_like(y), K))
    words = "the divergence is {} times that of two Gaussian vectors"
    yield close(words, found.divergence / float(dense), 1, rtol=0.01)
    budget = 20 * relative_entropy(found.training_error, found.total) - found.divergence
    words = "sample and choice cost {} in relative entropy"
    yield close(words, budget, math.log(11 * maurer(20) / 0.05), rtol=0.01)

    bounds = {}
    for n in (64, 1024):
        X = data.sphere(n, 3, seed=0)
        bounds[n] = limit(X, data.linear(X), X_test=X_test, y_test=y_test, **scales)
    wide = bounds[1024]
    allowed = wide.log_determinant / 2 + float(1 / eigenvalues[1]) / wide.scale**2 / 2
    yield below("for 1024 samples the divergence is {} % of what is allowed", wide.divergence / allowed, 1)
    degrees = torch.arange(len(eigenvalues), dtype=torch.float64)
    gain = 1024 * (wide.scale / wide.noise) ** 2 * eigenvalues
    whole = float(((2 * degrees + 1) * torch.log1p(gain)).sum())
    words = "the logarithm of the determinant is {} times the sum over the kernel's eigenvalues"
    yield close(words, wide.log_determinant / whole, 1, rtol=0.05)
    yield above("the bound is {} times as large for 64 samples as for 1024", bounds[64].total / wide.total, 3)
    yield below("for 1024 samples the test error is {} % of the bound", wide.test_error / wide.total, 1)

    net = EquilibriumNetwork(3, 256, implicit_scale=0.5, output_scale=30.0, centered=True, seed=0)
    X = data.sphere(64, 3, seed=0)
    bound = pac_bayes_bound(net, X, data.linear(X), scales=[bounds[64].scale / 30], draws=20)
    words = "a network of width 256 has {} times the divergence of the limit"
    yield close(words, bound.divergence / bounds[64].divergence, 1, rtol=0.1)


def _eigenvalues(count: int, **scales: float) -> Tensor:
    """Of K₁ on the sphere of R³, one a degree k, each 2k + 1 times: ½∫K₁(t)P_k(t)dt (Funk–Hecke)."""
    nodes, weights = _gauss_legendre(400)
    angle = torch.arccos(nodes)
    circle = torch.stack([torch.cos(angle), torch.sin(angle), torch.zeros_like(angle)], dim=1)
    pole = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64)
    profile = limit_kernels(pole, circle, **scales).implicit[0]
    previous, current, found = torch.ones_like(nodes), nodes, []
    for k in range(count):
        found.append((weights * profile * previous).sum() / 2)
        previous, current = current, ((2 * k + 3) * nodes * current - (k + 1) * previous) / (k + 2)
    return torch.stack(found)


def _gauss_legendre(count: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights on [−1, 1] as the eigenvalues of Legendre's recurrence (Golub & Welsch)."""
    k = torch.arange(1, count, dtype=torch.float64)
    off = k / (4 * k**2 - 1).sqrt()
    nodes, vectors = torch.linalg.eigh(torch.diag(off, 1) + torch.diag(off, -1))
    return nodes, 2 * vectors[0] ** 2
