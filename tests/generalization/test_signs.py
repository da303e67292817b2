"""A sign is decided where its margin exceeds the certified error; what is not decided counts as an error."""

from __future__ import annotations

import math

import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.equilibrium.spectra import monotone_constant
from implicit_tutorial.generalization.signs import Signs

FINE = it.Newton(rtol=1e-14)


def network(n_outputs: int | None = None, **keys) -> it.EquilibriumNetwork:
    scales = {"implicit_scale": 0.5, "output_scale": 2.0, "centered": True, "seed": 1}
    return it.EquilibriumNetwork(2, 60, n_outputs=n_outputs, **{**scales, **keys})


def moved(net: it.EquilibriumNetwork, size: float = 0.4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(8)
    return net.Theta.detach() + size * torch.randn(net.Theta.shape, generator=generator, dtype=torch.float64)


def outputs(net: it.EquilibriumNetwork, Theta: torch.Tensor, X: torch.Tensor) -> torch.Tensor:
    """f(Θ) by Newton's method to the last digits."""
    scale = net.implicit_scale / math.sqrt(net.width)
    first, then = (it.solve(T * scale, net.injection(X), solver=FINE).z for T in (net.initial_Theta, Theta))
    return (net.output(then) - (net.output(first) if net.centered else 0.0)).detach()


def crossing(net: it.EquilibriumNetwork, Theta: torch.Tensor) -> float:
    """An angle at which the output changes its sign, to sixteen digits."""
    low, high = 0.0, 2 * math.pi
    angles = torch.linspace(0, 2 * math.pi, 400, dtype=torch.float64)
    signs = outputs(net, Theta, it.data.circle(angles)).sign()
    first = int((signs[1:] != signs[:-1]).nonzero()[0, 0])
    low, high, sign = float(angles[first]), float(angles[first + 1]), signs[first]
    for _ in range(60):
        middle = (low + high) / 2
        f = outputs(net, Theta, it.data.circle(torch.tensor([middle], dtype=torch.float64)))
        low, high = (middle, high) if f.sign() == sign else (low, middle)
    return low


@pytest.mark.parametrize("centered", [True, False])
def test_decisions_are_those_of_the_exact_output(centered):
    net = network(centered=centered)
    if not centered:
        net.register_buffer("initial_Theta", net.Theta.detach().clone())
    Theta = moved(net)
    X = it.data.circle(torch.linspace(0, 6.28, 3000, dtype=torch.float64))
    y = it.data.noise(X, seed=0)
    decided = Signs(net, X, y)(Theta)
    assert decided.certified
    assert decided.unknown == 0
    assert torch.equal(decided.wrong, outputs(net, Theta, X) * y < 0)


def test_near_a_crossing_nothing_wrong_is_said():
    """Margins from 1e-16 to 1: each is decided rightly or, below the certified error, not at all."""
    net = network()
    Theta = moved(net)
    steps = torch.cat([-torch.logspace(-17, 0, 300).double(), torch.logspace(-17, 0, 300).double()])
    X = it.data.circle(crossing(net, Theta) + steps)
    f = outputs(net, Theta, X)
    for sign in (1.0, -1.0):
        decided = Signs(net, X, torch.full_like(f, sign))(Theta)
        clear = f.abs() > 1e-11
        assert torch.equal(decided.wrong[clear], (f * sign < 0)[clear])
        # Below the error of the reference itself nobody knows; a point counted right must be known.
        assert not bool((~decided.wrong & (f * sign < -1e-13)).any())
        assert 0 < decided.unknown < 0.5 * len(f)
        assert int((decided.wrong & clear).sum()) < int(decided.wrong.sum()), "the unknown count as errors"


def test_the_certified_error_is_one(monkeypatch):
    """After one sweep a state is far off; its distance from the output is below what is certified for it."""
    net = network()
    Theta = moved(net)
    X = it.data.circle(torch.linspace(0, 6.28, 500, dtype=torch.float64))
    truth = outputs(net, Theta, X)
    signs = Signs(net, X, torch.ones(500, dtype=torch.float64))
    seen = []
    margins = Signs._margins

    def spy(self, z, rows):
        f = margins(self, z, rows)
        seen.append((rows.clone(), f[:, 0].clone()))
        return f

    monkeypatch.setattr(Signs, "_margins", spy)
    signs(Theta)
    A = Theta * signs.scale
    mu = 1 - monotone_constant(A)
    z = torch.zeros_like(signs.injection)
    for rows, f in seen[:8]:
        h = signs.injection + z @ A.T
        z = torch.relu(h)
        change = (signs.injection + z @ A.T - h).norm(dim=1)
        certified = signs.reach[:, 0] * change / mu
        off = (f - truth[rows]).abs()
        assert bool((off <= certified[rows] + 1e-12).all())
        assert float((off / certified[rows]).max()) > 1e-3, "and not by orders of magnitude too large"


@pytest.mark.parametrize("a", [-0.7, 0.0, 0.5, 0.8])
@pytest.mark.parametrize("offset", [-1e-3, 1e-3, -1e-10, 1e-10])
def test_it_is_sharp_for_one_unit(a, offset):
    """z = az + 1 against 1/(1 − a), moved by a little: the sign is found, and not before it is known."""
    net = it.EquilibriumNetwork(1, 1, implicit_scale=1.0, centered=True)
    for layer in (net.W, net.v, net.initial_W, net.initial_v):
        torch.nn.init.constant_(layer, 1.0)
    torch.nn.init.constant_(net.initial_Theta, 0.0)
    one = torch.ones(1, dtype=torch.float64)
    signs = Signs(net, one[:, None], one)
    signs.first, signs.first_error = (1 + offset) / (1 - a) * one, 0 * one
    decided = signs(a * one[:, None])
    assert decided.unknown == 0
    assert bool(decided.wrong[0]) == (offset > 0)


def test_what_is_exactly_at_zero_is_unknown_and_counts():
    """At initialization a centered network is zero everywhere."""
    net = network()
    X = it.data.circle(torch.linspace(0, 6, 50, dtype=torch.float64))
    decided = Signs(net, X, torch.ones(50, dtype=torch.float64))(net.Theta.detach())
    assert decided.unknown == 50
    assert bool(decided.wrong.all())


def test_several_outputs_need_the_true_one_on_top():
    net = network(n_outputs=4)
    Theta = moved(net)
    X = it.data.circle(torch.linspace(0, 6.28, 800, dtype=torch.float64))
    classes = torch.arange(800) % 4
    y = torch.nn.functional.one_hot(classes, 4).double()
    decided = Signs(net, X, y)(Theta)
    assert decided.unknown == 0
    assert torch.equal(decided.wrong, outputs(net, Theta, X).argmax(dim=1) != classes)


def test_beyond_monotonicity_the_networks_solver_decides():
    net = network(solver=it.Picard(rtol=1e-8, max_steps=300))
    X = it.data.circle(torch.linspace(0, 6.28, 100, dtype=torch.float64))
    y = it.data.noise(X, seed=0)
    Theta = moved(net, 1.4)
    decided = Signs(net, X, y)(Theta)
    assert monotone_constant(Theta * net.implicit_scale / math.sqrt(60)) > 1
    assert not decided.certified
    z = it.solve(Theta * net.implicit_scale / math.sqrt(60), net.injection(X), solver=net.solver).z
    f = net.output(z) - net.initial_output(X)
    assert torch.equal(decided.wrong, f * y <= 0)


def test_where_the_solver_does_not_stop_it_is_an_error():
    net = network(solver=it.Picard(max_steps=40))
    X = it.data.circle(torch.linspace(0, 6.28, 100, dtype=torch.float64))
    decided = [
        Signs(net, X, torch.full((100,), s, dtype=torch.float64))(moved(net, 20.0)) for s in (1.0, -1.0)
    ]
    assert decided[0].unknown == decided[1].unknown > 0
    both = int((decided[0].wrong & decided[1].wrong).sum())
    assert both == decided[0].unknown, "wrong whatever the label"


def test_the_start_changes_nothing_but_the_work():
    net = network()
    Theta = moved(net)
    X = it.data.circle(torch.linspace(0, 6.28, 1000, dtype=torch.float64))
    signs = Signs(net, X, it.data.noise(X, seed=0))
    cold = signs(Theta)
    signs.begin_at(net.Theta.detach())
    assert bool((signs.start > 0).any())
    assert torch.equal(signs(Theta).wrong, cold.wrong)


def test_in_single_precision_rounding_is_certified_too():
    """Its worst case is large: a few per cent are undecided, all others agree with double precision."""
    net, single = network(), network(dtype=torch.float32)
    Theta = moved(net).float()
    X = it.data.circle(torch.linspace(0, 6.28, 2000, dtype=torch.float64))
    y = it.data.noise(X, seed=0)
    fine, coarse = Signs(net, X, y)(Theta.double()), Signs(single, X.float(), y.float())(Theta)
    assert 0 < coarse.unknown < 400
    assert int((coarse.wrong & ~fine.wrong).sum()) <= coarse.unknown
    assert not bool((~coarse.wrong & fine.wrong).any())
