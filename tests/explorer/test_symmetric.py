"""Eigenvalues of symmetric matrices in the page are those of LAPACK."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from implicit_tutorial.explorer.style import STATIC
from tests.browser import reader

EPS = np.finfo(float).eps


def normal(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def symmetric(m: int) -> torch.Tensor:
    M = normal(m, m)
    return M + M.T


LOW = normal(30, 4) @ normal(4, 30, seed=2)
CASES = {
    **{f"random {m}": symmetric(m) for m in (1, 2, 3, 4, 5, 33, 200)},
    "zero": torch.zeros(6, 6, dtype=torch.float64),
    "the identity": torch.eye(7, dtype=torch.float64),
    "diagonal": torch.diag(normal(9)),
    "of low rank": LOW @ LOW.T,
    "all ones": torch.ones(12, 12, dtype=torch.float64),
    "three diagonals": torch.diag(torch.ones(19).double(), 1) + torch.diag(torch.ones(19).double(), -1),
    "of all sizes": torch.diag(10.0 ** torch.arange(-8, 8).double()) + 1e-9 * symmetric(16),
    "large": symmetric(20) * 1e150,
    "tiny": symmetric(20) * 1e-150,
}


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    file = tmp_path_factory.mktemp("symmetric") / "index.html"
    text = (STATIC / "symmetric.js").read_text("utf-8")
    file.write_text(f"<!doctype html><meta charset=utf-8><title>Symmetric</title><script>{text}</script>")
    with reader(browser, file.as_uri()) as tab:
        tab.goto(file.as_uri())
        yield tab


TAKE = "([a, n]) => Array.from(implicitSymmetric.eigenvalues(a.map(Number), n), String)"


@pytest.mark.parametrize("name", CASES)
def test_they_are_those_of_lapack(page, name: str) -> None:
    M = CASES[name]
    found = np.array(page.evaluate(TAKE, [M.flatten().tolist(), len(M)]), float)
    wanted = torch.linalg.eigvalsh(M).numpy()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=20 * len(M) * EPS * np.abs(wanted).max())


@pytest.mark.parametrize("bad", ["NaN", "Infinity"])
def test_of_no_matrix_there_are_none(page, bad: str) -> None:
    entries = [str(v) for v in symmetric(5).flatten().tolist()]
    entries[11] = bad
    assert page.evaluate(TAKE, [entries, 5]) == ["NaN"] * 5


def test_the_script_is_small() -> None:
    assert (STATIC / "symmetric.js").stat().st_size < 4096
