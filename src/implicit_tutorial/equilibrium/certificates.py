"""Which condition makes the equilibrium well-posed, by what margin, and what error it certifies (C5, C7)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs, eigsh
from torch import Tensor

from implicit_tutorial.equilibrium.checks import check_finite, check_matrix
from implicit_tutorial.equilibrium.counting import is_p_matrix
from implicit_tutorial.equilibrium.problem import row_norm

#: Widths up to here take dense eigenvalues (exact and quick); above, Lanczos, Arnoldi and power iterations.
_DENSE_WIDTH = 256
#: Principal minors are enumerated up to this width: 2^m of them.
_ENUMERATION_WIDTH = 16
#: Steps of the Perron root's iteration, and restarts after which Arnoldi gives way to dense eigenvalues.
_POWER_STEPS, _INVERSE_STEPS, _ARNOLDI_RESTARTS = 100, 30, 30


@dataclass(frozen=True)
class Condition:
    """One row of the ladder C5: it holds when ``value`` < ``threshold``."""

    name: str
    formula: str
    value: float
    threshold: float
    sufficient: bool
    """True when the condition makes I − A a P-matrix; ρ(A) < 1 does not."""
    solvers: tuple[str, ...]
    """Solvers that converge from any start when the condition holds."""
    source: str

    @property
    def margin(self) -> float:
        """threshold − value: positive when the condition holds."""
        return self.threshold - self.value

    @property
    def holds(self) -> bool:
        return self.margin > 0


@dataclass(frozen=True)
class Certificate:
    """The conditions of C5 for one matrix, each with its margin."""

    conditions: tuple[Condition, ...]

    def __getitem__(self, name: str) -> Condition:
        for condition in self.conditions:
            if condition.name == name:
                return condition
        raise KeyError(f"no condition {name!r}; this certificate holds {[c.name for c in self.conditions]}")

    @property
    def well_posed(self) -> bool | None:
        """True: one equilibrium for every b. False: not so (exact, small m). None: no condition decides."""
        if any(c.holds and c.sufficient for c in self.conditions):
            return True
        exact = [c for c in self.conditions if c.name == "p_matrix"]
        return exact[0].holds if exact else None

    @property
    def solvers(self) -> tuple[str, ...]:
        """Names of the solvers that some condition guarantees."""
        return tuple(dict.fromkeys(s for c in self.conditions if c.holds for s in c.solvers))

    def error_bound(self, A: Tensor, b: Tensor, z: Tensor) -> Tensor | None:
        """(n,) bound on ‖z − z*‖ from the residual at z and its rounding, None without a condition (C7)."""
        factors = []
        for c in self.conditions:
            if c.holds and c.name == "spectral_norm":
                factors.append(1 / c.margin)
            if c.holds and c.name == "monotone":
                # ‖I − A‖₂ ≤ 1 + ‖A‖₂, and ‖A‖₂ is already known when both conditions were asked for.
                norm = self["spectral_norm"].value if _has(self, "spectral_norm") else spectral_norm(A)
                factors.append((2 + norm) / c.margin)
        if not factors:
            return None
        residual = row_norm(torch.relu(torch.addmm(b, z, A.T)) - z)
        # Rounding of Az + b: at most γ (|A||z| + |b|) entrywise, γ = (m + 2)·unit roundoff, and underflow.
        finfo = torch.finfo(A.dtype)
        gamma = (A.shape[0] + 2) * finfo.eps / 2
        rounding = row_norm(z.abs() @ A.T.abs() + b.abs()) * gamma + A.shape[0] * finfo.tiny
        return min(factors) * (residual + rounding)

    def __str__(self) -> str:
        rows = (
            f"{mark} {c.formula:<28} {c.value:>10.4f} {sign} {c.threshold:g}"
            for c in self.conditions
            for mark, sign in [("✓", "<") if c.holds else ("✗", "≥")]
        )
        verdict = {True: "well-posed", False: "not well-posed", None: "undecided"}[self.well_posed]
        return "\n".join([*rows, f"→ {verdict}"])


def _has(certificate: Certificate, name: str) -> bool:
    return any(c.name == name for c in certificate.conditions)


def certify(A: Tensor, *, conditions: Iterable[str] | None = None) -> Certificate:
    """Evaluate the conditions of C5 under which z = relu(Az + b) has exactly one solution for every b.

    Args:
        A: (m, m) implicit-layer matrix.
        conditions: names out of :data:`CONDITIONS`; all by default (``p_matrix`` only up to m = 16).

    Returns:
        A :class:`Certificate`. Values that a bound rests on are upper bounds, verified by a factorisation
        (‖A‖₂, the monotone constant) or by Collatz–Wielandt quotients (ρ(|A|)), not just estimates.

    Raises:
        ValueError, TypeError: A is not a finite square floating-point matrix, or a name is unknown.
    """
    check_matrix(A)
    check_finite(A=A)
    m = A.shape[0]
    if conditions is None:
        names = [name for name in CONDITIONS if name != "p_matrix" or m <= _ENUMERATION_WIDTH]
    else:
        names = list(conditions)
    for name in names:
        if name not in CONDITIONS:
            raise ValueError(f"unknown condition {name!r}; choose from {list(CONDITIONS)}.")
    A = A.detach().to(torch.float64)
    return Certificate(tuple(CONDITIONS[name](A) for name in names))


def spectral_norm(A: Tensor) -> float:
    """‖A‖₂ from above: a Lanczos estimate, raised until c²I − AᵀA has a Cholesky factor."""
    size, A = _normalised(A)
    return size * math.sqrt(_verified_top_eigenvalue(A.T @ A))


def monotone_constant(A: Tensor) -> float:
    """λ_max((A + Aᵀ)/2) from above; the network is strongly monotone with μ = 1 − this value."""
    size, A = _normalised(A)
    return size * _verified_top_eigenvalue((A + A.T) / 2)


def spectral_radius(A: Tensor) -> float:
    """ρ(A), the largest eigenvalue in modulus (an estimate: Arnoldi above m = 256)."""
    size, A = _normalised(A)
    return size * _over_blocks(A, _spectral_radius_of_block)


def _spectral_radius_of_block(A: Tensor) -> float:
    m = A.shape[0]
    if m <= _DENSE_WIDTH:
        return float(torch.linalg.eigvals(A).abs().max())
    start = np.random.default_rng(0).standard_normal(m)
    try:
        values = eigs(
            _operator(A),
            k=4,
            which="LM",
            ncv=min(m, 120),
            tol=1e-6,
            v0=start,
            return_eigenvectors=False,
            maxiter=_ARNOLDI_RESTARTS,
        )
    except ArpackNoConvergence:
        values = torch.linalg.eigvals(A).cpu().numpy()
    return float(np.abs(values).max())


def perron_root(A: Tensor, *, rtol: float = 1e-10) -> float:
    """ρ(|A|) from above: max_i (|A|x)_i / x_i (Collatz–Wielandt) over a positive x, improved in steps."""
    size, A = _normalised(A)
    return size * _over_blocks(A.abs(), lambda P: _collatz_wielandt(P, rtol))


def _collatz_wielandt(P: Tensor, rtol: float) -> float:
    """An upper bound on the Perron root of an irreducible P ≥ 0, tight to rtol.

    Power steps suffice for a matrix like a Gaussian |A|. Where they are slow, as on a ring, Noda's inverse
    steps with the bound itself as the shift keep x positive and converge quadratically, at one
    factorisation each.
    """
    m = P.shape[0]
    eye = torch.eye(m, dtype=P.dtype, device=P.device)
    x = torch.ones(m, dtype=P.dtype, device=P.device)
    best = math.inf
    for step in range(_POWER_STEPS + _INVERSE_STEPS):
        y = P @ x
        best = min(best, float((y / x).max()))
        if float((y / x).min()) >= best * (1 - rtol):
            break
        # The share of x stops a periodic P from oscillating.
        x = y / y.max() + 0.1 * x if step < _POWER_STEPS else torch.linalg.solve_ex(best * eye - P, x)[0]
        x = x / x.max()
        if not bool((x > 0).all()):  # underflow, or a shift that rounding cannot tell from the root
            break
    return best


def _verified_top_eigenvalue(S: Tensor) -> float:
    """An upper bound on λ_max of a symmetric S, tight to 1e-9 of its scale when Lanczos has converged."""
    m = S.shape[0]
    scale = float(S.abs().sum(dim=1).max())
    if scale == 0:
        return 0.0
    if m <= _DENSE_WIDTH:
        return float(torch.linalg.eigvalsh(S)[-1]) + m * torch.finfo(S.dtype).eps * scale
    start = np.random.default_rng(0).standard_normal(m)
    try:
        estimate = float(
            eigsh(_operator(S), k=1, which="LA", tol=1e-8, v0=start, return_eigenvectors=False)[0]
        )
    except ArpackNoConvergence as error:
        estimate = float(max(error.eigenvalues, default=0.0))
    eye = torch.eye(m, dtype=S.dtype, device=S.device)
    slack = 1e-9 * scale
    while True:
        _, info = torch.linalg.cholesky_ex((estimate + slack) * eye - S)
        if int(info) == 0:
            # The factorisation itself is exact up to m·eps·scale, which is added to stay an upper bound.
            return estimate + slack + m * torch.finfo(S.dtype).eps * scale
        slack *= 10


def _normalised(A: Tensor) -> tuple[float, Tensor]:
    """(s, A/s) with s = max |A|, so that no square overflows or underflows."""
    A = A.detach().to(torch.float64)
    size = float(A.abs().max())
    return (size, A / size) if size > 0 else (0.0, A)


def _over_blocks(A: Tensor, value: Callable[[Tensor], float]) -> float:
    """The largest value over the diagonal blocks of A's block triangular form: its eigenvalues are theirs.

    The blocks are the strongly connected sets of units: a feed-forward network has only blocks of one unit,
    with eigenvalue zero, where an iteration on the whole nilpotent matrix would see its norm instead.
    """
    m = A.shape[0]
    if int((A == 0).sum()) < m - 1:  # every reducible matrix has that many zeros
        return value(A)
    count, block = connected_components(csr_matrix((A != 0).cpu().numpy()), connection="strong")
    if count == 1:
        return value(A)
    sizes = np.bincount(block)
    single = torch.as_tensor(sizes[block] == 1, device=A.device)
    best = float((A.diagonal().abs() * single).max())
    for k in np.flatnonzero(sizes > 1):
        units = torch.as_tensor(np.flatnonzero(block == k), device=A.device)
        best = max(best, value(A[units][:, units]))
    return best


def _operator(A: Tensor) -> LinearOperator:
    """A as scipy sees it: products stay on A's device."""
    m = A.shape[0]
    return LinearOperator(
        (m, m),
        matvec=lambda x: (A @ torch.as_tensor(x.ravel(), device=A.device)).cpu().numpy(),
        dtype=np.float64,
    )


def _symmetric(A: Tensor) -> Condition:
    symmetric = bool(torch.equal(A, A.T))
    value = monotone_constant(A) if symmetric else math.inf
    return Condition(
        "symmetric",
        "A = Aᵀ, λ_max(A) < 1",
        value,
        1.0,
        True,
        ("ForwardBackward", "PeacemanRachford"),
        "Xie et al. 2022",
    )


def _simplex(A: Tensor) -> Condition:
    nonnegative = bool((A >= 0).all())
    value = float(A.sum(dim=0).max()) if nonnegative and A.numel() else math.inf
    return Condition("simplex", "A ≥ 0, column sums < 1", value, 1.0, True, ("Picard",), "Kawaguchi 2021")


def _p_matrix(A: Tensor) -> Condition:
    m = A.shape[0]
    if m > _ENUMERATION_WIDTH:
        raise ValueError(f"p_matrix enumerates 2^{m} minors; it is offered up to m = {_ENUMERATION_WIDTH}.")
    smallest = is_p_matrix(torch.eye(m, dtype=A.dtype, device=A.device) - A).smallest_pivot
    return Condition(
        "p_matrix", "I − A is a P-matrix", -smallest, 0.0, True, (), "Samelson, Thrall & Wesler 1958"
    )


def _plain(
    name: str,
    formula: str,
    value: Callable[[Tensor], float],
    sufficient: bool,
    solvers: tuple[str, ...],
    source: str,
) -> Callable[[Tensor], Condition]:
    return lambda A: Condition(name, formula, value(A), 1.0, sufficient, solvers, source)


_CONTRACTION = ("Picard", "Anderson", "Broyden", "ForwardBackward", "PeacemanRachford")

#: Every condition of C5 by name, from the most demanding on a Gaussian matrix to the exact one.
CONDITIONS: dict[str, Callable[[Tensor], Condition]] = {
    "perron_frobenius": _plain(
        "perron_frobenius", "ρ(|A|) < 1", perron_root, True, ("Picard",), "El Ghaoui et al. 2021"
    ),
    "row_sum": _plain(
        "row_sum",
        "‖A‖_∞ < 1",
        lambda A: float(A.abs().sum(dim=1).max()) if A.numel() else 0.0,
        True,
        ("Picard",),
        "El Ghaoui et al. 2021",
    ),
    "spectral_norm": _plain(
        "spectral_norm", "‖A‖₂ < 1", spectral_norm, True, _CONTRACTION, "Gao et al. 2022"
    ),
    "monotone": _plain(
        "monotone",
        "λ_max((A + Aᵀ)/2) < 1",
        monotone_constant,
        True,
        ("ForwardBackward", "PeacemanRachford"),
        "Winston & Kolter 2020",
    ),
    "symmetric": _symmetric,
    "simplex": _simplex,
    "spectral_radius": _plain(
        "spectral_radius", "ρ(A) < 1", spectral_radius, False, (), "neither necessary nor sufficient"
    ),
    "p_matrix": _p_matrix,
}
