"""Tied layers and the flow in time against the library's equilibria, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

import implicit_tutorial as it


def problem(m: int = 6, n: int = 3):
    generator = torch.Generator().manual_seed(2)
    A = torch.randn(m, m, generator=generator, dtype=torch.float64) * (0.6 / m**0.5)
    return A, torch.randn(n, m, generator=generator, dtype=torch.float64)


def test_unrolled_is_the_layers_by_hand_and_ends_at_the_equilibrium():
    A, b = problem()
    assert torch.equal(it.unrolled(A, b, 0), torch.zeros_like(b))
    z = np.zeros(b.shape)
    for depth in range(1, 6):
        z = np.maximum(z @ A.numpy().T + b.numpy(), 0)
        np.testing.assert_allclose(it.unrolled(A, b, depth), z, rtol=1e-12)
    torch.testing.assert_close(it.unrolled(A, b, 80), it.solve(A, b, solver=it.Newton()).z)


@pytest.mark.parametrize("time_constant", [0.5, 2.0])
def test_the_flow_is_that_of_another_integrator(time_constant):
    A, b = problem(n=1)
    z0 = torch.ones_like(b)
    times = torch.tensor([0.0, 0.7, 3.0], dtype=torch.float64)
    path = it.continuous_depth(A, b, z0, times, time_constant=time_constant, rtol=1e-9, atol=1e-11)
    assert torch.equal(path[0], z0)
    other = solve_ivp(
        lambda _, z: ((A.numpy() @ z + b[0].numpy()).clip(0) - z) / time_constant,
        (0, 3),
        z0[0].numpy(),
        t_eval=times.numpy(),
        rtol=1e-10,
        atol=1e-12,
    )
    torch.testing.assert_close(path[:, 0], torch.as_tensor(other.y.T), rtol=1e-6, atol=1e-7)


def test_what_is_refused():
    A, b = problem()
    with pytest.raises(ValueError, match="depth=-1"):
        it.unrolled(A, b, -1)
    with pytest.raises(ValueError, match="transposed"):
        it.unrolled(A, b.T, 2)
    times = torch.tensor([0.0, 1.0])
    with pytest.raises(ValueError, match="time_constant=0"):
        it.continuous_depth(A, b, 0 * b, times, time_constant=0.0)
    with pytest.raises(ValueError, match="z0 has shape"):
        it.continuous_depth(A, b, b[0], times)
