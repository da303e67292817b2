"""C5: each condition's value is right, and from above where a bound rests on it, for any matrix and width."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.equilibrium import CONDITIONS, perron_root, spectra, spectral_radius


def matrices(m: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(m)
    G = rng.standard_normal((m, m)) / math.sqrt(m)
    Q = np.linalg.qr(G)[0]
    blocks = np.zeros((m, m))  # two strongly connected sets, one listening to the other
    k = m // 3
    blocks[:k, :k], blocks[k:, k:], blocks[:k, k:] = 3 * G[:k, :k], G[k:, k:], 5 * G[:k, k:]
    cyclic = np.roll(np.diag(rng.uniform(0.5, 1.5, m)), 1, axis=0)
    return {
        "Gaussian": G,
        "symmetric": (G + G.T) / 2,
        "antisymmetric": G - G.T,
        "nilpotent": np.triu(3 * G, 1),
        "nonnegative": np.abs(G) / 10,
        "rank one": np.outer(G[0], G[:, 0]) * 3,
        "zero": np.zeros((m, m)),
        "negative definite": -Q @ np.diag(np.linspace(1, 5, m)) @ Q.T,
        "orthogonal": Q,
        "identity": np.eye(m),
        "diagonal": np.diag(rng.standard_normal(m)),
        "reducible": blocks,
        "cyclic": cyclic,
    }


def dense(A: np.ndarray) -> dict[str, float]:
    """Each condition's value by dense numpy; radii of the triangular ones are read off the blocks by hand."""
    symmetric = np.array_equal(A, A.T)
    top = float(np.linalg.eigvalsh((A + A.T) / 2)[-1])
    nilpotent = not np.tril(A).any()
    return {
        "perron_frobenius": 0.0 if nilpotent else float(np.abs(np.linalg.eigvals(np.abs(A))).max()),
        "row_sum": float(np.abs(A).sum(axis=1).max()),
        "spectral_norm": float(np.linalg.norm(A, 2)),
        "monotone": top,
        "symmetric": top if symmetric else math.inf,
        "simplex": float(A.sum(axis=0).max()) if (A >= 0).all() else math.inf,
        "spectral_radius": 0.0 if nilpotent else float(np.abs(np.linalg.eigvals(A)).max()),
    }


@pytest.mark.parametrize("m", [1, 12, 270])  # dense eigenvalues up to 256, iterations above
@pytest.mark.parametrize("kind", matrices(3))
def test_values_are_those_of_dense_numpy_and_never_below(m, kind):
    A = matrices(m)[kind]
    expected = dense(A)
    certificate = it.certify(torch.as_tensor(A), conditions=expected)
    for name, value in expected.items():
        ours = certificate[name].value
        assert ours == pytest.approx(value, rel=1e-6, abs=1e-7), name
        if name in ("spectral_norm", "monotone", "perron_frobenius"):
            assert ours >= value - 1e-12 * abs(value), f"{name} must be an upper bound"


@pytest.mark.parametrize("m", [5, 270])
@pytest.mark.parametrize("scale", [1e-250, 1e-30, 1e30, 1e250])
def test_values_are_homogeneous_at_any_size(make, m, scale):
    A = make.gaussian(m, 1.0)
    names = ["perron_frobenius", "row_sum", "spectral_norm", "monotone", "spectral_radius"]
    one, scaled = it.certify(A, conditions=names), it.certify(scale * A, conditions=names)
    for name in names:
        assert scaled[name].value / scale == pytest.approx(one[name].value, rel=1e-6)


def test_gaussian_thresholds_at_width_1024(make):
    m = 1024
    certificate = it.certify(make.gaussian(m, 1.0))
    threshold = {c.name: 1 / c.value for c in certificate.conditions if math.isfinite(c.value)}
    assert threshold["spectral_norm"] == pytest.approx(0.501, abs=0.005)
    assert threshold["monotone"] == pytest.approx(0.711, abs=0.007)
    assert threshold["spectral_radius"] == pytest.approx(0.970, abs=0.03)
    assert threshold["perron_frobenius"] == pytest.approx(math.sqrt(math.pi / 2 / m), rel=0.01)
    assert threshold["perron_frobenius"] == pytest.approx(0.0392, abs=0.0004)
    assert 0.9 < threshold["row_sum"] / threshold["perron_frobenius"] < 1
    assert "p_matrix" not in threshold


def test_the_radius_of_a_feed_forward_network_is_zero(make):
    A = make.feed_forward(30, 4, 10.0)
    assert perron_root(A) == 0
    assert spectral_radius(A) == 0
    certificate = it.certify(A)
    assert certificate.well_posed
    holding = {condition.name for condition in certificate.conditions if condition.holds}
    guaranteed = {
        name for name, solver in it.equilibrium.SOLVERS.items() if holding & set(solver.guaranteed_by)
    }
    assert set(certificate.solvers) == guaranteed
    assert "Picard" in guaranteed
    assert "Newton" not in guaranteed


def test_perron_root_bounds_from_above_where_units_are_far_apart_in_size():
    rng = np.random.default_rng(0)
    for _ in range(20):
        P = rng.uniform(0, 1, (6, 6)) * (rng.uniform(0, 1, (6, 6)) < 0.4)
        S = np.diag(10.0 ** rng.uniform(-4, 4, 6))
        rho = float(np.abs(np.linalg.eigvals(P)).max())
        value = perron_root(torch.as_tensor(S @ P @ np.linalg.inv(S)))
        assert value >= rho * (1 - 1e-9)
        assert value <= rho * (1 + 1e-4) + 1e-9


def minors(M: np.ndarray) -> float:
    m = len(M)
    sets = (S for k in range(1, m + 1) for S in itertools.combinations(range(m), k))
    return min(float(np.linalg.det(M[np.ix_(S, S)])) for S in sets)


def test_what_a_certificate_calls_well_posed_is_a_p_matrix():
    rng = np.random.default_rng(1)
    seen = dict.fromkeys(CONDITIONS, 0)
    for trial in range(150):
        m = int(rng.integers(1, 5))
        A = rng.standard_normal((m, m)) * rng.uniform(0.1, 1.5)
        A = (A, (A + A.T) / 2, np.abs(A) / 2)[trial % 3]
        certificate = it.certify(torch.as_tensor(A))
        p = minors(np.eye(m) - A) > 0
        for c in certificate.conditions:
            seen[c.name] += c.holds
            assert not (c.sufficient and c.holds) or p, f"{c.name} is not sufficient"
        assert certificate.well_posed is p
        assert certificate["p_matrix"].holds is p
    assert min(seen.values()) >= 10, f"a condition was hardly ever met: {seen}"


def test_rho_below_one_is_neither_necessary_nor_sufficient():
    small = it.certify(torch.tensor([[2.0, -3.0], [1.5, -2.2]]).double())
    assert small["spectral_radius"].holds
    assert small.well_posed is False
    large = it.certify(torch.tensor([[-2.0]]).double())
    assert not large["spectral_radius"].holds
    assert large.well_posed is True
    alone = it.certify(torch.tensor([[0.5]]).double(), conditions=["spectral_radius"])
    assert alone.well_posed is None, "ρ(A) < 1 decides nothing"


@pytest.mark.parametrize("name", ["row_sum", "perron_frobenius", "spectral_norm", "simplex"])
def test_picard_converges_from_anywhere_under_the_conditions_that_promise_it(name):
    rng = np.random.default_rng(2)
    promised = 0
    for _ in range(30):
        A = rng.standard_normal((5, 5))
        A = torch.as_tensor(np.abs(A) if name == "simplex" else A)
        A = A * (0.9 / it.certify(A, conditions=[name])[name].value)
        certificate = it.certify(A, conditions=[name])
        assert "Picard" in certificate.solvers
        b, z0 = (
            torch.as_tensor(rng.standard_normal((4, 5))),
            torch.as_tensor(100 * rng.standard_normal((4, 5))),
        )
        promised += int(it.solve(A, b, z0=z0).converged.sum())
    assert promised == 120


def test_a_certificate_prints_its_ladder(make):
    text = str(it.certify(make.gaussian(8, 0.3)))
    assert text.splitlines()[-1] == "→ well-posed"
    assert len(text.splitlines()) == len(CONDITIONS) + 1
    assert "✓ ‖A‖₂ < 1" in text
    assert str(it.certify(torch.tensor([[2.0]]).double())).endswith("→ not well-posed")
    assert str(it.certify(make.gaussian(40, 1.2))).endswith("→ undecided")


def test_margin_is_threshold_minus_value(make):
    for c in it.certify(make.gaussian(6, 0.5)).conditions:
        assert c.margin == c.threshold - c.value
        assert c.holds == (c.margin > 0)
        assert c.source


def test_single_precision_and_gradients_are_accepted(make):
    A = make.gaussian(20, 0.4)
    single = it.certify(A.float().requires_grad_())
    for c in it.certify(A).conditions:
        assert single[c.name].value == pytest.approx(c.value, rel=1e-5)


@pytest.mark.parametrize("short", [0.5, 0.95, 1 - 1e-4])
def test_a_norm_stays_an_upper_bound_where_lanczos_stops_too_early(make, monkeypatch, short):
    """The factorisation decides, not the estimate."""
    A = make.gaussian(300, 0.4)
    S = (A + A.T) / 2
    norm, top = float(torch.linalg.matrix_norm(A, 2)), float(torch.linalg.eigvalsh(S)[-1])
    known = spectra._arpack

    def early(*args, **options):
        found = known(*args, **options)
        assert found is not None
        return short * found

    monkeypatch.setattr(spectra, "_arpack", early)
    assert norm <= spectra.spectral_norm(A) <= 4 * norm
    assert top <= spectra.monotone_constant(A) <= 4 * top
