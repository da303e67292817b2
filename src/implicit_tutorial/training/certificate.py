"""What is proved of training from a computed point on: C12, C20 for the flow, C22 for descent."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from implicit_tutorial.equilibrium.checks import check_finite, check_problem, checked
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.prose import powers
from implicit_tutorial.training.branch import branches
from implicit_tutorial.training.enclosure import Enclosure, Point
from implicit_tutorial.training.least_squares import LeastSquares
from implicit_tutorial.training.region import Ball, Region


@dataclass(frozen=True)
class ConvergenceCertificate:
    """Every quantity of C12 or C20; ``holds`` proves that gradient flow on Θ converges from here.

    All of it is about the network as it is, with what rounding can do on the safe side, and about the exact
    first output of a centered one. C12 says that there is one equilibrium for each input, everywhere in its
    ball. C20 follows those that were computed: they go on, and the flow along them converges; of others it
    says nothing unless ``unique``. Where units are free to pass their kinks, J⁰ and u⁰ are means over the
    sides on which they may be.
    """

    claim: str
    """``"C12"`` or ``"C20"``: the theorem whose quantities these are."""
    initial_error: float
    """‖e₀‖ = ‖f₀ − y‖, from above."""
    s0: float
    """σ_min of the n × m² Jacobian of f with respect to A, from below."""
    r_star: float
    """2‖e₀‖/s₀: the ball ‖A − A₀‖_F ≤ r* that the flow does not leave, and in which it ends."""
    reach: float
    """How far A may move until the theorem loses the equilibria: 1 − ρ₀, or at most 1/max(γ_i + k_i)."""
    rho0: float
    """‖A₀‖₂, from above."""
    unique: bool
    """Whether a condition of C5 holds in the whole ball, so that each input has one equilibrium there."""
    gamma: Tensor
    """(n,) γ_i ≥ ‖(I − A_SS)⁻¹‖₂, S the active units of sample i; 1/(1 − ρ₀) in C12."""
    kink: Tensor
    """(n,) k_i ≥ ‖∇_A h_ir‖_F/|h_ir| for all units r that are not free; zero in C12."""
    free: int
    """Units, counted over all samples, that may pass their kinks. Zero in C12, where all may."""
    zeta: Tensor
    """(n,) bounds on ‖z_i − z_i⁰‖ in that ball."""
    psi: Tensor
    """(n,) what flips do to u_i: in C12 a fractional knapsack, in C20 ‖u_i − u_i⁰‖ over the free units."""
    omega: Tensor
    """(n,) bounds on ‖u_i − u_i⁰‖."""
    delta: Tensor
    """(n,) bounds on ‖J_i − J_i⁰‖."""
    Delta: float
    """√Σ δ_i²; infinite when r* is not below ``reach``."""
    lambda0: float
    """λ_min(K) = σ_A² s₀²/m, from below."""
    largest_error: float
    """The largest ‖e₀‖ that is certified at this A."""
    largest_step: float
    """The largest η for which Θ ← Θ − η∇L is proved to converge from here (C22); zero where none is."""
    stable_step: float
    """2/λ_max(K): with a longer step a minimum with this kernel is unstable (C22)."""

    @property
    def sample_margins(self) -> dict[str, Tensor]:
        """(n,) relative slack of the conditions on each sample: of γ_i r* < 1, and of (γ_i + k_i) r* < 1."""
        return {
            "resolvent": 1 - self.gamma * self.r_star,
            "kinks": 1 - (self.gamma + self.kink) * self.r_star,
        }

    @property
    def margins(self) -> dict[str, float]:
        """Relative slack of the two conditions: of r* < ``reach``, and of Δ ≤ s₀/2."""
        return {
            "equilibria": 1 - self.r_star / self.reach if self.reach > 0 else -math.inf,
            "jacobian": 1 - self.Delta / (self.s0 / 2) if self.s0 > 0 else -math.inf,
        }

    @property
    def holds(self) -> bool:
        return self.margins["equilibria"] > 0 and self.margins["jacobian"] >= 0

    @property
    def rate(self) -> float:
        """λ₀/4: ‖e(t)‖ ≤ exp(−rate·t) ‖e₀‖ when the certificate holds."""
        return self.lambda0 / 4

    def __str__(self) -> str:
        verdict = "proves convergence" if self.holds else "proves nothing"
        others = "" if self.unique or not self.holds else " along these equilibria"
        units = "one unit may pass its kink" if self.free == 1 else f"{self.free} units may pass their kinks"
        passing = f", {units}" if self.free else ""
        error, largest, r_star, reach, Delta, half_s0, rate = (
            powers(value, 3)
            for value in (
                self.initial_error, self.largest_error, self.r_star, self.reach, self.Delta, self.s0 / 2,
                self.rate,
            )
        )  # fmt: skip
        return (
            f"{self.claim} {verdict}{others}{passing}: ‖e₀‖ = {error}, certified up to {largest}; "
            f"r* = {r_star} (< {reach}), Δ = {Delta} (≤ s₀/2 = {half_s0}), rate λ₀/4 = {rate}"
        )


@checked
def convergence_certificate(
    net: EquilibriumNetwork,
    X: Tensor,
    y: Tensor,
    *,
    claim: str | None = None,
    z0: Tensor | None = None,
) -> ConvergenceCertificate:
    """Prove that gradient flow on Θ converges from here to a global minimum, at a linear rate (C12, C20).

    At initialization or anywhere along a run, in float64 whatever the network's dtype. For descent the
    longest step that is proved to converge is part of it (C22). O(nm³) time, O(nm + m²) memory.

    Args:
        net: a network with one output.
        X: (n, d) inputs. y: (n,) labels.
        claim: ``"C12"`` or ``"C20"``; by default the one that certifies the larger error.
        z0: (n, m) states near the equilibria that are meant; by default those that the network finds.

    Raises:
        ValueError, TypeError: several outputs, implicit_scale = 0, a constrained network, an unknown claim,
            numbers beyond 1e±70, or data that the network refuses.
        EquilibriumError: an equilibrium did not converge.
    """
    check_provable(net)
    if claim not in (None, "C12", "C20"):
        raise ValueError(f"claim={claim!r}; choose 'C12', 'C20', or None for the one that says more.")
    LeastSquares(net, X, y, ("implicit",))  # refuses wrong data
    check_problem(net.A, z0=z0)
    check_finite(z0=z0)
    if z0 is not None and len(z0) != len(X):
        raise ValueError(f"z0 holds {len(z0)} states for {len(X)} inputs; give one row a sample.")
    point = Point(net, X, y, z0)
    if claim is None and not point.norm < 1:
        claim = "C20"  # C12 certifies nothing
    found = [made(point) for name, made in _CLAIMS.items() if claim in (None, name)]
    return max(found, key=lambda certificate: certificate.largest_error)


def check_provable(net: EquilibriumNetwork) -> None:
    """Raise unless the theorems are about this network."""
    if net.n_outputs is not None:
        raise ValueError(
            f"the certificate is for one output, but this network has n_outputs={net.n_outputs}."
        )
    if net.implicit_scale == 0:
        raise ValueError("implicit_scale=0: the implicit layer does not act, so training it moves nothing.")
    if parametrize.is_parametrized(net):
        raise ValueError("this network is constrained, and the certificate is for the flow of a free Θ.")


def _in_ball(point: Point) -> ConvergenceCertificate:
    """C12."""
    ball, known = Ball.at(point)
    return _certificate("C12", point, ball, known, torch.zeros_like(ball.gamma), 0)


def _on_branch(point: Point) -> ConvergenceCertificate:
    """C20, with as few free units as prove it; where none do, with those that certify the largest error."""
    found = []
    for branch in branches(point):
        found.append(_certificate("C20", point, branch, branch.known, branch.kink, branch.free))
        if found[-1].holds and found[-1].largest_step > 0:
            break
    proved = [certificate for certificate in found if certificate.holds]
    best = proved[0] if proved else max(found, key=lambda certificate: certificate.largest_error)
    # Descent needs more room than the flow, and may find it with other units free.
    return replace(best, largest_step=max(certificate.largest_step for certificate in found))


_CLAIMS = {"C12": _in_ball, "C20": _on_branch}


def _certificate(
    claim: str, point: Point, region: Region, known: Enclosure, kink: Tensor, free: int
) -> ConvergenceCertificate:
    s0, more = known.least, point.more
    r_star = more * 2 * known.error / s0 if s0 > 0 else math.inf
    zeta, psi, omega, delta = (more * x for x in region.bounds(r_star))
    #: From a step in A to one in Θ.
    unit = point.net.width / point.net.implicit_scale**2
    return ConvergenceCertificate(
        claim=claim,
        initial_error=known.error,
        s0=s0,
        r_star=r_star,
        reach=region.reach,
        rho0=point.norm,
        unique=min(point.norm, point.monotone) + r_star < 1,
        gamma=region.gamma,
        kink=kink,
        free=free,
        zeta=zeta,
        psi=psi,
        omega=omega,
        delta=delta,
        Delta=more * float(torch.linalg.vector_norm(delta)),
        lambda0=s0**2 / unit / more,
        largest_error=s0 * region.largest_radius(s0 / 2) / 2 / more,
        largest_step=unit * _largest_step(known, region) / more,
        stable_step=2 * unit / known.largest**2 if known.largest > 0 else math.inf,
    )


def _largest_step(known: Enclosure, region: Region) -> float:
    """(2 − c)/(‖J‖ + Δ(r))² with r = 4‖e‖/cs, for the smallest c ≤ 1 that C22 allows."""
    s = known.least

    def change(c: float) -> float:
        """Δ(r); infinite where the condition fails."""
        Delta = region.Delta(4 * known.error / (c * s)) if s > 0 else math.inf
        if not Delta < s:
            return math.inf
        sides = (region.cross + 2 * region.apart * Delta) / (s - Delta)
        return Delta if 2.5 * Delta + sides < c * s / 4 else math.inf

    if not change(1.0) < math.inf:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if change(middle) < math.inf else (middle, high)
    return (2 - high) / (known.largest + change(high)) ** 2
