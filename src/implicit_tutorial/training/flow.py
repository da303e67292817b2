"""Gradient flow by an exponential integrator in function space: stable for any step, exact at constant K."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from implicit_tutorial.equilibrium.checks import check_fields, check_least
from implicit_tutorial.equilibrium.solver import relative_tolerance
from implicit_tutorial.equilibrium.status import EquilibriumError
from implicit_tutorial.training.descent import ExactStepper, stability_limit
from implicit_tutorial.training.least_squares import LeastSquares, combine

#: Beyond this many decay times of the slowest mode the rest of the flow is one step.
_FOREVER = 40.0
#: A step this short, in units of 1/λ_max, that still fails means that the equilibrium itself is lost.
_SHORTEST = 1e-6
#: Below this step, in the same units, the predictor is solved as accurately as the corrector.
_SHORT = 1e-2
_GROWTH = 10.0


@dataclass(frozen=True, kw_only=True)
class ExponentialFlow:
    """dΘ/dt = −∇L through Θ ← Θ − J_Θᵀ K⁻¹(1 − e^{−Kh}) e, a predictor, and its corrector with
    averaged J and K.

    Exact for a constant kernel (C14) whatever h is, so the step follows the change of the kernel,
    not its condition number. The distance between predictor and corrector estimates the error of a
    step; it is kept below ``rtol`` times the movement so far. No Jacobian is formed: K is a product
    of Gram matrices (C9), Jᵀw is one of rank n.
    """

    rtol: float = 0.02
    """Error of a step in the parameters, relative to their movement since the start."""
    steps: int | None = None
    """This many steps, uniform in log(1 + λ_max t), without control of the error; needs ``until.time``."""
    max_rejections: int = 30

    every_step: ClassVar[bool] = True
    has_time: ClassVar[bool] = True
    reaches_infinity: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_fields(self)
        if not 0 < self.rtol < 1:
            raise ValueError(f"rtol={self.rtol}: a relative tolerance lies between 0 and 1.")
        check_least(1, steps=self.steps, max_rejections=self.max_rejections)

    def start(self, problem: LeastSquares) -> FlowStepper:
        problem.require_free()
        return FlowStepper(problem, self)


@dataclass
class Linearisation:
    """Error, states, adjoints and kernel at one point."""

    e: Tensor
    z: Tensor
    u: Tensor
    K: Tensor


class FlowStepper(ExactStepper):
    """The linearisation at the present parameters, and the step to try next."""

    def __init__(self, problem: LeastSquares, method: ExponentialFlow) -> None:
        super().__init__(problem)
        self.method, self.rejected = method, 0
        self.origin = {layer: theta.clone() for layer, theta in problem.parameters.items()}
        self.here = self._linearise()
        self.h = stability_limit(self.here.K) / 2
        self.grid: list[float] = []
        solver = problem.net.solver
        rough = max(relative_tolerance(solver.rtol, problem.X.dtype), 0.01 * method.rtol)
        self._rough = replace(solver, rtol=rough)

    @property
    def e(self) -> Tensor:
        return self.here.e

    def kernel(self) -> Tensor:
        return self.here.K

    def advance(self, remaining: float) -> None:
        """One accepted step, at most to the end; a step to infinity settles at the flow's limit."""
        if self.method.steps is not None:
            self._scheduled(remaining)
            return
        base = {layer: theta.clone() for layer, theta in self.problem.parameters.items()}
        shortest = _SHORTEST * stability_limit(self.here.K) / 2
        for _ in range(self.method.max_rejections):
            slowest = float(_decaying(torch.linalg.eigvalsh(self.here.K)).min())
            h = remaining if min(self.h, remaining) * slowest > _FOREVER else min(self.h, remaining)
            failure, error = None, math.inf
            try:
                there, error = self._try(h, base)
            except EquilibriumError as failed:
                failure = failed
            if error <= 1:
                self._accept(there, h, error)
                return
            self._restore(base)
            self.rejected += 1
            finite = min(h, _FOREVER / slowest)
            self.h = finite * (0.25 if failure else max(0.2, 0.8 / math.sqrt(error)))
            if self.h < shortest:
                break
        raise failure or EquilibriumError(
            f"a step of {self.h:.3g} still changes the kernel too much. Likely cause: the network is at the "
            "edge of its well-posed region. What to change: a larger width or output_scale, or a larger rtol",
            None,
        )

    def _accept(self, there: Linearisation, h: float, error: float) -> None:
        self.here = there
        self.time += h
        if h < math.inf:
            self.h = h * min(_GROWTH, 0.8 / math.sqrt(error) if error > 0 else _GROWTH)
            return
        # The kernel changes over an infinite step too: Gauss–Newton steps remove the error that is left.
        for _ in range(self.method.max_rejections):
            w = _integrated(self.here.K, self.here.e, math.inf)
            if float(w @ self.here.K @ w) ** 0.5 <= 1e-6 * self._movement():
                return
            self._descend(self.here.z, self.here.u, w)
            self.here = self._linearise()

    def _scheduled(self, remaining: float) -> None:
        if not self.grid:
            if remaining == math.inf:
                raise ValueError("a fixed number of steps needs an end: give until=Until(time=…).")
            # Uniform in log(1 + λ_max t): even while the fastest mode decays, geometric afterwards.
            unit = stability_limit(self.here.K) / 2
            growth = math.log1p(remaining / unit) / self.method.steps
            self.grid = [unit * math.expm1(growth * i) for i in range(1, self.method.steps)] + [remaining]
        t = next((t for t in self.grid if t > self.time * (1 + 1e-12)), self.time + remaining)
        h = min(t - self.time, remaining)
        base = {layer: theta.clone() for layer, theta in self.problem.parameters.items()}
        self.here, _ = self._try(h, base)
        self.time = t if h < remaining else self.time + remaining

    def _try(self, h: float, base: dict[str, Tensor]) -> tuple[Linearisation, float]:
        """Predict, correct, compare: the linearisation after the step, and its error over the tolerance."""
        a = self.here
        w = _integrated(a.K, a.e, h)
        self._descend(a.z, a.u, w)
        # The prediction serves for K and J only, so a few digits are enough. In a short step they are not: a
        # unit that the solver's error flips at its kink would look like an effect of the step.
        exact = self.exact.solver
        if h * float(torch.linalg.matrix_norm(a.K, 2)) > _SHORT:
            self.exact.solver = self._rough
        try:
            b = self._linearise()
        finally:
            self.exact.solver = exact
        # Corrector: Θ − J̄ᵀw̄ with the averaged kernel and Jacobian.
        average = _integrated((a.K + b.K) / 2, a.e, h)
        self._restore(base)
        self._descend(a.z, a.u, average / 2)
        self._descend(b.z, b.u, average / 2)
        error = self._distance(a, b, average / 2 - w, average / 2) / (self.method.rtol * self._movement())
        if error > 1 and self.method.steps is None:
            return b, error
        return self._linearise(), error

    def _linearise(self) -> Linearisation:
        e = self.exact.forward()
        u = self.exact.outputs()
        self.exact.count_outputs()
        K = self.problem.kernel(self.exact.z, u)
        return Linearisation(e=e, z=self.exact.z, u=u, K=K)

    def _descend(self, z: Tensor, u: Tensor, w: Tensor) -> None:
        w = w.reshape(self.problem.target.shape).to(z.dtype)
        self.problem.descend(combine(u, w), z, w)

    def _distance(self, a: Linearisation, b: Linearisation, wa: Tensor, wb: Tensor) -> float:
        """‖J_aᵀ wa + J_bᵀ wb‖ from Gram matrices."""
        cross = self.problem.kernel(a.z, a.u, b.z, b.u)
        square = wa @ a.K @ wa + 2 * (wa @ cross @ wb) + wb @ b.K @ wb
        return math.sqrt(max(float(square), 0.0))

    def _movement(self) -> float:
        """How far the trained parameters are from where the run began."""
        theta = self.problem.parameters
        moved = math.hypot(*(float(torch.dist(theta[layer], self.origin[layer])) for layer in theta))
        return max(moved, torch.finfo(self.problem.X.dtype).tiny)

    def _restore(self, base: dict[str, Tensor]) -> None:
        for layer, theta in self.problem.parameters.items():
            theta.copy_(base[layer])

    def state_dict(self) -> dict:
        return {
            "exact": self.exact.state_dict(),
            "here": {name: getattr(self.here, name).clone() for name in ("e", "z", "u", "K")},
            "origin": {k: v.clone() for k, v in self.origin.items()},
            "numbers": [self.time, self.h, self.rejected],
            "grid": list(self.grid),
        }

    def load_state_dict(self, state: dict) -> None:
        self.exact.load_state_dict(state["exact"])
        like = self.here
        self.here = Linearisation(**{k: v.to(getattr(like, k)) for k, v in state["here"].items()})
        self.origin = {k: v.to(like.z) for k, v in state["origin"].items()}
        self.time, self.h, self.rejected = state["numbers"]
        self.grid = list(state["grid"])


def _decaying(values: Tensor) -> Tensor:
    """The eigenvalues that the flow can use: the rest is rounding around zero."""
    return values[values > values[-1] * values.numel() * torch.finfo(values.dtype).eps]


def _integrated(K: Tensor, e: Tensor, h: float) -> Tensor:
    """∫₀ʰ e^{−Ks} e ds = K⁻¹(1 − e^{−Kh}) e; to infinity only along the modes that decay."""
    values, vectors = torch.linalg.eigh(K)
    values = values.clamp(min=0)
    decaying = values > values[-1] * values.numel() * torch.finfo(values.dtype).eps
    safe = torch.where(decaying, values, torch.ones_like(values))
    limit = 0.0 if h == math.inf else h
    weights = torch.where(decaying, -torch.expm1(-safe * h) / safe, torch.full_like(values, limit))
    return vectors @ (weights * (vectors.T @ e.flatten().to(K)))
