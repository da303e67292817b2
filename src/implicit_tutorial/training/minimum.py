"""An exact global minimum near a network, proved to exist; and whether the flow is proved to find one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.checks import checked
from implicit_tutorial.equilibrium.spectra import rounding
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.prose import at_least, at_most, powers
from implicit_tutorial.training.certificate import (
    ConvergenceCertificate,
    check_provable,
    convergence_certificate,
)
from implicit_tutorial.training.enclosure import lifted
from implicit_tutorial.training.gauss_newton import GaussNewton
from implicit_tutorial.training.history import Record
from implicit_tutorial.training.run import Run
from implicit_tutorial.training.stopping import Until

#: Gauss–Newton steps after which a network that does not interpolate yet is given up.
_STEPS = 100
_QUIET = Record(every=10**9, movement=False, norm=False, spectrum=False)


@dataclass(frozen=True)
class GlobalMinimum:
    """Two statements about a network. Along a run the first is proved long before the second.

    ``exists``: within ``within`` of its A, in the Frobenius norm, lies a matrix at which every f(x_i) is
    exactly y_i for an equilibrium of x_i, the only one where ``certificate.unique``: it goes on from that of
    this network, or from ``states``.
    ``converges``: gradient flow on Θ from here converges to such a matrix.
    """

    within: float
    """The distance in which an exact global minimum is proved to lie; infinite where none is proved."""
    flow: ConvergenceCertificate
    """The certificate at the network itself."""
    network: EquilibriumNetwork
    """A copy in float64, after Gauss–Newton steps; it fits up to rounding when ``exists``."""
    moved: float
    """‖A′ − A‖_F of that copy, from above."""
    states: Tensor | None
    """(n, m) its equilibria that are certified, up to rounding. Its own solver may find others where some are
    not unique; give it these as ``z0``. None where they were lost on the way."""
    steps: int
    """Gauss–Newton steps that it took."""
    certificate: ConvergenceCertificate | None
    """The certificate at the copy, with ``states``; None without them."""

    @property
    def exists(self) -> bool:
        return self.within < math.inf

    @property
    def converges(self) -> bool:
        return self.flow.holds

    def __str__(self) -> str:
        flow = self.flow
        first, second = (
            "not proved.",
            f"not proved; ‖e‖ = {powers(flow.initial_error, 3)} > {at_least(flow.largest_error, 3)}.",
        )
        if self.exists:
            first = f"proved ({self._by().claim}), within ‖A′ − A‖_F ≤ {at_most(self.within, 3)}."
        if self.converges:
            second = f"proved ({flow.claim})."
        return f"An exact global minimum nearby: {first}\nGradient flow from here converges to one: {second}"

    def _by(self) -> ConvergenceCertificate:
        """The certificate that ``within`` rests on."""
        near = self.certificate is not None and self.certificate.holds
        return self.certificate if near and self.within < self.flow.r_star else self.flow


@checked
def global_minimum(net: EquilibriumNetwork, X: Tensor, y: Tensor) -> GlobalMinimum:
    """Prove that an exact global minimum of the loss lies near a network, and say how near (C20).

    A copy takes Gauss–Newton steps until it interpolates up to rounding, and is certified there: some six
    steps and one certificate, O(nm³) each. The network itself is left as it is.

    Args:
        net: a network with one output, at initialization or anywhere along a run.
        X: (n, d) inputs. y: (n,) labels.

    Raises:
        ValueError, TypeError: as :func:`convergence_certificate`.
        EquilibriumError: an equilibrium of the network itself did not converge.
    """
    check_provable(net)
    flow = convergence_certificate(net, X, y)
    copy, X, y = lifted(net, X, y)
    start = copy.Theta.detach().clone()
    run = Run(copy, X, y, method=GaussNewton(), record=_QUIET)
    run.advance(Until(steps=_STEPS), throw=False)
    certificate, states, within = None, None, flow.r_star if flow.holds else math.inf
    more = 1 + rounding(net.width**2 + 64)
    moved = float(torch.linalg.vector_norm(copy.Theta.detach() - start))
    moved *= more * net.implicit_scale / math.sqrt(net.width)
    if not run.status.failed:
        states = run.stepper.z
        certificate = convergence_certificate(copy, X, y, z0=states)
        if certificate.holds:
            within = min(within, more * (moved + certificate.r_star))
    return GlobalMinimum(within, flow, copy, moved, states, run.step, certificate)
