"""Sweeps and updates of a batch of networks, in place: three products a step."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import itemgetter

import torch
from torch import Tensor

from implicit_tutorial.kernels.layers import LAYERS
from implicit_tutorial.training.arithmetic import caught_up, descended, output_between, swept, swept_back
from implicit_tutorial.training.least_squares import LeastSquares

#: A state this many times as large as the injections counts as diverged.
_DIVERGED = 1e8


class Sweeper:
    """S networks of one shape on one sample, updated together and in place.

    Leading dimension S everywhere: Theta (S, m, m), z and u (S, n, m). For one output u is the output's
    adjoint; for k outputs it is that of e·f, which one sweep carries along like the rest. The networks'
    parameters are views of the stacked ones.
    """

    _STATE = ("z", "u", "dz", "du", "e", "b")

    def __init__(
        self, problems: Sequence[LeastSquares], *, tolerance: float, max_sweeps: int, fused: int = 1
    ) -> None:
        first, net = problems[0], problems[0].net
        self.fused = fused
        # A sweep makes all but the fraction q = σ_A²/2 of a kernel's change (C10: dΠ = … + σ_A²Σ̇ dΠ with
        # Σ̇ ≤ ½), so a state that drifts steadily is q/(1 − q) of an update behind, and the middle of the
        # fused steps that use it (1 − 1/fused)/2 of an update ahead. That much of its last change is added.
        fraction = min(net.implicit_scale**2 / 2, 0.5)
        self.catch_up = fraction / (1 - fraction) + (1 - 1 / fused) / 2
        self.layers, self.n_outputs = first.layers, net.n_outputs
        self.max_sweeps, self.tolerance = max_sweeps, tolerance
        self.mix = net.implicit_scale / math.sqrt(net.width)
        self.kappa, self.input_scale = first.kappa, net.input_scale

        def parameters(name: str) -> Tensor:
            each = [getattr(p.net, name) for p in problems]
            if len(each) == 1:
                return each[0].data[None]
            stack = torch.stack([theta.data for theta in each])
            for theta, view in zip(each, stack, strict=True):
                theta.data = view
            return stack

        self.Theta, self.W, self.v = parameters("Theta"), parameters("W"), parameters("v")
        self.b = torch.stack([p.injection for p in problems])
        self.target = torch.stack([p.target for p in problems])
        if net.n_outputs is None:
            self.v, self.target = self.v[..., None], self.target[..., None]
        self.X = first.X.expand(len(problems), *first.X.shape)
        self._gram = first.X @ first.X.T if fused > 1 and "input" in self.layers else None
        #: The trained layers, each with its stacked parameters and rate.
        self._trained = [
            (layer, getattr(self, layer.parameter), layer.rate(net))
            for layer in (LAYERS[name] for name in self.layers)
        ]
        #: States, what the last sweep changed in them, and a buffer for the next one.
        self.z, self.u, self.dz, self.du, self._spare = (torch.zeros_like(self.b) for _ in range(5))
        self._products, self.e = torch.empty_like(self.b), torch.empty_like(self.target)
        #: States beyond this norm count as diverged.
        self._ceiling = _DIVERGED * float(torch.linalg.vector_norm(self.b))
        self._loss: list[float] | None = None
        #: False for a network whose sweeps did not settle; it is left as it is.
        self.alive = [True] * len(problems)
        self.forward_sweeps = self.adjoint_sweeps = 0

    def converge(self, tolerance: float) -> None:
        """Sweep z and u to the tolerance at the present parameters."""
        trusted, self.tolerance = self.tolerance, tolerance
        self._sweep(self._forward, together=True)
        self._sweep(self._adjoint, together=True)
        self.tolerance = trusted

    def step(self, eta: Tensor) -> list[float]:
        """One update with steps eta (S,), then one sweep each way, and more where the lag is too large.

        Returns the lag of z for each network: its relative residual at the new parameters, before the
        sweep. For a network that is no longer ``alive`` it is the last one.
        """
        self._update(eta)
        lags = self._sweep(self._forward)
        if self.layers != ("output",):
            self._sweep(self._adjoint)
        return lags

    def losses(self) -> list[float]:
        """½ Σ e² of each network, summed in float64."""
        if self._loss is None:
            norms = torch.linalg.vector_norm(self.e, dim=(1, 2), dtype=torch.float64)
            self._loss = [norm**2 / 2 for norm in norms.tolist()]
        return self._loss

    def _update(self, eta: Tensor) -> None:
        """θ ← θ − J_θᵀ w, where w = η Σ_j (1 − ηK)ʲ e is what ``fused`` steps at constant K add up to.

        ∂L/∂A = Σ p zᵀ with p = w u, and the whole update is one rank-n product into Theta.
        """
        z = caught_up(self.z, self.dz, self.catch_up, out=self.dz)
        u = caught_up(self.u, self.du, self.catch_up, out=self.du)
        eta = eta[:, None, None]
        w = self.e * eta
        if self.fused > 1:
            K, e = self._kernel(z, u), self.e
            for _ in range(self.fused - 1):
                e = torch.baddbmm(e, K, e * -eta)
                w += e * eta
        p = u.mul_(w if self.n_outputs is None else eta)
        vectors = {"adjoint": p, "state": z, "input": self.X, "output": w}
        for layer, theta, rate in self._trained:
            descended(theta, vectors[layer.left], vectors[layer.right], self.kappa * rate, out=theta)
        if "input" in self.layers:
            torch.bmm(self.X, self.W.mT, out=self.b)
            self.b.mul_(self.input_scale)

    def _kernel(self, z: Tensor, u: Tensor) -> Tensor:
        """(S, n, n) tangent kernels of the trained layers for one output."""
        forward, backward = torch.bmm(z, z.mT), torch.bmm(u, u.mT)
        grams = {"adjoint": backward, "state": forward, "input": self._gram, "output": 1.0}
        return self.kappa**2 * sum(layer.kernel(rate, grams) for layer, _, rate in self._trained)

    def _sweep(self, once: Callable[[slice | None], list[float]], *, together: bool = False) -> list[float]:
        """Sweep once, and on for each network whose relative residual is above the tolerance.

        With ``together`` all networks go on as long as most of them must, which saves time.
        """
        first, begun = once(None), 1
        while together and begun < self.max_sweeps:
            # Negated, so that a lag that is not a number is above the tolerance.
            if sum(not lag <= self.tolerance for lag in first) <= max(1, len(first) // 2):
                break
            first, begun = once(None), begun + 1
        if all(lag <= self.tolerance for lag in first):
            return first
        lags = list(first)
        for s, lag in enumerate(lags):
            sweeps = begun
            while self.alive[s] and not lag <= self.tolerance:
                if sweeps >= self.max_sweeps or not math.isfinite(lag):
                    self.alive[s] = False
                    break
                (lag,) = once(slice(s, s + 1))
                sweeps += 1
            lags[s] = lag
        return [a if alive else b for a, b, alive in zip(first, lags, self.alive, strict=True)]

    def _forward(self, part: slice | None) -> list[float]:
        """One sweep of z, for all networks or for a part of them, and e after it."""
        pick = _all if part is None else itemgetter(part)
        z, dz = pick(self.z), pick(self.dz)
        new = pick(self._spare)
        swept(pick(self.Theta), pick(self.b), z, self.mix, out=new)
        torch.sub(new, z, out=dz)
        self._evaluate(new, z, dz, pick)
        size = torch.linalg.vector_norm(new, dim=(1, 2))
        lags = torch.linalg.vector_norm(dz, dim=(1, 2)).div_(size).tolist()
        if part is None:
            self.z, self._spare = self._spare, self.z
        else:
            z.copy_(new)
        self.forward_sweeps += 1
        return [
            lag if norm <= self._ceiling else math.inf for lag, norm in zip(lags, size.tolist(), strict=True)
        ]

    def _adjoint(self, part: slice | None) -> list[float]:
        """One sweep of u, for all networks or for a part of them."""
        pick = _all if part is None else itemgetter(part)
        u, du, v = pick(self.u), pick(self.du), pick(self.v).mT
        new = pick(self._spare)
        g = v if self.n_outputs is None else torch.bmm(pick(self.e), v)
        swept_back(pick(self.Theta), g, u, pick(self.z), self.mix, out=new)
        torch.sub(new, u, out=du)
        size = torch.linalg.vector_norm(new, dim=(1, 2))
        lags = torch.linalg.vector_norm(du, dim=(1, 2)).div_(size).tolist()
        if part is None:
            self.u, self._spare = self._spare, self.u
        else:
            u.copy_(new)
        self.adjoint_sweeps += 1
        return lags

    def _evaluate(self, new: Tensor, z: Tensor, dz: Tensor, pick: Callable[[Tensor], Tensor]) -> None:
        """e at the equilibrium, from a sweep z → z + dz.

        The adjoint of e·f does not tell k outputs apart: these are taken at z + dz, up to the lag.
        """
        e = pick(self.e)
        if self.n_outputs is None:
            e.copy_(output_between(z, dz, pick(self.u), pick(self.v), out=pick(self._products)))
        else:
            torch.bmm(new, pick(self.v), out=e)
        e.mul_(self.kappa).sub_(pick(self.target))
        self._loss = None

    def state_dict(self) -> dict:
        return {
            **{name: getattr(self, name).clone() for name in self._STATE},
            "alive": list(self.alive),
            "sweeps": [self.forward_sweeps, self.adjoint_sweeps],
        }

    def load_state_dict(self, state: dict) -> None:
        for name in self._STATE:
            getattr(self, name).copy_(state[name])
        self._loss = None
        self.alive = list(state["alive"])
        self.forward_sweeps, self.adjoint_sweeps = state["sweeps"]


def _all(tensor: Tensor) -> Tensor:
    return tensor
