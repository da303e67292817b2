"""Any optimizer of torch.optim on mini-batches, with exact gradients."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from implicit_tutorial.equilibrium.checks import check_fields
from implicit_tutorial.equilibrium.solve import solve
from implicit_tutorial.kernels.layers import LAYERS
from implicit_tutorial.network import EquilibriumNetwork
from implicit_tutorial.training.least_squares import ExactStates, LeastSquares, half_square


@dataclass(frozen=True)
class Optimizer:
    """``torch.optim.<name>`` on unbiased mini-batch estimates (n/batch) ½ Σ_batch e² of the loss.

    So ``Optimizer("SGD", lr=η)`` on the whole sample is ``GradientDescent(step=η)``. The loss of
    the whole sample is only evaluated where a row is recorded and at the end of each epoch.
    """

    name: str = "Adam"
    lr: float = 1e-3
    batch_size: int | None = None
    """None: the whole sample at every step."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of the optimizer, e.g. ``{"momentum": 0.9}``."""
    seed: int = 0
    """Of the order in which an epoch visits the samples."""

    every_step: ClassVar[bool] = False
    has_time: ClassVar[bool] = False
    reaches_infinity: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_fields(self)
        kind = getattr(torch.optim, self.name, None)
        if not (isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer)):
            raise ValueError(f"torch.optim has no optimizer {self.name!r}; for example 'SGD' or 'Adam'.")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"lr={self.lr}: a learning rate is a positive number.")
        if self.batch_size is not None and self.batch_size < 1:
            raise ValueError(f"batch_size={self.batch_size}: a batch holds at least one sample.")

    def start(self, problem: LeastSquares) -> OptimizerStepper:
        return OptimizerStepper(problem, self)


class OptimizerStepper:
    """The optimizer, the order of the samples, and each sample's last equilibrium and adjoint as starts."""

    settled: bool = False

    def __init__(self, problem: LeastSquares, method: Optimizer) -> None:
        self.problem, self.exact = problem, ExactStates(problem)
        self.time, self.residual = math.nan, math.nan
        n = len(problem.X)
        self.batch_size = min(method.batch_size or n, n)
        net = problem.net
        kind = getattr(torch.optim, method.name)
        parameters = [theta for layer in problem.layers for theta in _trained(net, LAYERS[layer].parameter)]
        self.optimizer = kind(parameters, lr=method.lr, **method.options)
        self.z = torch.zeros(n, net.width, dtype=problem.X.dtype, device=problem.X.device)
        self.p = torch.zeros_like(self.z)
        self.generator = torch.Generator().manual_seed(method.seed)
        self.order, self.position = torch.randperm(n, generator=self.generator), 0
        self.forward_sweeps = 0
        self.adjoint_sweeps = 0  # the backward pass does not report them
        self._loss: float | None = None
        self.evaluate()

    def loss(self) -> float | None:
        """L, or None where it is not known at the present parameters."""
        return self._loss

    def evaluate(self) -> float:
        """L over the whole sample."""
        if self._loss is None:
            exact = self.exact
            exact.z = self.z if bool(self.z.any()) else None
            self._loss = half_square(exact.forward())
            self.residual = exact.residual
        return self._loss

    def advance(self, remaining: float) -> None:
        n = len(self.order)
        rows = self.order[self.position : self.position + self.batch_size].to(self.z.device)
        with torch.enable_grad():
            self.optimizer.step(lambda: self._closure(rows))
        self.optimizer.zero_grad()
        self._loss = None
        self.position += self.batch_size
        if self.position >= n:
            self.order, self.position = torch.randperm(n, generator=self.generator), 0
            self.evaluate()

    def _closure(self, rows: Tensor) -> Tensor:
        """The mini-batch loss, its gradient left in the parameters."""
        net, problem = self.problem.net, self.problem
        self.optimizer.zero_grad()
        b = net.injection(problem.X[rows])
        if not b.requires_grad:
            b.requires_grad_()
        b.retain_grad()
        u0 = self.p[rows] if net.gradient is None else None  # inexact gradients choose their own start
        sol = solve(net.A, b, solver=net.solver, z0=self.z[rows], u0=u0, gradient=net.gradient)
        e = net.output(sol.z) - problem.target[rows]
        loss = (len(self.order) / len(rows)) * e.square().sum() / 2
        loss.backward()
        # The injection's gradient is the adjoint: the start of this sample's next one.
        self.z[rows], self.p[rows] = sol.z.detach(), b.grad
        self.forward_sweeps += int(sol.steps.max())
        return loss

    def kernel(self) -> Tensor:
        return self.problem.kernel(self.exact.z, self.exact.outputs())

    def state_dict(self) -> dict:
        return {
            "exact": self.exact.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "z": self.z.clone(),
            "p": self.p.clone(),
            "generator": self.generator.get_state(),
            "order": self.order.clone(),
            "numbers": [self.position, self.forward_sweeps, self._loss, self.residual],
        }

    def load_state_dict(self, state: dict) -> None:
        self.exact.load_state_dict(state["exact"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.z.copy_(state["z"])
        self.p.copy_(state["p"])
        self.generator.set_state(state["generator"])
        self.order = state["order"]
        self.position, self.forward_sweeps, self._loss, self.residual = state["numbers"]


def _trained(net: EquilibriumNetwork, name: str) -> list[Tensor]:
    """The free parameters behind a layer: those of its constraint where there is one."""
    if parametrize.is_parametrized(net, name):
        return list(net.parametrizations[name].parameters())
    return [getattr(net, name)]
