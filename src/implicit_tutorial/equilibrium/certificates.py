"""Which condition makes the equilibrium well-posed, by what margin, and what error it certifies (C5, C7)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.checks import check_finite, check_matrix, check_problem, checked
from implicit_tutorial.equilibrium.counting import is_p_matrix
from implicit_tutorial.equilibrium.solver import SOLVERS, Solver
from implicit_tutorial.equilibrium.spectra import (
    monotone_constant,
    perron_root,
    row_norm,
    spectral_norm,
    spectral_radius,
)

#: Principal minors are enumerated up to this width: 2^m of them.
_ENUMERATION_WIDTH = 16


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

    @checked
    def error_bound(self, A: Tensor, b: Tensor, z: Tensor) -> Tensor | None:
        """(n,) bound on ‖z − z*‖ from the residual at z and its rounding, None without a condition (C7)."""
        check_problem(A, b=b, z=z)
        check_finite(A=A, b=b)
        known = {c.name: c for c in self.conditions}
        factors = [1 / c.margin for c in self.conditions if c.holds and c.name == "spectral_norm"]
        if "monotone" in known and known["monotone"].holds:
            # w = relu(Az + b) is the equilibrium for b + A(z − w), so ‖w − z*‖ ≤ ‖A‖₂ ‖z − w‖/μ.
            norm = known["spectral_norm"].value if "spectral_norm" in known else spectral_norm(A)
            factors.append(1 + norm / known["monotone"].margin)
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
            f"{mark} {c.formula:<28} "
            + (f"{c.value:>10.4f} {sign} {c.threshold:g}" if c.value < math.inf else "A is not of this form")
            for c in self.conditions
            for mark, sign in [("✓", "<") if c.holds else ("✗", "≥")]
        )
        verdict = {True: "well-posed", False: "not well-posed", None: "undecided"}[self.well_posed]
        return "\n".join([*rows, f"→ {verdict}"])


@checked
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
            raise ValueError(f"conditions: unknown condition {name!r}; choose from {list(CONDITIONS)}.")
    A = A.detach().to(torch.float64)
    return Certificate(tuple(CONDITIONS[name](A) for name in names))


def _row_sum(A: Tensor) -> float:
    return float(A.abs().sum(dim=1).max())


def _symmetric(A: Tensor) -> float:
    return monotone_constant(A) if torch.equal(A, A.T) else math.inf


def _simplex(A: Tensor) -> float:
    return float(A.sum(dim=0).max()) if bool((A >= 0).all()) else math.inf


def _p_matrix(A: Tensor) -> float:
    m = A.shape[0]
    if m > _ENUMERATION_WIDTH:
        raise ValueError(f"p_matrix enumerates 2^{m} minors; it is offered up to m = {_ENUMERATION_WIDTH}.")
    return -is_p_matrix(torch.eye(m, dtype=A.dtype, device=A.device) - A).smallest_pivot


@dataclass(frozen=True)
class _Rung:
    """A condition before its value is known; ``rung(A)`` evaluates it."""

    name: str
    formula: str
    measure: Callable[[Tensor], float]
    source: str
    threshold: float = 1.0
    sufficient: bool = True

    def __call__(self, A: Tensor) -> Condition:
        value, solvers = self.measure(A), _guaranteed(self.name, tuple(SOLVERS.values()))
        return Condition(
            self.name, self.formula, value, self.threshold, self.sufficient, solvers, self.source
        )


@cache
def _guaranteed(condition: str, solvers: tuple[type[Solver], ...]) -> tuple[str, ...]:
    """Names of the solvers that the condition guarantees, first those that a more demanding one does too."""
    ladder = list(CONDITIONS)

    def order(solver: type[Solver]) -> tuple[int, str]:
        return min(map(ladder.index, solver.guaranteed_by)), solver.__name__

    found = (solver for solver in solvers if condition in solver.guaranteed_by)
    return tuple(solver.__name__ for solver in sorted(found, key=order))


#: Every condition of C5 by name, from the most demanding on a Gaussian matrix to the exact one.
CONDITIONS: dict[str, Callable[[Tensor], Condition]] = {
    rung.name: rung
    for rung in (
        _Rung("perron_frobenius", "ρ(|A|) < 1", perron_root, "El Ghaoui et al. 2021"),
        _Rung("row_sum", "‖A‖_∞ < 1", _row_sum, "El Ghaoui et al. 2021"),
        _Rung("spectral_norm", "‖A‖₂ < 1", spectral_norm, "Gao et al. 2022"),
        _Rung("monotone", "λ_max((A + Aᵀ)/2) < 1", monotone_constant, "Winston & Kolter 2020"),
        _Rung("symmetric", "A = Aᵀ, λ_max(A) < 1", _symmetric, "Xie et al. 2022"),
        _Rung("simplex", "A ≥ 0, column sums < 1", _simplex, "Kawaguchi 2021"),
        _Rung("spectral_radius", "ρ(A) < 1", spectral_radius, "neither necessary nor sufficient", 1.0, False),
        _Rung("p_matrix", "I − A is a P-matrix", _p_matrix, "Samelson, Thrall & Wesler 1958", 0.0),
    )
}
