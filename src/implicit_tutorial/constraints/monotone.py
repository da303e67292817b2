"""Monotone and symmetric parametrizations: one equilibrium, and an energy when A = Aᵀ (C8)."""

from __future__ import annotations

import torch
from torch import Tensor

from implicit_tutorial.constraints.base import Constraint, check_limit
from implicit_tutorial.equilibrium.checks import check_finite, check_problem, checked

#: Directions of P shorter than this get this length at the start: at P v = 0 the gradient of vᵀPᵀPv vanishes.
_SHORTEST = 0.03


class _WithMargin(Constraint):
    @checked
    def __init__(self, margin: float = 0.1) -> None:
        super().__init__()
        self.margin = check_limit("margin", margin)

    def extra_repr(self) -> str:
        return f"margin={self.margin:g}"


class Monotone(_WithMargin):
    """A = (1 − μ) I − PᵀP + S − Sᵀ: all A with λ_max((A + Aᵀ)/2) ≤ 1 − μ (Winston & Kolter 2020; C8).

    Started from a given A it takes P and S of the nearest such matrix: the antisymmetric part stays, the
    symmetric part's eigenvalues are cut slightly below 1 − μ, so that no direction of P starts with zero
    gradient.

    Args:
        margin: μ in (0, 1), the monotonicity constant that all parameters guarantee.
    """

    guarantees = "monotone"

    def forward(self, P: Tensor, S: Tensor) -> Tensor:
        return _below(P, self.margin) + (S - S.T)

    def right_inverse(self, A: Tensor) -> tuple[Tensor, Tensor]:
        return _root_below(A, self.margin), A / 2


class Symmetric(_WithMargin):
    """A = (1 − μ) I − PᵀP: the equilibrium minimises :func:`energy` over z ≥ 0 (Xie et al. 2022; C8).

    Args:
        margin: μ in (0, 1), the energy's constant of strong convexity.
    """

    guarantees = "symmetric"

    def forward(self, P: Tensor) -> Tensor:
        return _below(P, self.margin)

    def right_inverse(self, A: Tensor) -> Tensor:
        return _root_below(A, self.margin)


def quadratic(A: Tensor, b: Tensor, z: Tensor) -> Tensor:
    """(n,) ½ zᵀ(I − A)z − bᵀz of each row, whatever its signs: pure."""
    return (z * (z / 2 - z @ A.T / 2 - b)).sum(dim=1)


@checked
def energy(A: Tensor, b: Tensor, z: Tensor) -> Tensor:
    """½ zᵀ(I − A)z − bᵀz, which a symmetric A's equilibrium minimises over z ≥ 0 (Xie et al. 2022; C5).

    Args:
        A: (m, m) symmetric matrix; λ_max(A) < 1 makes the energy strictly convex.
        b: (n, m) injections.
        z: (n, m) states. At z ≥ 0 the energy falls along z → relu(Az + b), not necessarily with a full
            step.

    Returns:
        (n,) energies; infinite for a state with a negative entry, which the minimisation excludes.

    Raises:
        ValueError, TypeError: A is not symmetric, so that no energy exists, or a shape, dtype or device
            is wrong.
    """
    check_problem(A, b=b, z=z)
    check_finite(A=A, b=b, z=z)
    if b.shape != z.shape:
        raise ValueError(f"b has shape {tuple(b.shape)}, but z has {tuple(z.shape)}; give one row a sample.")
    scale = float(A.detach().abs().max()) if A.numel() else 0.0
    gap = float((A - A.T).detach().abs().max()) if A.numel() else 0.0
    if gap > 100 * torch.finfo(A.dtype).eps * scale:
        raise ValueError(
            f"A is not symmetric (|A − Aᵀ| reaches {gap:.3g}): z − Az − b is not the gradient of any energy. "
            "Constrain A with Symmetric()."
        )
    return torch.where((z < 0).any(dim=1), torch.inf, quadratic(A, b, z))


def _below(P: Tensor, margin: float) -> Tensor:
    eye = torch.eye(P.shape[0], dtype=P.dtype, device=P.device)
    gram = P.T @ P
    # A product of rounded sums need not be symmetric to the last bit; its mean with its transpose is.
    return (1 - margin) * eye - (gram + gram.T) / 2


def _root_below(A: Tensor, margin: float) -> Tensor:
    """Symmetric P with (1 − μ)I − PᵀP nearest to the symmetric part of A."""
    values, vectors = torch.linalg.eigh((A + A.T).detach().to(torch.float64) / 2)
    lengths = (1 - margin - values).clamp(min=0).sqrt().clamp(min=_SHORTEST)
    return (vectors * lengths @ vectors.T).to(A.dtype)
