"""torch.compile runs what depends on an equilibrium as it is: no graph holds a loop of unknown length."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import implicit_tutorial as it

# The compiler of torch raises both: one when imported, one when it looks at what it continues with.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"),
]

X = it.data.sphere(8, 3, seed=0)
Y = it.data.linear(X)


def loss_and_gradient(net: torch.nn.Module, loss: Callable) -> tuple[torch.Tensor, torch.Tensor]:
    net.zero_grad()
    value = loss(X, Y)
    value.backward()
    return value.detach(), net.Theta.grad.clone()


@pytest.mark.parametrize("centered", [False, True])
def test_a_compiled_network_is_the_network(centered):
    net = it.EquilibriumNetwork(3, 16, implicit_scale=0.5, centered=centered)
    with torch.no_grad():
        net.Theta *= 1.1
    compiled = torch.compile(net, backend="eager")
    torch.testing.assert_close(compiled(X), net(X), rtol=0, atol=0)
    expected = loss_and_gradient(net, lambda X, y: (net(X) - y).square().sum())
    found = loss_and_gradient(net, lambda X, y: (compiled(X) - y).square().sum())
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_the_rest_of_a_function_is_compiled():
    """What is around the network becomes graphs, also for samples of another size; the network none."""
    net = it.EquilibriumNetwork(3, 16, implicit_scale=0.5)
    graphs = []

    def backend(graph, inputs):
        graphs.append([node.target for node in graph.graph.nodes if node.op.startswith("call")])
        return graph.forward

    def loss(X, y):
        return (net(2 * X) - y).square().sum()

    compiled = torch.compile(loss, backend=backend, dynamic=True)
    torch.testing.assert_close(loss_and_gradient(net, compiled), loss_and_gradient(net, loss), rtol=0, atol=0)
    torch.testing.assert_close(compiled(X[:3], Y[:3]), loss(X[:3], Y[:3]), rtol=0, atol=0)
    assert 2 <= len(graphs) <= 4
    assert not any("relu" in str(target) for graph in graphs for target in graph), graphs
