"""C9: the kernels of a network against the Gram matrix of its autograd Jacobian; C10: their limit."""

import math

import pytest
import torch

import implicit_tutorial as it


def jacobian_gram(net, X, parameter):
    rows = []
    outputs = net(X).reshape(len(X), -1)
    for i in range(len(X)):
        for j in range(outputs.shape[1]):
            (gradient,) = torch.autograd.grad(outputs[i, j], getattr(net, parameter), retain_graph=True)
            rows.append(gradient.flatten())
    J = torch.stack(rows)
    return J @ J.T


@pytest.mark.parametrize("n_outputs", [None, 1, 3])
@pytest.mark.parametrize("solver", [it.Picard(rtol=1e-13), it.Newton()])
def test_equals_the_jacobian_gram(n_outputs, solver):
    scales = {"implicit_scale": 0.6, "input_scale": 1.2, "output_scale": 0.8}
    net = it.EquilibriumNetwork(4, 30, **scales, n_outputs=n_outputs, solver=solver, seed=3)
    X = it.data.sphere(5, 4, seed=0)
    kernels = it.network_kernels(net, X)
    size = 5 * (n_outputs or 1)
    for field, parameter in (("implicit", "Theta"), ("output", "v"), ("input", "W")):
        K = getattr(kernels, field).reshape(size, size)
        torch.testing.assert_close(K, jacobian_gram(net, X, parameter), rtol=1e-9, atol=1e-11)
    K = kernels.full.reshape(size, size)
    total = sum(jacobian_gram(net, X, p) for p in ("Theta", "v", "W"))
    torch.testing.assert_close(K, total, rtol=1e-9, atol=1e-11)


def test_two_sets_of_inputs():
    net = it.EquilibriumNetwork(4, 50, implicit_scale=0.5, seed=1)
    X = it.data.sphere(9, 4, seed=0)
    whole, part = it.network_kernels(net, X), it.network_kernels(net, X[:3], X[2:])
    for field in ("forward", "backward", "implicit", "output", "input", "full"):
        torch.testing.assert_close(getattr(part, field), getattr(whole, field)[:3, 2:], rtol=1e-8, atol=1e-10)
    assert not whole.full.requires_grad


def test_tends_to_the_limit_like_one_over_root_width():
    X = it.data.sphere(6, 4, seed=0)
    limit = it.limit_kernels(X, implicit_scale=0.8).full
    widths = [64, 256, 1024]
    errors = []
    for m in widths:
        nets = [it.EquilibriumNetwork(4, m, implicit_scale=0.8, seed=s) for s in range(12)]
        gaps = torch.stack([it.network_kernels(net, X).full - limit for net in nets])
        errors.append(gaps.square().mean().sqrt().item())
    exponent = (math.log(errors[-1]) - math.log(errors[0])) / (math.log(widths[-1]) - math.log(widths[0]))
    assert -0.6 < exponent < -0.4
    # The gaps are fluctuations about the limit: over the seeds they average out.
    assert gaps.mean(dim=0).square().mean().sqrt() < 2 / math.sqrt(len(nets)) * errors[-1]


def test_refuses_what_the_network_refuses():
    net = it.EquilibriumNetwork(4, 20, implicit_scale=0.5)
    with pytest.raises(ValueError, match="input dimension"):
        it.network_kernels(net, torch.ones(3, 5, dtype=torch.float64))
    diverging = it.EquilibriumNetwork(4, 200, implicit_scale=3.0)
    with pytest.raises(it.EquilibriumError, match="diverged"):
        it.network_kernels(diverging, it.data.sphere(3, 4, seed=0))
