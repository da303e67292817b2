"""What a solver returns is the equilibrium: the same by every route, for every size and every batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial import Status

EXACT = it.Picard(rtol=1e-13, max_steps=5000)


def test_state_equals_the_long_double_reference(case, solver, reference):
    sol = it.solve(case.A, case.b, solver=solver)
    np.testing.assert_allclose(sol.z.numpy(), reference(case.A, case.b).astype(float), rtol=1e-11, atol=1e-12)
    assert (sol.status == Status.CONVERGED).all()


def test_residual_is_measured_at_the_returned_state(case, solver):
    sol = it.solve(case.A, case.b, solver=solver)
    image = torch.relu(sol.z @ case.A.T + case.b)
    residual = torch.linalg.vector_norm(image - sol.z, dim=1)
    torch.testing.assert_close(sol.residual, residual, rtol=0.1, atol=1e-14)
    assert (residual <= 2e-13 * torch.linalg.vector_norm(image, dim=1) + 1e-15).all()
    loose = it.solve(case.A, case.b, solver=it.Picard(rtol=1e-2))
    image = torch.relu(loose.z @ case.A.T + case.b)
    torch.testing.assert_close(loose.residual, torch.linalg.vector_norm(image - loose.z, dim=1))
    assert (loose.residual <= 1e-2 * torch.linalg.vector_norm(image, dim=1)).all()


def test_absolute_tolerance_is_an_alternative():
    A, b = torch.tensor([[0.5]]).double(), torch.tensor([[1.0], [1e-9]]).double()
    sol = it.solve(A, b, solver=it.Picard(rtol=1e-12, atol=1e-6))
    assert sol.steps[1] == 1
    assert sol.residual[0] <= 1.1e-6
    assert sol.residual[0] > 1e-12


def test_a_sample_does_not_know_its_batch(make, solver):
    A = make.gaussian(40, 1.1, seed=3)
    easy = torch.cat([torch.zeros(1, 40).double(), -make.injections(2, 40).abs() * 10])
    b = torch.cat([easy[:2], make.injections(3, 40), easy[2:]])
    together = it.solve(A, b, solver=solver)
    assert together.steps.unique().numel() > 1, "the batch should hold easy and hard samples"
    for i in range(len(b)):
        alone = it.solve(A, b[i : i + 1], solver=solver)
        torch.testing.assert_close(alone.z[0], together.z[i], rtol=1e-12, atol=1e-13)
        assert abs(int(alone.steps[0]) - int(together.steps[i])) <= 1
    order = torch.randperm(len(b), generator=torch.Generator().manual_seed(0))
    permuted = it.solve(A, b[order], solver=solver)
    torch.testing.assert_close(permuted.z, together.z[order], rtol=1e-12, atol=1e-13)


def test_a_converged_sample_is_frozen_at_its_own_tolerance(make):
    # The easy sample must not be iterated on while the hard one goes on: its residual would show it.
    A, b = make.gaussian(30, 1.1), make.injections(2, 30)
    start = torch.zeros(2, 30).double()
    start[0] = it.solve(A, b[:1], solver=it.Picard(rtol=1e-4)).z
    sol = it.solve(A, b, z0=start, solver=it.Picard(rtol=1e-4))
    assert sol.steps[0] == 1
    assert sol.steps[1] > 10
    assert torch.equal(sol.z[0], start[0])


@pytest.mark.parametrize("layers", [1, 2, 5, 12])
def test_a_feed_forward_network_takes_exactly_its_layers(make, layers):
    A, b = make.feed_forward(layers, 6, 5.0), make.injections(3, 6 * layers).abs()
    sol = it.solve(A, b)
    assert sol.steps.tolist() == [layers + 1] * 3
    assert sol.residual.tolist() == [0.0] * 3


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e-20, 1e20, 1e160, 1e300])
def test_equilibria_are_positively_homogeneous(make, solver, scale):
    A, b = make.gaussian(8, 0.5), make.injections(3, 8)
    z = it.solve(A, b, solver=solver).z
    torch.testing.assert_close(it.solve(A, scale * b, solver=solver).z / scale, z, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("scale", [1e-36, 1e-25, 1e25, 1e36])
def test_homogeneity_in_single_precision(make, scale):
    A, b = make.gaussian(8, 0.5, dtype=torch.float32), make.injections(3, 8, dtype=torch.float32)
    for solver in (it.Picard(), it.Newton()):
        z = it.solve(A, b, solver=solver).z
        torch.testing.assert_close(it.solve(A, scale * b, solver=solver).z / scale, z, rtol=1e-4, atol=1e-5)


def test_single_precision_follows_double(case):
    for solver in (it.Picard(), it.Newton()):
        single = it.solve(case.A.float(), case.b.float(), solver=solver)
        assert single.z.dtype == single.residual.dtype == torch.float32
        exact = it.solve(case.A, case.b, solver=EXACT).z
        torch.testing.assert_close(single.z.double(), exact, rtol=1e-3, atol=3e-4 * float(exact.abs().max()))
        assert (single.residual <= 1e-5 * 1.01 * torch.linalg.vector_norm(single.z, dim=1) + 1e-30).all()


def test_an_empty_batch_has_an_empty_solution(make, solver):
    sol = it.solve(make.gaussian(5, 0.5), torch.zeros(0, 5).double(), solver=solver)
    assert sol.z.shape == (0, 5)
    assert sol.steps.shape == sol.residual.shape == sol.status.shape == sol.error_bound.shape == (0,)
    assert sol.explain() == "all 0 samples converged"


def test_zero_injection_has_the_zero_equilibrium_at_once(make, solver):
    sol = it.solve(make.gaussian(5, 0.5), torch.zeros(2, 5).double(), solver=solver)
    assert not sol.z.any()
    assert sol.steps.tolist() == [1, 1]


def test_ties_are_solved(solver):
    # h = 0 on the second unit whatever its D: z₁ = 2, h₂ = 2·0.5 − 1 = 0.
    A = torch.tensor([[0.5, 0.0], [0.5, 0.25]]).double()
    sol = it.solve(A, torch.tensor([[1.0, -1.0]]).double(), solver=solver)
    torch.testing.assert_close(sol.z, torch.tensor([[2.0, 0.0]]).double(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("m", [63, 64, 65, 90])
def test_newton_is_the_same_on_both_sides_of_its_batched_width(make, m):
    A, b = make.gaussian(m, 0.9), make.injections(4, m)
    newton = it.solve(A, b, solver=it.Newton())
    torch.testing.assert_close(newton.z, it.solve(A, b, solver=EXACT).z, rtol=1e-10, atol=1e-11)
    assert newton.steps.max() < 12
    assert torch.equal(newton.z > 0, newton.z != 0), "an inactive unit must be exactly zero"


def test_newton_needs_no_contraction():
    A, b = torch.tensor([[-2.0]]).double(), torch.tensor([[1.0]]).double()
    torch.testing.assert_close(it.solve(A, b, solver=it.Newton()).z, b / 3)
    assert it.solve(A, b, throw=False).status.tolist() == [Status.STEP_LIMIT]


def test_picard_contracts_faster_in_the_nonnegative_case_with_a_warm_start(make):
    A, b = make.gaussian(20, 0.5).abs() / 3, make.injections(2, 20)
    exact = it.solve(A, b, solver=EXACT).z
    near = it.solve(A, b, z0=exact + 1e-6)
    far = it.solve(A, b, z0=exact + 1e3)
    assert near.steps.max() < far.steps.min()
    torch.testing.assert_close(near.z, far.z, rtol=1e-8, atol=1e-9)


def test_inputs_are_left_alone(make, solver):
    A, b, z0 = make.gaussian(6, 0.5), make.injections(3, 6), make.injections(3, 6, seed=9)
    before = [x.clone() for x in (A, b, z0)]
    sol = it.solve(A, b, z0=z0, solver=solver)
    sol.z.add_(1)
    assert all(torch.equal(x, y) for x, y in zip((A, b, z0), before, strict=True))


def test_memory_layout_does_not_matter(make, solver):
    A, b = make.gaussian(6, 0.5), make.injections(3, 6)
    strided = it.solve(A.T.contiguous().T, b.T.contiguous().T, solver=solver)
    expanded = it.solve(A, b[:1].expand(3, 6), solver=solver)
    torch.testing.assert_close(strided.z, it.solve(A, b, solver=solver).z)
    torch.testing.assert_close(expanded.z, it.solve(A, b[:1], solver=solver).z.expand(3, 6))


def test_the_number_of_threads_is_rounding(make):
    A, b = make.gaussian(100, 0.7), make.injections(16, 100)
    threads = torch.get_num_threads()
    try:
        states = []
        for k in (1, 2):
            torch.set_num_threads(k)
            states.append(it.solve(A, b, solver=EXACT).z)
            assert torch.equal(states[-1], it.solve(A, b, solver=EXACT).z), "two runs must agree to the bit"
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(*states, rtol=1e-12, atol=1e-13)


def test_steps_follow_the_rate_of_the_active_block(make):
    """C6 on a single matrix: the steps are those of the spectral radius of DA at the equilibrium found."""
    A, b = make.gaussian(200, 1.0), make.injections(4, 200)
    sol = it.solve(A, b, solver=it.Picard(rtol=1e-12))
    for z, steps in zip(sol.z, sol.steps, strict=True):
        rho = torch.linalg.eigvals((z > 0).double()[:, None] * A).abs().max()
        assert float(steps) == pytest.approx(float(np.log(1e-12) / torch.log(rho)), rel=0.12)
