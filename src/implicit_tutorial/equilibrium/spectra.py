"""Norms and eigenvalues of a matrix: dense for small widths, by Lanczos or Arnoldi above them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from implicit_tutorial.equilibrium.checks import check_finite, check_matrix, checked

#: Widths up to here take dense eigenvalues (exact and quick); above, Lanczos, Arnoldi and power iterations.
DENSE_WIDTH = 256
#: Up to this width dense singular values are quicker than inverse iteration.
_DENSE_INVERSE = 96
#: u = 2⁻⁵³, the relative error of one operation in float64.
_UNIT = torch.finfo(torch.float64).eps / 2
#: How much more than its textbook bound a factorisation that is done in blocks may be off.
_BLOCKED = 4
#: By which shares an estimate is lowered, one after the other, until a factorisation confirms it.
_SHARES = (1e-9, 1e-6, 1e-3, 0.02, 0.05, 0.1, 0.2, 0.5, 0.9)
#: Steps of the Perron root's iteration, and restarts after which Arnoldi gives way to dense eigenvalues.
_POWER_STEPS, _INVERSE_STEPS, _ARNOLDI_RESTARTS = 100, 30, 30


def row_norm(x: Tensor) -> Tensor:
    """(n,) Euclidean norm of each row, safe from squares that overflow or underflow."""
    largest = torch.linalg.vector_norm(x, math.inf, dim=1, keepdim=True)
    scale = torch.where((largest > 0) & torch.isfinite(largest), largest, 1)
    return torch.linalg.vector_norm(x / scale, dim=1) * scale[:, 0]


@checked
def spectral_norm(A: Tensor) -> float:
    """‖A‖₂ from above: a Lanczos estimate, raised until c²I − AᵀA has a Cholesky factor."""
    size, A = _normalised(_matrix(A))
    return size * math.sqrt(_verified_top_eigenvalue(A.T @ A))


@checked
def monotone_constant(A: Tensor) -> float:
    """λ_max((A + Aᵀ)/2) from above; the network is strongly monotone with μ = 1 − this value."""
    size, A = _normalised(_matrix(A))
    return size * _verified_top_eigenvalue((A + A.T) / 2)


def rounding(k: int) -> float:
    """γ_k = ku/(1 − ku): the relative error of a sum of k products in float64, in any order (Higham 2002)."""
    return k * _UNIT / (1 - k * _UNIT)


def least_eigenvalue(S: Tensor, *, estimate: float | None = None, error: float = 0.0) -> float:
    """λ_min of a symmetric S from below, rounding included; zero where it cannot be told from zero.

    Args:
        S: (n, n) in float64, with a positive diagonal.
        estimate: of λ_min; computed where it is not given, and lowered until S − τI has a Cholesky factor.
        error: how far S may be from the matrix that is meant, in the spectral norm.
    """
    n = len(S)
    if not bool(torch.isfinite(S).all()):
        return 0.0
    estimate = float(torch.linalg.eigvalsh(S)[0]) if estimate is None else estimate
    if not estimate > 0:
        return 0.0
    # Where the algorithm reaches its end, λ_min ≥ −γ_{n+1}/(1 − γ_{n+1}) tr S (Demmel 1989, Rump 2006).
    error += (_BLOCKED * rounding(n + 2) + _UNIT) * float(S.diagonal().sum())
    eye = torch.eye(n, dtype=S.dtype)
    for share in _SHARES:
        tau = (1 - share) * estimate
        if int(torch.linalg.cholesky_ex(S - tau * eye)[1]) == 0:
            return max(tau - error, 0.0)
    return 0.0


def least_singular_value(B: Tensor, factors: tuple[Tensor, Tensor]) -> float:
    """σ_min of a square B in float64 from below, the root of λ_min(BᵀB); zero where it is too small to tell.

    ``factors`` are those of ``torch.linalg.lu_factor(B)``.
    """
    k, (lu, pivots) = len(B), factors

    def inverse(x: np.ndarray) -> np.ndarray:
        """(BᵀB)⁻¹x."""
        y = torch.linalg.lu_solve(lu, pivots, torch.from_numpy(x.reshape(k, 1)), adjoint=True)
        return torch.linalg.lu_solve(lu, pivots, y).numpy()

    if not bool(torch.isfinite(lu).all() & (lu.diagonal() != 0).all()):
        return 0.0
    tolerance = 1e-3
    options = {"k": 1, "which": "LA", "ncv": 8, "tol": tolerance, "return_eigenvectors": False}
    found = _arpack("eigsh", inverse, k, dense_width=_DENSE_INVERSE, **options)
    if found is None:
        estimate = float(torch.linalg.svdvals(B)[-1]) ** 2
    else:
        estimate = (1 - 2 * tolerance) / float(found[0])
    # Of the product BᵀB, and of ‖B‖_F² itself.
    error = 2 * rounding(k + 2) * float(torch.linalg.vector_norm(B)) ** 2
    return (1 - 4 * _UNIT) * math.sqrt(least_eigenvalue(B.T @ B, estimate=estimate, error=error))


@checked
def spectral_radius(A: Tensor) -> float:
    """ρ(A), the largest eigenvalue in modulus (an estimate: Arnoldi above m = 256)."""
    size, A = _normalised(_matrix(A))
    return size * _over_blocks(A, _spectral_radius_of_block)


@checked
def perron_root(A: Tensor, *, rtol: float = 1e-10) -> float:
    """ρ(|A|) from above: max_i (|A|x)_i / x_i (Collatz–Wielandt) over a positive x, improved in steps."""
    if not 0 < rtol < 1:
        raise ValueError(f"rtol={rtol}: a relative tolerance lies between 0 and 1.")
    size, A = _normalised(_matrix(A))
    return size * _over_blocks(A.abs(), lambda P: _collatz_wielandt(P, rtol))


def perron_pair(P: Tensor) -> tuple[float, np.ndarray, np.ndarray]:
    """ρ(P) of a nonnegative P with its right and left eigenvectors, nonnegative and of unit length."""
    M = P.cpu().numpy()
    found = [_arpack("eigs", N.dot, len(M), start=np.ones(len(M)), k=1, which="LR") for N in (M, M.T)]
    if all(found):
        (right, x), (left, y) = found
        if abs(right[0].real - left[0].real) <= 1e-9 * right[0].real:
            return float(right[0].real), _positive(x[:, 0]), _positive(y[:, 0])
    from scipy.linalg import eig

    values, y, x = eig(M, left=True)
    k = int(np.argmax(values.real))
    return max(float(values[k].real), 0.0), _positive(x[:, k]), _positive(y[:, k])


def top_vector(M: Tensor, *, tol: float = 1e-3) -> Tensor:
    """Unit v with ‖Mv‖ ≈ ‖M‖₂: exact up to m = 256, by Lanczos to a relative residual ``tol`` above."""
    _, M = _normalised(M)
    found = _arpack("eigsh", _matvec(M, gram=True), len(M), k=1, which="LA", tol=tol)
    if found is None:
        return torch.linalg.eigh(M.T @ M).eigenvectors[:, -1]
    return torch.as_tensor(found[1][:, 0], device=M.device)


def lower_norm(M: Tensor) -> float:
    """‖M‖₂ from below, to six digits: enough to choose a step by, not to certify it."""
    size, M = _normalised(M)
    return size * float(torch.linalg.vector_norm(M @ top_vector(M)))


class NormEstimate:
    """‖A‖₂ by Lanczos to six digits, each call started from the singular vector of the last one."""

    def __init__(self) -> None:
        self.vector: Tensor | None = None

    def __call__(self, A: Tensor) -> float:
        start = None if self.vector is None else self.vector.numpy()
        options = {"dense_width": 63, "start": start, "k": 1, "which": "LA", "tol": 1e-6}
        found = _arpack("eigsh", _matvec(A, gram=True), len(A), **options)
        if found is None:
            return float(torch.linalg.matrix_norm(A, ord=2))
        self.vector = torch.from_numpy(found[1][:, 0].copy())
        return math.sqrt(max(found[0][0], 0.0))


def _spectral_radius_of_block(A: Tensor) -> float:
    options = {"k": 4, "which": "LM", "ncv": min(len(A), 120), "tol": 1e-6, "maxiter": _ARNOLDI_RESTARTS}
    values = _arpack("eigs", _matvec(A), len(A), return_eigenvectors=False, **options)
    return float(torch.linalg.eigvals(A).abs().max() if values is None else np.abs(values).max())


def _collatz_wielandt(P: Tensor, rtol: float) -> float:
    """An upper bound on the Perron root of an irreducible P ≥ 0, tight to rtol.

    Power steps suffice for a matrix like a Gaussian |A|. Where they are slow, as on a ring, Noda's inverse
    steps with the bound itself as the shift keep x positive and converge quadratically, at one
    factorisation each.
    """
    eye = torch.eye(len(P), dtype=P.dtype, device=P.device)
    x = torch.ones_like(P[0])
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
    found = _arpack("eigsh", _matvec(S), m, k=1, which="LA", tol=1e-8, return_eigenvectors=False)
    if found is None:
        return float(torch.linalg.eigvalsh(S)[-1]) + m * torch.finfo(S.dtype).eps * scale
    estimate = float(found[0])
    eye = torch.eye(m, dtype=S.dtype, device=S.device)
    slack = 1e-9 * scale
    while True:
        _, info = torch.linalg.cholesky_ex((estimate + slack) * eye - S)
        if int(info) == 0:
            # The factorisation itself is exact up to m·eps·scale, which is added to stay an upper bound.
            return estimate + slack + m * torch.finfo(S.dtype).eps * scale
        slack *= 10


def _matrix(A: Tensor) -> Tensor:
    """A, refused by name where it is no square matrix of numbers."""
    check_matrix(A)
    check_finite(A=A)
    return A


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
    if int((A == 0).sum()) < len(A) - 1:  # every reducible matrix has that many zeros
        return value(A)
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

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


def _positive(x: np.ndarray) -> np.ndarray:
    x = np.abs(x.real)
    return x / np.linalg.norm(x)


def _matvec(A: Tensor, *, gram: bool = False) -> Callable[[np.ndarray], np.ndarray]:
    """x ↦ Ax, or AᵀAx, computed in A's dtype on its device."""

    def matvec(x: np.ndarray) -> np.ndarray:
        y = A @ torch.from_numpy(np.asarray(x, dtype=np.float64).ravel()).to(A)
        return (A.T @ y if gram else y).to("cpu", torch.float64).numpy()

    return matvec


def _arpack(find: str, matvec: Callable, m: int, *, dense_width=DENSE_WIDTH, start=None, **options):
    """What scipy's function ``find``, ``eigs`` or ``eigsh``, finds of a map of m numbers.

    None where the caller has to use a dense routine: m is small, or the iteration fails.
    """
    if m <= dense_width:
        return None
    from scipy.sparse import linalg

    start = np.random.default_rng(0).standard_normal(m) if start is None else start
    try:
        operator = linalg.LinearOperator((m, m), matvec=matvec, dtype=np.float64)
        return getattr(linalg, find)(operator, v0=start, **options)
    except linalg.ArpackError:
        return None
