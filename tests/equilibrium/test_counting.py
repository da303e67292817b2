"""C4: exactly which matrices are P-matrices, and exactly which equilibria there are."""

from __future__ import annotations

import itertools
import math
import time
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.optimize import Bounds, LinearConstraint, milp

import implicit_tutorial as it


def matrix(*rows) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def smallest_minor(M: np.ndarray) -> float:
    m = len(M)
    sets = (S for k in range(1, m + 1) for S in itertools.combinations(range(m), k))
    return min(float(np.linalg.det(M[np.ix_(S, S)])) for S in sets)


def test_p_matrix_equals_all_principal_minors():
    rng = np.random.default_rng(0)
    verdicts = []
    for _ in range(200):
        m = int(rng.integers(1, 7))
        M = np.eye(m) + rng.standard_normal((m, m)) * rng.uniform(0.1, 1)
        verdicts.append(bool(it.is_p_matrix(torch.as_tensor(M))))
        assert verdicts[-1] == (smallest_minor(M) > 0)
    assert 40 < sum(verdicts) < 160


P_MATRICES = {
    "positive definite": (matrix([2.0, 1.0], [1.0, 2.0]), True),
    "triangular": (matrix([1.0, 100.0], [0.0, 1.0]), True),
    "antisymmetric part": (matrix([1.0, -9.0], [9.0, 1.0]), True),
    "badly scaled": (torch.diag(matrix([1.0, 1e-20, 1e20])[0]), True),
    "M-matrix": (matrix([1.0, -0.9], [-0.9, 1.0]), True),
    "negative diagonal": (matrix([1.0, 0.0], [0.0, -1.0]), False),
    "zero": (matrix([0.0]), False),
    "singular": (matrix([1.0, 1.0], [1.0, 1.0]), False),
    "hidden minor": (matrix([1.0, 0.0, 2.0], [0.0, 1.0, 0.0], [2.0, 0.0, 1.0]), False),
}


@pytest.mark.parametrize("name", P_MATRICES)
def test_p_matrices_by_hand(name):
    M, expected = P_MATRICES[name]
    assert bool(it.is_p_matrix(M)) is expected


def test_a_vanishing_minor_is_not_positive_by_rounding():
    """det(I − uvᵀ) = 1 − u·v = 0: in floating point a number of either sign, some 1e-17."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(40):
        u = torch.rand(4, generator=generator, dtype=torch.float64)
        M = torch.eye(4).double() - torch.outer(u, u) / (u @ u)
        assert not it.is_p_matrix(M)
        assert it.is_p_matrix(M + 1e-9 * torch.eye(4))


def test_being_a_p_matrix_survives_transposition_scaling_and_inversion():
    rng = np.random.default_rng(3)
    for _ in range(60):
        M = np.eye(5) + rng.standard_normal((5, 5)) * 0.45
        D, E = np.diag(rng.uniform(0.1, 10, 5)), np.diag(rng.uniform(0.1, 10, 5))
        verdict = bool(it.is_p_matrix(torch.as_tensor(M)))
        for other in (M.T, D @ M @ E, np.linalg.inv(M)):
            assert bool(it.is_p_matrix(torch.as_tensor(np.ascontiguousarray(other)))) == verdict


#: How many equilibria one unit of weight a has for the injections 1, 0 and −1.
ONE_UNIT = {0.5: (1, 1, 1), -3.0: (1, 1, 1), 1.0: (0, math.inf, 1), 2.0: (0, 1, 2)}


@pytest.mark.parametrize("a", ONE_UNIT)
@pytest.mark.parametrize("b", [1.0, 0.0, -1.0])
@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e-200, 1e12])
def test_one_unit_by_hand(a, b, scale):
    count = ONE_UNIT[a][int(1 - b)]
    counted = it.count_equilibria(matrix([a]), matrix([b * scale]))
    assert counted.counts.tolist() == [count]
    if count == 2:
        assert sorted(counted.solutions[0].flatten().tolist()) == pytest.approx([0.0, scale])


TWO_UNITS = {
    "mutual inhibition: two winners and a saddle": (matrix([0.0, -2.0], [-2.0, 0.0]), matrix([1.0, 1.0]), 3),
    "mutual excitation, on and off": (matrix([0.0, 2.0], [2.0, 0.0]), matrix([-1.0, -1.0]), 2),
    "mutual excitation, runaway": (matrix([0.0, 2.0], [2.0, 0.0]), matrix([1.0, 1.0]), 0),
    "rotation": (matrix([0.0, -5.0], [5.0, 0.0]), matrix([1.0, 1.0]), 1),
    "four independent choices": (matrix([2.0, 0.0], [0.0, 2.0]), matrix([-1.0, -1.0]), 4),
    "a segment": (matrix([0.0, -1.0], [-1.0, 0.0]), matrix([1.0, 1.0]), math.inf),
    "a ray": (matrix([0.0, 1.0], [1.0, 0.0]), matrix([0.0, 0.0]), math.inf),
    "a singular block off the cell": (matrix([0.0, 1.0], [1.0, 0.0]), matrix([-1.0, -1.0]), 1),
    "a singular block with no solution": (matrix([0.0, 1.0], [1.0, 0.0]), matrix([1.0, 1.0]), 0),
    "a tie": (matrix([0.1, 0.0], [0.2, 0.3]), matrix([1.0, -0.2 / 0.9]), 1),
    "no connection": (matrix([0.0, 0.0], [0.0, 0.0]), matrix([1.0, -1.0]), 1),
}


@pytest.mark.parametrize("name", TWO_UNITS)
def test_two_units_by_hand(name):
    A, b, count = TWO_UNITS[name]
    assert it.count_equilibria(A, b).counts.tolist() == [count]


def test_a_unit_that_is_off_is_zero_and_not_minus_zero():
    found = it.count_equilibria(matrix([-2.0]), matrix([-1.0]))
    assert str(found.solutions[0].item()) == "0.0"


def test_solutions_solve_are_distinct_and_exact_zeros_stay_zero(make):
    A, b = make.gaussian(8, 2.0, seed=5), make.injections(30, 8)
    counted = it.count_equilibria(A, b)
    assert counted.counts.max() >= 3
    for row, solutions, count in zip(b, counted.solutions, counted.counts, strict=True):
        assert len(solutions) == count
        image = torch.relu(solutions @ A.T + row)
        torch.testing.assert_close(image, solutions, rtol=1e-10, atol=1e-11)
        assert torch.equal(image > 1e-12, solutions > 0)
        assert all(torch.linalg.vector_norm(p - q) > 1e-6 for p, q in itertools.combinations(solutions, 2))


def exact_solve(M: list[list[Fraction]], y: list[Fraction]) -> list[Fraction] | None:
    """M x = y in rational numbers, None when M is singular."""
    rows = [[*r, t] for r, t in zip(M, y, strict=True)]
    for i in range(len(rows)):
        pivot = next((k for k in range(i, len(rows)) if rows[k][i] != 0), None)
        if pivot is None:
            return None
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for k in range(len(rows)):
            if k != i:
                rows[k] = [x - rows[k][i] * p for x, p in zip(rows[k], rows[i], strict=True)]
    return [r[-1] for r in rows]


def exact_count(A: np.ndarray, b: np.ndarray) -> int | None:
    """Equilibria in rational arithmetic, None when some principal block of I − A is singular."""
    m = len(b)
    M = [[Fraction(float(i == j)) - Fraction(A[i, j]) for j in range(m)] for i in range(m)]
    c = [Fraction(x) for x in b]
    found = set()
    for S in itertools.chain.from_iterable(itertools.combinations(range(m), k) for k in range(m + 1)):
        x = exact_solve([[M[i][j] for j in S] for i in S], [c[i] for i in S])
        if x is None:
            return None
        z = [Fraction(0)] * m
        for i, value in zip(S, x, strict=True):
            z[i] = value
        w = [sum(M[i][j] * z[j] for j in range(m)) - c[i] for i in range(m)]
        if min(z) >= 0 and min(w) >= 0:
            found.add(tuple(z))
    return len(found)


def test_counts_equal_rational_arithmetic_on_matrices_full_of_ties():
    """Entries are multiples of 1/4, so that h = 0 is common and rounding may fall on either side."""
    rng = np.random.default_rng(7)
    compared, counts = 0, []
    while compared < 120:
        m = int(rng.integers(2, 4))
        A, b = rng.integers(-8, 9, (m, m)) / 4, rng.integers(-3, 4, m) / 4
        expected = exact_count(A, b)
        if expected is None:
            continue
        A, b = A / 1.0, b / 1.0
        counted = it.count_equilibria(torch.as_tensor(A), torch.as_tensor(b)[None])
        assert counted.counts.tolist() == [expected], f"A = {A.tolist()}, b = {b.tolist()}"
        compared += 1
        counts.append(expected)
    assert {0, 1, 2, 3} <= set(counts)


def test_existence_equals_a_mixed_integer_program(make):
    """0 ≤ z ≤ K s, 0 ≤ w = (I − A)z − b ≤ K (1 − s) has a binary solution s iff an equilibrium exists."""
    m, K = 6, 1e3
    answers = []
    for seed in range(16):
        A, b = make.gaussian(m, 1.7, seed=seed), make.injections(1, m, seed=seed + 50)
        M = np.eye(m) - A.numpy()
        constraints = [
            LinearConstraint(np.hstack([M, np.zeros((m, m))]), b[0].numpy(), np.inf),
            LinearConstraint(np.hstack([M, K * np.eye(m)]), -np.inf, b[0].numpy() + K),
            LinearConstraint(np.hstack([np.eye(m), -K * np.eye(m)]), -np.inf, 0),
        ]
        binary, bounds = [0] * m + [1] * m, Bounds(0, [K] * m + [1] * m)
        program = milp(np.zeros(2 * m), constraints=constraints, integrality=binary, bounds=bounds)
        answers.append(bool(program.success))
        assert bool(it.count_equilibria(A, b).counts[0] > 0) == answers[-1]
    assert len(set(answers)) == 2


def test_a_p_matrix_has_one_equilibrium_for_every_injection_even_on_the_borders():
    rng = np.random.default_rng(11)
    for _ in range(30):
        A = rng.standard_normal((4, 4)) * 0.6
        if not it.is_p_matrix(torch.as_tensor(np.eye(4) - A)):
            continue
        M = np.eye(4) - A
        z, w = rng.uniform(0, 1, (50, 4)), rng.uniform(0, 1, (50, 4))
        on = rng.integers(0, 3, (50, 4))  # 0: off, 1: on, 2: exactly at the kink
        z, w = z * (on == 1), w * (on == 0)
        counted = it.count_equilibria(torch.as_tensor(A), torch.as_tensor(z @ M.T - w))
        assert counted.counts.tolist() == [1.0] * 50
        found = torch.cat(counted.solutions).numpy()
        np.testing.assert_allclose(found, z, atol=1e-9)


def test_a_matrix_that_is_not_p_has_an_injection_with_several():
    rng = np.random.default_rng(12)
    broken = 0
    for _ in range(60):
        A = rng.standard_normal((3, 3)) * 1.5
        M = np.eye(3) - A
        sets = [list(S) for k in (1, 2, 3) for S in itertools.combinations(range(3), k)]
        block = next((S for S in sets if np.linalg.det(M[np.ix_(S, S)]) < 0), None)
        if block is None:
            continue
        values, vectors = np.linalg.eig(M[np.ix_(block, block)])
        k = int(np.argmin(np.where(np.abs(values.imag) < 1e-12, values.real, np.inf)))
        x = np.zeros(3)
        x[block] = vectors[:, k].real
        b = M @ np.maximum(x, 0) - np.maximum(M @ x, 0)  # both x⁺ and x⁻ are equilibria
        assert it.count_equilibria(torch.as_tensor(A), torch.as_tensor(b)[None]).counts[0] >= 2
        broken += 1
    assert broken > 20


def test_numpy_is_told_where_a_singular_value_counts_as_zero(monkeypatch):
    """NumPy before 2 warns of a default that changes, and used the other one."""
    asked = []
    known = np.linalg.lstsq

    def lstsq(a, b, rcond="default"):
        asked.append(rcond)
        return known(a, b, rcond=rcond)

    monkeypatch.setattr(np.linalg, "lstsq", lstsq)
    continuum = it.count_equilibria(torch.tensor([[1.0]]).double(), torch.zeros(1, 1).double())
    assert continuum.counts.tolist() == [math.inf]
    assert asked
    assert set(asked) == {None}


def test_statistics_of_the_count_follow_the_scale():
    """Draws of (Θ, b) at m = 8: all unique at σ = 0.5; at σ = 2 most have none or several."""
    generator = torch.Generator().manual_seed(0)
    tallies = {}
    for sigma in (0.5, 2.0):
        counts = []
        for _ in range(300):
            A = torch.randn(8, 8, generator=generator, dtype=torch.float64) * sigma / math.sqrt(8)
            b = torch.randn(1, 8, generator=generator, dtype=torch.float64)
            counts.append(int(it.count_equilibria(A, b).counts[0]))
        tallies[sigma] = [sum(c == k for c in counts) for k in (0, 1, 2)] + [sum(c > 2 for c in counts)]
    assert tallies[0.5] == [0, 300, 0, 0]
    # Frequencies of 3000 other draws, with three binomial standard deviations.
    for seen, share in zip(tallies[2.0], (0.39, 0.325, 0.215, 0.07), strict=True):
        assert abs(seen - 300 * share) <= 3 * math.sqrt(300 * share * (1 - share))


def test_sixteen_units_take_seconds(make):
    A, b = make.gaussian(16, 1.2), make.injections(4, 16)
    start = time.process_time()
    counted = it.count_equilibria(A, b)
    assert time.process_time() - start < 10
    for row, solutions in zip(b, counted.solutions, strict=True):
        torch.testing.assert_close(torch.relu(solutions @ A.T + row), solutions, rtol=1e-9, atol=1e-10)
    assert counted.counts.sum() > 0
    start = time.process_time()
    assert not it.is_p_matrix(torch.eye(16).double() - A)
    assert it.is_p_matrix(torch.eye(16).double() - A / 4)
    assert time.process_time() - start < 10


def test_tally_counts_samples(make):
    counted = it.count_equilibria(matrix([2.0]), matrix([-1.0], [1.0], [-3.0], [0.0]))
    assert counted.tally() == {0.0: 1, 1.0: 1, 2.0: 2}


def test_an_empty_batch_has_no_counts(make):
    counted = it.count_equilibria(make.gaussian(3, 1.0), torch.zeros(0, 3).double())
    assert counted.counts.shape == (0,)
    assert counted.solutions == []
