"""On a GPU everything runs unchanged, and in float64 it gives the CPU's figures."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial import equilibrium
from implicit_tutorial.training import Record

pytestmark = pytest.mark.gpu

SOLVERS = {name: Solver(rtol=1e-12, max_steps=5000) for name, Solver in equilibrium.SOLVERS.items()}
METHODS = {
    "GradientDescent": it.GradientDescent(),
    "SingleSweep": it.SingleSweep(),
    "fused": it.SingleSweep(fused=2),
    "ExponentialFlow": it.ExponentialFlow(),
    "ReferenceFlow": it.ReferenceFlow(rtol=0.1),
    "GaussNewton": it.GaussNewton(),
    "Adam": it.Optimizer("Adam", lr=0.02, batch_size=3),
}
UNTIL = it.Until(steps=4)


def inputs(n: int = 8) -> Tensor:
    return it.data.sphere(n, 4, seed=0)


def both(**options) -> tuple[it.EquilibriumNetwork, it.EquilibriumNetwork]:
    """One network, here and there."""
    here, there = (
        it.EquilibriumNetwork(4, 48, **{"implicit_scale": 0.5, "seed": 1, **options}, device=device)
        for device in ("cpu", "cuda")
    )
    assert torch.equal(there.Theta.cpu(), here.Theta)
    return here, there


def same(there: Tensor, here: Tensor, *, rtol: float = 1e-8, atol: float = 1e-9) -> None:
    assert there.is_cuda
    torch.testing.assert_close(there.cpu(), here, rtol=rtol, atol=atol)


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize("centered", [False, True])
def test_outputs_and_gradients(solver, centered):
    nets, X = both(solver=solver, centered=centered), inputs()
    outputs = [net(X.to(net.W.device)) for net in nets]
    gradients = [
        torch.autograd.grad(f.square().sum(), list(net.parameters()))
        for net, f in zip(nets, outputs, strict=True)
    ]
    same(outputs[1], outputs[0])
    for mine, cpu in zip(gradients[1], gradients[0], strict=True):
        same(mine, cpu)


def test_solutions_and_certificates():
    (here, there), X = both(), inputs()
    near, far = here.equilibrium(X), there.equilibrium(X.cuda())
    same(far.z, near.z)
    assert far.steps.tolist() == near.steps.tolist()
    same(far.error_bound, near.error_bound, rtol=1e-3, atol=1e-14)
    for mine, cpu in zip(it.certify(there.A).conditions, it.certify(here.A).conditions, strict=True):
        assert mine.value == pytest.approx(cpu.value, rel=1e-6)


@pytest.mark.parametrize("n_outputs", [None, 3])
def test_kernels(n_outputs):
    (here, there), X = both(n_outputs=n_outputs), inputs()
    pairs = [
        (it.network_kernels(there, X.cuda()), it.network_kernels(here, X)),
        (it.limit_kernels(X.cuda(), implicit_scale=0.8), it.limit_kernels(X, implicit_scale=0.8)),
    ]
    for far, near in pairs:
        for field in ("forward", "backward", "implicit", "output", "input", "full"):
            same(getattr(far, field), getattr(near, field))


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("layers", [("implicit",), ("implicit", "output", "input")])
def test_training(method, layers):
    (here, there), X = both(), inputs()
    y = it.data.linear_quadratic(X)
    near = it.train(here, X, y, method=method, layers=layers, until=UNTIL, X_test=X, y_test=y)
    X, y = X.cuda(), y.cuda()
    far = it.train(there, X, y, method=method, layers=layers, until=UNTIL, X_test=X, y_test=y)
    for mine, cpu in zip(there.parameters(), here.parameters(), strict=True):
        same(mine.detach(), cpu.detach(), rtol=1e-6, atol=1e-7)
    for column in ("train_loss", "test_error", "movement", "norm_A", "lambda_min"):
        assert far[column].tolist() == pytest.approx(near[column].tolist(), rel=1e-5, nan_ok=True)


def test_training_many_at_once():
    X = inputs()
    y = it.data.linear_quadratic(X)
    pairs = [both(seed=seed) for seed in range(3)]
    record = Record(norm=False)
    near = it.train_ensemble([here for here, _ in pairs], X, y, until=UNTIL, record=record)
    far = it.train_ensemble([there for _, there in pairs], X.cuda(), y.cuda(), until=UNTIL, record=record)
    assert far.train_loss.tolist() == pytest.approx(near.train_loss.tolist(), rel=1e-6)
    for here, there in pairs:
        same(there.Theta.detach(), here.Theta.detach(), rtol=1e-6, atol=1e-7)


def test_a_run_goes_on_from_its_state():
    X = inputs().cuda()
    y = it.data.linear_quadratic(X)
    _, whole = both()
    it.train(whole, X, y, method=it.SingleSweep(), until=it.Until(steps=6))
    _, net = both()
    run = it.training.Run(net, X, y, method=it.SingleSweep())
    run.advance(it.Until(steps=3))
    state = run.state_dict()
    _, other = both()
    resumed = it.training.Run(other, X, y, method=it.SingleSweep())
    resumed.load_state_dict(state)
    resumed.advance(it.Until(steps=6))
    torch.testing.assert_close(other.Theta, whole.Theta, rtol=1e-12, atol=1e-13)


def test_convergence_certificate():
    (here, there), X = both(output_scale=100.0, centered=True), inputs()
    y = it.data.linear(X)
    near, far = it.convergence_certificate(here, X, y), it.convergence_certificate(there, X.cuda(), y.cuda())
    assert far.holds == near.holds
    assert math.isclose(far.r_star, near.r_star, rel_tol=1e-6)
