"""torch.func: every transform of the equilibrium is the loop it stands for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.func import hessian, jacfwd, jacrev, jvp, vmap

import implicit_tutorial as it

# torch's own forward-mode derivatives are compiled with torch.jit.script when first used
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")

SOLVER = it.Picard(rtol=1e-13)


def state(A: Tensor, b: Tensor) -> Tensor:
    return it.solve(A, b, solver=SOLVER).z


def test_vmap_over_injections_is_a_loop(make):
    A, B = make.gaussian(6, 0.7), make.injections(20, 6).reshape(5, 4, 6)
    torch.testing.assert_close(vmap(state, (None, 0))(A, B), torch.stack([state(A, b) for b in B]))
    moved = vmap(state, (None, 1), out_dims=1)(A, B.movedim(0, 1).contiguous())
    torch.testing.assert_close(moved, torch.stack([state(A, b) for b in B], dim=1))


def test_vmap_over_matrices_is_a_loop(make):
    As, b = torch.stack([make.gaussian(6, s) for s in (0.2, 0.5, 0.8)]), make.injections(4, 6)
    expected = torch.stack([state(A, b) for A in As])
    torch.testing.assert_close(vmap(state, (0, None))(As, b), expected)
    torch.testing.assert_close(vmap(state, (2, None))(As.movedim(0, 2), b), expected)
    torch.testing.assert_close(vmap(state)(As, b.expand(3, 4, 6)), expected)


def test_vmap_keeps_each_samples_evidence(make):
    As, b = torch.stack([make.gaussian(6, s) for s in (0.2, 0.5, 0.9)]), make.injections(4, 6)

    def evidence(A: Tensor, b: Tensor) -> tuple[Tensor, ...]:
        sol = it.solve(A, b, solver=SOLVER)
        return sol.steps, sol.residual, sol.status

    for i, A in enumerate(As):
        for batched, single in zip(vmap(evidence, (0, None))(As, b), evidence(A, b), strict=True):
            torch.testing.assert_close(batched[i], single, rtol=0.5, atol=1e-14)
    steps = vmap(evidence, (None, 0))(As[1], b[:, None])[0]
    assert steps.flatten().tolist() == evidence(As[1], b)[0].tolist()


def test_vmap_over_starting_points(make):
    A, b = make.gaussian(6, 0.7), make.injections(3, 6)
    z = state(A, b)
    starts = torch.stack([torch.zeros_like(z), z, z + 1])
    As = A.expand(3, 6, 6)
    for run in (
        vmap(lambda z0: it.solve(A, b, z0=z0).steps)(starts),
        vmap(lambda A, z0: it.solve(A, b, z0=z0).steps)(As, starts),
    ):
        expected = torch.stack([it.solve(A, b, z0=z0).steps for z0 in starts])
        assert torch.equal(run, expected)
        assert int(run[1].max()) == 1


def test_a_failure_inside_vmap_is_still_an_error(make):
    A = torch.stack([make.gaussian(6, 0.5), 20 * make.gaussian(6, 1.0).abs()])
    with pytest.raises(it.EquilibriumError, match="diverged"):
        vmap(state, (0, None))(A, make.injections(3, 6).abs())


def test_jacobians_by_rows_by_columns_and_in_closed_form(make):
    A, b = make.gaussian(5, 0.5), make.injections(1, 5)
    reverse, forward = jacrev(state, (0, 1))(A, b), jacfwd(state, (0, 1))(A, b)
    z = state(A, b)
    D = torch.diag((z[0] > 0).double())
    J = torch.linalg.solve(torch.eye(5).double() - D @ A, D)  # dz = (I − DA)⁻¹ D (dA z + db)
    for r in (reverse, forward):
        torch.testing.assert_close(r[0][0], J[:, :, None] * z[0], rtol=1e-11, atol=1e-12)
        torch.testing.assert_close(r[1][0, :, 0, :], J, rtol=1e-11, atol=1e-12)


def test_hessian_equals_reverse_over_reverse(make):
    A, b = make.gaussian(4, 0.4), make.injections(2, 4)

    def loss(A: Tensor) -> Tensor:
        return (state(A, b) ** 3).sum()

    expected = torch.autograd.functional.hessian(loss, A)
    torch.testing.assert_close(hessian(loss)(A), expected, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(jacrev(jacrev(loss))(A), expected, rtol=1e-9, atol=1e-10)
    assert float(expected.abs().max()) > 1e-2


def test_tangents_through_the_network(make):
    net = it.EquilibriumNetwork(3, 16, implicit_scale=0.7, solver=SOLVER)
    X, V = make.injections(4, 3), make.injections(4, 3, seed=2)
    f, df = jvp(net, (X,), (V,))
    step = 1e-6
    with torch.no_grad():
        torch.testing.assert_close(f, net(X))
        central = (net(X + step * V) - net(X - step * V)) / (2 * step)
        torch.testing.assert_close(df, central, rtol=1e-6, atol=1e-8)


def test_per_sample_gradients_of_the_parameters(make):
    net = it.EquilibriumNetwork(3, 8, implicit_scale=0.6, solver=SOLVER)
    X = make.injections(5, 3)
    parameters = dict(net.named_parameters())

    def output(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        return torch.func.functional_call(net, parameters, (x[None],))[0]

    rows = vmap(torch.func.grad(output), (None, 0))(parameters, X)
    for i, f in enumerate(net(X)):
        single = torch.autograd.grad(f, net.parameters(), retain_graph=True)
        for name, g in zip(parameters, single, strict=True):
            torch.testing.assert_close(rows[name][i], g, rtol=1e-10, atol=1e-12)
