"""Every constraint: its guarantee, its gradient while active, and how a network takes it on (C8)."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

import implicit_tutorial as it
from implicit_tutorial.constraints import CONSTRAINTS as ALL

M = 7


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


WEIGHTS = torch.linspace(0.5, 2, M, dtype=torch.float64)
#: name → (constraint, value that the certificate must have while the constraint is active)
CONSTRAINTS = {
    "spectral": (lambda: it.SpectralScaling(0.9), "spectral_norm", 0.9),
    "spectral, capped": (lambda: it.SpectralScaling(0.9, always=False), "spectral_norm", 0.9),
    "perron": (lambda: it.PerronScaling(0.9), "perron_frobenius", 0.9),
    "perron, capped": (lambda: it.PerronScaling(0.9, always=False), "perron_frobenius", 0.9),
    "rows": (lambda: it.L1Rows(0.9), "row_sum", 0.9),
    "weighted rows": (lambda: it.L1Rows(0.9, weights=WEIGHTS), "perron_frobenius", None),
    "monotone": (lambda: it.Monotone(0.1), "monotone", None),
    "symmetric": (lambda: it.Symmetric(0.1), "symmetric", None),
    "softmax": (lambda: it.SoftmaxColumns(0.9, temperature=0.3), "simplex", 0.9),
}


@pytest.fixture(params=CONSTRAINTS.values(), ids=CONSTRAINTS)
def row(request):
    return request.param


def network(make, **options):
    return it.constrain(it.EquilibriumNetwork(3, M, implicit_scale=2.5, seed=4, **options), make())


def free_parameters(net):
    return [p for name, p in net.named_parameters() if name.startswith("parametrizations")]


def test_every_public_constraint_is_registered_and_tested():
    assert all(getattr(it, name) is constraint for name, constraint in ALL.items())
    assert {type(make()) for make, *_ in CONSTRAINTS.values()} == {c for c in ALL.values() if c.guarantees}


def test_certificate_holds_for_every_value_of_the_free_parameters(row):
    make, condition, value = row
    net = network(make)
    constraint = net.parametrizations.Theta[0].constraint
    assert constraint.guarantees == condition
    for seed, size in enumerate((0.01, 1.0, 30.0, 1000.0)):
        with torch.no_grad():
            for k, p in enumerate(free_parameters(net)):
                p.copy_(size * normal(*p.shape, seed=10 * seed + k))
        certificate = it.certify(net.A)
        assert certificate[condition].holds
        assert certificate.well_posed is True
        if value is not None and size >= 1:
            assert certificate[condition].value == pytest.approx(value, rel=1e-6)


def test_active_constraint_moves_a_matrix_that_violates_it(row):
    make, condition, _ = row
    plain = it.EquilibriumNetwork(3, M, implicit_scale=2.5, seed=4)
    assert not it.certify(plain.A)[condition].holds
    assert it.certify(network(make).A)[condition].holds


def test_gradient_is_that_of_the_constrained_parameter(row):
    """Autograd against finite differences of the whole chain: free parameters → A → equilibrium → loss."""
    net = network(row[0])
    b, weights = normal(4, M, seed=1), normal(4, M, seed=2)
    scaled = net.parametrizations.Theta[0]

    def loss(*free):
        return (it.solve(scaled(*free) * scaled.scale, b, solver=it.Newton(rtol=1e-12)).z * weights).sum()

    free = [p.detach().clone().requires_grad_() for p in free_parameters(net)]
    assert torch.autograd.gradcheck(loss, free, eps=1e-6, atol=1e-6, rtol=1e-5)


def test_gradient_arrives_at_the_free_parameter_of_the_network(row):
    net = network(row[0], solver=it.Newton(rtol=1e-12))
    X = normal(5, 3, seed=3)
    net(X).square().sum().backward()
    for p in free_parameters(net):
        direction = normal(*p.shape, seed=6)
        slope, step = float((p.grad * direction).sum()), 1e-6

        def loss_at(t, p=p, direction=direction):
            with torch.no_grad():
                p.add_(t * direction)
                value = float(net(X).square().sum())
                p.sub_(t * direction)
            return value

        assert slope == pytest.approx((loss_at(step) - loss_at(-step)) / (2 * step), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("make", [lambda: it.SpectralScaling(0.9), lambda: it.PerronScaling(0.9)])
def test_gradient_without_the_norm_s_share_is_wrong(make):
    """The negative control: holding the norm fixed, as a projection after each step does, is far off."""
    A, weights = normal(M, M, seed=1), normal(M, M, seed=2)
    leaf = A.clone().requires_grad_()
    (make()(leaf) * weights).sum().backward()
    factor = make()(A) / A
    assert (factor * weights - leaf.grad).norm() > 0.1 * leaf.grad.norm()
    # Along A itself the constrained matrix does not change at all.
    assert abs(float((leaf.grad * A).sum())) < 1e-10


@pytest.mark.parametrize("make", [lambda: it.SpectralScaling(0.9), lambda: it.PerronScaling(0.9)])
def test_second_derivative_through_a_norm_raises(make):
    leaf = normal(M, M, seed=1).requires_grad_()
    first = torch.autograd.grad(make()(leaf).square().sum(), leaf, create_graph=True)[0]
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


@pytest.mark.parametrize("m", [40, 300])
def test_scalings_of_wide_matrices_by_iteration_equal_the_dense_ones(m):
    A = normal(m, m, seed=1) / m**0.5
    dense = 0.9 * A / torch.linalg.matrix_norm(A, 2)
    torch.testing.assert_close(it.SpectralScaling(0.9)(A), dense, rtol=1e-9, atol=1e-12)
    root = torch.linalg.eigvals(A.abs()).abs().max()
    torch.testing.assert_close(it.PerronScaling(0.9)(A), 0.9 * A / root, rtol=1e-9, atol=1e-12)
    leaf, reference = A.clone().requires_grad_(), A.clone().requires_grad_()
    weights = normal(m, m, seed=2)
    (it.SpectralScaling(0.9)(leaf) * weights).sum().backward()
    (0.9 * reference / torch.linalg.matrix_norm(reference, 2) * weights).sum().backward()
    torch.testing.assert_close(leaf.grad, reference.grad, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "make",
    [
        lambda: it.SpectralScaling(0.9, always=False),
        lambda: it.PerronScaling(0.9, always=False),
        lambda: it.L1Rows(0.9),
        lambda: it.Monotone(0.1),
    ],
)
def test_matrix_that_satisfies_the_constraint_is_left_alone(make):
    net = it.EquilibriumNetwork(3, M, implicit_scale=0.1, seed=4)
    before = net.A.detach()
    torch.testing.assert_close(it.constrain(net, make()).A, before, rtol=1e-12, atol=1e-14)


def test_zero_matrix_stays_zero():
    zero = torch.zeros(3, 3, dtype=torch.float64)
    for constraint in (it.SpectralScaling(0.9), it.PerronScaling(0.9), it.L1Rows(0.9)):
        assert torch.equal(constraint(zero), zero)


def test_centered_network_starts_at_zero(row):
    net = network(row[0], centered=True, solver=it.Newton(rtol=1e-12))
    assert net(normal(4, 3, seed=1)).abs().max() < 1e-12


def test_network_trains_under_the_constraint(row):
    make, condition, _ = row
    net = network(make, solver=it.Newton())
    X, y = normal(6, 3, seed=1), normal(6, seed=2)
    optimizer = torch.optim.SGD(free_parameters(net), lr=0.1)
    losses = []
    for _ in range(40):
        loss = (net(X) - y).square().sum() / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert it.certify(net.A)[condition].holds


def test_it_is_a_torch_parametrization(row):
    """On a module of one's own, without a network, and through state_dict and deepcopy."""

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.A = nn.Parameter(3 * normal(M, M, seed=1))

    make, condition, _ = row
    layer = Layer()
    parametrize.register_parametrization(layer, "A", make())
    assert it.certify(layer.A)[condition].holds
    other = Layer()
    parametrize.register_parametrization(other, "A", make())
    for p in other.parameters():
        nn.init.normal_(p)
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other.A, layer.A)
    assert torch.equal(copy.deepcopy(layer).A, layer.A)


def test_removing_the_constraint_keeps_the_constrained_matrix():
    net = network(lambda: it.SpectralScaling(0.9))
    A = net.A.detach()
    parametrize.remove_parametrizations(net, "Theta")
    assert torch.equal(net.A, A)
    assert {name for name, _ in net.named_parameters()} == {"Theta", "W", "v"}


def test_float32_stays_float32(row):
    net = it.constrain(it.EquilibriumNetwork(3, M, implicit_scale=2.5, dtype=torch.float32), row[0]())
    assert net.A.dtype == torch.float32
    assert it.certify(net.A)[row[1]].holds


def test_refusals():
    net = it.EquilibriumNetwork(3, M)
    it.constrain(net, it.L1Rows(0.5))
    with pytest.raises(ValueError, match="constrained already"):
        it.constrain(net, it.L1Rows(0.5))
    with pytest.raises(ValueError, match="implicit_scale=0"):
        it.constrain(it.EquilibriumNetwork(3, M, implicit_scale=0.0), it.L1Rows(0.5))
    for make in (constraint for constraint in ALL.values() if constraint.guarantees):
        for value in (0.0, 1.0, -1.0, float("nan")):
            with pytest.raises(ValueError, match=r"between 0 and 1|nan is not a number"):
                make(value)
    with pytest.raises(ValueError, match="gamma=0"):
        it.FixedScale(0.0)
    with pytest.raises(ValueError, match="temperature=0"):
        it.SoftmaxColumns(0.5, temperature=0.0)
    with pytest.raises(ValueError, match="weights must be positive"):
        it.L1Rows(0.5, weights=torch.tensor([1.0, 0.0]))
    with pytest.raises(ValueError, match="has no derivative"):
        it.PerronScaling(0.5)(torch.tensor([[1.0, 1.0], [0.0, 1.0]], dtype=torch.float64))
