"""Solvers and problems that the tests are run over: every statement is made for each pair."""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

import implicit_tutorial as it

SOLVERS = {"Picard": it.Picard(rtol=1e-13, max_steps=5000), "Newton": it.Newton(rtol=1e-13)}


class Case(NamedTuple):
    """One equilibrium problem z = relu(Az + b)."""

    A: Tensor
    b: Tensor


def gaussian(m: int, scale: float, *, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """(m, m) implicit-layer matrix σ_A Θ/√m."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(m, m, generator=generator, dtype=torch.float64) * scale / math.sqrt(m)).to(dtype)


def injections(n: int, m: int, *, seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    """(n, m) Gaussian injections."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, m, generator=generator, dtype=torch.float64).to(dtype)


def feed_forward(layers: int, width: int, scale: float, *, seed: int = 0) -> Tensor:
    """The block strictly triangular A of a feed-forward network (C2): layer k + 1 listens to layer k."""
    A = torch.zeros(layers * width, layers * width, dtype=torch.float64)
    for k in range(1, layers):
        rows, columns = slice(k * width, (k + 1) * width), slice((k - 1) * width, k * width)
        A[rows, columns] = gaussian(width, scale, seed=seed + k)
    return A


def cases() -> dict[str, Case]:
    symmetric = gaussian(12, 0.5)
    return {
        "norm below one": Case(gaussian(12, 0.45), injections(5, 12)),
        "norm above one": Case(gaussian(12, 0.9), injections(5, 12)),
        "symmetric": Case((symmetric + symmetric.T) / 2, injections(4, 12)),
        "nonnegative": Case(gaussian(9, 0.5).abs() / 2, injections(4, 9)),
        "rank one": Case(injections(1, 8).T @ injections(1, 8, seed=2) / 20, injections(3, 8)),
        "feed-forward": Case(feed_forward(4, 5, 3.0), injections(3, 20)),
        "zero matrix": Case(torch.zeros(6, 6, dtype=torch.float64), injections(3, 6)),
        "one unit": Case(torch.tensor([[-0.7]], dtype=torch.float64), injections(4, 1)),
        "one sample": Case(gaussian(10, 0.6), injections(1, 10)),
    }


CASES = cases()


@pytest.fixture(params=SOLVERS.values(), ids=SOLVERS.keys())
def solver(request: pytest.FixtureRequest):
    """Each solver, with tight tolerances."""
    return request.param


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest) -> Case:
    """Each problem; all of them have an equilibrium that both solvers find, and no tie h = 0."""
    return request.param


@pytest.fixture(scope="session")
def make():
    """The builders above, for tests that need their own sizes."""

    class Make:
        gaussian = staticmethod(gaussian)
        injections = staticmethod(injections)
        feed_forward = staticmethod(feed_forward)

    return Make


@pytest.fixture(scope="session")
def reference():
    """Equilibria by a route that shares no code with the library: Newton's method in numpy's long double."""
    import numpy as np

    def gauss(M, y):
        """Solve M x = y by elimination with partial pivoting; numpy.linalg has no long double."""
        M, y = M.copy(), y.copy()
        k = len(y)
        for i in range(k):
            p = i + int(np.argmax(np.abs(M[i:, i])))
            M[[i, p]], y[[i, p]] = M[[p, i]], y[[p, i]]
            for j in range(i + 1, k):
                f = M[j, i] / M[i, i]
                M[j, i:] -= f * M[i, i:]
                y[j] -= f * y[i]
        x = np.zeros_like(y)
        for i in reversed(range(k)):
            x[i] = (y[i] - M[i, i + 1 :] @ x[i + 1 :]) / M[i, i]
        return x

    def solve(A: Tensor, b: Tensor):
        A, b = A.numpy().astype(np.longdouble), b.numpy().astype(np.longdouble)
        states = []
        for row in b:
            z = np.zeros_like(row)
            for _ in range(200):
                on = A @ z + row > 0
                new = np.zeros_like(row)
                new[on] = gauss(np.eye(int(on.sum()), dtype=np.longdouble) - A[np.ix_(on, on)], row[on])
                if np.array_equal(A @ new + row > 0, on):
                    break
                z = new
            else:
                raise AssertionError("the reference met a cycle; choose another problem")
            states.append(new)
        return np.array(states)

    return solve
