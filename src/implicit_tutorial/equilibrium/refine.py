"""States and adjoints up to rounding, by sweeps that cannot lead to another equilibrium."""

from __future__ import annotations

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.picard import Picard
from implicit_tutorial.equilibrium.solve import adjoint

#: To how many roundings sweeps find a state.
FINEST = 20


def swept(M: Tensor, D: Tensor, g: Tensor, x: Tensor, solver: Picard) -> Tensor:
    """The rows x = D(Mᵀx + g) with the pattern as it is, where sweeps settle; elsewhere x."""
    found = adjoint(M, D.to(x), g, solver=solver, u0=x, throw=False)
    return torch.where(found.converged[:, None], found.u, x)


def refined(A: Tensor, b: Tensor, z: Tensor) -> Tensor:
    """The equilibria near z, up to rounding where sweeps with their pattern settle."""
    sweeps = Picard(rtol=FINEST * torch.finfo(z.dtype).eps)
    return swept(A.T, torch.addmm(b, z, A.T) > 0, b, z, sweeps)
