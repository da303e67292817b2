"""A bound on the test loss that is computed from the training sample alone, term by term (C15)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.checks import check_rows, checked
from implicit_tutorial.kernels.network import states
from implicit_tutorial.network import SIZES_AND_SCALES, EquilibriumNetwork
from implicit_tutorial.prose import powers
from implicit_tutorial.training.least_squares import check_labels
from implicit_tutorial.training.region import Ball


@dataclass(frozen=True)
class BoundedLoss:
    """ℓ(f, y) with values in [0, ``largest``] and Lipschitz constant c = ``lipschitz`` in f."""

    name: str
    value: Callable[[Tensor, Tensor], Tensor]
    lipschitz: float
    largest: float


#: The losses of :func:`generalization_bound` by name. The ramp lies above the error rate of the sign.
LOSSES = {
    "absolute": BoundedLoss("min(|f − y|, 1)", lambda f, y: (f - y).abs().clamp(max=1), 1.0, 1.0),
    "square": BoundedLoss("min((f − y)², 1)", lambda f, y: (f - y).square().clamp(max=1), 2.0, 1.0),
    "ramp": BoundedLoss("min(max(1 − yf, 0), 1)", lambda f, y: (1 - y * f).clamp(0, 1), 1.0, 1.0),
}


@dataclass(frozen=True)
class GeneralizationBound:
    """test loss ≤ train_loss + linear + remainder + confidence_term, with probability 1 − ``confidence``."""

    train_loss: float
    linear: float
    """2c(r/n)√(Σ‖J_i⁰‖²): what the network could fit of random signs, were it linear in A."""
    remainder: float
    """2c(r/n) Σδ_i(r): what it could fit because it is not; infinite when ‖A₀‖₂ + r ≥ 1."""
    confidence_term: float
    """3M√(ln(2/δ_k)/2n): for a finite sample, and for an r that is not known beforehand."""
    confidence: float
    """δ: with at most this probability over the sample the bound is wrong."""
    movement: float
    """‖A − A₀‖_F of the trained network."""
    radius: float
    """r: the movement rounded up to the grid base·2^k, so that r does not depend on the sample."""
    rho0: float
    """‖A₀‖₂, from above."""
    delta: Tensor
    """(n,) δ_i(r) ≥ ‖J_i(A) − J_i⁰‖ in the ball (C12)."""
    lazy_linear: float
    """√(e₀ᵀK⁻¹e₀·tr K)/n: ``linear``/2c with the radius of lazy training, to compare with infinite width."""
    loss: BoundedLoss

    @property
    def total(self) -> float:
        """The bound itself."""
        return self.train_loss + self.linear + self.remainder + self.confidence_term

    @property
    def vacuous(self) -> bool:
        """True when the bound says no more than that the loss never exceeds its largest value."""
        return not self.total < self.loss.largest

    @property
    def terms(self) -> dict[str, float]:
        """The summands by name, in the order of the formula."""
        return {
            "train loss": self.train_loss,
            "linear": self.linear,
            "remainder": self.remainder,
            "confidence": self.confidence_term,
        }

    def __str__(self) -> str:
        terms = " + ".join(f"{powers(value, 3)} ({name})" for name, value in self.terms.items())
        verdict = f"vacuous: the loss never exceeds {self.loss.largest:g}" if self.vacuous else "not vacuous"
        reason = ""
        if math.isinf(self.remainder):
            reason = f"; ‖A₀‖₂ + r = {powers(self.rho0 + self.radius, 3)} ≥ 1, so the remainder is unbounded"
        return f"{self.loss.name} ≤ {terms} = {powers(self.total, 3)}, {verdict}{reason}"


@checked
def generalization_bound(
    net0: EquilibriumNetwork,
    net: EquilibriumNetwork,
    X: Tensor,
    y: Tensor,
    *,
    confidence: float = 0.05,
    loss: str | BoundedLoss = "absolute",
    base: float = 2.0**-10,
) -> GeneralizationBound:
    """test ≤ train + 2c(r/n)(√(Σ‖J_i⁰‖²) + Σδ_i(r)) + 3M√(ln(2/δ_k)/2n) with probability 1 − δ (C15).

    The Rademacher complexity of {f_A : ‖A − A₀‖_F ≤ r}, from the training inputs (after Arora et al. 2019);
    r = base·2^k is the movement rounded up, and δ_k = 6δ/(π(k + 1))² shares δ out over the radii.
    It holds for any training of Θ alone, started from a net0 that was drawn independently of the sample.

    Args:
        net0: the network at initialization.
        net: the same network with Θ trained.
        X: (n, d) training inputs. y: (n,) labels.
        confidence: δ, the probability that the bound may fail with.
        loss: ``"absolute"``, ``"square"`` or ``"ramp"``, all cut off at one; or a :class:`BoundedLoss`.
        base: smallest radius of the grid; fix it before looking at the data.

    Raises:
        ValueError: the networks differ in more than Θ or have several outputs; labels of the wrong shape; a
            confidence outside (0, 1); an unknown loss; a ``base`` that is not positive.
        EquilibriumError: an equilibrium or adjoint did not converge.
    """
    loss = _check(net0, net, X, y, confidence, loss, base)
    n = len(X)
    with torch.no_grad():
        z, u = states(net0, X)
        ball = Ball(net0, X, z, u)
        movement = float(torch.linalg.matrix_norm((net.A - net0.A).to(torch.float64)))
        k = max(0, math.ceil(math.log2(movement / base))) if movement > 0 else 0
        radius = base * 2.0**k
        delta = ball.bounds(radius)[3]
        norm_J = ball.scale * ball.norm_z * ball.norm_u
        f = net(X)
        linear = radius / n * float(torch.linalg.vector_norm(norm_J))
        delta_k = 6 * confidence / (math.pi * (k + 1)) ** 2
        return GeneralizationBound(
            train_loss=float(loss.value(f, y).mean()),
            linear=2 * loss.lipschitz * linear,
            remainder=2 * loss.lipschitz * radius / n * float(delta.sum()),
            confidence_term=3 * loss.largest * math.sqrt(math.log(2 / delta_k) / (2 * n)),
            confidence=confidence,
            movement=movement,
            radius=radius,
            rho0=ball.rho0,
            delta=delta,
            lazy_linear=_lazy_linear(net0, z, u, net0(X) - y),
            loss=loss,
        )


def _lazy_linear(net: EquilibriumNetwork, z: Tensor, u: Tensor, e0: Tensor) -> float:
    """√(e₀ᵀ(JJᵀ)⁻¹e₀·tr JJᵀ)/n; infinite when the network cannot fit e₀ without leaving its linear regime."""
    gram = ((z @ z.T) * (u @ u.T)).to(torch.float64)
    root, info = torch.linalg.cholesky_ex(gram)
    if int(info):
        return math.inf
    e0 = e0.to(torch.float64)[:, None]
    square = float((e0 * torch.cholesky_solve(e0, root)).sum()) * float(gram.trace())
    return math.sqrt(square) / len(z)


def check_pair(net0: EquilibriumNetwork, net: EquilibriumNetwork) -> None:
    """Raise unless the two networks differ in Θ alone."""
    for name in (*SIZES_AND_SCALES, "centered"):
        if getattr(net0, name) != getattr(net, name):
            raise ValueError(
                f"net0 has {name}={getattr(net0, name)} and net has {getattr(net, name)}; give one network "
                "before and after training, e.g. net0 = copy.deepcopy(net) before it."
            )
    for name in ("W", "v"):
        if not torch.equal(getattr(net0, name), getattr(net, name)):
            raise ValueError(
                f"net0 and net differ in {name}; the bound is for training the implicit layer alone."
            )


def check_confidence(confidence: float) -> None:
    """Raise unless it is a probability of failure."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence}: it is the probability of failure, between 0 and 1.")


def _check(
    net0: EquilibriumNetwork,
    net: EquilibriumNetwork,
    X: Tensor,
    y: Tensor,
    confidence: float,
    loss: str | BoundedLoss,
    base: float,
) -> BoundedLoss:
    check_pair(net0, net)
    if net.n_outputs is not None:
        raise ValueError(f"the bound is for one output, but the network has n_outputs={net.n_outputs}.")
    check_rows(X, net.n_inputs, "X", net.W, row="input", column="input dimension")
    if len(X) == 0:
        raise ValueError("X holds no sample; the bound is computed from at least one.")
    check_labels(net, X, y, "y")
    check_confidence(confidence)
    if not 0 < base < math.inf:
        raise ValueError(f"base={base}: the smallest radius is positive.")
    if isinstance(loss, BoundedLoss):
        return loss
    if loss not in LOSSES:
        raise ValueError(f"loss={loss!r}; choose from {list(LOSSES)}, or give a BoundedLoss.")
    return LOSSES[loss]
