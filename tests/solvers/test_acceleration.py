"""Anderson and Broyden: what they compute, what they gain where, and that they are as safe as Picard (C6)."""

from __future__ import annotations

import math
import statistics
import time
from itertools import pairwise

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import implicit_tutorial as it
from implicit_tutorial import Status
from implicit_tutorial.equilibrium import anderson
from implicit_tutorial.equilibrium.anderson import _Mixer, _Watch
from implicit_tutorial.equilibrium.safeguard import Safeguard
from tests.solvers.conftest import MIXING

ACCELERATED = [it.Anderson, it.Broyden]


def linear(make, m=6):
    """A ≥ 0 and b > 0: relu never acts, and the equilibrium is that of a linear system."""
    return make.gaussian(m, 0.5).abs() / 2, make.normal(3, m, seed=5).abs() + 1


def states(A, b, solver, steps):
    """The states a solver visits: where it stands when its step limit is 1, 2, …"""
    return torch.stack(
        [
            it.solve(A, b, solver=type(solver)(**settings(solver) | {"max_steps": k}), throw=False).z
            for k in range(1, steps + 1)
        ]
    )


def settings(solver):
    return {k: v for k, v in vars(solver).items() if not k.startswith("_")}


@pytest.mark.parametrize(("window", "damping"), [(3, 1.0), (2, 0.5)])
def test_anderson_follows_the_least_squares_definition(make, window, damping):
    A, b = linear(make)
    path = states(A, b, MIXING(window=window, damping=damping), 6)
    for i in range(len(b)):
        z, zs, gs = torch.zeros(6, dtype=torch.float64), [], []
        for k in range(6):
            torch.testing.assert_close(path[k, i], z, rtol=1e-6, atol=1e-9)
            g = A @ z + b[i] - z
            zs, gs = [*zs, z][-window - 1 :], [*gs, g][-window - 1 :]
            z = z + damping * g
            if len(gs) > 1:
                dG = torch.stack([y - x for x, y in pairwise(gs)], dim=1)
                dZ = torch.stack([y - x for x, y in pairwise(zs)], dim=1)
                z = (
                    z
                    - (dZ + damping * dG) @ torch.linalg.lstsq(dG, g[:, None], driver="gelsd").solution[:, 0]
                )


def test_broyden_follows_the_rank_one_definition(make):
    A, b = linear(make)
    path = states(A, b, it.Broyden(), 6)
    for i in range(len(b)):
        z, J = torch.zeros(6, dtype=torch.float64), -torch.eye(6, dtype=torch.float64)
        g = b[i].clone()
        for k in range(6):
            torch.testing.assert_close(path[k, i], z, rtol=1e-6, atol=1e-9)
            s = torch.linalg.solve(J, -g)
            z = z + s
            g_new = A @ z + b[i] - z
            J = J + torch.outer(g_new - g - J @ s, s) / (s @ s)
            g = g_new


def test_inverse_satisfies_the_secant_equation(make):
    """H maps the last change of residual to the step that made it."""
    from implicit_tutorial.equilibrium.broyden import LowRankInverse

    s, dg = make.normal(4, 7, seed=1), make.normal(4, 7, seed=2)
    H = LowRankInverse.identity(4, 5, s)
    everyone = torch.ones(4, dtype=torch.bool)
    for seed in range(3):
        H.update(make.normal(4, 7, seed=10 + seed), make.normal(4, 7, seed=20 + seed), everyone)
    H.update(s, dg - s, everyone)  # a step whose sᵀHy is not small, so that no damping acts
    x, y = make.normal(4, 7, seed=3), make.normal(4, 7, seed=4)
    torch.testing.assert_close((H(x) * y).sum(dim=1), (x * H.transposed(y)).sum(dim=1))
    undamped = ((H(s - dg) - s).norm(dim=1) < 1e-10 * s.norm(dim=1)).sum()
    assert undamped >= 3
    assert H.rank.tolist() == [4] * 4


@pytest.mark.parametrize("Solver", [*ACCELERATED, MIXING])
def test_no_slower_than_picard_on_gaussian_matrices(make, Solver):
    """Picard is asymptotically optimal there; acceleration must not cost sweeps, and cannot save many."""
    for scale, share in ((0.4, 0.9), (0.8, 0.8)):
        A, b = make.gaussian(512, scale), make.normal(8, 512, seed=1)
        picard, ours = it.solve(A, b).steps, it.solve(A, b, solver=Solver()).steps
        assert (ours <= picard + 1).all()
        assert ours.sum() <= picard.sum()
        assert ours.sum() > share * picard.sum()


@pytest.mark.parametrize("Solver", [*ACCELERATED, MIXING])
def test_much_faster_on_ill_conditioned_symmetric_matrices(make, Solver):
    """The spectrum of DA is a long interval there."""
    A, b = make.symmetric(192, 1.3, seed=1), make.normal(8, 192, seed=1)
    picard = it.solve(A, b, solver=it.Picard(max_steps=5000)).steps
    assert picard.max() > 200
    assert it.solve(A, b, solver=Solver()).steps.max() < 0.4 * picard.max()


def operations(A, b, solver):
    """Floating-point operations of all matrix products of a solve: the sweeps, and what mixing adds."""
    with FlopCounterMode(display=False) as counter:
        it.solve(A, b, solver=solver)
    return counter.get_total_flops()


def window_work(A, b, solver):
    """Sample-sweeps at which a difference is stored, and at which the window is read, and all of them."""
    stored = read = 0

    class Counting(_Mixer):
        def advance(self, *args):
            nonlocal stored
            stored += self.count
            return super().advance(*args)

        def _step(self, g):
            nonlocal read
            read += len(g)
            return super()._step(g)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(anderson, "_Mixer", Counting)
        sweeps = it.solve(A, b, solver=solver).steps.sum().item()
    return stored, read, sweeps


def time_ratio(A, b, solver, reference, repeats=7):
    """Median ratio of processor times of two solvers that take turns: both see the same load."""

    def seconds(solver):
        start = time.process_time()
        it.solve(A, b, solver=solver)
        return time.process_time() - start

    return statistics.median(seconds(solver) / seconds(reference) for _ in range(repeats))


@pytest.mark.some(2)
@pytest.mark.parametrize("scale", [0.4, 0.8, 1.0, 1.2])
def test_costs_no_more_than_picard_on_gaussian_matrices(make, scale):
    """C6's problems, counted: no sample takes more sweeps, and mixing never costs more than it saves."""
    A, b = make.gaussian(1024, scale, seed=3), make.normal(64, 1024, seed=4)
    picard, mixing = it.Picard(), it.Anderson()
    theirs = it.solve(A, b, solver=picard).steps
    assert (it.solve(A, b, solver=mixing).steps <= theirs).all()
    assert operations(A, b, mixing) <= 1.005 * operations(A, b, picard)
    # What products do not show is the traffic: a stored difference is two states, a reading of the window
    # twenty. Few sweeps do the one, and each reading of the window saves more than a sweep.
    stored, read, sweeps = window_work(A, b, mixing)
    saved = theirs.sum().item() - sweeps
    assert stored <= 0.12 * sweeps
    assert saved >= 1.2 * read
    if scale < 1:
        assert stored == read == saved == 0
        # The time is that of the same products; with mixing it is 1.6 times as long.
        assert time_ratio(A, b, mixing, picard) <= 1.25


def test_a_disc_is_left_to_picard(make):
    """Nothing is mixed, so the states are Picard's, bit for bit."""
    A, b = make.gaussian(1024, 0.8, seed=3), make.normal(16, 1024, seed=4)
    picard, anderson = it.solve(A, b), it.solve(A, b, solver=it.Anderson())
    assert torch.equal(anderson.z, picard.z)
    assert torch.equal(anderson.steps, picard.steps)
    assert not torch.equal(it.solve(A, b, solver=MIXING()).z, picard.z)


def test_less_time_than_picard_on_ill_conditioned_matrices(make):
    """Several times fewer sweeps; the time is less by a factor that no load of the machine hides."""
    A, b = make.symmetric(1024, 1.3, seed=1), make.normal(16, 1024, seed=1)
    picard, mixing = it.Picard(max_steps=5000), it.Anderson()
    theirs, ours = (it.solve(A, b, solver=s).steps.sum() for s in (picard, mixing))
    assert ours < theirs / 3
    assert time_ratio(A, b, mixing, picard, repeats=3) < 0.7


def test_mixing_begins_when_a_combination_is_worth_it():
    """A line is solved by one combination, whatever it contracts by; a disc leaves 1/√(1 + ρ² + ρ⁴)."""
    eye = torch.eye(3, dtype=torch.float64)

    def looked(residuals, gain):
        watch = _Watch(gain)
        answers = [watch.look(step, g[None]) for step, g in zip((8, 9, 10), residuals, strict=True)]
        assert answers[:2] == [None, None]
        return bool(answers[2])

    assert looked([eye[0], eye[0] / 2, eye[0] / 4], gain=15)
    gain = it.Anderson().start_gain
    for rho in (0.5, 0.8, 0.93, 0.95, 1.0, 1.5):
        orthogonal = [rho**k * eye[k] for k in range(3)]
        worth = -math.log(1 + rho**2 + rho**4) / 2 <= gain * math.log(rho)
        assert worth == (rho > 1.33 / math.sqrt(2))
        assert looked(orthogonal, gain) == worth
    turning = [0.99**k * torch.tensor([math.cos(k), math.sin(k), 0.0]).double() for k in range(3)]
    assert looked(turning, gain)


def test_regularization_is_relative(make):
    """The sweeps to a tight tolerance depend neither on the size of b nor, over ten decades, on the ridge."""
    A, b = make.symmetric(96, 1.2), make.normal(4, 96, seed=1)
    steps = [it.solve(A, c * b, solver=MIXING(rtol=1e-13)).steps.max() for c in (1e-8, 1.0, 1e8)]
    for ridge in (1e-14, 1e-9, 1e-4):
        steps.append(it.solve(A, b, solver=MIXING(rtol=1e-13, regularization=ridge)).steps.max())
    assert max(steps) - min(steps) <= 3
    assert max(steps) < 0.6 * it.solve(A, b, solver=it.Picard(rtol=1e-13, max_steps=5000)).steps.max()


@pytest.mark.parametrize(
    ("solver", "norm", "seed"),
    [
        (MIXING(max_steps=2000), 0.99, 57),
        (it.Broyden(max_steps=2000), 0.9, 31),
        (it.Broyden(max_steps=2000, memory=1), 0.9, 59),
    ],
)
def test_safeguard_guarantees_convergence_where_picard_contracts(solver, norm, seed, monkeypatch):
    """Contractions on which acceleration alone cycles between the kinks and never converges."""
    generator = torch.Generator().manual_seed(seed)
    m = [2, 3, 4, 8, 16][seed % 5]
    A = torch.linalg.qr(torch.randn(m, m, generator=generator, dtype=torch.float64)).Q
    A = A * (norm / torch.linalg.matrix_norm(A, 2))
    b = torch.randn(64, m, generator=generator, dtype=torch.float64)
    assert it.solve(A, b, solver=solver, throw=False).converged.all()
    monkeypatch.setattr(Safeguard, "judge", lambda self, image, residual: residual < 0)
    assert not it.solve(A, b, solver=solver, throw=False).converged.all()


@pytest.mark.parametrize("Solver", [*ACCELERATED, MIXING])
def test_never_much_slower_than_picard(make, Solver):
    """Also on rotations, and with a memory too short to help."""
    for seed in range(0, 10, 2):
        Q = torch.linalg.qr(make.normal(4 + seed, 4 + seed, seed=seed)).Q
        A, b = 0.95 * Q, make.normal(16, 4 + seed, seed=seed + 100) * 10.0 ** (seed % 3 - 1)
        picard = it.solve(A, b).steps.max()
        for memory in (1, 2, 10):
            solver = Solver(**{"memory" if Solver is it.Broyden else "window": memory})
            sol = it.solve(A, b, solver=solver)
            assert sol.steps.max() < 2 * picard
            exact = it.solve(A, b, solver=it.Picard(rtol=1e-14, max_steps=2000)).z
            assert ((sol.z - exact).norm(dim=1) <= sol.error_bound).all()


def test_safeguard_restarts_from_the_best_state_and_rests():
    """One sample that is followed by hand: growth, a Picard step, growth, two Picard steps."""
    guard = Safeguard(torch.zeros(1, 1), patience=5)

    def judge(image, residual):
        forced = bool(guard.judge(torch.tensor([[image]]), torch.tensor([residual])))
        return forced, float(guard.image)

    assert judge(1.0, 1.0) == (False, 1.0)
    assert judge(2.0, 0.5) == (False, 2.0)
    assert judge(3.0, 5000.0) == (True, 2.0)  # back to the best image
    assert judge(4.0, 0.4) == (False, 4.0)  # that was the one Picard step
    assert judge(5.0, 5000.0) == (True, 4.0)
    assert judge(6.0, 0.3) == (True, 6.0)  # the second of two
    assert judge(7.0, 0.2) == (False, 7.0)
    for _ in range(4):
        assert judge(8.0, 0.2) == (False, 7.0)  # no progress: the patience runs out
    assert judge(8.0, 0.2) == (True, 7.0)
    assert judge(9.0, 0.1) == (True, 9.0)
    assert judge(10.0, 0.15) == (False, 9.0)  # Picard does not contract here: the rest of four ends


@pytest.mark.parametrize("Solver", ACCELERATED)
def test_missing_equilibrium_is_not_invented(Solver):
    """z = relu(2z + 1) has no solution."""
    A, b = torch.tensor([[2.0]], dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    sol = it.solve(A, b, solver=Solver(), throw=False)
    assert sol.status[0] != Status.CONVERGED
