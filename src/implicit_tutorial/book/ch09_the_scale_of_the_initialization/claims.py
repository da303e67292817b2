"""C18, C19: what the scale of the initialization does to training and to the test error."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from implicit_tutorial import data
from implicit_tutorial.book.networks import PLAIN, solver_for
from implicit_tutorial.claims import Measurement, above, below, claim, close
from implicit_tutorial.generalization import infinite_width_prediction
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
    r"For a target in the kernel's space $y^\top K_1^{-1}y$ stays below its squared norm for every $n$, "
    r"so at infinite width the bound's linear term falls like $1/\sqrt n$. Measured: the test error falls "
    "too.",
    subject=infinite_width_prediction,
)
def arbitrarily_small_error(predict: Callable) -> Iterator[Measurement]:
    """A linear target on the sphere of R³: its norm is 1/√μ₁, μ₁ from the Funk–Hecke formula."""
    d = 3
    # μ₁ = ∫ K(t) t (d·dσ(t)/…): in three dimensions the height t of a uniform point is uniform on [−1, 1].
    nodes, weights = _gauss_legendre(400)
    angle = torch.arccos(nodes)
    circle = torch.stack([torch.cos(angle), torch.sin(angle), torch.zeros_like(angle)], dim=1)
    pole = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64)
    profile = limit_kernels(pole, circle, implicit_scale=0.5).implicit[0]
    eigenvalue = float((weights * profile * nodes).sum()) / 2
    X_test = data.sphere(300, d, seed=1)
    found = {}
    for n in (25, 100, 400):
        X = data.sphere(n, d, seed=0)
        found[n] = predict(X, data.linear(X), X_test, data.linear(X_test), implicit_scale=0.5, centered=True)
    yield close(
        "for 400 samples $y^\\top K_1^{-1}y$ is {} times the squared norm of the target",
        found[400].labels_price * eigenvalue,
        1,
        rtol=0.04,
    )
    yield below(
        "for 400 samples $y^\\top K_1^{-1}y$ is {} times the squared norm, which it may not exceed",
        found[400].labels_price * eigenvalue,
        1.0001,
    )
    yield close(
        "the bound's linear term is {} times as large for 100 samples as for 400",
        found[100].bound / found[400].bound,
        2,
        rtol=0.05,
    )
    yield above(
        "the test error is {} times as large for 25 samples as for 400",
        found[25].test_error / found[400].test_error,
        16,
    )


def _gauss_legendre(count: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights on [−1, 1] as the eigenvalues of Legendre's recurrence (Golub & Welsch)."""
    k = torch.arange(1, count, dtype=torch.float64)
    off = k / (4 * k**2 - 1).sqrt()
    nodes, vectors = torch.linalg.eigh(torch.diag(off, 1) + torch.diag(off, -1))
    return nodes, 2 * vectors[0] ** 2
