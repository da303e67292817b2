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
from implicit_tutorial.training.decay import Decay, Dense, Krylov
from implicit_tutorial.training.descent import ExactStepper, check_learnable, stability_limit
from implicit_tutorial.training.least_squares import LeastSquares, combine

#: Up to so many labels the kernel is decomposed.
_DENSE = 512
#: Up to so many labels, or of one output, the kernel is formed; of more its products are.
_FORMED = 2048

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
    """Error, states, adjoints and kernel at one point; for very many labels the kernel is not formed."""

    e: Tensor
    z: Tensor
    u: Tensor
    K: Tensor | None


class FlowStepper(ExactStepper):
    """The linearisation at the present parameters, and the step to try next."""

    def __init__(self, problem: LeastSquares, method: ExponentialFlow) -> None:
        super().__init__(problem)
        self.method, self.rejected = method, 0
        self.origin = {layer: theta.clone() for layer, theta in problem.parameters.items()}
        labels = problem.target.numel()
        self._dense = labels <= _DENSE
        self._formed = labels <= max(_FORMED, len(problem.X))
        self.here = self._linearise()
        self.h = 1 / self._largest()
        self.grid: list[float] = []
        solver = problem.net.solver
        rough = max(relative_tolerance(solver.rtol, problem.X.dtype), 0.01 * method.rtol)
        self._rough = replace(solver, rtol=rough)

    @property
    def e(self) -> Tensor:
        return self.here.e

    def kernel(self) -> Tensor:
        return self.problem.kernel(self.here.z, self.here.u) if self.here.K is None else self.here.K

    def advance(self, remaining: float) -> None:
        """One accepted step, at most to the end; a step to infinity settles at the flow's limit."""
        if self.method.steps is not None:
            self._scheduled(remaining)
            return
        base = {layer: theta.clone() for layer, theta in self.problem.parameters.items()}
        decay = self._decay(self.here)
        for _ in range(self.method.max_rejections):
            h = min(self.h, remaining)
            slowest = decay.slowest(h)
            h = remaining if h * slowest > _FOREVER else h
            failure, error = None, math.inf
            try:
                there, error = self._try(h, base, decay)
            except EquilibriumError as failed:
                failure = failed
            if error <= 1:
                self._accept(there, h, error)
                return
            self._restore(base)
            self.rejected += 1
            finite = min(h, _FOREVER / slowest)
            self.h = finite * (0.25 if failure else max(0.2, 0.8 / math.sqrt(error)))
            if self.h < _SHORTEST / decay.largest:
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
            w = self._decay(self.here).integrated(math.inf)
            if float(w @ self._product(w, self.here)) ** 0.5 <= 1e-6 * self._movement():
                return
            self._descend(self.here.z, self.here.u, w)
            self.here = self._linearise()

    def _scheduled(self, remaining: float) -> None:
        if not self.grid:
            if remaining == math.inf:
                raise ValueError("a fixed number of steps needs an end: give until=Until(time=…).")
            # Uniform in log(1 + λ_max t): even while the fastest mode decays, geometric afterwards.
            unit = 1 / self._largest()
            growth = math.log1p(remaining / unit) / self.method.steps
            self.grid = [unit * math.expm1(growth * i) for i in range(1, self.method.steps)] + [remaining]
        t = next((t for t in self.grid if t > self.time * (1 + 1e-12)), self.time + remaining)
        h = min(t - self.time, remaining)
        base = {layer: theta.clone() for layer, theta in self.problem.parameters.items()}
        self.here, _ = self._try(h, base, self._decay(self.here))
        self.time = t if h < remaining else self.time + remaining

    def _try(self, h: float, base: dict[str, Tensor], decay: Decay) -> tuple[Linearisation | None, float]:
        """Predict, correct, compare: after an accepted step what is there; its error over the tolerance."""
        a = self.here
        w = decay.integrated(h)
        self._descend(a.z, a.u, w)
        # The prediction serves for K and J only, so a few digits are enough. In a short step they are not: a
        # unit that the solver's error flips at its kink would look like an effect of the step.
        exact = self.exact.solver
        if h * decay.largest > _SHORT:
            self.exact.solver = self._rough
        try:
            b = self._linearise()
        finally:
            self.exact.solver = exact
        # Corrector: Θ − J̄ᵀw̄ with the averaged kernel and Jacobian.
        average = self._decay(a, b).integrated(h)
        self._restore(base)
        self._descend(a.z, a.u, average / 2)
        self._descend(b.z, b.u, average / 2)
        error = self._distance(a, b, average / 2 - w, average / 2) / (self.method.rtol * self._movement())
        if error > 1 and self.method.steps is None:
            return None, error
        del b  # and its kernel, before there is another one
        return self._linearise(), error

    def _linearise(self) -> Linearisation:
        e = self.exact.forward()
        u = self.exact.outputs()
        self.exact.count_outputs()
        K = self.problem.kernel(self.exact.z, u) if self._formed else None
        return Linearisation(e=e, z=self.exact.z, u=u, K=K)

    def _decay(self, *points: Linearisation) -> Decay:
        """Of the error here, with the mean kernel of the points."""
        e = self.here.e.flatten().to(torch.float64)
        if self._dense:
            return Dense(sum(point.K for point in points) / len(points), e)
        return Krylov(lambda w: self._product(w, *points), e)

    def _product(self, w: Tensor, *points: Linearisation) -> Tensor:
        """K̄w with the mean kernel of the points."""
        products = (self.problem.kernel_product(p.z, p.u, w) if p.K is None else p.K @ w for p in points)
        return sum(products) / len(points)

    def _largest(self) -> float:
        """λ_max(K) here."""
        e = self.here.e.flatten().to(torch.float64)
        if self._dense:
            return 2 / stability_limit(self.here.K)
        start = torch.randn(len(e), generator=torch.Generator().manual_seed(0), dtype=e.dtype).to(e.device)
        return check_learnable(Krylov(lambda w: self._product(w, self.here), start).largest)

    def _gradient(self, point: Linearisation, w: Tensor) -> Tensor:
        w = w.reshape(self.problem.target.shape).to(point.z.dtype)
        return self.problem.gradient(combine(point.u, w), point.z, w)

    def _descend(self, z: Tensor, u: Tensor, w: Tensor) -> None:
        w = w.reshape(self.problem.target.shape).to(z.dtype)
        self.problem.descend(combine(u, w), z, w)

    def _distance(self, a: Linearisation, b: Linearisation, wa: Tensor, wb: Tensor) -> float:
        """‖J_aᵀ wa + J_bᵀ wb‖, from Gram matrices where these are the smaller ones."""
        if not self._dense:
            parts = (self._gradient(p, w) for p, w in ((a, wa), (b, wb)))
            return float(torch.linalg.vector_norm(sum(parts)))
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
            "here": {name: x.clone() for name, x in vars(self.here).items() if x is not None},
            "origin": {k: v.clone() for k, v in self.origin.items()},
            "numbers": [self.time, self.h, self.rejected],
            "grid": list(self.grid),
        }

    def load_state_dict(self, state: dict) -> None:
        self.exact.load_state_dict(state["exact"])
        like = self.here
        self.here = replace(like, **{k: v.to(getattr(like, k)) for k, v in state["here"].items()})
        self.origin = {k: v.to(like.z) for k, v in state["origin"].items()}
        self.time, self.h, self.rejected = state["numbers"]
        self.grid = list(state["grid"])
