"""The solvers and the matrices they are compared on."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.equilibrium import SOLVERS as ALL

#: Anderson as in textbooks: it mixes at every sweep, also where nothing can be gained.
MIXING = partial(it.Anderson, start_gain=0, period=1)

#: Newton is tested beside Picard in tests/equilibrium: it takes no sweeps that a warm start could save.
SOLVERS = {
    **{name: Solver(rtol=1e-12, max_steps=20000) for name, Solver in ALL.items() if name != "Newton"},
    "textbook Anderson": MIXING(rtol=1e-12, max_steps=5000),
    "damped Anderson": it.Anderson(rtol=1e-12, max_steps=5000, damping=0.6, window=4),
    "forgetful Broyden": it.Broyden(rtol=1e-12, max_steps=5000, memory=3),
}


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gaussian(m: int, scale: float, *, seed: int = 0) -> Tensor:
    return normal(m, m, seed=seed) * (scale / math.sqrt(m))


def symmetric(m: int, norm: float, *, seed: int = 0) -> Tensor:
    A = gaussian(m, 1.0, seed=seed)
    A = A + A.T
    return A * (norm / torch.linalg.matrix_norm(A, 2))


def monotone(m: int, *, margin: float = 0.2, gram: float = 1.0, skew: float = 1.0, seed: int = 0) -> Tensor:
    """(1 − μ) I − PᵀP + S − Sᵀ, with ‖A‖₂ above one: Picard diverges."""
    P, S = gaussian(m, gram, seed=seed), gaussian(m, skew, seed=seed + 1)
    return (1 - margin) * torch.eye(m, dtype=torch.float64) - P.T @ P + S - S.T


def exact(A: Tensor, b: Tensor) -> Tensor:
    """The equilibrium by enumeration: no solver enters."""
    count = it.count_equilibria(A, b)
    assert (count.counts == 1).all()
    return torch.cat(count.solutions)


@pytest.fixture(params=SOLVERS.values(), ids=SOLVERS)
def solver(request: pytest.FixtureRequest):
    return request.param


@pytest.fixture(scope="session")
def make():
    """Makers of matrices and injections: ``make.gaussian(m, scale)`` and so on."""

    class Make:
        pass

    for function in (normal, gaussian, symmetric, monotone, exact):
        setattr(Make, function.__name__, staticmethod(function))
    return Make
