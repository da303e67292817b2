"""Gradient flows of many small networks at once: the steps of `ExponentialFlow`, in one batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.solver import DIVERGENCE_FACTOR, relative_tolerance
from implicit_tutorial.equilibrium.status import EquilibriumError
from implicit_tutorial.training.arithmetic import descended, swept, swept_back
from implicit_tutorial.training.decay import decaying
from implicit_tutorial.training.descent import stability_limit
from implicit_tutorial.training.flow import _FOREVER, _GROWTH, _SHORT, _SHORTEST, ExponentialFlow
from implicit_tutorial.training.least_squares import LeastSquares, half_square

Tensors = tuple[Tensor, ...]


@dataclass
class Points:
    """Parameters of several networks, and what belongs to them: errors, states, adjoints, kernels."""

    Theta: Tensor
    e: Tensor
    z: Tensor
    u: Tensor
    K: Tensor

    def at(self, which: Tensor) -> Points:
        return Points(*(getattr(self, field.name)[which] for field in fields(self)))

    def put(self, which: Tensor, other: Points) -> None:
        for field in fields(self):
            getattr(self, field.name)[which] = getattr(other, field.name)


class Flows:
    """S networks of one shape on one sample, each with its own scales, step and time; Θ alone is trained.

    Leading dimension S everywhere: Theta (S, m, m), z and u (S, n, m), e (S, n), K (S, n, n). The networks'
    parameters are views of the stacked ones.
    """

    def __init__(self, problems: Sequence[LeastSquares], method: ExponentialFlow) -> None:
        for problem in problems:
            problem.require_free()
        net, like = problems[0].net, problems[0].X
        self.method, self.max_sweeps = method, net.solver.max_steps
        self.exactly = relative_tolerance(net.solver.rtol, like.dtype)

        def column(values: Sequence[float]) -> Tensor:
            return torch.tensor(list(values), dtype=like.dtype, device=like.device)[:, None, None]

        #: σ_A/√m, which makes A of Θ, and κ/√m.
        self.mix = column(p.net.implicit_scale / p.net.width**0.5 for p in problems)
        self.kappa = column(p.kappa for p in problems)
        self.b = torch.stack([p.injection for p in problems])
        self.v = torch.stack([p.net.v.data for p in problems])[:, None]
        self.target = torch.stack([p.target for p in problems])
        self.forward_sweeps = self.adjoint_sweeps = 0
        self.residual = like.new_zeros(len(problems))

        Theta = torch.stack([p.net.Theta.data for p in problems])
        everyone = torch.arange(len(problems), device=like.device)
        rtol = like.new_full((len(problems),), self.exactly)
        zero = torch.zeros_like(self.b)
        self.here, there = self._linearised(everyone, Theta, zero, zero, rtol)
        if not bool(there.all()):
            lost = [s for s, found in enumerate(there.tolist()) if not found]
            raise EquilibriumError(
                f"networks {lost} of the ensemble: Picard's sweeps do not settle at the start. Likely cause: "
                "the spectral radius of DA exceeds 1. What to change: a smaller implicit_scale, or leave "
                "these networks out",
                None,
            )
        for problem, view in zip(problems, self.here.Theta, strict=True):
            problem.net.Theta.data = view
        self.origin = self.here.Theta.clone()
        #: 1/λ_max of each at the start, where something can be learned at all.
        self.h = torch.tensor([stability_limit(K) / 2 for K in self.here.K]).to(self.here.K)
        self.time = torch.zeros_like(self.h)
        #: Steps in a row that were not taken.
        self.rejected = [0] * len(problems)

    def advance(self, active: list[int], remaining: list[float]) -> list[bool]:
        """Try one step of each of these networks, not longer than it may be: whether it has been taken.

        A network whose step has become too short, or was refused too often, is left as it is; see
        :meth:`lost`.
        """
        who = torch.tensor(active, device=self.h.device)
        here = self.here.at(who)
        left = torch.tensor(remaining, dtype=self.h.dtype, device=self.h.device)
        spectrum = torch.linalg.eigh(here.K)
        values = spectrum[0]
        largest, slowest = values[:, -1], torch.where(_usable(values), values, math.inf).amin(dim=1)
        h = torch.minimum(self.h[who], left)
        h = torch.where(h * slowest > _FOREVER, left, h)

        w = _integrated(spectrum, here.e, h)
        rough = max(self.exactly, 0.01 * self.method.rtol)
        rtol = torch.where(h * largest > _SHORT, rough, self.exactly).to(here.z.dtype)
        there, found = self._linearised(who, self._descended(who, here.Theta, here, w), here.z, here.u, rtol)
        # What is lost has no kernel; its step is refused, whatever its numbers are.
        there.K[~found] = here.K[~found]
        mean = _integrated(torch.linalg.eigh((here.K + there.K) / 2), here.e, h)
        Theta = self._descended(who, self._descended(who, here.Theta, here, mean / 2), there, mean / 2)
        moved = torch.linalg.vector_norm(Theta - self.origin[who], dim=(1, 2)).to(h.dtype)
        apart = self._distance(who, here, there, mean / 2 - w, mean / 2)
        error = apart / (self.method.rtol * moved.clamp(min=torch.finfo(here.z.dtype).tiny))
        taken = found & (error <= 1)

        keep = torch.nonzero(taken)[:, 0]
        if len(keep):
            start = there.at(keep)
            exactly = torch.full_like(rtol[keep], self.exactly)
            end, settled = self._linearised(who[keep], Theta[keep], start.z, start.u, exactly)
            found[keep], taken[keep] = settled, settled
            good = keep[settled]
            self.here.put(who[good], end.at(settled))
            self.time[who[good]] += h[good]

        change = 0.8 / error.clamp(min=1e-30).sqrt()
        shorter = torch.where(found, change.clamp(min=0.2), torch.full_like(change, 0.25))
        finite = torch.minimum(h, _FOREVER / slowest)
        self.h[who] = torch.where(taken, h * change.clamp(max=_GROWTH), finite * shorter)
        too_short = self.h[who] < _SHORTEST / largest
        for s, yes, short in zip(active, taken.tolist(), too_short.tolist(), strict=True):
            self.rejected[s] = 0 if yes else self.method.max_rejections if short else self.rejected[s] + 1
        return taken.tolist()

    def lost(self, s: int) -> bool:
        """Whether no step of this network is short enough."""
        return self.rejected[s] >= self.method.max_rejections

    def cause(self, s: int) -> str:
        """Why a network is :meth:`lost`."""
        return (
            f"a step of {float(self.h[s]):.3g} still changes the kernel too much, or has no equilibrium at "
            "its end. Likely cause: the network is at the edge of its well-posed region. What to change: a "
            "larger width or output_scale, or a larger rtol"
        )

    def _linearised(
        self, who: Tensor, Theta: Tensor, z: Tensor, u: Tensor, rtol: Tensor
    ) -> tuple[Points, Tensor]:
        """The equilibria, adjoints and kernels at these Θ, and whether they were found."""
        A, b, v = self.mix[who] * Theta, self.b[who], self.v[who]
        z, found, self.residual[who], sweeps = self._settled(swept, (A, b), (), z, rtol)
        self.forward_sweeps += sweeps
        u, adjoint, _, sweeps = self._settled(swept_back, (A, v.expand(z.shape)), (z,), u, rtol)
        self.adjoint_sweeps += sweeps
        e = self.kappa[who][:, :, 0] * (z * v).sum(dim=2) - self.target[who]
        return Points(Theta, e, z, u, self._kernel(who, z, u, z, u)), found & adjoint

    def _settled(
        self, sweep: Callable[..., Tensor], before: Tensors, after: Tensors, start: Tensor, rtol: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, int]:
        """Sweep until every network has settled or is lost: states, which have, residuals, how many sweeps.

        A sweep takes the state between these tensors. A network that is through is swept no more.
        """
        end, lags = torch.empty_like(start), torch.empty_like(rtol)
        found = torch.zeros(len(start), dtype=torch.bool, device=start.device)
        going, state, limit = torch.arange(len(start), device=start.device), start, None
        tiny = torch.finfo(start.dtype).tiny
        for count in range(1, self.max_sweeps + 1):
            image = sweep(*before, state, *after, 1)
            residual = torch.linalg.vector_norm(image - state, dim=2)
            size = torch.linalg.vector_norm(image, dim=2)
            limit = DIVERGENCE_FACTOR * residual.clamp(min=tiny) if limit is None else limit
            settled = (residual <= rtol[:, None] * size).all(dim=1)
            # Also what is no number is lost.
            through = settled | ~(residual <= limit).all(dim=1)
            state = image
            if count < self.max_sweeps and not bool(through.any()):
                continue
            end[going], found[going] = state, settled
            lags[going] = (residual / size.clamp(min=tiny)).amax(dim=1)
            on = torch.nonzero(~through)[:, 0]
            if len(on) == 0:
                break
            going, state, rtol, limit = going[on], state[on], rtol[on], limit[on]
            before, after = tuple(x[on] for x in before), tuple(x[on] for x in after)
        return end, found, lags, count

    def _kernel(self, who: Tensor, z: Tensor, u: Tensor, z2: Tensor, u2: Tensor) -> Tensor:
        """K between states of the same networks (C9), in float64."""
        rate = (self.kappa[who] * self.mix[who]) ** 2
        return (rate * (z @ z2.mT) * (u @ u2.mT)).to(torch.float64)

    def _descended(self, who: Tensor, Theta: Tensor, at: Points, w: Tensor) -> Tensor:
        """Θ − J_Θᵀ w with the Jacobian at these points."""
        rate = self.kappa[who] * self.mix[who]
        return descended(Theta, at.u * (w.to(at.u.dtype)[:, :, None] * rate), at.z, 1)

    def _distance(self, who: Tensor, a: Points, b: Points, wa: Tensor, wb: Tensor) -> Tensor:
        """‖J_aᵀ wa + J_bᵀ wb‖ of each network."""
        cross = self._kernel(who, a.z, a.u, b.z, b.u)

        def form(left: Tensor, K: Tensor, right: Tensor) -> Tensor:
            return (left[:, None] @ K @ right[:, :, None])[:, 0, 0]

        return (form(wa, a.K, wa) + 2 * form(wa, cross, wb) + form(wb, b.K, wb)).clamp(min=0).sqrt()


def _usable(values: Tensor) -> Tensor:
    """(S, n) which ascending eigenvalues of each kernel are more than rounding."""
    return decaying(values.mT, values.shape[1]).mT


def _integrated(spectrum: tuple[Tensor, Tensor], e: Tensor, h: Tensor) -> Tensor:
    """∫₀ʰ e^{−Ks} e ds of each network, in float64; see :func:`decay.weights`."""
    values, vectors = spectrum
    values, h = values.clamp(min=0), h[:, None]
    usable = _usable(values)
    safe = torch.where(usable, values, torch.ones_like(values))
    weight = torch.where(usable, -torch.expm1(-safe * h) / safe, h)
    coefficients = (vectors.mT @ e.to(values.dtype)[:, :, None])[:, :, 0]
    return (vectors @ (weight * coefficients)[:, :, None])[:, :, 0]


class FlowMember:
    """One network of :class:`Flows` as a run sees it."""

    settled: bool = False

    def __init__(self, flows: Flows, index: int) -> None:
        self.flows, self.index = flows, index

    @property
    def time(self) -> float:
        return float(self.flows.time[self.index])

    @property
    def z(self) -> Tensor:
        return self.flows.here.z[self.index]

    @property
    def forward_sweeps(self) -> int:
        return self.flows.forward_sweeps

    @property
    def adjoint_sweeps(self) -> int:
        return self.flows.adjoint_sweeps

    @property
    def residual(self) -> float:
        return float(self.flows.residual[self.index])

    def loss(self) -> float:
        return half_square(self.flows.here.e[self.index])

    evaluate = loss

    def kernel(self) -> Tensor:
        return self.flows.here.K[self.index]
