"""El Ghaoui's constraint: every row of A in an l1 ball, after a diagonal rescaling or not (C8)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from implicit_tutorial.constraints.base import Constraint, check_limit
from implicit_tutorial.equilibrium.checks import check_finite, check_float, check_matrix, checked
from implicit_tutorial.equilibrium.spectra import perron_root


class L1Rows(Constraint):
    """Each row of A projected on the l1 ball of radius c: ‖A‖_∞ ≤ c (El Ghaoui et al. 2021; C8).

    The projection a ↦ sign(a)·relu(|a| − θ) shifts the entries it keeps by their mean excess and sets the
    others to zero; its derivative does both (Duchi et al. 2008).

    Args:
        limit: c in (0, 1).
        weights: (m,) positive numbers s: then it is the rows of S⁻¹AS that are projected, which bounds
            ρ(|A|) by c and leaves A more room. :func:`diagonal_rescaling` gives the weights for which a
            matrix fits best.
    """

    rectangular = True

    @checked
    def __init__(self, limit: float, *, weights: Tensor | None = None) -> None:
        super().__init__()
        self.limit = check_limit("limit", limit)
        if weights is not None:
            check_float("weights", weights)
            if weights.ndim != 1 or not bool(((weights > 0) & torch.isfinite(weights)).all()):
                raise ValueError(
                    "weights must be positive and finite, one a unit; they are the units of the states."
                )
        self.register_buffer("weights", weights)

    @property
    def guarantees(self) -> str:
        return "row_sum" if self.weights is None else "perron_frobenius"

    def forward(self, A: Tensor) -> Tensor:
        if self.weights is None:
            return _project_rows(A, self.limit)
        s = self.weights.to(A)
        if len(s) != len(A):
            raise ValueError(f"weights holds {len(s)} numbers, but A has {len(A)} units.")
        return _project_rows(A * s / s[:, None], self.limit) / s * s[:, None]

    def extra_repr(self) -> str:
        return f"{self.limit:g}" + ("" if self.weights is None else ", weighted")


def _project_rows(A: Tensor, radius: float) -> Tensor:
    """Euclidean projection of every row on {‖a‖₁ ≤ radius}."""
    size = A.abs()
    with torch.no_grad():
        ordered = size.sort(dim=1, descending=True).values
        excess = ordered.cumsum(dim=1) - radius
        count = torch.arange(1, A.shape[1] + 1, device=A.device, dtype=A.dtype)
        kept = (ordered * count > excess).sum(dim=1, keepdim=True).clamp(min=1)
        smallest = ordered.gather(1, kept - 1)
        outside = size.sum(dim=1, keepdim=True) > radius
        support = (size >= smallest).to(A.dtype)
    theta = ((size * support).sum(dim=1, keepdim=True) - radius) / support.sum(dim=1, keepdim=True)
    return torch.where(outside, torch.sign(A) * torch.relu(size - theta), A)


@checked
def diagonal_rescaling(A: Tensor, *, limit: float | None = None) -> Tensor:
    """s = (I − |A|/c)⁻¹ 1 > 0, for which ‖S⁻¹AS‖_∞ < c whenever ρ(|A|) < c (El Ghaoui et al. 2021).

    As relu(sh) = s relu(h) for s > 0, the network with S⁻¹AS, S⁻¹b and Sv computes the same function of
    x: its states are S⁻¹z. So a network with ρ(|A|) < 1 loses nothing when it is asked for ‖A‖_∞ < 1.

    Args:
        A: (m, m) implicit-layer matrix.
        limit: c; halfway between ρ(|A|) and 1 by default.

    Returns:
        (m,) the positive diagonal of S.

    Raises:
        ValueError: ρ(|A|) is not below c, so that no rescaling does it.
    """
    check_matrix(A)
    check_finite(A=A)
    root = perron_root(A)
    c = (1 + root) / 2 if limit is None else limit
    if not root < c < math.inf:
        raise ValueError(
            f"ρ(|A|) = {root:.4g} is not below limit={c:.4g}: no diagonal rescaling makes every row sum "
            "smaller. Constrain A first, with PerronScaling() or L1Rows()."
        )
    P = A.detach().to(torch.float64).abs()
    eye = torch.eye(P.shape[0], dtype=P.dtype, device=P.device)
    s = torch.linalg.solve(eye - P / c, torch.ones_like(P[:, 0]))
    return s.to(A.dtype)
