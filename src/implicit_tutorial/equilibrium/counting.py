"""The exact answer for small widths: P-matrices, and every equilibrium there is (C4)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from implicit_tutorial.equilibrium.checks import check_finite, check_matrix, check_rows, checked

_LARGEST_WIDTH = 20
_BATCH_ENTRIES = 1 << 22
#: With b of size one: a miss of zero by this much is a tie, and states this near each other are the same.
_TIE, _DISTINCT = 1e-12, 1e-9
#: Where a ray of equilibria is cut off.
_FAR = 1e6


@dataclass(frozen=True)
class PMatrix:
    """Whether all principal minors are positive; true in a boolean context exactly then."""

    smallest_pivot: float
    """Smallest ratio m(S ∪ {k}) / m(S) of nested principal minors m; positive iff a P-matrix."""

    def __bool__(self) -> bool:
        return self.smallest_pivot > 0


@checked
def is_p_matrix(M: Tensor) -> PMatrix:
    """Decide in O(2^m) whether every principal minor of M is positive (Tsatsomeros & Li 2000).

    M is a P-matrix iff M₁₁ > 0 and both M without its first unit and the Schur complement M / M₁₁ are.
    Level k of that recursion is one batch of 2^k matrices of width m − k. A pivot that rounding cannot tell
    from zero counts as zero.

    Raises:
        ValueError: M is wider than 20, not square, or not finite.
    """
    check_matrix(M, "M")
    check_finite(M=M)
    _check_width(M.shape[0])
    level = M.detach().to(torch.float64)[None]
    size = level.abs()  # rounding of an entry is at most a unit of it; see the steps for how it grows
    unit = 4 * M.shape[0] * torch.finfo(level.dtype).eps
    smallest = math.inf
    while level.shape[-1] > 0:
        pivot = level[:, 0, 0]
        pivot = torch.where(pivot.abs() > unit * size[:, 0, 0], pivot, 0)
        smallest = min(smallest, float(pivot.min()))
        if smallest <= 0:
            break
        rest, p = level[:, 1:, 1:], pivot[:, None, None]
        column, row = level[:, 1:, :1], level[:, :1, 1:] / p
        # ab/p is as uncertain as a, b and p are, each relative to its own size.
        grown = size[:, 1:, :1] * row.abs() + column.abs() * (
            size[:, :1, 1:] / p + row.abs() * size[:, :1, :1] / p
        )
        size = torch.cat([size[:, 1:, 1:], size[:, 1:, 1:] + grown])
        level = torch.cat([rest, rest - column * row])
    return PMatrix(smallest)


@dataclass(frozen=True)
class EquilibriumCount:
    """All solutions of z = relu(Az + b), for each row of b."""

    counts: Tensor
    """(n,) how many, float64; infinity for a continuum."""
    solutions: list[Tensor]
    """For each sample a (count, m) tensor of its equilibria; of a continuum only some of its points."""

    def tally(self) -> dict[float, int]:
        """How many samples have 0, 1, 2, … solutions."""
        values, numbers = torch.unique(self.counts, return_counts=True)
        return {float(v): int(k) for v, k in zip(values, numbers, strict=True)}


@checked
def count_equilibria(A: Tensor, b: Tensor) -> EquilibriumCount:
    """Find every equilibrium of z = relu(Az + b) by trying all 2^m activation patterns (C4).

    For each pattern S it solves (I − A_SS) z_S = b_S and keeps z when z_S ≥ 0 and Az + b ≤ 0 off S. A tie h
    = 0 belongs to two patterns and is counted once. A pattern with a singular I − A_SS may carry a
    continuum; linear programs over its cell decide that. Equalities are decided up to rounding, relative to
    the size of b.

    Args:
        A: (m, m) implicit-layer matrix, m ≤ 20.
        b: (n, m) injections.

    Raises:
        ValueError, TypeError: wrong shapes, non-finite entries, or m > 20.
    """
    check_matrix(A)
    m = A.shape[0]
    _check_width(m)
    check_rows(b, m, "b", A, row="injection", column="unit")
    check_finite(A=A, b=b)
    A, b = A.detach().to(torch.float64), b.detach().to(torch.float64)
    n = b.shape[0]
    # Equilibria scale with b, so each sample is solved at size one.
    size = b.abs().amax(dim=1, keepdim=True)
    b = b / torch.where(size > 0, size, 1)
    found: list[list[Tensor]] = [[] for _ in range(n)]
    continuum = torch.zeros(n, dtype=torch.bool)
    bits = 2 ** torch.arange(m, device=A.device)
    eye = torch.eye(m, dtype=A.dtype, device=A.device)
    chunk = max(1, _BATCH_ENTRIES // (m * max(m, n)))
    for first in range(0, 2**m, chunk):
        codes = torch.arange(first, min(first + chunk, 2**m), device=A.device)
        D = ((codes[:, None] & bits) > 0).to(A.dtype)
        system = eye - D[:, :, None] * A
        lu, pivots, info = torch.linalg.lu_factor_ex(system)
        # A pivot at rounding level is a singular block met in floating point.
        diagonal = lu.diagonal(dim1=-2, dim2=-1).abs().amin(dim=1)
        scale = system.abs().sum(dim=2).amax(dim=1)
        singular = (info != 0) | (diagonal <= m * torch.finfo(A.dtype).eps * scale)
        regular = torch.nonzero(~singular).flatten()
        on = D[regular][:, None, :]
        z = torch.linalg.lu_solve(lu[regular], pivots[regular], on.mT * b.T).mT * on
        # On S the preactivation is z, off S it is Az + b: both may miss zero by rounding.
        rounding = _TIE * (z.abs().amax(dim=2, keepdim=True) + 1)
        fits = torch.where(on > 0, z >= -rounding, z @ A.T + b <= rounding).all(dim=2)
        for sample in torch.nonzero(fits.any(dim=0)).flatten().tolist():
            _merge(found[sample], torch.relu(z[fits[:, sample], sample]) + 0.0)  # which makes −0 a 0
        for pattern in torch.nonzero(singular).flatten().tolist():
            for sample in torch.nonzero(~continuum).flatten().tolist():
                ends = _singular_cell(A, b[sample], D[pattern].bool())
                if ends is not None:
                    _merge(found[sample], ends)
                    continuum[sample] = not bool(_same(ends[0], ends[1]))
    solutions = [
        torch.stack(zs) * s if zs else A.new_empty((0, m)) for zs, s in zip(found, size, strict=True)
    ]
    counts = torch.tensor([math.inf if c else len(s) for c, s in zip(continuum, solutions, strict=True)])
    return EquilibriumCount(counts.to(torch.float64), solutions)


def _same(z: Tensor, others: Tensor) -> Tensor:
    """Which of the others, by rows, are z up to rounding."""
    return (others - z).abs().amax(dim=-1) <= _DISTINCT * (1 + z.abs().max())


def _merge(found: list[Tensor], candidates: Tensor) -> None:
    """Append those candidates, by rows, that are not in the list yet."""
    for z in found:
        candidates = candidates[~_same(z, candidates)]
    while len(candidates):
        found.append(candidates[0])
        candidates = candidates[~_same(candidates[0], candidates)]


def _singular_cell(A: Tensor, b: Tensor, on: Tensor) -> Tensor | None:
    """Two extreme points of {(I − A_SS) z_S = b_S, z_S ≥ 0, Az + b ≤ 0 off S}, None if it is empty."""
    from scipy.optimize import linprog

    A_, b_, S = A.cpu().numpy(), b.cpu().numpy(), on.cpu().numpy()
    k = int(S.sum())
    block = np.eye(k) - A_[np.ix_(S, S)]
    nearest = np.linalg.lstsq(block, b_[S], rcond=None)[0]
    if np.abs(block @ nearest - b_[S]).max() > _DISTINCT * (1 + np.abs(nearest).max()):
        return None
    direction = np.random.default_rng(0).standard_normal(k)
    constraints = {
        "A_eq": block,
        "b_eq": b_[S],
        "A_ub": A_[np.ix_(~S, S)] if (~S).any() else None,
        "b_ub": -b_[~S] if (~S).any() else None,
        "bounds": (0, _FAR),
    }
    ends = np.zeros((2, len(S)))
    for end, sign in zip(ends, (1, -1), strict=True):
        program = linprog(sign * direction, **constraints)
        if program.status == 2:  # infeasible
            return None
        if program.status != 0:
            raise RuntimeError(f"the linear program of pattern {np.flatnonzero(S)} failed: {program.message}")
        end[S] = program.x
    return torch.as_tensor(ends, dtype=A.dtype, device=A.device)


def _check_width(m: int) -> None:
    if m > _LARGEST_WIDTH:
        raise ValueError(
            f"width {m} means 2^{m} activation patterns; enumeration is offered up to m = {_LARGEST_WIDTH}. "
            "For wider networks use certify(A)."
        )
