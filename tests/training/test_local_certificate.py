"""C20 and C22: each quantity against fifty digits, each condition at its edge, the theorems against runs."""

import copy
import math

import mpmath as mp
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.training.branch import Branch, Sample
from implicit_tutorial.training.enclosure import Point

from .exact import Exact


def trained(n=4, m=12, d=3, loss=1e-14, **options):
    """A small network that fits its labels nearly."""
    X = it.data.sphere(n, d, seed=0)
    y = it.data.linear(X)
    options = {"implicit_scale": 0.5, "output_scale": 2.0, "seed": 3, **options}
    net = it.EquilibriumNetwork(d, m, solver=it.Newton(rtol=1e-13), **options)
    it.train(net, X, y, method=it.ExponentialFlow(), until=it.Until(loss=loss, steps=200))
    return net, X, y


def norm(values):
    return mp.sqrt(mp.fsum(x * x for x in values))


def missing(net, X, size):
    """Labels that the network misses by an error of this size, in one direction."""
    with torch.no_grad():
        return net(X) + size * torch.ones(len(X), dtype=X.dtype) / math.sqrt(len(X))


def states(point):
    """z, u and the Jacobian of a point."""
    z, u = point.z, point.adjoint[0]
    return z, u, point.scale * torch.einsum("im,ik->imk", u, z).flatten(1)


def shifted(net, E):
    """The network with A + E."""
    other = copy.deepcopy(net)
    other.Theta.data += E * (math.sqrt(net.width) / net.implicit_scale)
    return other


@pytest.mark.parametrize("seed", range(3))
def test_each_quantity_is_a_bound_and_a_close_one(seed):
    net, X, y = trained(seed=seed + 3)
    c = it.convergence_certificate(net, X, y, claim="C20")
    truth = Exact(net, X, y)
    assert truth.is_equilibrium
    values = mp.eigsy(truth.gram, eigvals_only=True)
    close = 1 + mp.mpf(10) ** -6

    def bounds(bound, value, slack=close):
        assert value <= mp.mpf(bound) <= slack * value

    bounds(c.initial_error, norm(truth.error), mp.mpf(1.01))
    bounds(1 / mp.mpf(c.s0), 1 / mp.sqrt(values[0]))
    assert mp.mpf(c.lambda0) <= values[0] * mp.mpf(net.implicit_scale) ** 2 / net.width
    assert mp.mpf(c.stable_step) <= 2 * net.width / mp.mpf(net.implicit_scale) ** 2 / values[len(values) - 1]
    for i in range(len(X)):
        bounds(float(c.gamma[i]), truth.resolvent(i), mp.mpf(5))  # by the symmetric part, which is cheap
        bounds(float(c.kink[i]), truth.kink(i))


def test_the_resolvent_is_sharp_where_the_symmetric_part_says_nothing():
    net, X, y = trained(implicit_scale=1.0, loss=10.0)
    assert not it.certify(net.A, conditions=["monotone"]).well_posed
    c = it.convergence_certificate(net, X, y, claim="C20")
    truth = Exact(net, X, y)
    for i in range(len(X)):
        assert truth.resolvent(i) <= mp.mpf(float(c.gamma[i])) <= mp.mpf(1.05) * truth.resolvent(i)


def test_an_exact_minimum_is_found_within_the_radius():
    """Newton's method on f(x_i) = y_i in fifty digits ends nearer than r*, and not much nearer."""
    net, X, y = trained()
    c = it.convergence_certificate(net, X, y, claim="C20")
    assert c.holds
    here = there = Exact(net, X, y)
    for _ in range(5):
        there = there.newton(net, X, y)
    assert norm(there.error) < mp.mpf(10) ** -40
    assert there.is_equilibrium
    moved = norm(there.A[i, j] - here.A[i, j] for i in range(net.width) for j in range(net.width))
    assert c.r_star / 50 < moved <= c.r_star


def test_polishing_is_as_exact_as_it_says():
    """From a network that fits roughly, a minimum within the distance that is stated; independent of ours."""
    net, X, y = trained(loss=1e-4)
    found = it.global_minimum(net, X, y)
    assert found.exists
    assert not found.converges
    here, there = Exact(net, X, y), Exact(found.network, X, y)
    for _ in range(3):
        there = there.newton(found.network, X, y)
    assert norm(there.error) < mp.mpf(10) ** -40
    moved = norm(there.A[i, j] - here.A[i, j] for i in range(net.width) for j in range(net.width))
    assert 0.9 * found.within < moved <= found.within
    assert found.moved <= found.within


def planted(share):
    """A network with a unit that is off, and as far from its kink as condition (b) asks, times ``share``.

    Its row of A is zero, so h = b and ‖∇h‖ = ‖z‖: nothing else depends on it. Its output weight is so large
    that a network in which it is on has another Jacobian.
    """
    net, X, y = trained(n=2, m=12, loss=1e-10)
    unit = int((net.injection(X) < 0).all(dim=0).nonzero()[0])
    net.Theta.data[unit], net.v.data[unit] = 0.0, 1e4
    y = missing(net, X, 1e-6)
    c = it.convergence_certificate(net, X, y, claim="C20")
    assert c.holds
    i = 0
    r, q = c.r_star, 1 / (1 - float(c.gamma[i]) * c.r_star)
    size = float(torch.linalg.vector_norm(net.equilibrium(X[i : i + 1]).z.detach()))
    W = net.W.detach()[unit]
    h = torch.tensor([-share * q * r * size, float(X[1] @ W)], dtype=X.dtype)
    net.W.data[unit] = torch.linalg.lstsq(X, h).solution
    return it.convergence_certificate(net, X, y, claim="C20"), net, X, y


def test_a_unit_just_inside_its_condition_and_just_outside():
    inside, *_ = planted(1 + 1e-3)
    outside, *_ = planted(1 - 1e-3)
    assert inside.holds
    assert inside.free == 0
    assert 0 < inside.margins["equilibria"] < 2e-3
    assert 0 < float(inside.sample_margins["kinks"].min()) < 2e-3
    assert not outside.holds
    assert outside.free == 0
    assert -2e-3 < outside.margins["equilibria"] < 0
    assert outside.margins["jacobian"] < 0, "Beyond a kink there is no bound on the Jacobian."
    assert outside.largest_error < outside.initial_error < 1.01 * outside.largest_error


def test_the_kink_is_where_the_certificate_says():
    """Along ∇h of the nearest unit the pattern is kept up to ``reach``, and lost after it, to first order."""
    net, X, y = trained(n=3, m=40, loss=1e-4)
    point = Point(net, X, y)
    branch = Branch(point, [Sample(point, i) for i in range(3)])
    i = int((branch.gamma + branch.kink).argmax())
    reach = 1 / float(branch.kink[i])
    A, D = net.A.detach(), point.D[i]
    full = torch.linalg.inv(torch.eye(40, dtype=A.dtype) - D[:, None] * A) * D
    rows = torch.eye(40, dtype=A.dtype) + A @ full
    r = int((torch.linalg.vector_norm(rows, dim=1) / point.h[i].abs()).argmax())
    E = torch.outer(rows[r], point.z[i])
    E *= -torch.sign(point.h[i, r]) / torch.linalg.matrix_norm(E)
    for share, kept in ((0.98, True), (1.02, False)):
        z = shifted(net, share * reach * E).equilibrium(X[i : i + 1]).z[0]
        assert bool(((z > 0) == D).all()) == kept
    assert branch.reach > 0.98 * reach, "γ matters little where the kink is near"


def test_bounds_hold_for_random_and_adversarial_moves():
    net, X, y = trained(n=3, m=40, loss=1e-4)
    point = Point(net, X, y)
    branch = Branch(point, [Sample(point, i) for i in range(3)])
    r = 0.99 * branch.reach
    zeta, _, omega, delta = branch.bounds(r)
    generator = torch.Generator().manual_seed(0)
    moves = [torch.randn(40, 40, generator=generator, dtype=torch.float64) for _ in range(20)]
    moves += [torch.outer(point.adjoint[0][i], point.z[i]) for i in range(3)]
    tightest = 0.0
    for E in moves:
        other = Point(shifted(net, E * (r / torch.linalg.matrix_norm(E))), X, y)
        assert torch.equal(other.D, point.D)
        (z, u, J), (z1, u1, J1) = (states(p) for p in (point, other))
        for moved, bound in ((z1 - z, zeta), (u1 - u, omega), (J1 - J, delta)):
            ratio = torch.linalg.vector_norm(moved, dim=1) / bound
            assert ratio.max() < 1
            tightest = max(tightest, ratio.max().item())
    assert tightest > 0.1


def test_what_rounding_hides_is_not_claimed():
    """A unit whose injection is zero but for rounding: computed it is on, exactly it is off."""
    net, X, y = trained(n=2, m=12, d=3, loss=1e-20)
    unit = int((net.equilibrium(X).z == 0).all(dim=0).nonzero()[0])
    net.Theta.data[unit], net.v.data[unit] = 0.0, 1e4
    X = torch.tensor([[0.1, 0.2, -0.3], [1.0, 0.0, 0.0]], dtype=torch.float64)
    net.W.data[unit] = torch.ones(3, dtype=torch.float64)
    with torch.no_grad():
        y = net(X)
        exact = mp.fsum(mp.mpf(x) for x in X[0].tolist())
    assert 0 < exact < 1e-16, "The sum of the three floats is not zero."
    c = it.convergence_certificate(net, X, y, claim="C20")
    assert c.initial_error < 1e-9
    assert not c.holds
    assert c.reach == 0


def test_an_ill_conditioned_state_is_enclosed():
    """I − A_SS with σ_min = 1e-7: the residual is rounding, the state is off by ten million times that."""
    net = it.EquilibriumNetwork(1, 2, implicit_scale=1.0, output_scale=1.0, solver=it.Newton())
    net.Theta.data = math.sqrt(2) * torch.tensor([[1 - 1e-7, 0.0], [0.3, 0.1]], dtype=torch.float64)
    net.W.data = torch.tensor([[1e-7], [0.7]], dtype=torch.float64)
    net.v.data = torch.tensor([1.0, 0.5], dtype=torch.float64)
    X, y = torch.ones(1, 1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    point, truth = Point(net, X, y), Exact(net, X, y)
    known = Branch(point, [Sample(point, 0)]).known
    off = norm(mp.mpf(float(a)) - b for a, b in zip(point.z[0], truth.z[0], strict=True))
    assert 1e-12 < off <= float(known.z_error[0])
    assert off > 1e4 * float(point.z_defect[0]), "Without the resolvent the bound would be wrong."


def test_states_are_of_the_equilibrium_that_is_meant_though_sweeps_leave_it():
    """z = relu(2z − 1) holds at 0 and at 1, and sweeps from beside 1 go to neither side back."""
    net = it.EquilibriumNetwork(1, 1, implicit_scale=1.0, solver=it.Newton())
    net.Theta.data, net.W.data = (torch.tensor([[x]], dtype=torch.float64) for x in (2.0, -1.0))
    net.v.data = torch.ones(1, dtype=torch.float64)
    X, y = torch.ones(1, 1, dtype=torch.float64) / net.input_scale, torch.ones(1, dtype=torch.float64)
    for near, meant in ((1 + 1e-6, 1.0), (1 - 1e-6, 1.0), (1e-6, 0.0)):
        point = Point(net, X, y, torch.full((1, 1), near, dtype=torch.float64))
        assert abs(float(point.z) - meant) < 1e-14


def test_no_system_is_solved_for_states_where_sweeps_settle(monkeypatch):
    """σ_A = 0.7: ‖A‖₂ is above one, ρ(DA) about one half."""
    net, X, y = trained(n=6, m=128, d=4, implicit_scale=0.7)
    z = it.solve(net.A.detach(), net.injection(X).detach()).z
    monkeypatch.setattr("implicit_tutorial.equilibrium.newton._solve_pattern", None)
    point = Point(net, X, y, z * (1 + 1e-7))
    assert point.norm > 1
    assert bool((point.z_defect < 1e-12).all())
    assert bool((point.adjoint[1] < 1e-12).all())


def test_several_threads_prove_the_same():
    net, X, y = trained(n=6, m=128, d=4, implicit_scale=0.7)
    threads, found = torch.get_num_threads(), {}
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found[count] = it.convergence_certificate(net, X, y, claim="C20")
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    for name in ("gamma", "kink", "delta"):
        torch.testing.assert_close(*(getattr(c, name) for c in found.values()), rtol=1e-9, atol=0.0)
    assert found[1].largest_error == pytest.approx(found[2].largest_error, rel=1e-9)


def test_the_flow_stays_and_decays_as_proved():
    net, X, y = trained(n=6, m=64, d=4)
    y = missing(net, X, 1e-6)
    c = it.convergence_certificate(net, X, y)
    assert c.holds
    assert c.claim == "C20"
    start = net.A.detach().clone()
    run = it.Run(net, X, y, method=it.ExponentialFlow())
    history = run.advance(it.Until(time=2 / c.rate))
    assert 0.1 * c.r_star < torch.linalg.matrix_norm(net.A - start) <= c.r_star
    error = (2 * history.train_loss) ** 0.5
    bound = c.initial_error * (-c.rate * history.time).map(math.exp)
    assert (error <= bound + 1e-12).all()
    later = it.convergence_certificate(net, X, y)
    assert later.holds
    assert later.r_star < c.r_star


def test_descent_with_the_largest_step_converges_and_beyond_the_stable_one_leaves():
    net, X, y = trained(n=6, m=64, d=4)
    y = missing(net, X, 1e-6)
    c = it.convergence_certificate(net, X, y)
    assert 0.9 * c.stable_step < c.largest_step < c.stable_step

    def run(step, steps=300):
        other = copy.deepcopy(net)
        until = it.Until(steps=steps)
        return it.train(other, X, y, method=it.GradientDescent(step=step), until=until)

    proven = run(c.stable_step / 2)
    error, factor = (2 * proven.train_loss) ** 0.5, 1 - c.stable_step / 2 * c.lambda0 / 5
    assert (error <= c.initial_error * factor**proven.step + 1e-12).all()
    assert proven.movement.max() <= 4 * c.initial_error / c.s0
    loss = run(c.largest_step).train_loss
    assert loss[loss > 1e-20].is_monotonic_decreasing
    assert loss.iloc[-1] < 1e-20
    beyond = run(1.02 * c.stable_step, 400)
    assert beyond.train_loss.iloc[-1] > beyond.train_loss.iloc[20]


def test_a_larger_error_allows_a_shorter_step_and_at_last_none():
    net, X, y = trained(n=6, m=64, d=4)
    edge = it.convergence_certificate(net, X, y).largest_error
    shares = (0.01, 0.2, 0.49, 0.52)
    found = [it.convergence_certificate(net, X, missing(net, X, share * edge)) for share in shares]
    steps = [c.largest_step for c in found]
    assert steps == sorted(steps, reverse=True)
    assert steps[-2] > 0
    assert steps[-1] == 0, "Half of what the flow may miss, as r = 4‖e‖/s for descent and 2‖e‖/s for it."
    assert all(c.holds for c in found)


def test_the_certificate_that_says_more_is_chosen():
    net, X, y = trained(n=6, m=64, d=4, loss=1e-11)
    both = [it.convergence_certificate(net, X, y, claim=claim) for claim in ("C12", "C20")]
    assert both[1].largest_error > both[0].largest_error
    assert it.convergence_certificate(net, X, y).claim == "C20"
    X = it.data.sphere(4, 10, seed=0)
    y = 10 * it.data.linear(X)
    lazy = it.EquilibriumNetwork(10, 1000, implicit_scale=0.1, output_scale=1e3, centered=True, seed=0)
    both = [it.convergence_certificate(lazy, X, y, claim=claim) for claim in ("C12", "C20")]
    assert both[0].largest_error > both[1].largest_error, "Where there are many units, many may pass kinks."
    assert it.convergence_certificate(lazy, X, y).claim == "C12"


def test_other_equilibria_are_excluded_only_where_a_condition_covers_the_ball():
    net, X, y = trained(n=6, m=64, d=4, loss=1e-12)
    assert it.convergence_certificate(net, X, y).unique
    # Two units that excite each other strongly, and are off: the state stays, others appear.
    wild = copy.deepcopy(net)
    off = (net.equilibrium(X).z == 0).all(dim=0).nonzero().flatten()[:2]
    assert len(off) == 2
    for r, c in ((0, 1), (1, 0)):
        wild.Theta.data[off[r], off[c]] = 3 * math.sqrt(net.width) / net.implicit_scale
    c = it.convergence_certificate(wild, X, y, z0=net.equilibrium(X).z)
    assert c.holds
    assert not c.unique
    assert "along these equilibria" in str(c)
    counted = it.count_equilibria(wild.A[off][:, off], wild.injection(X)[:, off])
    assert int(counted.counts.max()) > 1 or not it.certify(wild.A).well_posed


def test_float32_is_lifted():
    net, X, y = trained(n=6, m=64, d=4, loss=1e-12)
    single = copy.deepcopy(net).float()
    c = it.convergence_certificate(single, X.float(), y.float())
    same = it.convergence_certificate(copy.deepcopy(single).double(), X.float().double(), y.float().double())
    assert c.s0 == same.s0
    assert c.initial_error == same.initial_error
    assert single.Theta.dtype == torch.float32


def test_wrong_questions_are_refused():
    net, X, y = trained(loss=1e-2)
    with pytest.raises(ValueError, match="choose 'C12', 'C20'"):
        it.convergence_certificate(net, X, y, claim="C13")
    with pytest.raises(ValueError, match="one row a sample"):
        it.convergence_certificate(net, X, y, z0=net.equilibrium(X).z[:1].detach())
    bound = it.EquilibriumNetwork(3, 12, implicit_scale=0.5)
    it.constrain(bound, it.SpectralScaling(0.9))
    with pytest.raises(ValueError, match="constrained"):
        it.convergence_certificate(bound, X, y)
