"""Over random shapes, scales, dtypes and degenerate cases: what is called converged is an equilibrium."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import implicit_tutorial as it

ENTRIES = st.one_of(st.sampled_from([0.0, 1.0, -1.0, 0.5, -0.5]), st.floats(-2, 2, width=32))


@st.composite
def problems(draw, largest: int = 5, dtypes=(torch.float64, torch.float32)):
    """(A, b) with zero rows, repeated samples and ties likely; m and n may be one, n may be zero."""
    m, n = draw(st.integers(1, largest)), draw(st.integers(0, 4))
    A = draw(arrays(np.float64, (m, m), elements=ENTRIES)) * draw(st.sampled_from([0.1, 0.5, 1.0]))
    b = draw(arrays(np.float64, (n, m), elements=ENTRIES))
    if n > 1 and draw(st.booleans()):
        b[1] = b[0]
    dtype = draw(st.sampled_from(dtypes))
    return torch.as_tensor(A, dtype=dtype), torch.as_tensor(b, dtype=dtype)


def residuals(A, b, z):
    image = torch.relu(z @ A.T + b)
    return torch.linalg.vector_norm(image - z, dim=1), torch.linalg.vector_norm(image, dim=1)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(problems(), st.sampled_from([it.Picard(max_steps=200), it.Newton(max_steps=50)]))
def test_converged_means_a_residual_below_tolerance(problem, solver):
    A, b = problem
    sol = it.solve(A, b, solver=solver, throw=False)
    rtol = 1e-10 if A.dtype == torch.float64 else 1e-5
    residual, size = residuals(A, b, sol.z)
    slack = 20 * torch.finfo(A.dtype).eps * (1 + residual + size)  # two ways to sum Az + b
    assert (residual[sol.converged] <= rtol * size[sol.converged] + slack[sol.converged]).all()
    assert sol.z.shape == b.shape
    assert sol.z.dtype == A.dtype
    assert ((sol.steps >= 1) & (sol.steps <= solver.max_steps)).all()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(problems(dtypes=(torch.float64,)))
def test_what_a_solver_finds_is_among_the_counted(problem):
    A, b = problem
    counted = it.count_equilibria(A, b)
    for solver in (it.Picard(max_steps=300), it.Newton()):
        sol = it.solve(A, b, solver=solver, throw=False)
        for z, row, ok, count in zip(sol.z, counted.solutions, sol.converged, counted.counts, strict=True):
            if ok and torch.isfinite(count):
                assert count >= 1
                assert (row - z).abs().amax(dim=1).min() <= 1e-5 * (1 + z.abs().max())


@settings(max_examples=60, deadline=None, derandomize=True)
@given(problems())
def test_certified_matrices_have_one_equilibrium_and_an_honest_bound(problem):
    A, b = problem
    certificate = it.certify(A)
    if certificate.well_posed:
        assert (it.count_equilibria(A, b).counts == 1).all()
    exact = it.count_equilibria(A, b).solutions
    loose = it.solve(A, b, solver=it.Picard(rtol=1e-2), throw=False)
    if loose.error_bound is not None:
        for z, bound, equilibria in zip(loose.z, loose.error_bound, exact, strict=True):
            assert len(equilibria) == 1
            error = torch.linalg.vector_norm(z.double() - equilibria[0])
            assert error <= bound.double() * (1 + 1e-5) + 1e-11


@settings(max_examples=40, deadline=None, derandomize=True)
@given(problems(dtypes=(torch.float64,)))
def test_gradients_of_certified_problems_are_finite_and_agree_between_solvers(problem):
    A, b = problem
    if not it.certify(A, conditions=["spectral_norm"])["spectral_norm"].value < 0.95:
        return
    grads = []
    for solver in (it.Picard(rtol=1e-12, max_steps=3000), it.Newton(rtol=1e-12)):
        leaves = [x.clone().requires_grad_() for x in (A, b)]
        z = it.solve(*leaves, solver=solver).z
        # Away from ties the pattern, and so the gradient, is the same by both routes.
        strict = ((z.detach() @ A.T + b).abs() > 1e-6).all(dim=1)
        grads.append(torch.autograd.grad(z[strict].sum(), leaves))
    for p, q in zip(*grads, strict=True):
        assert torch.isfinite(p).all()
        torch.testing.assert_close(p, q, rtol=1e-7, atol=1e-8)
