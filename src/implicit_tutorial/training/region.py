"""How far states, adjoints and Jacobians can move with A, in a ball in which ‖A‖₂ < 1 (C12)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.spectra import rounding, spectral_norm
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.training.enclosure import Enclosure, Point

#: What a difference of numbers below one may be off by.
OFF = rounding(4)


class Region:
    """Bounds in ‖A − A₀‖_F ≤ r, for r below ``reach``, in float64."""

    reach: float
    gamma: Tensor
    """(n,) bounds on the resolvents of the samples, at A₀."""
    apart: float = 0.0
    """‖J − J⁰‖ at A₀, where J may be on any side of a kink and is on more than one in J⁰."""
    cross: float = 0.0
    """‖(J − J′)J″ᵀ‖ at A₀, for any three of these J."""

    def bounds(self, r: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(ζ, ψ, ω, δ), each (n,), at radius r; infinite from ``reach`` on."""
        raise NotImplementedError

    def Delta(self, r: float) -> float:
        """√Σ δ_i(r)²."""
        return float(torch.linalg.vector_norm(self.bounds(r)[3]))

    def largest_radius(self, limit: float) -> float:
        """The largest r below ``reach`` with Δ(r) ≤ limit, by bisection from below; Δ grows with r."""
        low, high = 0.0, max(self.reach, 0.0)
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if self.Delta(middle) <= limit else (low, middle)
        return low


class Ball(Region):
    """C12: ‖A‖₂ < 1 in the ball, and units may pass their kinks.

    ``Ball(net, X, z, u)`` takes the states as they are; :meth:`at` allows for their errors too.
    """

    def __init__(self, net: EquilibriumNetwork, X: Tensor, z: Tensor, u: Tensor) -> None:
        A = net.A
        h, g = torch.addmm(net.injection(X), z, A.T), u @ A + net.v
        scale = net.output_scale / math.sqrt(net.width)
        self._set(scale, spectral_norm(A), *(x.detach().to(torch.float64) for x in (h, g, z, u)))

    @classmethod
    def at(cls, point: Point) -> tuple[Ball, Enclosure]:
        """The ball around a point, with |h| from below and all else from above, and what holds there."""
        resolvent = torch.full_like(point.z_defect, 1 / (1 - point.norm) if point.norm < 1 else math.inf)
        u, u_defect, g, g_noise = point.adjoint
        u_error = point.more * resolvent * u_defect
        known = point.enclosed(resolvent, u, u_error)
        off_h, off_g = (
            point.more * (point.norm * error[:, None] + noise)
            for error, noise in ((known.z_error, point.h_noise), (u_error, g_noise))
        )
        ball = cls.__new__(cls)
        ball._set(point.scale, point.norm, (point.h.abs() - off_h).clamp(min=0), g.abs() + off_g, point.z, u)
        ball.norm_z, ball.norm_u, ball.gamma = known.norm_z, known.norm_u, resolvent
        return ball, known

    def _set(self, scale: float, rho0: float, h: Tensor, g: Tensor, z: Tensor, u: Tensor) -> None:
        self.scale, self.rho0, self.reach = scale, rho0, 1 - rho0
        h2, g2 = h.square(), g.square()
        # The knapsack's order: the units with the largest g² for their h² first.
        order = torch.argsort(g2 / h2.clamp(min=1e-300), dim=1, descending=True)
        zero = torch.zeros_like(h2[:, :1])
        self.weight = torch.cat([zero, h2.gather(1, order).cumsum(1)], dim=1)
        self.value = torch.cat([zero, g2.gather(1, order).cumsum(1)], dim=1)
        self.norm_z, self.norm_u = (torch.linalg.vector_norm(x, dim=1) for x in (z, u))

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
        contraction = 1 - self.rho0 - r - OFF
        if not contraction > 0:
            infinite = torch.full_like(self.norm_z, math.inf)
            return infinite, infinite, infinite, infinite
        zeta = r * self.norm_z / contraction
        psi = self.knapsack(zeta)
        omega = (r * self.norm_u + psi) / contraction
        delta = self.scale * (omega * (self.norm_z + zeta) + self.norm_u * zeta)
        return zeta, psi, omega, delta
