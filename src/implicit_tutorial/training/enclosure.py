"""What is certain of a network at its samples: states in float64, with bounds on all that rounding does."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.newton import Newton
from implicit_tutorial.equilibrium.solve import adjoint, solve
from implicit_tutorial.equilibrium.spectra import (
    least_eigenvalue,
    least_singular_value,
    monotone_constant,
    rounding,
    row_norm,
    spectral_norm,
)
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.training.least_squares import target

#: Operations that a bound may lose a rounding in, besides its sums: far more than any formula here has.
_FEW = 64
#: Units of a sample, those nearest to their kink, whose sensitivity is computed and not only bounded.
_NEAREST = 16
#: Where λ_min of the symmetric part of I − A is at least this, it bounds the resolvents of all samples.
_MONOTONE = 0.1


def lifted(net: EquilibriumNetwork, *tensors: Tensor) -> tuple[EquilibriumNetwork | Tensor, ...]:
    """A copy of the network, and the tensors, in float64 on the CPU: the same numbers, exactly."""
    return (
        copy.deepcopy(net).to("cpu", torch.float64),
        *(x.detach().to("cpu", torch.float64) for x in tensors),
    )


class Point:
    """A network with one output at the training inputs: states, adjoints, and how far off each can be.

    The network that is meant is the one of the real numbers that its parameters are, with the target that
    it is trained on. A bound ends in ``_up`` or ``_low``, and is one in spite of rounding.
    """

    def __init__(self, net: EquilibriumNetwork, X: Tensor, y: Tensor, z0: Tensor | None = None) -> None:
        net, X, y = lifted(net, X, y)
        m, (n, d) = net.width, X.shape
        #: A factor that outweighs the roundings in computing a bound.
        self.more = 1 + rounding(4 * (m + n + d) + _FEW)
        with torch.no_grad():
            self.net, self.A, self.v, b = net, net.A, net.v.detach(), net.injection(X)
            start = solve(self.A, b, solver=net.solver).z if z0 is None else lifted(net, z0)[1]
            z = solve(self.A, b, solver=_EXACT, z0=start, throw=False).z
            for _ in range(_EXACT.max_steps):
                h = torch.addmm(b, z, self.A.T)
                self.D = h > 0
                settled = ((z > 0) <= self.D).all(dim=1)
                if bool(settled.all()):
                    break
                z = torch.where(self.D, z, 0)
            self.z, self.u = z, adjoint(self.A, self.D.to(h.dtype), self.v, solver=_EXACT, throw=False).u
            g = torch.addmm(self.v, self.u, self.A)
            # Of sums of m or d products, of the roundings in A, b and κ/√m, and of underflow.
            k, tiny = rounding(m + _FEW), m * torch.finfo(h.dtype).tiny
            absolute = self.A.abs()
            of_b = rounding(d + _FEW) * net.input_scale * (X.abs() @ net.W.abs().T)
            self.h, self.h_noise = h, self.more * (k * (self.z.abs() @ absolute.T + b.abs()) + of_b) + tiny
            self.g, self.g_noise = g, self.more * k * (self.u.abs() @ absolute + self.v.abs()) + tiny
            #: κ/√m.
            self.scale = net.output_scale / math.sqrt(m)
            wanted = target(net, X, y)
            self.e = self.scale * (self.z @ self.v) - wanted
            size = self.scale * (self.z.abs() @ self.v.abs()) + wanted.abs()
            self.e_noise = self.more * k * size + tiny
        #: ‖z − D(Az + b)‖ and ‖u − D(Aᵀu + v)‖, from above; infinite where no pattern was found.
        self.z_defect = self._defect(self.z, h, self.h_noise).masked_fill_(~settled, math.inf)
        self.u_defect = self._defect(self.u, g, self.g_noise)
        #: What the roundings in A = σ_A Θ/√m come to.
        self.A_noise = 4 * rounding(1) * float(torch.linalg.vector_norm(self.A)) * self.more

    def _defect(self, x: Tensor, image: Tensor, noise: Tensor) -> Tensor:
        off = row_norm(x - torch.where(self.D, image, 0)) + row_norm(torch.where(self.D, noise, 0))
        return self.more * off

    @cached_property
    def norm(self) -> float:
        """‖A‖₂, from above."""
        return self.more * (spectral_norm(self.A) + self.A_noise)

    @cached_property
    def monotone(self) -> float:
        """λ_max((A + Aᵀ)/2), from above."""
        value = monotone_constant(self.A)
        return value + self.A_noise + (self.more - 1) * self.norm

    def resolvents(self) -> tuple[Tensor, Tensor]:
        """(n,) bounds γ_i ≥ ‖(I − A_SS)⁻¹‖₂, S the active units of sample i, and k_i of what its kinks allow.

        k_i ≥ ‖∇_A h_ir‖_F/|h_ir| for all units r: the reciprocal of how far A must move, to first order,
        until a unit reaches its kink. Both are infinite where they cannot be told from infinity.
        """
        n = len(self.z)
        gamma, kink = (torch.full((n,), math.inf, dtype=torch.float64) for _ in range(2))
        rows = self.more * row_norm(self.A) + self.A_noise
        for i in range(n):
            S = torch.nonzero(self.D[i]).flatten()
            B = torch.eye(len(S), dtype=torch.float64) - self.A.index_select(0, S).index_select(1, S)
            factors = torch.linalg.lu_factor_ex(B)[:2] if len(S) else None
            gamma[i] = self._resolvent(B, factors)
            error = float(gamma[i] * self.z_defect[i])
            away = torch.where(self.D[i], self.h[i], -self.h[i]) - self.more * (
                rows * error + self.h_noise[i]
            )
            if bool((away > 0).all()):
                t = self._sensitivities(S, B, factors, float(gamma[i]), rows, away, self.D[i])
                kink[i] = self.more * (row_norm(self.z[i : i + 1])[0] + error) * (t / away).max()
        return gamma, kink

    def _resolvent(self, B: Tensor, factors: tuple[Tensor, Tensor] | None) -> float:
        """γ of one sample, by 1/λ_min of the symmetric part where that is known for all of them."""
        if factors is None:  # nothing is active, and z = 0 stays where it is
            return 0.0
        least = 1 - self.monotone
        if least < _MONOTONE:
            least = least_singular_value(B, factors) - self.A_noise - 2 * rounding(1)
        return self.more / least if least > 0 else math.inf

    def _sensitivities(
        self,
        S: Tensor,
        B: Tensor,
        factors: tuple[Tensor, Tensor] | None,
        gamma: float,
        rows: Tensor,
        away: Tensor,
        D: Tensor,
    ) -> Tensor:
        """(m,) bounds t_r ≥ ‖∇_A h_r‖_F/‖z‖: ‖B⁻ᵀe_r‖ on an active unit, else √(1 + ‖B⁻ᵀa_r‖²).

        At first ‖B⁻ᵀx‖ ≤ γ‖x‖; for the units nearest to their kinks then by solving for it.
        """
        t = torch.where(D, gamma, (1 + (gamma * rows).square()).sqrt()) * self.more
        if len(S) == 0:
            return t
        nearest = torch.topk(t / away, min(_NEAREST, len(t))).indices
        active = D[nearest]
        unit = (S[None, :] == nearest[:, None]).to(B.dtype)
        x = torch.where(active[:, None], unit, self.A[nearest].index_select(1, S))
        y = torch.linalg.lu_solve(*factors, x.T, adjoint=True).T
        # B⁻ᵀx − y = B⁻ᵀ(x − Bᵀy), and the roundings in A.
        noise = rounding(len(S) + _FEW) * (y.abs() @ B.abs() + x.abs())
        norm = row_norm(y) + gamma * (
            row_norm(x - y @ B) + row_norm(noise) + self.A_noise * (1 + row_norm(y))
        )
        exact = torch.where(active, norm, (1 + norm.square()).sqrt()) * self.more
        t[nearest] = torch.minimum(t[nearest], torch.where(torch.isfinite(exact), exact, math.inf))
        return t

    def enclosed(self, resolvent: Tensor | float) -> Enclosure:
        """What follows when (n,) bounds on the resolvents of the samples are known."""
        z_error, u_error = (self.more * resolvent * defect for defect in (self.z_defect, self.u_defect))
        norm_z, norm_u = (row_norm(x) for x in (self.z, self.u))
        # ‖uzᵀ‖ and how far it is from that of the states that are meant.
        of_J = u_error * (norm_z + z_error) + norm_u * z_error
        of_e = self.scale * float(torch.linalg.vector_norm(self.v)) * z_error + self.e_noise
        error = self.more * (torch.linalg.vector_norm(self.e) + torch.linalg.vector_norm(of_e))
        G = self.scale**2 * (self.z @ self.z.T) * (self.u @ self.u.T)
        trace, moved = float(G.trace()), self.more * self.scale * float(torch.linalg.vector_norm(of_J))
        noise = self.more * rounding(2 * len(self.v) + _FEW) * trace
        exact = math.isfinite(moved) and bool(torch.isfinite(G).all())
        least = math.sqrt(least_eigenvalue(G, error=noise)) / self.more - moved if exact else 0.0
        largest = math.sqrt(spectral_norm(G) + noise) + moved if exact else math.inf
        return Enclosure(
            error=float(error) if math.isfinite(error) else math.inf,
            least=max(least, 0.0),
            largest=self.more * largest,
            norm_z=self.more * (norm_z + z_error),
            norm_u=self.more * (norm_u + u_error),
            z_error=z_error,
            u_error=u_error,
        )


#: Newton's method solves with the pattern that it starts from, so one step leaves no more than rounding.
_EXACT = Newton(rtol=1e-14, max_steps=10)


@dataclass(frozen=True)
class Enclosure:
    """Bounds at a point that hold in spite of rounding: upper ones, but for ``least``."""

    error: float
    """‖e‖."""
    least: float
    """σ_min(J), from below."""
    largest: float
    """‖J‖₂."""
    norm_z: Tensor
    """(n,) ‖z_i‖."""
    norm_u: Tensor
    """(n,) ‖u_i‖."""
    z_error: Tensor
    """(n,) how far the computed z_i can be from the equilibrium that is meant."""
    u_error: Tensor
    """(n,) the same for its adjoint."""
