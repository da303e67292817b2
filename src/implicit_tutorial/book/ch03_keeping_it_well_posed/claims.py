"""C8, and what C6 says of accelerated solvers: the ways to an equilibrium that stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from implicit_tutorial.book.oracles import gaussian, normal
from implicit_tutorial.claims import Measurement, above, below, claim, close
from implicit_tutorial.constraints import (
    L1Rows,
    Monotone,
    PerronScaling,
    SoftmaxColumns,
    SpectralScaling,
    Symmetric,
    energy,
    jacobian_penalty,
)
from implicit_tutorial.equilibrium import (
    ForwardBackward,
    Newton,
    PeacemanRachford,
    Picard,
    certify,
    solve,
    spectral_norm,
    spectral_radius,
)

_LIMIT, _MARGIN = 0.9, 0.1


@dataclass(frozen=True)
class Remedies:
    """What keeps an equilibrium well-posed: the subject of C8, each part of which a test may break."""

    spectral: Callable = SpectralScaling
    rows: Callable = L1Rows
    perron: Callable = PerronScaling
    softmax: Callable = SoftmaxColumns
    monotone: Callable = Monotone
    symmetric: Callable = Symmetric
    forward_backward: Callable = ForwardBackward
    peaceman_rachford: Callable = PeacemanRachford
    penalty: Callable = jacobian_penalty


@claim(
    "C8",
    "Scaling, projection and parametrization of $A$ keep one equilibrium for every $b$, with the "
    r"gradient of the constrained parameter; forward–backward (with a step below $2\mu/\lVert I - "
    r"A\rVert_2^2$) and Peaceman–Rachford find it where Picard diverges; $\mathbb E\lVert "
    r"DA\varepsilon\rVert^2$ is $\lVert DA\rVert_F^2$.",
    subject=Remedies(),
)
def staying_well_posed(remedies: Remedies) -> Iterator[Measurement]:
    """Certificates and gradients under each constraint, the splittings' errors, the penalty's mean."""
    A = gaussian(24, 2.0, seed=1)
    bounded = {
        r"scaling by the norm, $\lVert A\rVert_2$": (remedies.spectral(_LIMIT), "spectral_norm"),
        "projection, the largest row sum": (remedies.rows(_LIMIT), "row_sum"),
        r"scaling by the Perron root, $\rho(\lvert A\rvert)$": (remedies.perron(_LIMIT), "perron_frobenius"),
        "the softmax, the largest column sum": (remedies.softmax(_LIMIT, temperature=0.3), "simplex"),
    }
    for quantity, (constraint, condition) in bounded.items():
        yield close(
            f"after {quantity} is {{}}",
            certify(constraint(A), conditions=[condition])[condition].value,
            _LIMIT,
            rtol=1e-4,
        )
        yield below(
            f"the gradient through {quantity.split(',')[0]} is off by {{}} of its size",
            _gradient_error(constraint, A),
            1e-5,
        )
    for kind, words in (("monotone", "the symmetric part of the monotone"), ("symmetric", "the symmetric")):
        constraint = getattr(remedies, kind)(_MARGIN)
        free = constraint.right_inverse(A)
        free = free if isinstance(free, tuple) else (free,)
        moved = tuple(x + gaussian(24, 0.5, seed=2 + k) for k, x in enumerate(free))
        value = certify(constraint(*moved), conditions=[kind])[kind].value
        # Its distance from 1 is at least μ; the limit leaves rounding some room.
        yield below(
            f"{words} matrix has the largest eigenvalue {{}}",
            value,
            1 - 0.99 * _MARGIN,
        )
        yield below(
            f"the gradient through the {kind} parametrization is off by {{}} of its size",
            _gradient_error(constraint, *moved),
            1e-5,
        )
    yield from _splittings(remedies)
    yield from _minimum(remedies)
    yield from _regularisation(remedies)


def _splittings(remedies: Remedies) -> Iterator[Measurement]:
    """A = (1 − μ)I − PᵀP + S − Sᵀ with ‖A‖₂ > 1: Picard diverges, both splittings find the equilibrium."""
    m, n = 32, 6
    P, S, b = gaussian(m, 1.0, seed=7), gaussian(m, 1.0, seed=8), normal(n, m, seed=9)
    A = Monotone(0.2)(P, S)
    reference = solve(A, b, solver=Newton(rtol=1e-12)).z
    # Where Picard goes instead is chaotic, and rounding decides it; that the equilibrium repels it is not.
    repelled = min(spectral_radius((z > 0)[:, None] * A) for z in reference)
    yield above("where only monotonicity holds, $DA$ has the spectral radius {}", repelled, 1)
    yield above(
        "where only monotonicity holds, Picard ends with the relative residual {}",
        _residual(A, b, Picard()),
        0.01,
    )
    F = torch.eye(m, dtype=A.dtype) - A
    limit = 2 * (1 - certify(A)["monotone"].value) / spectral_norm(F) ** 2
    solvers = {
        "forward–backward with 0.99 of the largest step": remedies.forward_backward(
            step=0.99 * limit, max_steps=20000
        ),
        "forward–backward": remedies.forward_backward(max_steps=20000),
        "Peaceman–Rachford": remedies.peaceman_rachford(),
    }
    for name, solver in solvers.items():
        sol = solve(A, b, solver=solver, throw=False)
        error = torch.linalg.vector_norm(sol.z - reference, dim=1)
        yield below(
            f"the error of {name} is {{}} % of its certified bound", (error / sol.error_bound).max(), 1
        )
        yield below(f"the relative error of {name} is {{}}", error.max() / reference.norm(dim=1).min(), 1e-7)


def _minimum(remedies: Remedies) -> Iterator[Measurement]:
    """The equilibrium of a symmetric A against 2,000 other states with z ≥ 0."""
    A = remedies.symmetric(0.2)(gaussian(12, 1.0, seed=10))
    b = normal(1, 12, seed=11)
    z = solve(A, b, solver=Newton()).z
    others = torch.relu(z + 0.1 * normal(2000, 12, seed=12))
    gap = energy(A, b.expand_as(others), others) - energy(A, b, z)
    # Strong convexity: the energy rises at least by μ/2 times the squared distance.
    rise = gap / (others - z).square().sum(dim=1)
    yield above(
        "away from the equilibrium the energy rises by at least {} times the squared distance",
        rise.min(),
        0.99 * 0.2 / 2,
    )


def _regularisation(remedies: Remedies) -> Iterator[Measurement]:
    A, b = gaussian(64, 0.8, seed=13), normal(32, 64, seed=14)
    z = solve(A, b).z
    generator = torch.Generator().manual_seed(15)
    estimate = remedies.penalty(A, z, probes=200, generator=generator)
    D = (z > 0).to(A.dtype)
    expected = torch.stack([(row[:, None] * A).square().sum() for row in D]).mean() / 64
    yield close("the penalty's mean over random probes is {}", estimate, float(expected), rtol=0.02)


def _gradient_error(constraint: Callable, *free: Tensor) -> float:
    """|autograd − central difference| of a loss of the equilibrium, relative, along one random direction."""
    b, weights = normal(6, 24, seed=16), normal(6, 24, seed=17)

    def loss(*free: Tensor) -> Tensor:
        return (solve(constraint(*free), b, solver=Newton(rtol=1e-12)).z * weights).sum()

    leaves = [x.detach().clone().requires_grad_() for x in free]
    loss(*leaves).backward()
    directions = [normal(*x.shape, seed=18 + k) for k, x in enumerate(free)]
    slope = sum(float((x.grad * d).sum()) for x, d in zip(leaves, directions, strict=True))
    with torch.no_grad():
        ends = [
            float(loss(*(x + t * d for x, d in zip(free, directions, strict=True)))) for t in (1e-6, -1e-6)
        ]
    return abs(slope - (ends[0] - ends[1]) / 2e-6) / abs(slope)


def _residual(A: Tensor, b: Tensor, solver: Picard) -> float:
    """Smallest relative residual; that of a state which has overflowed counts as 10⁹."""
    sol = solve(A, b, solver=solver, throw=False)
    ratio = sol.residual / torch.linalg.vector_norm(sol.z, dim=1)
    return float(torch.nan_to_num(ratio, nan=1e9, posinf=1e9).min())
