"""C20 where units may pass their kinks: descent slides along them, and its end is proved all the same."""

import copy
import math

import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.training import Record
from implicit_tutorial.training.branch import Branch, Sample, branches
from implicit_tutorial.training.enclosure import Point


@pytest.fixture(scope="module")
def sliding():
    """A network at whose end, by small steps, units are at their kinks: both sides lead back there."""
    X = it.data.sphere(12, 6, seed=0)
    y = it.data.linear(X)
    net = it.EquilibriumNetwork(6, 128, centered=True, seed=0, solver=it.Picard(rtol=1e-11))
    method = it.SingleSweep(tolerance=1e-11)
    it.train(net, X, y, method=method, until=it.Until(loss=1e-18), record=Record(every=10**9))
    return net, X, y


def test_descent_slides_along_kinks_and_is_certified_with_free_units_only(sliding):
    net, X, y = sliding
    h = Point(net, X, y).h.abs()
    assert 1 <= int((h < 1e-9).sum()) < 20, "Some units are at their kinks, few of 1536."
    bound = next(branches(Point(net, X, y)))
    assert bound.free == 0
    assert bound.reach < 1e-10, "With no unit free there is no room."
    c = it.convergence_certificate(net, X, y)
    assert c.holds
    assert 1 <= c.free < 64
    assert c.r_star < 1e-8
    assert "kinks" in str(c)


def test_a_run_of_descent_stops_certified_long_before(sliding):
    _, X, y = sliding
    net = it.EquilibriumNetwork(6, 128, centered=True, seed=0, solver=it.Picard(rtol=1e-11))
    run = it.Run(net, X, y, method=it.SingleSweep(tolerance=1e-11))
    history = run.advance(it.Until(certified=True, steps=2000))
    assert history.attrs["status"] == "certified"
    assert history.train_loss.iloc[-1] > 1e-9
    c = it.convergence_certificate(net, X, y)
    assert c.free > 0
    here, t0 = net.A.detach().clone(), history.time.iloc[-1]
    later = run.advance(it.Until(loss=1e-18, steps=4000))
    assert later.attrs["status"] == "loss reached"
    later = later[later.time >= t0]
    bound = c.initial_error * (-c.rate * (later.time - t0)).map(math.exp)
    assert ((2 * later.train_loss) ** 0.5 <= 1.001 * bound).all()
    assert 0.05 * c.r_star < torch.linalg.matrix_norm(net.A - here) <= c.r_star


@pytest.fixture(scope="module")
def freed(sliding):
    """The sides of the eight units that are nearest to their kinks, and of one more in the first sample."""
    net, X, y = sliding
    point = Point(net, X, y)
    samples = [Sample(point, i) for i in range(len(X))]
    kinks = Branch(point, samples).kinks
    for place in torch.topk(kinks.flatten(), 8).indices.tolist():
        samples[place // 128].free.append(place % 128)
    first = int(kinks.amax(dim=1).argmax())
    kinks[first, samples[first].free] = 0.0
    samples[first].free.append(int(kinks[first].argmax()))
    return net, X, y, point, samples, Branch(point, samples)


def test_the_sides_are_the_adjoints_of_each_pattern(freed):
    _, _, _, point, samples, _ = freed
    A = point.A
    for i, sample in enumerate(samples):
        assert len(sample.sides) == 2 ** len(sample.free)
        for k, u in enumerate(sample.sides):
            D = point.D[i].clone()
            for j, unit in enumerate(sample.free):
                D[unit] = not (k >> (len(sample.free) - 1 - j)) & 1
            D = D.to(A.dtype)
            exact = torch.linalg.solve(torch.eye(len(A), dtype=A.dtype) - D[:, None] * A.T, D * point.v)
            assert float(torch.linalg.vector_norm(u - exact)) <= sample.u_error + 1e-12
            B = torch.eye(len(A), dtype=A.dtype) - D[:, None] * A * D
            assert 1 / float(torch.linalg.svdvals(B)[-1]) <= max(sample.gamma, 1.0)
            full = torch.linalg.inv(torch.eye(len(A), dtype=A.dtype) - D[:, None] * A) * D
            t = torch.linalg.vector_norm(torch.eye(len(A), dtype=A.dtype) + A @ full, dim=1)
            fixed = torch.ones(len(A), dtype=torch.bool)
            fixed[sample.free] = False
            assert (t <= sample.t * (1 + 1e-9))[fixed].all()


def test_every_average_of_sides_has_the_singular_value_that_is_stated(freed):
    *_, point, samples, branch = freed
    generator = torch.Generator().manual_seed(0)

    def smallest(choose):
        u = torch.stack([choose(sample.sides) for sample in samples])
        J = point.scale * torch.einsum("im,ik->imk", u, point.z).flatten(1)
        return float(torch.linalg.svdvals(J)[-1]), float(torch.linalg.matrix_norm(J - mean, 2))

    mean = point.scale * torch.einsum("im,ik->imk", torch.stack([s.u for s in samples]), point.z).flatten(1)

    def corner(sides):
        return sides[int(torch.randint(len(sides), (1,), generator=generator))]

    def inside(sides):
        weights = torch.rand(len(sides), 1, generator=generator, dtype=sides.dtype)
        return (weights / weights.sum() * sides).sum(dim=0)

    found = [smallest(choose) for choose in [corner] * 30 + [inside] * 30]
    least = min(value for value, _ in found)
    assert branch.known.least <= least
    assert least < float(torch.linalg.svdvals(mean)[-1]), "Without what flips do it would claim too much."
    assert max(off for _, off in found) <= branch.apart
    assert max(off for _, off in found) > 0.5 * branch.apart


def test_in_the_ball_fixed_units_stay_and_free_ones_flip(freed):
    net, X, y, point, samples, branch = freed
    r = 0.9 * branch.reach
    assert r > 1e-6
    generator = torch.Generator().manual_seed(1)
    zeta = branch.bounds(r)[0]
    free = torch.zeros_like(point.D)
    for i, sample in enumerate(samples):
        free[i, sample.free] = True
    flipped = torch.zeros_like(point.D)
    moves = [torch.randn(128, 128, generator=generator, dtype=torch.float64) for _ in range(10)]
    moves += [sign * torch.outer(point.adjoint[0][i], point.z[i]) for i in range(12) for sign in (1, -1)]
    limit = branch.known.least - branch.Delta(r)
    for E in moves:
        other = copy.deepcopy(net)
        other.Theta.data += E * (r / torch.linalg.matrix_norm(E)) * math.sqrt(128) / net.implicit_scale
        there = Point(other, X, y)
        flipped |= there.D != point.D
        assert (torch.linalg.vector_norm(there.z - point.z, dim=1) <= zeta).all()
        J = there.scale * torch.einsum("im,ik->imk", there.adjoint[0], there.z).flatten(1)
        assert float(torch.linalg.svdvals(J)[-1]) >= limit
    assert not (flipped & ~free).any()
    assert (flipped & free).any()


def test_units_are_free_only_where_the_equilibrium_is_unique(sliding):
    """Beyond λ_max((A + Aᵀ)/2) = 1 a unit that passes its kink could lose the equilibrium: none is freed."""
    net, X, y = copy.deepcopy(sliding[0]), *(x[:3] for x in sliding[1:])
    off = int((net.equilibrium(X).z == 0).all(dim=0).nonzero()[0])
    net.Theta.data[off, off] = 1.5 * math.sqrt(128) / net.implicit_scale
    point = Point(net, X, y)
    assert point.monotone > 1
    assert [branch.free for branch in branches(point)] == [0]


def test_where_all_units_of_a_small_network_may_be_free():
    """An idle unit within reach of its kink is let free; where all are, there is none left to be chosen."""
    net = it.EquilibriumNetwork(1, 2, implicit_scale=math.sqrt(2), output_scale=math.sqrt(2))
    with torch.no_grad():
        net.Theta.zero_()
        net.v.zero_()
        net.Theta[0, 0], net.W[0], net.v[0] = 0.5, 1.0, 1.0
    x = torch.ones(1, 1, dtype=torch.float64)
    # f = z = γ = 2 and r* = 0.05: the kink is reached from z r*/(1 − γ r*) on.
    edge = 2 * 0.05 / (1 - 2 * 0.05)
    for idle, free in ((0.98 * edge, 1), (1.02 * edge, 0)):
        with torch.no_grad():
            net.W[1] = -idle
        c = it.convergence_certificate(net, x, 0.95 * net(x).detach(), claim="C20")
        assert c.holds
        assert c.r_star == pytest.approx(0.05)
        assert c.free == free
    with torch.no_grad():
        net.W[1] = -1e-9
    c = it.convergence_certificate(net, x, 0.2 * net(x).detach(), claim="C20")
    assert not c.holds
