"""Steps of the splitting methods: chosen by their contraction factor, checked by a certificate (C8)."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from implicit_tutorial.equilibrium.spectra import lower_norm, monotone_constant, spectral_norm, top_vector
from implicit_tutorial.equilibrium.status import Portable

_CUTS = 8


class UnsafeStepError(Portable, ValueError):
    """A splitting step without a guarantee of convergence."""

    def __init__(self, message: str, *, step: float | None, limit: float | None) -> None:
        super().__init__(message)
        self.step = step
        self.limit = limit
        """2μ/‖I − A‖₂², below which every forward–backward step is safe; None when μ ≤ 0."""


def checked_forward_step(A: Tensor, step: float | None, *, check: bool = True) -> float:
    """α with ‖(1 − α) I + αA‖₂ < 1: the given one if it is certified, else the best one.

    Raises:
        UnsafeStepError: the given step has no certificate, or A is not strongly monotone, so that no step
            has.
    """
    if A.shape[0] == 0:
        return step or 1.0
    A = A.detach().to(torch.float64)
    F = torch.eye(A.shape[0], dtype=A.dtype, device=A.device) - A
    alpha = _best_forward_step(F) if step is None else step
    if not check or forward_factor(A, alpha) < 1:
        return alpha
    mu, L = 1 - monotone_constant(A), spectral_norm(F)
    if mu <= 0:
        raise _not_monotone("ForwardBackward", 1 - mu, step)
    limit = 2 * mu / L / L
    if step is None:
        # The optimum is so close to one that its factor cannot be verified; this step is safe by theorem.
        return mu / L / L
    if step < limit:
        return step
    raise UnsafeStepError(
        f"ForwardBackward(step={step:g}) is not certified: ‖(1 − α)I + αA‖₂ = {forward_factor(A, step):.4g}"
        f" ≥ 1, and the step exceeds 2μ/‖I − A‖₂² = {limit:.4g} (μ = {mu:.4g}, ‖I − A‖₂ = {L:.4g}). Likely "
        f"cause: the step was chosen for another A. What to change: use a step below {limit:.4g}, or "
        "step=None, which chooses the best one.",
        step=step,
        limit=limit,
    )


def forward_factor(A: Tensor, step: float) -> float:
    """‖(1 − α) I + αA‖₂ from above: the factor by which a forward–backward step contracts."""
    A = A.detach().to(torch.float64)
    eye = torch.eye(A.shape[0], dtype=A.dtype, device=A.device)
    return spectral_norm((1 - step) * eye + step * A)


def best_reflection_step(A: Tensor, step: float | None, *, check: bool = True) -> float:
    """α of Peaceman–Rachford: the given one, or of three the one with the smallest
    :func:`reflection_factor`.

    Raises:
        UnsafeStepError: A is not strongly monotone, so that no step is certified.
    """
    if A.shape[0] == 0 or (step is not None and not check):
        return step or 1.0
    A = A.detach().to(torch.float64)
    mu = 1 - monotone_constant(A)
    if mu <= 0 and check:
        raise _not_monotone("PeacemanRachford", 1 - mu, step)
    if step is not None:
        return step
    L = lower_norm(torch.eye(A.shape[0], dtype=A.dtype, device=A.device) - A)
    if L == 0:  # A = I, which only check=False lets through
        return 1.0
    # 1/L is best when F is far from symmetric, 1/√(μL) when it is symmetric.
    low, high = 1 / L, 1 / math.sqrt(L) / math.sqrt(max(mu, 1e-6 * L))
    return min((low, math.sqrt(low * high), high), key=lambda alpha: reflection_factor(A, alpha))


def reflection_resolvent(A: Tensor, step: float) -> Tensor:
    """(I + α(I − A))⁻¹; well conditioned for a monotone A, so that the inverse itself may be applied."""
    eye = torch.eye(A.shape[0], dtype=A.dtype, device=A.device)
    V, info = torch.linalg.inv_ex(eye + step * (eye - A))
    if int(info) or not bool(torch.isfinite(V).all()):
        raise UnsafeStepError(
            f"PeacemanRachford(step={step:g}) needs the inverse of I + α(I − A), which is singular. Likely "
            "cause: A is not monotone, and check=False. What to change: another step, or Newton().",
            step=step,
            limit=None,
        )
    return V


def reflection_factor(A: Tensor, step: float) -> float:
    """‖(I − αF)(I + αF)⁻¹‖₂ = ‖2(I + αF)⁻¹ − I‖₂, F = I − A: by which Peaceman–Rachford contracts.

    Infinite where there is no inverse.
    """
    try:
        V = reflection_resolvent(A.detach().to(torch.float64), step)
    except UnsafeStepError:
        return math.inf
    return lower_norm(2 * V - torch.eye(A.shape[0], dtype=V.dtype, device=V.device))


def _not_monotone(solver: str, value: float, step: float | None) -> UnsafeStepError:
    return UnsafeStepError(
        f"{solver} has no safe step for this A: λ_max((A + Aᵀ)/2) = {value:.4g} ≥ 1, so I − A is not "
        "strongly monotone. Likely cause: implicit_scale is above 1/√2, or training has moved A. What to "
        "change: constrain A with Monotone(), use Picard() or Newton(), or pass check=False to try without a "
        "guarantee.",
        step=step,
        limit=None,
    )


def _best_forward_step(F: Tensor) -> float:
    """Minimise ‖I − αF‖₂² = max_v 1 − 2α vᵀFv + α²‖Fv‖² over α; the parabolas of a few top v suffice."""
    from scipy.optimize import minimize_scalar

    size = float(F.abs().max())
    if size == 0:  # A = I, where every step leaves z where it is
        return 1.0
    F = F / size
    top = top_vector(F)
    cuts = [_parabola(F, top)]
    upper = 2 / math.sqrt(cuts[0][1])
    alpha = upper / 2
    for _ in range(_CUTS):
        eye = torch.eye(F.shape[0], dtype=F.dtype, device=F.device)
        cuts.append(_parabola(F, top_vector(eye - alpha * F)))
        value = 1 - 2 * alpha * cuts[-1][0] + alpha**2 * cuts[-1][1]
        s, g = np.array(cuts).T
        best = minimize_scalar(
            lambda x, s=s, g=g: float(np.max(1 - 2 * x * s + x * x * g)), bounds=(0, upper), method="bounded"
        )
        if value - best.fun <= 0.02 * max(1 - best.fun, 0):
            break
        alpha = float(best.x)
    return alpha / size


def _parabola(F: Tensor, v: Tensor) -> tuple[float, float]:
    Fv = F @ v
    return float(v @ Fv), float(Fv @ Fv)
