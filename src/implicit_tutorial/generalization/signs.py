"""On which samples a network errs: each is decided by a margin above its certified error (C7, C21)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.picard import Picard
from implicit_tutorial.equilibrium.solve import solve
from implicit_tutorial.equilibrium.spectra import monotone_constant
from implicit_tutorial.network import EquilibriumNetwork

_MAX_SWEEPS = 200
#: Sweeps before the decided samples are taken out for the first time; before, hardly any are.
_FIRST = 3
#: Where the equilibria at initialization are unique, f₀ is computed to this tolerance, whatever the solver's.
_FINE = {torch.float64: 1e-13, torch.float32: 3e-6}
#: For the rounding of the few operations that a bound itself is made of.
_OUTWARDS = 1 + 1e-6


@dataclass(frozen=True)
class Decision:
    """What is known of one network on every sample."""

    wrong: Tensor
    """(n,) True unless the network is known to be right: what is not known counts as an error."""
    unknown: int
    """At how many samples no equilibrium is found, or its margin is below the certified error."""
    certified: bool
    """Whether there is exactly one equilibrium at every input, by monotonicity (C5)."""


class Signs:
    """The errors at the same samples of networks that differ in Θ only.

    Where λ_max((A + Aᵀ)/2) < 1 there is one equilibrium, and a sample is decided as soon as its margin is
    larger than the certified error of the output, rounding included. Elsewhere the equilibrium is the one at
    which the network's own solver stops, started from zero.
    """

    @torch.no_grad()
    def __init__(self, net: EquilibriumNetwork, X: Tensor, y: Tensor) -> None:
        self.net = net
        self.several = y.ndim == 2
        #: The label's sign, or the column of the true class.
        self.truth = y.argmax(dim=1) if self.several else y.sign()
        self.injection = net.injection(X)
        self.scale = net.implicit_scale / math.sqrt(net.width)
        #: Where the sweeps begin; see :meth:`begin_at`.
        self.start = torch.zeros_like(self.injection)
        #: Relative rounding of Az + b: m + d products and sums, and the scales.
        self.gamma = (net.width + net.n_inputs + 4) * torch.finfo(net.W.dtype).eps / 2
        sizes = torch.linalg.vector_norm(net.W) * torch.linalg.vector_norm(X, dim=1)
        self.injection_size = net.input_scale * sizes
        self._readout()

    def _readout(self) -> None:
        """f₀ with the certified error of its state, and by how much an error of the state moves a margin."""
        net, readout = self.net, self.net.output(torch.eye(self.net.width).to(self.net.W))
        self.first, self.first_error = 0.0, torch.zeros_like(self.injection_size)
        if net.centered:
            A = net.initial_Theta * self.scale
            unique = monotone_constant(A) < 1
            solver = Picard(rtol=_FINE[net.W.dtype]) if unique else net.solver
            solution = solve(A, self.injection, solver=solver)
            self.first = net.output(solution.z)
            if unique:
                self.first_error = solution.error_bound
        if self.several:
            columns = readout.T
            self.reach = torch.linalg.vector_norm(columns[:, None] - columns, dim=2)[self.truth]
        else:
            self.reach = torch.linalg.vector_norm(readout).expand(len(self.injection), 1)

    @torch.no_grad()
    def begin_at(self, Theta: Tensor) -> None:
        """Start what follows from the equilibria of this Θ, where they are found."""
        solution = solve(Theta * self.scale, self.injection, solver=self.net.solver, throw=False)
        self.start = torch.where(solution.converged[:, None], solution.z, 0.0)

    @torch.no_grad()
    def __call__(self, Theta: Tensor) -> Decision:
        """Decide every sample for one Θ."""
        A = Theta * self.scale
        mu = 1 - monotone_constant(A)
        if mu > 0:
            return self._certified(A, mu)
        solution = solve(A, self.injection, solver=self.net.solver, throw=False)
        right = solution.converged & (self._margins(solution.z, slice(None)) > 0).all(dim=1)
        return Decision(~right, int((~solution.converged).sum()), certified=False)

    def _certified(self, A: Tensor, mu: float) -> Decision:
        """Sweeps, for each sample until it is decided.

        Let h be the computed Az + b and w = relu(h). Then w is the equilibrium for an injection that is off
        by what h changes in the next sweep and by its rounding, so ‖w − z*‖ ≤ (‖h⁺ − h‖ + rounding)/μ.
        """
        b, norm = self.injection, torch.linalg.vector_norm(A)
        rows = torch.arange(len(b), device=b.device)
        wrong, known = (torch.full((len(b),), x, device=b.device) for x in (True, False))
        h = torch.addmm(b, self.start, A.T)
        for sweep in range(_MAX_SWEEPS):
            z = torch.relu(h)
            after = torch.addmm(b, z, A.T)
            size = torch.linalg.vector_norm(z, dim=1)
            change = torch.linalg.vector_norm(after - h, dim=1)
            rounding = self.gamma * (norm * size + 2 * self.injection_size[rows])
            error = (change + rounding) / mu + self.first_error[rows] + 2 * self.gamma * size
            margin, error = self._margins(z, rows), self.reach[rows] * error[:, None] * _OUTWARDS
            right = (margin > error).all(dim=1)
            decided = right | (margin < -error).any(dim=1)
            wrong[rows[right]], known[rows[decided]] = False, True
            h = after
            if sweep >= _FIRST:
                open_ = ~decided & (change > rounding)  # below it, another sweep would not help
                rows, h, b = rows[open_], h[open_], b[open_]
                if not len(rows):
                    break
        return Decision(wrong, int((~known).sum()), certified=True)

    def _margins(self, z: Tensor, rows: Tensor | slice) -> Tensor:
        """(r, 1) the output times the label's sign; (r, k) the true output minus each other one."""
        f = self.net.output(z) - (self.first[rows] if self.net.centered else self.first)
        truth = self.truth[rows]
        if not self.several:
            return (f * truth)[:, None]
        return (f.gather(1, truth[:, None]) - f).scatter(1, truth[:, None], torch.inf)
