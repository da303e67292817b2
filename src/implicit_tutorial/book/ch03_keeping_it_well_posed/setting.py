"""The remedies that chapter 3 compares, and a run of gradient descent under each (C8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

import implicit_tutorial as it
from implicit_tutorial.book.descent import LIMIT, RTOL, STEPS, Find, descend, network, softmax, task, tester
from implicit_tutorial.book.networks import end

SCALES = (0.5, 0.7, 0.9)
#: On the circle: the width, and by how much its labels are enlarged.
CIRCLE_WIDTH, LARGE = 192, 5.0
_BOUND = 0.9


@dataclass(frozen=True)
class Method:
    """One way to train: a constraint on A, or a weight of the Jacobian penalty, and the solver it needs."""

    constraint: Callable[[it.EquilibriumNetwork], torch.nn.Module] | None = None
    penalty: float = 0.0
    solver: Callable = field(default=it.Picard)


#: The methods by the name they have in the chapter.
METHODS: dict[str, Method] = {
    "none": Method(),
    "spectral scaling": Method(lambda _: it.SpectralScaling(_BOUND, always=False)),
    "fixed γ = 1/2": Method(lambda _: it.FixedScale(0.5)),
    "l1 rows": Method(lambda _: it.L1Rows(_BOUND)),
    "Perron–Frobenius": Method(lambda _: it.PerronScaling(_BOUND, always=False)),
    "softmax columns": Method(softmax),
    "monotone": Method(lambda _: it.Monotone(0.1), solver=it.PeacemanRachford),
    "symmetric": Method(lambda _: it.Symmetric(0.1), solver=it.PeacemanRachford),
    "Jacobian penalty": Method(penalty=100.0),
}


def finder(method: str) -> Find:
    """Solve with the method's solver; the adjoint exactly, by Newton's method."""
    solver = METHODS[method].solver(rtol=RTOL, max_steps=LIMIT)
    return lambda A, b, _: it.solve(A, b, solver=solver, adjoint_solver=it.Newton(), throw=False)


@dataclass(frozen=True)
class Training:
    """What was measured before each step; the run ends where the solver finds no equilibrium."""

    sweeps: np.ndarray
    loss: np.ndarray
    test: np.ndarray
    """nan where a test input has no equilibrium."""
    norm: np.ndarray
    radius: np.ndarray
    """ρ(DA) at the sample that takes the most sweeps."""
    end: str
    """What is proved where it ends (C20); that is about a free Θ, so a constrained network is not asked."""

    @property
    def failed(self) -> int | None:
        """The step at which the solver failed, None if it never did."""
        return len(self.sweeps) if len(self.sweeps) <= STEPS else None


def _radius(A: torch.Tensor, z: torch.Tensor) -> float:
    """ρ(DA) at one state z (m,), by the block of its active units."""
    on = z > 0
    return float(torch.linalg.eigvals(A[on][:, on]).abs().max()) if bool(on.any()) else 0.0


def remedied(*, method: str, implicit_scale: float) -> Training:
    """One run of the comparison; the output at initialization is subtracted."""
    chosen, find = METHODS[method], finder(method)
    net, start = network(chosen.constraint, implicit_scale), network(None, implicit_scale)
    X, y, X_test, y_test = task()
    test_error = tester(net, X_test, y_test, find)
    measured = [
        (
            float(step.found.steps.max()),
            float(step.loss),
            test_error(),
            float(torch.linalg.matrix_norm(step.A, 2)),
            _radius(step.A, step.found.z[int(step.found.steps.argmax())]),
        )
        for step in descend(net, X, y, find, penalty=chosen.penalty)
    ]
    proved = "not asked" if chosen.constraint else end(net, X, y + start(X).detach())["end"]
    return Training(*np.array(measured).reshape(-1, 5).T, end=proved)
