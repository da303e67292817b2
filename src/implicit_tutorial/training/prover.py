"""Along a run: whether its end is proved already, asked so that the usual answer, not yet, comes quickly."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.solve import adjoint, solve
from implicit_tutorial.training.branch import FREE
from implicit_tutorial.training.certificate import check_provable, convergence_certificate
from implicit_tutorial.training.least_squares import LeastSquares
from implicit_tutorial.training.region import Ball


class Prover:
    """Asks C12 and C20 of a network while it is trained, along the equilibria that its training follows."""

    def __init__(self, problem: LeastSquares) -> None:
        check_provable(problem.net)
        if problem.layers != ("implicit",):
            raise ValueError(
                f"layers={problem.layers}: what can be certified is the flow on the implicit layer alone; "
                "train it alone, or leave certified=True out."
            )
        self.problem = problem
        #: The last adjoints, as a start of the next.
        self.u: Tensor | None = None

    def __call__(self, z: Tensor) -> bool:
        """Whether gradient flow from the network as it is, with equilibria near z, is proved to converge."""
        problem = self.problem
        sample = (problem.net, problem.X, problem.y)
        return self._may_be(z) and convergence_certificate(*sample, z0=z).holds

    def _may_be(self, z: Tensor) -> bool:
        """False where the conditions of C12, and what C20 needs at least, fail without any rounding."""
        net, problem = self.problem.net, self.problem
        A, b = net.A, problem.injection
        sol = solve(A, b, solver=net.solver, z0=z, throw=False)
        if not bool(sol.converged.all()):
            return False
        z = sol.z
        u = self.u = adjoint(A, z, net.v, solver=net.solver, u0=self.u, throw=False).u
        least = float(torch.linalg.eigvalsh(problem.kernel(z, u))[0])
        if not least > 0:
            return False
        s = math.sqrt(least * net.width) / net.implicit_scale
        r = 2 * float(torch.linalg.vector_norm(problem.error(z))) / s
        ball = Ball(net, problem.X, z, u)
        if ball.Delta(r) <= s / 2:
            return True
        # ‖∇_A h_r‖ ≥ ‖z‖ on an inactive unit, ≥ ‖z‖/(1 + ‖A‖₂) on an active one; some may be free.
        h = torch.addmm(b, z, A.T)
        near = torch.where(h > 0, h * (1 + ball.rho0), -h) <= r * torch.linalg.vector_norm(z, dim=1)[:, None]
        return int(near.sum()) <= FREE
