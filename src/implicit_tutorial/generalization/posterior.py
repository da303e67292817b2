"""The Gaussian over Θ that the tangent kernel suggests, its divergence from the prior, its draws (C21)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from implicit_tutorial.generalization.confidence import largest_error
from implicit_tutorial.kernels.layers import LAYERS, layer_kernels
from implicit_tutorial.kernels.network import grams, states
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.training.least_squares import combine

#: The noise s is chosen among these: any posterior is allowed, so the choice costs nothing.
NOISES = tuple(2.0 ** (k / 2) for k in range(-10, 7))


@dataclass(frozen=True)
class Spectrum:
    """K = JJᵀ by its eigenvalues, and the labels that the posterior fits."""

    values: Tensor
    """(p,) eigenvalues of K, zero or more; p labels."""
    vectors: Tensor
    """(p, p) eigenvectors, one a column."""
    residual: Tensor
    """(p,) what the mean has to move the outputs by, in the eigenvectors' basis; zero for a given mean."""

    @classmethod
    def of(cls, K: Tensor, residual: Tensor) -> Spectrum:
        """From a kernel (p, p) and residuals (p,)."""
        values, vectors = torch.linalg.eigh(K)
        return cls(values.clamp(min=0), vectors, vectors.T @ residual)


@dataclass(frozen=True)
class Posterior:
    """N(mean, λ²I − λ⁴JᵀM⁻¹J), M = λ²K + s²I: the prior N(Θ₀, λ²I) after a look at the labels."""

    spectrum: Spectrum
    scale: float
    """λ."""
    noise: float
    """s."""
    squared_distance: float | None = None
    """‖mean − Θ₀‖² of a mean that is given; None for λ²JᵀM⁻¹·residual."""

    @cached_property
    def shrinkage(self) -> Tensor:
        """(p,) eigenvalues of λ²KM⁻¹."""
        e = self.scale**2 * self.spectrum.values
        return e / (e + self.noise**2)

    @property
    def log_determinant(self) -> float:
        """ln det(I + λ²K/s²)."""
        return float(torch.log1p((self.scale / self.noise) ** 2 * self.spectrum.values).sum())

    @property
    def trace(self) -> float:
        """tr(λ²KM⁻¹), the number of directions that the labels have decided."""
        return float(self.shrinkage.sum())

    @property
    def price(self) -> float:
        """‖mean − Θ₀‖²/λ²."""
        if self.squared_distance is not None:
            return self.squared_distance / self.scale**2
        return float((self.weights(self.spectrum.residual).square() * self.spectrum.values).sum()) * (
            self.scale**2
        )

    @property
    def divergence(self) -> float:
        """KL(posterior‖prior) = ½(ln det(I + λ²K/s²) − tr(λ²KM⁻¹) + ‖mean − Θ₀‖²/λ²)."""
        return (self.log_determinant - self.trace + self.price) / 2

    def weights(self, rotated: Tensor) -> Tensor:
        """M⁻¹ applied in the eigenvectors' basis."""
        return rotated / (self.scale**2 * self.spectrum.values + self.noise**2)

    @property
    def fitted(self) -> Tensor:
        """(p,) by how much the mean moves the outputs, to first order."""
        return self.spectrum.vectors @ (self.shrinkage * self.spectrum.residual)

    @property
    def variance(self) -> Tensor:
        """(p,) variances of the outputs, to first order: the diagonal of s²λ²KM⁻¹."""
        return self.spectrum.vectors.square() @ (self.noise**2 * self.shrinkage)


class Tangent:
    """Networks and their Jacobian J in Θ, rank-one rows κσ_A/m·u_i z_iᵀ, which is never formed."""

    def __init__(
        self, net0: EquilibriumNetwork, net: EquilibriumNetwork | None, X: Tensor, y: Tensor
    ) -> None:
        self.net = net0 if net is None else net
        with torch.no_grad():
            self.z, self.u = states(self.net, X)
            factors = grams(*[(X, self.z, self.u)] * 2)
            K = layer_kernels(self.net, factors, ("implicit",))["implicit"]
            K = K.reshape(y.numel(), y.numel()).to(torch.float64)
            self.outputs = self.net(X).to(torch.float64)
            residual = (y - self.outputs).flatten() if net is None else torch.zeros_like(K[0])
            self.spectrum = Spectrum.of((K + K.T) / 2, residual)
            moved = (self.net.Theta - net0.Theta).to(torch.float64)
        self.squared_distance = None if net is None else float(moved.square().sum())
        layer = LAYERS["implicit"]
        self._rate = self.net.output_scale / math.sqrt(self.net.width) * layer.rate(self.net)

    def posterior(self, scale: float, noise: float) -> Posterior:
        """The posterior for the prior's λ and a noise s."""
        return Posterior(self.spectrum, scale, noise, self.squared_distance)

    def mean(self, posterior: Posterior) -> Tensor:
        """(m, m) the mean of Θ."""
        weights = posterior.weights(self.spectrum.residual)
        return self.net.Theta.detach() + posterior.scale**2 * self._transposed(weights)

    def draw(self, posterior: Posterior, generator: torch.Generator) -> Tensor:
        """(m, m) Θ = mean + λE − λ²JᵀM⁻¹(λJE + sξ), E and ξ standard Gaussian."""
        scale, theta = posterior.scale, self.net.Theta.detach()
        E, xi = (
            torch.randn(shape, generator=generator, dtype=torch.float64)
            for shape in (theta.shape, self.spectrum.values.shape)
        )
        E, xi = E.to(theta), xi.to(self.spectrum.values)
        noise = self.spectrum.vectors.T @ (scale * self._applied(E) + posterior.noise * xi)
        weights = posterior.weights(self.spectrum.residual - noise)
        return theta + scale * E + scale**2 * self._transposed(weights)

    def _applied(self, E: Tensor) -> Tensor:
        """(p,) J E."""
        states = self.z if self.u.ndim == 2 else self.z[:, None]
        return (self._rate * (self.u @ E * states).sum(dim=-1)).flatten().to(torch.float64)

    def _transposed(self, rotated: Tensor) -> Tensor:
        """(m, m) Jᵀ a, for a in the eigenvectors' basis."""
        a = (self.spectrum.vectors @ rotated).to(self.z).reshape(self.u.shape[:-1])
        return self._rate * (combine(self.u, a).T @ self.z)


def linear_error(posterior: Posterior, outputs: Tensor, y: Tensor) -> float:
    """The training error of Gaussian outputs of the tangent's mean and variance, estimated for k outputs.

    Args:
        outputs: (n,) or (n, k) at the point where the tangent touches. y: their labels.
    """
    mean = outputs + posterior.fitted.reshape(outputs.shape)
    variance = posterior.variance.reshape(outputs.shape)
    if outputs.ndim == 1:
        margin = mean * y.sign()
    else:
        # Against the strongest other output alone: an estimate, which only guides a choice.
        true = y.argmax(dim=1, keepdim=True)
        other = mean.scatter(1, true, -math.inf).argmax(dim=1, keepdim=True)
        margin = (mean.gather(1, true) - mean.gather(1, other))[:, 0]
        variance = (variance.gather(1, true) + variance.gather(1, other))[:, 0]
    return float(torch.special.ndtr(-margin / variance.clamp(min=1e-300).sqrt()).mean())


def quietest(
    make: Callable[[float], Posterior], outputs: Tensor, y: Tensor, constant: float
) -> tuple[float, Posterior]:
    """The least bound at the tangent's training error, and its posterior, out of ``make(s)`` for each s."""
    found = []
    for noise in NOISES:
        p = make(noise)
        error = linear_error(p, outputs, y)
        found.append((largest_error(error, (p.divergence + constant) / len(y)), noise, p))
    bound, _, posterior = min(found, key=lambda item: item[:2])
    return bound, posterior
