"""C4 … C7: when the equilibrium is there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from implicit_tutorial.book.oracles import digits, gaussian, normal, unrolled
from implicit_tutorial.claims import Measurement, above, below, claim, close
from implicit_tutorial.equilibrium import (
    Anderson,
    Picard,
    certify,
    count_equilibria,
    is_p_matrix,
    solve,
    spectral_norm,
)
from implicit_tutorial.network import EquilibriumNetwork


@claim(
    "C4",
    r"$z = \operatorname{relu}(Az + b)$ has exactly one solution for every $b$ if and only if $I - A$ is "
    "a P-matrix.",
    subject=count_equilibria,
)
def p_matrix_decides(count: Callable) -> Iterator[Measurement]:
    """Sixty matrices: forty injections for a P-matrix, for another one an injection built to break it."""
    m = 5
    unique, several, solved, agree = [], [], [], []
    for seed in range(60):
        A = gaussian(m, 0.8 + 0.02 * seed, seed=100 + seed)
        M = torch.eye(m, dtype=A.dtype) - A
        minor = _nonpositive_block(M)
        agree.append(bool(is_p_matrix(M)) == (minor is None))
        b = normal(40, m, seed=seed) if minor is None else _breaking_injection(A, *minor)
        counted = count(A, b)
        (unique if minor is None else several).append(counted.counts)
        for row, solutions in zip(b, counted.solutions, strict=True):
            solved.append((torch.relu(solutions @ A.T + row) - solutions).abs().amax(dim=1))
    yield close(
        "where $I - A$ is a P-matrix, the mean number of equilibria is {}",
        torch.cat(unique).mean(),
        1,
        rtol=1e-6,
    )
    yield above(
        "where $I - A$ is no P-matrix, the injection of the proof has at least {} equilibria",
        torch.cat(several).min(),
        1.5,
    )
    yield above(
        "every equilibrium found solves the equation to {} digits",
        digits(1 + torch.cat(solved), torch.ones(()), cap=10),
        7,
    )
    yield close(
        "the test for a P-matrix agrees with the principal minors on {} % of the matrices",
        sum(agree) / len(agree),
        1,
        rtol=1e-6,
    )
    yield above("of 60 matrices, {} were of the rarer kind", min(len(unique), len(several)), 10)


@claim(
    "C5",
    r"$\lVert A\rVert_2 < 1$, $\lambda_{\max}((A + A^\top)/2) < 1$, $\rho(\lvert A\rvert) < 1$, $\lVert "
    r"A\rVert_\infty < 1$, a symmetric $A$ with $\lambda_{\max}(A) < 1$, or nonnegative columns that sum "
    r"to less than 1, each make $I - A$ a P-matrix; $\rho(A) < 1$ neither implies it nor follows.",
    subject=certify,
)
def ladder_of_conditions(certify: Callable) -> Iterator[Measurement]:
    """The Gaussian thresholds at m = 768, small matrices against their P-matrix test, two counterexamples."""
    m = 768
    Theta = gaussian(m, 1.0, seed=8)
    names = ("spectral_norm", "monotone", "perron_frobenius", "spectral_radius")
    values = certify(Theta, conditions=names)
    # Every condition is linear in the scale, so its threshold is one over its value at scale one.
    for name, words, limit, rtol in zip(
        names,
        (
            r"$\lVert A\rVert_2$ is",
            "the largest eigenvalue of the symmetric part is",
            r"$\rho(\lvert A\rvert)$ is",
            r"$\rho(A)$ is",
        ),
        (1 / 2, 1 / math.sqrt(2), math.sqrt(math.pi / 2 / m), 1.0),
        (0.03, 0.03, 0.02, 0.08),
        strict=True,
    ):
        yield close(f"{words} below 1 up to the scale {{}}", 1 / values[name].value, limit, rtol=rtol)

    certified = []
    for seed in range(80):
        A = gaussian(4, 0.1 + 0.02 * seed, seed=200 + seed)
        A = (A, (A + A.T) / 2, A.abs() / 2)[seed % 3]
        for condition in certify(A).conditions:
            if condition.sufficient and condition.holds:
                certified.append(float(bool(is_p_matrix(torch.eye(4, dtype=A.dtype) - A))))
    yield above("{} certificates were given to small matrices", len(certified), 50)
    yield close(
        "{} % of the certified small matrices are P-matrices",
        sum(certified) / max(len(certified), 1),
        1,
        rtol=1e-6,
    )

    small_radius = torch.tensor([[2.0, -3.0], [1.5, -2.2]], dtype=torch.float64)  # λ² + 0.2 λ + 0.1
    large_radius = torch.tensor([[-2.0]], dtype=torch.float64)
    yield close(
        "the counterexample with a negative minor has the spectral radius {}",
        certify(small_radius)["spectral_radius"].value,
        math.sqrt(0.1),
        rtol=0.01,
    )
    yield close(
        "in the counterexample with a negative minor the smallest pivot is {}",
        -certify(small_radius)["p_matrix"].value,
        -1,
        rtol=0.01,
    )
    yield close(
        "the counterexample that is a P-matrix has the spectral radius {}",
        certify(large_radius)["spectral_radius"].value,
        2,
        rtol=0.01,
    )
    yield close(
        "in the counterexample that is a P-matrix the smallest pivot is {}",
        -certify(large_radius)["p_matrix"].value,
        3,
        rtol=0.01,
    )


@claim(
    "C6",
    "At initialization half of the units are active, and Picard's iteration contracts by "
    r"$\sigma_A/\sqrt2$: it takes about $\ln \varepsilon/\ln(\sigma_A/\sqrt2)$ steps to a relative "
    r"residual of $\varepsilon$, of which acceleration saves less than a tenth up to $\sigma_A = 0.8$.",
    subject=EquilibriumNetwork,
)
def typical_rate(network: Callable) -> Iterator[Measurement]:
    """Steps to 1e-12 and the share of active units of wide networks at three scales, and Anderson's steps."""
    m, d, n, eps = 1536, 8, 16, 1e-12
    X = torch.nn.functional.normalize(normal(n, d, seed=9), dim=1)
    for scale in (0.4, 0.7, 1.0):
        sol = network(d, m, implicit_scale=scale, seed=10).equilibrium(X, solver=Picard(rtol=eps))
        predicted = math.log(eps) / math.log(scale / math.sqrt(2))
        # The first sweep from zero makes the state, the last one only measures its residual.
        yield close(
            f"at the scale {scale:g} Picard took {{}} steps to a relative residual of $10^{{{{-12}}}}$",
            sol.steps.double().mean() - 1,
            predicted,
            rtol=0.04,
        )
        yield close(
            f"at the scale {scale:g} the share of active units is {{}} %",
            (sol.z > 0).double().mean(),
            0.5,
            rtol=0.02,
        )
    # Mixing at every sweep from the first on: by default it is left to Picard, and nothing would be tested.
    yield from acceleration(partial(Anderson, start_gain=0, period=1))


def acceleration(accelerated: Callable) -> Iterator[Measurement]:
    """C6 for solvers: an accelerated method's sweeps over Picard's, on Gaussian and symmetric matrices."""
    for scale in (0.4, 0.8):
        A, b = gaussian(768, scale, seed=3), normal(8, 768, seed=4)
        picard, ours = (solve(A, b, solver=s).steps.sum() for s in (Picard(), accelerated()))
        yield close(
            f"at the scale {scale:g} acceleration takes {{}} times as many sweeps as Picard",
            ours / picard,
            1,
            rtol=0.1,
        )
    A = gaussian(256, 1.0, seed=5)
    A = A + A.T
    A, b = A * (1.3 / spectral_norm(A)), normal(8, 256, seed=6)
    picard, ours = (solve(A, b, solver=s(max_steps=5000)).steps.max() for s in (Picard, accelerated))
    yield below(
        "for a symmetric matrix acceleration takes {} times as many sweeps as Picard", ours / picard, 0.5
    )


@claim(
    "C7",
    r"The residual $r = \operatorname{relu}(Az + b) - z$ certifies the error: $\lVert z - z^*\rVert$ is "
    r"at most $\lVert r\rVert/(1 - \lVert A\rVert_2)$, and at most $(1 + \lVert A\rVert_2/\mu)\,\lVert "
    r"r\rVert$ with $\mu = 1 - \lambda_{\max}((A + A^\top)/2)$.",
    subject=solve,
)
def certified_error(solve: Callable) -> Iterator[Measurement]:
    """True error over bound, for loose solves and for random states; both must stay below one."""
    m, n = 96, 24
    for scale, case in ((0.4, "where the norm is below 1"), (0.62, "in the monotone case")):
        A, b = gaussian(m, scale, seed=11), normal(n, m, seed=12)
        exact = unrolled(A, b, 400)
        ratios = []
        for rtol in (1e-2, 1e-5, 1e-8):
            sol = solve(A, b, solver=Picard(rtol=rtol))
            ratios.append(torch.linalg.vector_norm(sol.z - exact, dim=1) / sol.error_bound)
            moved = sol.z + rtol * normal(n, m, seed=13)
            bound = sol.certificate.error_bound(sol.A, sol.b, moved)
            ratios.append(torch.linalg.vector_norm(moved - exact, dim=1) / bound)
        yield below(
            f"at the scale {scale:g}, {case}, the largest error is {{}} % of its certified bound",
            torch.cat(ratios).max(),
            1,
        )
        if scale < 0.5:
            L = float(torch.linalg.matrix_norm(A, 2))
            before, after = (solve(A, b, solver=Picard(max_steps=k), throw=False).z for k in (8, 9))
            bound = L / (1 - L) * torch.linalg.vector_norm(after - before, dim=1)
            ratio = (torch.linalg.vector_norm(after - exact, dim=1) / bound).max()
            yield below("the largest error is {} % of what the last step allows", ratio, 1)
    # A = I/2 attains the bound, so that none smaller would be true.
    A, b = torch.eye(4, dtype=torch.float64) / 2, torch.ones(1, 4, dtype=torch.float64)
    sol = solve(A, b, solver=Picard(rtol=1e-3))
    error = torch.linalg.vector_norm(sol.z - 2 * b, dim=1)
    yield close(
        "for $A = I/2$ the error is {} % of its certified bound",
        (error / sol.error_bound).max(),
        1,
        rtol=0.02,
    )


def _nonpositive_block(M: Tensor) -> tuple[list[int], Tensor] | None:
    """S and an eigenvector of M_SS with a negative eigenvalue, None when all principal minors are > 0."""
    m = M.shape[0]
    for code in range(1, 2**m):
        S = [i for i in range(m) if code >> i & 1]
        block = M[S][:, S]
        if float(torch.linalg.det(block)) <= 0:
            values, vectors = torch.linalg.eig(block)
            k = int(torch.where(values.imag.abs() < 1e-12, values.real, math.inf).argmin())
            return S, vectors[:, k].real
    return None


def _breaking_injection(A: Tensor, S: list[int], vector: Tensor) -> Tensor:
    """b with two equilibria, x⁺ and x⁻, where x is a vector whose signs M = I − A reverses (proof of C4)."""
    x = torch.zeros(A.shape[0], dtype=A.dtype)
    x[S] = vector
    M = torch.eye(A.shape[0], dtype=A.dtype) - A
    return (M @ torch.relu(x) - torch.relu(M @ x))[None]
