"""What is certain of a network at its samples: states in float64, with bounds on all that rounding does."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.refine import swept
from implicit_tutorial.equilibrium.solve import adjoint, solve
from implicit_tutorial.equilibrium.spectra import least_eigenvalue, rounding, row_norm, spectral_norm
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.training.states import EXACT, FEW, SWEEPS, States

#: The bounds are made of fourth powers of what lies in this range.
_RANGE = (1e-70, 1e70)


def lifted(net: EquilibriumNetwork, *tensors: Tensor) -> tuple[EquilibriumNetwork | Tensor, ...]:
    """A copy of the network, and the tensors, in float64 on the CPU: the same numbers, exactly."""
    return (
        copy.deepcopy(net).to("cpu", torch.float64),
        *(x.detach().to("cpu", torch.float64) for x in tensors),
    )


class Point(States):
    """A network with one output at the training inputs: states, adjoints, and how far off each can be.

    The network that is meant is the one of the real numbers that its parameters are; from a centered one the
    exact first output is subtracted. ``start`` are states near the equilibria that are meant.
    """

    def __init__(self, net: EquilibriumNetwork, X: Tensor, y: Tensor, start: Tensor | None = None) -> None:
        net, X, y = lifted(net, X, y)
        m, (n, d) = net.width, X.shape
        more = 1 + rounding(4 * (m + n + d) + FEW)

        def problem(A: Tensor, b: Tensor, W: Tensor, start: Tensor | None = None) -> tuple:
            b_noise = rounding(d + FEW) * net.input_scale * (X.abs() @ W.abs().T)
            start = solve(A, b, solver=net.solver).z if start is None else start
            return A, b, b_noise, start, more

        with torch.no_grad():
            start = None if start is None else lifted(net, start)[1]
            super().__init__(*problem(net.A, net.injection(X), net.W, start))
            self.net, self.v = net, net.v.detach()
            #: κ/√m.
            self.scale = net.output_scale / math.sqrt(m)
            k, tiny = rounding(m + FEW), m * torch.finfo(y.dtype).tiny
            f, size, off = self.scale * (self.z @ self.v), self.z.abs() @ self.v.abs(), 0.0
            if net.centered:
                first = States(*problem(*net.initial_problem(X), net.initial_W))
                f = f - self.scale * (first.z @ net.initial_v)
                size = size + first.z.abs() @ net.initial_v.abs()
                off = self.scale * float(torch.linalg.vector_norm(net.initial_v)) * first.distance
            self.e = f - y
            self.e_noise = more * (k * (self.scale * size + y.abs()) + off) + tiny
            self._require_range(outputs=self.scale * size, labels=y)

    def _require_range(self, **others: Tensor) -> None:
        """Raise where float64 may lose the fourth powers that the bounds are made of."""
        sizes = {"states": self.z, "entries of A": self.A, "output weights": self.v, **others}
        for name, values in sizes.items():
            largest = float(values.abs().max())
            if largest != 0 and not _RANGE[0] <= largest <= _RANGE[1]:
                raise ValueError(
                    f"the {name} are of order {largest:.0e}, and from numbers beyond {_RANGE[0]:.0e} … "
                    f"{_RANGE[1]:.0e} nothing can be proved in float64. Choose other units for X, y and the "
                    "scales: f is proportional to output_scale, and to input_scale·X."
                )

    @cached_property
    def adjoint(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """u, ‖u − D(Aᵀu + v)‖ from above, g = Aᵀu + v, and how far g is off by rounding."""
        start = swept(self.A, self.D, self.v, torch.zeros_like(self.z), SWEEPS)
        u = adjoint(self.A, self.D.to(start), self.v, solver=EXACT, u0=start, throw=False).u
        g, k = torch.addmm(self.v, u, self.A), rounding(len(self.v) + FEW)
        tiny = len(self.v) * torch.finfo(g.dtype).tiny
        noise = self.more * k * (u.abs() @ self.A.abs() + self.v.abs()) + tiny
        return u, self.defect(u, g, noise), g, noise

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
