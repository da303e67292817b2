"""Every setting that is compared: its held-out error, and how far lazy training would move A."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from torch import Tensor

from implicit_tutorial.advice.held_out import HeldOut, standard_error
from implicit_tutorial.advice.problems import same_inputs
from implicit_tutorial.advice.scaling import NoDirectionError, Scaling, fit_scaling
from implicit_tutorial.equilibrium.picard import Picard
from implicit_tutorial.kernels.limit import limit_kernels
from implicit_tutorial.kernels.network import network_kernels
from implicit_tutorial.network import EquilibriumNetwork

#: What is compared: the offset of the scaling, σ_A, and ridges in units of the kernel's mean diagonal entry.
OFFSETS = (0.0, 1.0, 2.0)
IMPLICIT_SCALES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2)
RIDGES = tuple(10.0 ** (k / 2) for k in range(-12, 5))


def margin(implicit_scale: float) -> float:
    """1 − √2σ_A: how far a wide Gaussian A may move before the monotone condition can fail (C5)."""
    return 1 - math.sqrt(2) * implicit_scale


@dataclass(frozen=True)
class Sample:
    """Scaled inputs and labels, and which of the inputs are one."""

    scaling: Scaling
    Z: Tensor
    y: Tensor
    groups: Tensor

    @classmethod
    def of(cls, X: Tensor, y: Tensor, offset: float) -> Sample | None:
        """None where an input has no direction without an offset."""
        scaling = fit_scaling(X, y, offset=offset)
        try:
            Z = scaling(X)
        except NoDirectionError:
            return None
        return cls(scaling, Z, scaling.labels(y), same_inputs(Z))


@dataclass(frozen=True)
class Candidate:
    """One offset, σ_A and ridge. The kernel is that at κ = 1, as is the time 1/ridge of its flow."""

    sample: Sample
    implicit_scale: float
    ridge: float
    errors: Tensor
    """(n,) errors at the samples that are left out."""
    price: float
    """yᵀK⁻¹(1 − e^{−Kt})²y: what the labels cost up to the time t = 1/ridge."""
    initialization_price: float
    """The same for an initial function, tr(K⁻¹(1 − e^{−Kt})²Q) on average."""
    final_price: float
    shuffled_price: float
    """yᵀK⁻¹y up to the smallest ridge, and its mean over all permutations of the labels."""
    eigenvalues: Tensor
    smallest_ridge: float
    """Of all that are compared with this kernel."""

    @property
    def error(self) -> float:
        """The mean square error at samples that are left out."""
        return float(self.errors.square().mean())

    @property
    def standard_error(self) -> float:
        return standard_error(self.errors.square(), self.sample.groups)

    def difference(self, other: Candidate) -> float:
        """The standard error of ``self.error − other.error``, from the differences sample by sample."""
        return standard_error(self.errors.square() - other.errors.square(), self.sample.groups)

    @property
    def certified(self) -> bool:
        """Whether a wide network with this σ_A satisfies the monotone condition."""
        return margin(self.implicit_scale) > 0

    @property
    def needed(self) -> float:
        """σ_A√price/margin: the κ√m at which lazy training of a centered network uses the margin up (C18)."""
        way = self.implicit_scale * math.sqrt(self.price)
        return way / margin(self.implicit_scale) if self.certified else math.inf

    def deviation(self, width: int, seed: int) -> float:
        """Mean square difference of predictions at samples left out: by a drawn kernel and the limit's."""
        scales = {"implicit_scale": self.implicit_scale, "seed": seed, "solver": Picard(rtol=1e-6)}
        net = EquilibriumNetwork(self.sample.Z.shape[1], width, **scales)
        K = network_kernels(net, self.sample.Z).implicit
        drawn = HeldOut((K + K.T) / 2, self.sample.y, self.sample.groups).errors(self.ridge)
        return float((drawn - self.errors).square().mean())


def candidates(sample: Sample, scales: Iterable[float] = IMPLICIT_SCALES) -> Iterator[Candidate]:
    """All settings of one scaling."""
    for sigma in scales:
        kernels = limit_kernels(sample.Z, implicit_scale=sigma)
        K = HeldOut(kernels.implicit, sample.y, sample.groups)
        unit = float(kernels.implicit.diagonal().mean())
        weights = K.weights_of(kernels.forward)
        end = K.travelled(1 / (unit * min(RIDGES)))
        for factor in RIDGES:
            ridge = unit * factor
            way = K.travelled(1 / ridge)
            yield Candidate(
                sample=sample,
                implicit_scale=sigma,
                ridge=ridge,
                errors=K.errors(ridge),
                price=float(K.labels.square() @ way),
                initialization_price=float(weights @ way),
                final_price=float(K.labels.square() @ end),
                shuffled_price=float(K.shuffled @ end),
                eigenvalues=K.values,
                smallest_ridge=unit * min(RIDGES),
            )
