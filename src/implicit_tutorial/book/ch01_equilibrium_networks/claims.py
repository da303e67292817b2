"""C1 … C3: the equilibrium and its gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from implicit_tutorial.book.ch01_equilibrium_networks.backward_cost import kept_for_backward
from implicit_tutorial.book.oracles import digits, gaussian, normal, unrolled
from implicit_tutorial.claims import Measurement, above, below, claim, close
from implicit_tutorial.equilibrium import Picard, solve


@claim(
    "C1",
    r"The gradient through an equilibrium is $(\kappa/\sqrt m)\,u z^\top$ with the adjoint $u = D(A^\top "
    "u + v)$: one more solve, in memory that does not grow with the depth.",
    subject=solve,
)
def implicit_gradient(solve: Callable) -> Iterator[Measurement]:
    """Against autograd through 200 unrolled layers, central differences, and the bytes that each keeps."""
    m, n = 64, 8
    A, b, v = gaussian(m, 0.7, seed=1), normal(n, m, seed=2), normal(m, seed=3) / math.sqrt(m)
    A.requires_grad_()
    tight = Picard(rtol=1e-13)

    def f(A: Tensor) -> Tensor:
        return (unrolled(A, b, 200) @ v).sum()

    (implicit,) = torch.autograd.grad((solve(A, b, solver=tight).z @ v).sum(), A)
    (through_layers,) = torch.autograd.grad(f(A), A)
    yield above(
        "the gradient shares {} digits with that of 200 unrolled layers",
        digits(implicit, through_layers, cap=9),
        7,
    )

    direction = normal(m, m, seed=4)
    with torch.no_grad():
        central = (f(A + 1e-6 * direction) - f(A - 1e-6 * direction)) / 2e-6
    yield above(
        "the gradient shares {} digits with central differences",
        digits((implicit * direction).sum(), central, cap=6),
        4,
    )

    kept = [kept_for_backward(lambda r=r: solve(A, b, solver=Picard(rtol=r)).z) for r in (1e-1, 1e-13)]
    yield close(
        "with 30 times as many sweeps, {} % of the bytes are kept for the gradient",
        kept[1] / kept[0],
        1,
        rtol=0.01,
    )
    layers = kept_for_backward(lambda: f(A))
    yield above("200 unrolled layers keep {} times as many bytes as the equilibrium", layers / kept[1], 10)


@claim(
    "C2",
    "A feed-forward ReLU network of $L$ layers is an equilibrium network with a nilpotent $A$: Picard's "
    "iteration reaches its equilibrium exactly in $L$ steps, and step $L + 1$ confirms it.",
    subject=solve,
)
def feed_forward_is_nilpotent(solve: Callable) -> Iterator[Measurement]:
    """Eight layers with weights of norm about four: no contraction, and still exact."""
    L, width, n = 8, 16, 5
    weights = [2 * gaussian(width, 1.0, seed=k) for k in range(L)]
    biases = [normal(width, seed=20 + k) for k in range(L)]
    x = normal(n, width, seed=40)
    layers = [torch.relu(x @ weights[0].T + biases[0])]
    for W, c in zip(weights[1:], biases[1:], strict=True):
        layers.append(torch.relu(layers[-1] @ W.T + c))

    A = torch.zeros(L * width, L * width, dtype=torch.float64)
    for k in range(1, L):
        A[k * width : (k + 1) * width, (k - 1) * width : k * width] = weights[k]
    b = torch.cat(biases).repeat(n, 1)
    b[:, :width] += x @ weights[0].T

    sol = solve(A, b)
    yield close(
        f"Picard ends after {{}} sweeps through {L} layers, the last of which confirms",
        sol.steps.double().mean(),
        L + 1,
        rtol=0.01,
    )
    yield above(
        "the equilibrium shares {} digits with the network, layer by layer",
        digits(sol.z, torch.cat(layers, dim=1), cap=12),
        11,
    )
    short = solve(A, b, solver=Picard(max_steps=L), throw=False)
    missing = (short.residual / torch.linalg.vector_norm(sol.z, dim=1)).min()
    yield above(f"after {L - 1} steps the relative residual is still {{}}", missing, 0.01)


@claim(
    "C3",
    r"If $\lVert A\rVert_2 \le \rho < 1$, a weight-tied network of $L$ layers is at most $\rho^L\,\lVert "
    r"z^*\rVert$ from its equilibrium $z^*$; a wide Gaussian one, in mean field and in its output, comes "
    r"nearer by $\sigma_A/\sqrt2$ a layer.",
    subject=solve,
)
def truncated_depth(solve: Callable) -> Iterator[Measurement]:
    """Distances from the equilibrium against ‖A‖₂^L, and the fitted rate of the output's error."""
    m, n = 640, 16
    Theta, b, V = gaussian(m, 1.0, seed=5), normal(n, m, seed=6), normal(m, 8, seed=7)
    for scale in (0.4, 0.7, 1.0):
        exact = unrolled(scale * Theta, b, 60)
        norm = scale * torch.linalg.matrix_norm(Theta, 2)
        depths = torch.arange(4, 17, 3, dtype=torch.float64)
        errors, shares = [], []
        for L in depths.int().tolist():
            # Of L + 1 sweeps the last one only measures the residual of the state after L layers.
            z = solve(scale * Theta, b, solver=Picard(max_steps=L + 1), throw=False).z
            errors.append(torch.linalg.matrix_norm(z @ V - exact @ V))
            shares.append(((z - exact).norm(dim=1) / (norm**L * exact.norm(dim=1))).max())
        if norm < 1:
            yield below(
                f"at the scale {scale:g} the largest distance is {{}} % of what the statement allows",
                max(shares),
                1,
            )
        slope = torch.linalg.lstsq(
            torch.stack([depths, torch.ones_like(depths)], dim=1), torch.stack(errors).log()[:, None]
        ).solution[0]
        yield close(
            f"at the scale {scale:g} each layer multiplies the error of the output by {{}}",
            slope.exp(),
            scale / math.sqrt(2),
            rtol=0.035,
        )
