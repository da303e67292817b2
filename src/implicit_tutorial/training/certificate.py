"""The convergence certificate, computed at initialization (C12)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.checks import checked
from implicit_tutorial.equilibrium.spectra import spectral_norm
from implicit_tutorial.kernels.network import states
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.training.least_squares import LeastSquares


@dataclass(frozen=True)
class ConvergenceCertificate:
    """Every quantity of C12; ``holds`` proves that gradient flow on Θ converges from here, and how fast."""

    initial_error: float
    """‖e₀‖ = ‖f₀ − y‖."""
    s0: float
    """σ_min of the n × m² Jacobian of f with respect to A."""
    r_star: float
    """2‖e₀‖/s₀: the ball ‖A − A₀‖_F ≤ r* that the flow does not leave."""
    rho0: float
    """‖A₀‖₂, from above."""
    zeta: Tensor
    """(n,) bounds on ‖z_i − z_i⁰‖ in that ball, and on ‖h_i − h_i⁰‖."""
    psi: Tensor
    """(n,) bounds on ‖(D_i − D_i⁰) g_i⁰‖, however the activations flip: a fractional knapsack."""
    omega: Tensor
    """(n,) bounds on ‖u_i − u_i⁰‖."""
    delta: Tensor
    """(n,) bounds on ‖J_i − J_i⁰‖."""
    Delta: float
    """√Σ δ_i²; infinite when the ball reaches ‖A‖₂ = 1."""
    lambda0: float
    """λ_min(K(0)) = σ_A² s₀²/m."""
    largest_error: float
    """The largest ‖e₀‖ that this initialization certifies; zero when ‖A₀‖₂ ≥ 1 or s₀ = 0."""

    @property
    def margins(self) -> dict[str, float]:
        """Relative slack of the two conditions: of ρ₀ + r* < 1, and of Δ ≤ s₀/2."""
        return {
            "well-posed": 1 - self.rho0 - self.r_star,
            "jacobian": 1 - self.Delta / (self.s0 / 2) if self.s0 > 0 else -math.inf,
        }

    @property
    def holds(self) -> bool:
        return self.margins["well-posed"] > 0 and self.margins["jacobian"] >= 0

    @property
    def rate(self) -> float:
        """λ₀/4: ‖e(t)‖ ≤ exp(−rate·t) ‖e₀‖ when the certificate holds."""
        return self.lambda0 / 4

    def __str__(self) -> str:
        verdict = "proves convergence" if self.holds else "proves nothing"
        return (
            f"{verdict}: ‖e₀‖ = {self.initial_error:.3g}, certified up to {self.largest_error:.3g}; "
            f"ρ₀ + r* = {self.rho0 + self.r_star:.3g} (< 1), Δ = {self.Delta:.3g} "
            f"(≤ s₀/2 = {self.s0 / 2:.3g}), rate λ₀/4 = {self.rate:.3g}"
        )


@checked
def convergence_certificate(net: EquilibriumNetwork, X: Tensor, y: Tensor) -> ConvergenceCertificate:
    """Check at initialization that gradient flow on Θ converges to a global minimum at a linear rate (C12).

    Args:
        net: a network with one output, where training begins.
        X: (n, d) inputs. y: (n,) labels.

    Raises:
        ValueError, TypeError: several outputs, implicit_scale = 0, or data that the network refuses.
        EquilibriumError: an equilibrium or adjoint at initialization did not converge.
    """
    if net.n_outputs is not None:
        raise ValueError(
            f"the certificate is for one output, but this network has n_outputs={net.n_outputs}."
        )
    if net.implicit_scale == 0:
        raise ValueError("implicit_scale=0: the implicit layer does not act, so training it moves nothing.")
    problem = LeastSquares(net, X, y, ("implicit",))
    with torch.no_grad():
        z, u = states(net, X)
        ball = Ball(net, X, z, u)
        e0 = float(torch.linalg.vector_norm(problem.error(z)))
        K = problem.kernel(z, u)
    lambda0 = max(float(torch.linalg.eigvalsh(K)[0]), 0.0)
    s0 = math.sqrt(lambda0 * net.width) / net.implicit_scale
    r_star = 2 * e0 / s0 if s0 > 0 else math.inf
    zeta, psi, omega, delta = ball.bounds(r_star)
    return ConvergenceCertificate(
        initial_error=e0,
        s0=s0,
        r_star=r_star,
        rho0=ball.rho0,
        zeta=zeta,
        psi=psi,
        omega=omega,
        delta=delta,
        Delta=float(torch.linalg.vector_norm(delta)),
        lambda0=lambda0,
        largest_error=s0 * ball.largest_radius(s0 / 2) / 2,
    )


class Ball:
    """How far states, adjoints and the Jacobian's rows can move while ‖A − A₀‖_F ≤ r, in float64."""

    def __init__(self, net: EquilibriumNetwork, X: Tensor, z: Tensor, u: Tensor) -> None:
        A = net.A
        self.rho0 = spectral_norm(A)
        self.scale = net.output_scale / math.sqrt(net.width)
        h2 = torch.addmm(net.injection(X), z, A.T).to(torch.float64).square()
        g2 = (u @ A + net.v).to(torch.float64).square()
        # The knapsack's order: the units with the largest g² for their h² first.
        order = torch.argsort(g2 / h2, dim=1, descending=True)
        zero = torch.zeros_like(h2[:, :1])
        self.weight = torch.cat([zero, h2.gather(1, order).cumsum(1)], dim=1)
        self.value = torch.cat([zero, g2.gather(1, order).cumsum(1)], dim=1)
        self.norm_z = torch.linalg.vector_norm(z.to(torch.float64), dim=1)
        self.norm_u = torch.linalg.vector_norm(u.to(torch.float64), dim=1)

    def knapsack(self, eta: Tensor) -> Tensor:
        """ψ_i(η_i): the largest √Σ_S g² over sets, and fractions of a unit, with Σ_S h² ≤ η_i²."""
        budget = eta.square()[:, None]
        last = self.weight.shape[1] - 1
        full = (torch.searchsorted(self.weight, budget, right=True) - 1).clamp(max=last)
        more = (full + 1).clamp(max=last)
        w0, w1 = self.weight.gather(1, full), self.weight.gather(1, more)
        v0, v1 = self.value.gather(1, full), self.value.gather(1, more)
        fraction = torch.where(w1 > w0, (budget - w0) / (w1 - w0).clamp(min=1e-300), torch.zeros_like(w0))
        return (v0 + fraction.clamp(0, 1) * (v1 - v0)).sqrt()[:, 0]

    def bounds(self, r: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(ζ, ψ, ω, δ), each (n,), at radius r; infinite when ρ₀ + r ≥ 1."""
        if not self.rho0 + r < 1:
            infinite = torch.full_like(self.norm_z, math.inf)
            return infinite, infinite, infinite, infinite
        contraction = 1 - self.rho0 - r
        zeta = r * self.norm_z / contraction
        psi = self.knapsack(zeta)
        omega = (r * self.norm_u + psi) / contraction
        delta = self.scale * (omega * (self.norm_z + zeta) + self.norm_u * zeta)
        return zeta, psi, omega, delta

    def largest_radius(self, limit: float) -> float:
        """The largest r with ρ₀ + r < 1 and Δ(r) ≤ limit, by bisection from below; Δ grows with r."""
        low, high = 0.0, max(1 - self.rho0, 0.0)
        for _ in range(100):
            middle = (low + high) / 2
            if float(torch.linalg.vector_norm(self.bounds(middle)[3])) <= limit:
                low = middle
            else:
                high = middle
        return low
