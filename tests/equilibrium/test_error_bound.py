"""C7: the certified bound is never below the true error, rounding included, and never uselessly far above."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import implicit_tutorial as it


def distance(z: torch.Tensor, exact: np.ndarray) -> np.ndarray:
    """‖z − z*‖ by rows, in long double."""
    return np.sqrt(((z.numpy().astype(np.longdouble) - exact) ** 2).sum(axis=1))


def norms(A: torch.Tensor) -> tuple[float, float]:
    """‖A‖₂ and 1 − λ_max((A + Aᵀ)/2), by dense numpy."""
    A = A.double().numpy()
    return float(np.linalg.norm(A, 2)), float(1 - np.linalg.eigvalsh((A + A.T) / 2)[-1])


@pytest.mark.parametrize("rtol", [1e-1, 1e-4, 1e-9, 3e-15])
def test_norm_case(make, reference, rtol):
    A, b = make.gaussian(24, 0.45), make.injections(6, 24)
    L, _ = norms(A)
    assert L < 1
    sol = it.solve(A, b, solver=it.Picard(rtol=rtol))
    error = distance(sol.z, reference(A, b))
    bound = sol.error_bound.numpy()
    assert (error <= bound).all()
    # The residual is at most (1 + L) times the error; what is left is the allowance for rounding.
    assert (bound <= (1 + L) / (1 - L) * error * (1 + 1e-6) + 1e-12).all()


@pytest.mark.parametrize("rtol", [1e-1, 1e-4, 1e-9, 3e-15])
def test_monotone_case(make, reference, rtol):
    A, b = make.gaussian(24, 0.62, seed=4), make.injections(6, 24)
    L, mu = norms(A)
    assert L > 1 > 1 - mu
    sol = it.solve(A, b, solver=it.Picard(rtol=rtol))
    error = distance(sol.z, reference(A, b))
    bound = sol.error_bound.numpy()
    assert (error <= bound).all()
    assert (bound <= (1 + L / mu) * (1 + L) * error * (1 + 1e-6) + 1e-11).all()


@pytest.mark.parametrize("L", [1.0, 10.0, 100.0])
@pytest.mark.parametrize("mu", [0.5, 0.05])
def test_the_monotone_bound_is_nearly_attained(L, mu):
    """A silent unit with a wrong state t drives another one, whose own residual is zero: both by hand."""
    A = torch.tensor([[1 - mu, L], [-L, 1 - mu]]).double()
    b, exact = torch.tensor([[mu, -1e3 * L]]).double(), torch.tensor([[1.0, 0.0]]).double()
    t = 1e-2
    z = exact + torch.tensor([[L * t / mu, t]]).double()
    certificate = it.certify(A)
    assert not certificate["spectral_norm"].holds
    bound = certificate.error_bound(A, b, z).item()
    norm, error = math.hypot(L, 1 - mu), t * math.hypot(1, L / mu)
    assert bound == pytest.approx((1 + norm / mu) * t, rel=1e-6)
    # The triangle inequality is all that is lost.
    assert math.hypot(1, L / mu) / (1 + norm / mu) * 0.999999 < error / bound <= 1
    if L == 100.0:
        assert error > 0.98 * bound


def test_the_monotone_bound_holds_from_anywhere(make, reference):
    for seed in range(6):
        A, b = make.gaussian(16, 0.65, seed=seed), make.injections(5, 16, seed=seed)
        certificate, exact = it.certify(A, conditions=["monotone"]), reference(A, b)
        for size in (1e-8, 1e-3, 1.0, 1e3):
            z = torch.from_numpy(exact.astype(float)) + size * make.injections(5, 16, seed=seed + 50)
            assert (distance(z, exact) <= certificate.error_bound(A, b, z).numpy()).all()


@pytest.mark.parametrize("scale", [0.4, 0.62])
def test_any_state_at_all(make, reference, scale):
    """The bound holds wherever the state comes from: random, negative, far away, on another pattern."""
    A, b = make.gaussian(16, scale, seed=6), make.injections(5, 16)
    exact = reference(A, b)
    certificate = it.certify(A)
    for seed in range(40):
        z = make.injections(5, 16, seed=seed) * 10.0 ** (seed % 12 - 8)
        if seed % 2:
            z = z + torch.as_tensor(exact.astype(float))
        assert (distance(z, exact) <= certificate.error_bound(A, b, z).numpy()).all()


def test_the_norm_bound_is_attained():
    """A = L·I: no smaller bound would be true."""
    for L in (0.1, 0.5, 0.9):
        A, b = L * torch.eye(3).double(), torch.ones(1, 3).double()
        sol = it.solve(A, b, solver=it.Picard(rtol=1e-2))
        error = torch.linalg.vector_norm(sol.z - b / (1 - L), dim=1)
        torch.testing.assert_close(sol.error_bound, error, rtol=1e-9, atol=0)


def test_single_precision_bound_counts_its_rounding(make, reference):
    A, b = make.gaussian(40, 0.45, dtype=torch.float32), make.injections(8, 40, dtype=torch.float32)
    sol = it.solve(A, b, solver=it.Newton(rtol=2e-6))
    exact = reference(A.double(), b.double())
    error = distance(sol.z.double(), exact)
    assert (error <= sol.error_bound.numpy()).all()
    assert sol.error_bound.max() < 1e-3


def test_exact_states_have_a_bound_at_rounding_level(make):
    A, b = make.feed_forward(4, 5, 0.4), make.injections(2, 20)
    sol = it.solve(A, b)
    assert sol.residual.tolist() == [0.0, 0.0]
    assert (sol.error_bound > 0).all(), "rounding is part of the bound"
    assert sol.error_bound.max() < 1e-13


def test_tiny_injections_have_an_honest_bound(make):
    A, b = make.gaussian(8, 0.3), make.injections(3, 8)
    exact = it.solve(A, b, solver=it.Newton()).z
    tiny = it.solve(A, 1e-200 * b, solver=it.Picard(rtol=1e-3))
    error = torch.linalg.vector_norm(tiny.z * 1e200 - exact, dim=1)
    assert (error > 1e-6).all()
    assert (error <= tiny.error_bound * 1e200).all()


def test_no_condition_no_bound(make):
    sol = it.solve(make.gaussian(60, 1.1), make.injections(2, 60), solver=it.Newton())
    assert sol.converged.all()
    assert sol.error_bound is None
    assert not any(c.holds for c in sol.certificate.conditions)


def test_the_sharper_of_two_conditions_gives_the_bound(make):
    A, b = make.gaussian(24, 0.45), make.injections(4, 24)
    z = it.solve(A, b, solver=it.Picard(rtol=1e-3)).z
    both, norm, monotone = (
        it.certify(A, conditions=c).error_bound(A, b, z) for c in (None, ["spectral_norm"], ["monotone"])
    )
    assert torch.equal(both, torch.minimum(norm, monotone))
    # ‖A‖₂ near one while A is dissipative: there the monotone bound wins.
    rotation = torch.tensor([[-0.9, 0.4], [-0.4, -0.9]]).double()
    b, z = torch.ones(1, 2).double(), torch.zeros(1, 2).double()
    norm, monotone = (
        it.certify(rotation, conditions=[c]).error_bound(rotation, b, z)
        for c in ("spectral_norm", "monotone")
    )
    assert monotone < norm


def test_the_rounding_of_the_injection_is_part_of_the_bound():
    """With A small, all that rounds in az + b is b: the residual is zero and the state is still not exact."""
    a = 1e-3
    b = torch.linspace(1, 2, 200, dtype=torch.float64)[:, None] * 1.0000001
    A, z = torch.tensor([[a]], dtype=torch.float64), torch.zeros_like(b)
    for _ in range(50):
        z = torch.relu(torch.addmm(b, z, A.T))
    assert torch.equal(torch.relu(torch.addmm(b, z, A.T)), z)
    exact = b.numpy().astype(np.longdouble) / (1 - np.longdouble(a))
    error = distance(z, exact)
    bound = it.certify(A).error_bound(A, b, z).numpy()
    assert error.max() > 1e-17
    assert (error <= bound).all()
    state_alone = 1.5 * torch.finfo(torch.float64).eps * a * z.numpy()[:, 0] / (1 - a)
    assert (error > state_alone).any()
