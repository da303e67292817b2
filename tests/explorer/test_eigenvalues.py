"""The page's eigenvalues are those of LAPACK: of random matrices, and of those that are hard on it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from implicit_tutorial.explorer import STATIC
from implicit_tutorial.explorer.eigenvalues import eigenvalues
from implicit_tutorial.explorer.program import export_program
from tests.browser import reader

EPS = np.finfo(float).eps


def normal(m: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(m, m, dtype=torch.float64, generator=generator) / m**0.5


def nilpotent(m: int) -> torch.Tensor:
    return torch.diag(torch.ones(m - 1, dtype=torch.float64), 1)


def rotated(M: torch.Tensor, seed: int = 7) -> torch.Tensor:
    Q = torch.linalg.qr(normal(len(M), seed))[0]
    return Q @ M @ Q.T


ACTIVE = (normal(1, 3) * 0 + torch.arange(60) % 2).T.double()
#: Matrices, and the power of the rounding error by which an eigenvalue may be off: 1/k where a block of size
#: k cannot be diagonalized, since the eigenvalues themselves move as much when the matrix is rounded.
CASES: dict[str, tuple[torch.Tensor, float]] = {
    **{f"random {m}": (normal(m, m), 1) for m in (1, 2, 3, 4, 5, 10, 33, 100, 151)},
    "half of the units off": (ACTIVE * normal(60, 1), 1),
    "all units off": (0 * normal(6), 1),
    "the identity": (torch.eye(7, dtype=torch.float64), 1),
    "symmetric": (normal(40) + normal(40).T, 1),
    "without a real eigenvalue": (normal(40) - normal(40).T, 1),
    "triangular": (normal(20).triu(), 1),
    "a block that cannot be diagonalized, as it is": (nilpotent(6) + 2 * torch.eye(6), 1),
    "two alike, turned": (rotated(torch.block_diag(nilpotent(2) + torch.eye(2), normal(8))), 1 / 2),
    "three alike, turned": (rotated(torch.block_diag(nilpotent(3) + torch.eye(3), normal(8))), 1 / 3),
    "a cycle, on which unshifted steps go round": (torch.roll(torch.eye(8, dtype=torch.float64), 1, 0), 1),
    "a weak cycle": (torch.roll(torch.eye(5, dtype=torch.float64), 1, 0) * 1e-8, 1),
    "of rank one": (torch.outer(normal(9)[0], normal(9)[1]), 1 / 2),
    "large": (normal(30) * 1e150, 1),
    "tiny": (normal(30) * 1e-150, 1),
}


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """A page that holds the one script."""
    file = tmp_path_factory.mktemp("eigenvalues") / "index.html"
    text = (STATIC / "eigenvalues.js").read_text()
    file.write_text(f"<!doctype html><meta charset=utf-8><title>Eigenvalues</title><script>{text}</script>")
    with reader(browser, file.as_uri()) as tab:
        tab.goto(file.as_uri())
        yield tab


def taken(page, M: torch.Tensor) -> np.ndarray:
    found = page.evaluate("([a, n]) => implicitEigenvalues(a, n)", [M.flatten().tolist(), len(M)])
    return np.array(found).reshape(-1, 2)


@pytest.mark.parametrize("name", CASES)
def test_they_are_those_of_lapack(page, name: str) -> None:
    M, power = CASES[name]
    found, wanted = taken(page, M), torch.linalg.eigvals(M).numpy()
    assert found.shape == (len(M), 2)
    apart = np.abs((found[:, 0] + 1j * found[:, 1])[:, None] - wanted)
    scale = float(torch.linalg.matrix_norm(M, 2))
    worst = apart[linear_sum_assignment(apart)].max()
    assert worst <= 30 * len(M) * EPS**power * scale


@pytest.mark.parametrize("name", [name for name, (_, power) in CASES.items() if power == 1])
def test_their_order_is_that_of_torch(page, name: str) -> None:
    M, _ = CASES[name]
    found, wanted = taken(page, M), eigenvalues(M).numpy()
    assert (np.diff(found[:, 0]) >= 0).all()
    assert (np.diff(wanted[:, 0]) >= 0).all()
    alike = name.startswith(("without", "a cycle", "a weak"))  # in real parts, which rounding orders
    if not alike:
        np.testing.assert_allclose(found, wanted, atol=1e-12 * max(1e-300, np.abs(wanted).max()))
    for values in (found, wanted):  # of conjugates, which have one real part, the lower one is first
        lower = np.flatnonzero(values[:, 1] < 0)
        pairs = np.isclose(values[lower + 1], values[lower] * [1, -1], rtol=1e-9, atol=1e-12).all(axis=1)
        assert pairs.all() or alike


def test_an_exported_function_has_them_in_the_same_order() -> None:
    def spectrum(A):
        return {"values": eigenvalues(A)}

    document = export_program(spectrum, {"A": normal(5)})
    assert [name for _, name, *_ in document["steps"]] == ["linalg_eig", "item", "clone"]


def test_the_script_is_small() -> None:
    assert (STATIC / "eigenvalues.js").stat().st_size < 4096


def test_a_hundred_units_are_quick(page) -> None:
    """In a fraction of the time that a figure has: 50 ms from the handle to the picture."""
    time = """([a, n]) => {
      const times = Array.from({ length: 15 }, () => {
        const before = performance.now();
        implicitEigenvalues(a, n);
        return performance.now() - before;
      });
      return times.sort((p, q) => p - q)[7];
    }"""
    assert page.evaluate(time, [normal(100).flatten().tolist(), 100]) < 50
