"""Half precision, and autocast, which computes in it unasked: refused by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.equilibrium import SOLVERS

X = it.data.sphere(4, 3, seed=0)
Y = it.data.linear(X)
HALF = [torch.float16, torch.bfloat16]
METHODS = [it.GradientDescent(), it.SingleSweep(), it.ExponentialFlow(), it.ReferenceFlow(), it.Optimizer()]


def autocast(enabled: bool = True):
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled)


def network(dtype: torch.dtype = torch.float32, **options) -> it.EquilibriumNetwork:
    return it.EquilibriumNetwork(3, 20, implicit_scale=0.4, dtype=dtype, **options)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_is_refused(name: str, dtype: torch.dtype) -> None:
    A, b = torch.eye(3, dtype=dtype) / 2, torch.ones(2, 3, dtype=dtype)
    solver = SOLVERS[name]()
    for run in (it.solve, it.linear_equilibrium):
        with pytest.raises(TypeError, match=rf"A is {dtype}: in half precision .*A\.float\(\)"):
            run(A, b, solver=solver)
    with pytest.raises(TypeError, match=r"A is .*half precision"):
        it.adjoint(A, b, b, solver=solver)
    net = network(solver=solver).to(dtype)
    with pytest.raises(TypeError, match=r"X is .*half precision"):
        net(X.to(dtype))


@pytest.mark.parametrize("name", SOLVERS)
def test_autocast_is_refused_where_it_would_act(name: str) -> None:
    net, x = network(solver=SOLVERS[name]()), X.float()
    A, b = net.A, net.injection(x)
    right = net(x)
    with autocast():
        for run in (
            lambda: net(x),
            lambda: net.equilibrium(x),
            lambda: it.solve(A, b, solver=net.solver),
            lambda: it.linear_equilibrium(A, b, solver=net.solver),
            lambda: it.adjoint(A, b, b, solver=net.solver),
            lambda: it.network_kernels(net, x),
            lambda: right.sum().backward(),
        ):
            with pytest.raises(ValueError, match=r"torch\.autocast is on, .* half precision.*enabled=False"):
                run()
        with autocast(enabled=False):
            assert torch.equal(net(x), right)


@pytest.mark.parametrize("name", SOLVERS)
def test_double_precision_is_not_touched_by_autocast(name: str) -> None:
    net = network(torch.float64, solver=SOLVERS[name]())
    right = net.equilibrium(X)
    with autocast():
        sol = net.equilibrium(X)
        net(X).sum().backward()
    assert torch.equal(sol.z, right.z)
    assert torch.equal(sol.residual, right.residual)
    grad = net.Theta.grad.clone()
    net.zero_grad()
    net(X).sum().backward()
    assert torch.equal(net.Theta.grad, grad)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_training_is_refused_under_autocast(method) -> None:
    run = it.Run(network(), X.float(), Y.float(), method=method)
    with autocast(), pytest.raises(ValueError, match=r"torch\.autocast is on"):
        run.advance(it.Until(steps=1))
    with autocast(), pytest.raises(ValueError, match=r"torch\.autocast is on"):
        it.train(network(), X.float(), Y.float(), method=method, until=it.Until(steps=1))


@pytest.mark.parametrize("name", SOLVERS)
def test_a_reported_residual_is_that_of_the_state(name: str) -> None:
    for dtype in (torch.float32, torch.float64):
        net = network(dtype, solver=SOLVERS[name]())
        sol = net.equilibrium(X.to(dtype))
        A, b, z = (
            np.asarray(t.detach(), dtype=np.longdouble) for t in (net.A, net.injection(X.to(dtype)), sol.z)
        )
        true = np.sqrt(((np.maximum(z @ A.T + b, 0) - z) ** 2).sum(axis=1))
        floor = 20 * torch.finfo(dtype).eps * float(np.abs(z).sum())
        assert np.abs(true - sol.residual.numpy()).max() <= floor + 1e-3 * true.max()
