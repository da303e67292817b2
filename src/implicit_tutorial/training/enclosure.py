"""What is certain of a network at its samples: states in float64, with bounds on all that rounding does."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.newton import Newton
from implicit_tutorial.equilibrium.picard import Picard
from implicit_tutorial.equilibrium.solve import adjoint, solve
from implicit_tutorial.equilibrium.spectra import (
    least_eigenvalue,
    monotone_constant,
    rounding,
    row_norm,
    spectral_norm,
)
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.training.least_squares import target

#: Operations that a bound may lose a rounding in, besides its sums: far more than any formula here has.
FEW = 64


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
        self.more = 1 + rounding(4 * (m + n + d) + FEW)
        with torch.no_grad():
            self.net, self.A, self.v, b = net, net.A, net.v.detach(), net.injection(X)
            #: What the roundings in A = σ_A Θ/√m come to.
            self.A_noise = 4 * rounding(1) * float(torch.linalg.vector_norm(self.A)) * self.more
            start = solve(self.A, b, solver=net.solver).z if z0 is None else lifted(net, z0)[1]
            if self.norm < 1:  # wherever they start from
                start = solve(self.A, b, solver=_SWEEPS, z0=start, throw=False).z
            else:
                start = _swept(self.A.T, torch.addmm(b, start, self.A.T) > 0, b, start)
            z = solve(self.A, b, solver=_EXACT, z0=start, throw=False).z
            for _ in range(_EXACT.max_steps):
                h = torch.addmm(b, z, self.A.T)
                self.D = h > 0
                settled = ((z > 0) <= self.D).all(dim=1)
                if bool(settled.all()):
                    break
                z = torch.where(self.D, z, 0)
            # Of sums of m or d products, of the roundings in A, b and κ/√m, and of underflow.
            k, tiny = rounding(m + FEW), m * torch.finfo(h.dtype).tiny
            of_b = rounding(d + FEW) * net.input_scale * (X.abs() @ net.W.abs().T)
            off = k * (z.abs() @ self.A.abs().T + b.abs()) + of_b
            self.z, self.h, self.h_noise = z, h, self.more * off + tiny
            #: κ/√m.
            self.scale = net.output_scale / math.sqrt(m)
            wanted = target(net, X, y)
            self.e = self.scale * (self.z @ self.v) - wanted
            size = self.scale * (self.z.abs() @ self.v.abs()) + wanted.abs()
            self.e_noise = self.more * k * size + tiny
        #: ‖z − D(Az + b)‖, from above; infinite where no pattern was found.
        self.z_defect = self._defect(self.z, h, self.h_noise).masked_fill_(~settled, math.inf)

    def _defect(self, x: Tensor, image: Tensor, noise: Tensor) -> Tensor:
        off = row_norm(x - torch.where(self.D, image, 0)) + row_norm(torch.where(self.D, noise, 0))
        return self.more * off

    @cached_property
    def norm(self) -> float:
        """‖A‖₂, from above."""
        return self.more * (spectral_norm(self.A) + self.A_noise)

    @cached_property
    def rows(self) -> Tensor:
        """(m,) ‖a_r‖ for each row of A, from above."""
        return self.more * row_norm(self.A) + self.A_noise

    @cached_property
    def monotone(self) -> float:
        """λ_max((A + Aᵀ)/2), from above."""
        value = monotone_constant(self.A)
        return value + self.A_noise + (self.more - 1) * self.norm

    @cached_property
    def adjoint(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """u, ‖u − D(Aᵀu + v)‖ from above, g = Aᵀu + v, and how far g is off by rounding."""
        start = _swept(self.A, self.D, self.v, torch.zeros_like(self.z))
        u = adjoint(self.A, self.D.to(start), self.v, solver=_EXACT, u0=start, throw=False).u
        g, k = torch.addmm(self.v, u, self.A), rounding(len(self.v) + FEW)
        tiny = len(self.v) * torch.finfo(g.dtype).tiny
        noise = self.more * k * (u.abs() @ self.A.abs() + self.v.abs()) + tiny
        return u, self._defect(u, g, noise), g, noise

    def enclosed(self, resolvent: Tensor, u: Tensor, u_error: Tensor) -> Enclosure:
        """What follows from (n,) bounds on the resolvents, for J with these adjoints and their errors."""
        z_error = self.more * resolvent * self.z_defect
        norm_z, norm_u = (row_norm(x) for x in (self.z, u))
        # ‖uzᵀ‖ and how far it is from that of the states that are meant.
        of_J = u_error * (norm_z + z_error) + norm_u * z_error
        of_e = self.scale * float(torch.linalg.vector_norm(self.v)) * z_error + self.e_noise
        error = self.more * (torch.linalg.vector_norm(self.e) + torch.linalg.vector_norm(of_e))
        G = self.scale**2 * (self.z @ self.z.T) * (u @ u.T)
        trace, moved = float(G.trace()), self.more * self.scale * float(torch.linalg.vector_norm(of_J))
        noise = self.more * rounding(2 * len(self.v) + FEW) * trace
        exact = math.isfinite(moved) and bool(torch.isfinite(G).all())
        least = math.sqrt(least_eigenvalue(G, error=noise)) / self.more - moved if exact else 0.0
        largest = math.sqrt(spectral_norm(G) + noise) + moved if exact else math.inf
        largest = self.more * largest
        return Enclosure(
            gram=G,
            gram_error=noise + self.more * moved * (2 * largest + moved),
            error=float(error) if math.isfinite(error) else math.inf,
            least=max(least, 0.0),
            largest=largest,
            norm_z=self.more * (norm_z + z_error),
            norm_u=self.more * (norm_u + u_error),
            z_error=z_error,
        )


#: Newton's method solves with the pattern that it starts from, so one step leaves no more than rounding.
_EXACT = Newton(rtol=1e-14, max_steps=10)
#: Where ρ(DA) is not near one, sweeps lead there without a factorisation for each sample.
_SWEEPS = Picard(rtol=_EXACT.rtol, max_steps=100)


def _swept(M: Tensor, D: Tensor, g: Tensor, x: Tensor) -> Tensor:
    """The rows x = D(Mᵀx + g) with the pattern as it is, where sweeps settle; elsewhere x."""
    found = adjoint(M, D.to(x), g, solver=_SWEEPS, u0=x, throw=False)
    return torch.where(found.converged[:, None], found.u, x)


@dataclass(frozen=True)
class Enclosure:
    """Bounds at a point that hold in spite of rounding: upper ones, but for ``gram`` and ``least``."""

    gram: Tensor
    """(n, n) JJᵀ as computed."""
    gram_error: float
    """How far it is from the one that is meant, in the spectral norm."""
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
