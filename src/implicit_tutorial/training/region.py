"""How far states, adjoints and Jacobians can move with A: past kinks (C12), or up to the first (C20)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.spectra import rounding, spectral_norm
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.training.enclosure import Enclosure, Point

#: What a difference of numbers below one may be off by.
_OFF = rounding(4)


class Region:
    """Bounds in ‖A − A₀‖_F ≤ r, for r below ``reach``, in float64."""

    reach: float

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
    def at(cls, point: Point, known: Enclosure) -> Ball:
        """The ball around a point, with |h| from below and all else from above."""
        off_h, off_g = (
            point.more * (point.norm * error[:, None] + noise)
            for error, noise in ((known.z_error, point.h_noise), (known.u_error, point.g_noise))
        )
        ball = cls.__new__(cls)
        h, g = (point.h.abs() - off_h).clamp(min=0), point.g.abs() + off_g
        ball._set(point.scale, point.norm, h, g, point.z, point.u)
        ball.norm_z, ball.norm_u = known.norm_z, known.norm_u
        return ball

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
        contraction = 1 - self.rho0 - r - _OFF
        if not contraction > 0:
            infinite = torch.full_like(self.norm_z, math.inf)
            return infinite, infinite, infinite, infinite
        zeta = r * self.norm_z / contraction
        psi = self.knapsack(zeta)
        omega = (r * self.norm_u + psi) / contraction
        delta = self.scale * (omega * (self.norm_z + zeta) + self.norm_u * zeta)
        return zeta, psi, omega, delta


class Branch(Region):
    """C20: the patterns of the point are kept, and each sample has a resolvent of its own."""

    def __init__(self, scale: float, gamma: Tensor, kink: Tensor, norm_z: Tensor, norm_u: Tensor) -> None:
        self.scale, self.gamma, self.norm_z, self.norm_u = scale, gamma, norm_z, norm_u
        steepest = float((gamma + kink).max())
        self.reach = (1 - _OFF) / steepest if steepest > 0 else math.inf

    def bounds(self, r: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(ζ, 0, ω, δ), each (n,), at radius r; infinite from the nearest kink on."""
        if not r < self.reach:
            infinite = torch.full_like(self.norm_z, math.inf)
            return infinite, torch.zeros_like(infinite), infinite, infinite
        g = r * self.gamma / (1 - self.gamma * r - _OFF)
        zeta, omega = g * self.norm_z, g * self.norm_u
        delta = self.scale * (omega * (self.norm_z + zeta) + self.norm_u * zeta)
        return zeta, torch.zeros_like(zeta), omega, delta
