"""Scaling: every number is the training sample's, what is lost is the norm, and an offset keeps it."""

from __future__ import annotations

import math

import pytest
import torch

import implicit_tutorial as it

G = torch.Generator().manual_seed(0)
X = (
    torch.randn(40, 5, generator=G, dtype=torch.float64) * torch.tensor([1.0, 100.0, 1e-3, 5.0, 7.0]).double()
    + 3
)
Y = X[:, 0] * 4 + 11


def test_scaled_inputs_lie_on_the_sphere_and_labels_have_variance_one() -> None:
    scaling = it.fit_scaling(X, Y)
    Z = scaling(X)
    assert Z.shape == (40, 5)
    torch.testing.assert_close(Z.norm(dim=1), torch.ones(40).double())
    y = scaling.labels(Y)
    assert float(y.mean()) == pytest.approx(0, abs=1e-12)
    assert float(y.std()) == pytest.approx(1)
    torch.testing.assert_close(scaling.outputs(y), Y)


@pytest.mark.parametrize("offset", [0.0, 2.0])
def test_units_and_origins_of_the_columns_do_not_matter(offset: float) -> None:
    units, origin = torch.tensor([2.0, 1e6, 1e-4, 1.0, 3.0]).double(), torch.arange(5).double()
    Z, other = (it.fit_scaling(x, offset=offset)(x) for x in (X, X * units + origin))
    torch.testing.assert_close(Z, other)


def test_new_data_are_scaled_by_the_training_sample_alone() -> None:
    """One row at a time gives what all rows give: nothing is learned from new data."""
    scaling = it.fit_scaling(X[:20], Y[:20], offset=1.0)
    together = scaling(X[20:])
    alone = torch.cat([scaling(x[None]) for x in X[20:]])
    torch.testing.assert_close(together, alone)
    S = (X[20:] - X[:20].mean(0)) / X[:20].std(0)
    expected = torch.cat([S / math.sqrt(5), torch.ones(20, 1).double()], dim=1)
    torch.testing.assert_close(together, expected / expected.norm(dim=1, keepdim=True))


def test_an_offset_keeps_the_norm_and_none_loses_it() -> None:
    centre, far = X.mean(0), X.mean(0) + 3 * (X[:1] - X.mean(0))
    lost, kept = (it.fit_scaling(X, offset=o) for o in (0.0, 1.0))
    torch.testing.assert_close(lost(X[:1]), lost(far))
    assert float((kept(X[:1]) - kept(far)).norm()) > 0.1
    # The last coordinate gives the norm back.
    Z = kept(X)
    norms = ((X - centre) / X.std(0)).norm(dim=1) / math.sqrt(5)
    torch.testing.assert_close((1 / Z[:, -1].square() - 1).sqrt(), norms)
    torch.testing.assert_close(norms.square().mean(), torch.tensor(39 / 40).double())


def test_a_constant_column_becomes_zero_also_where_it_changes_later() -> None:
    constant = torch.cat([X, torch.full((40, 1), 1e9 / 3).double()], dim=1)
    scaling = it.fit_scaling(constant)
    new = constant.clone()
    new[:, -1] = 5.0
    assert (scaling(new)[:, -1] == 0).all()
    torch.testing.assert_close(scaling(new)[:, :-1], it.fit_scaling(X)(X))


def test_float32_stays_float32() -> None:
    scaling = it.fit_scaling(X.float(), Y.float(), offset=1.0)
    assert scaling(X.float()).dtype == torch.float32
    assert scaling.n_inputs == 6


def test_what_has_no_direction_is_refused_by_its_row() -> None:
    rows = torch.cat([X, X.mean(0, keepdim=True)])
    with pytest.raises(ValueError, match="mean of the training inputs in row 40"):
        it.fit_scaling(rows)(rows)
    assert it.fit_scaling(rows, offset=1.0)(rows).isfinite().all()


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (X[:, :3], r"each row must hold 5 entries, one for each column"),
        (X[0], "2-D"),
        (X.float(), "torch.float64 on cpu is expected"),
        (X / 0, "non-finite value, first in row 0"),
    ],
)
def test_new_data_that_do_not_fit_are_refused(rows: torch.Tensor, sentence: str) -> None:
    with pytest.raises((ValueError, TypeError), match=sentence):
        it.fit_scaling(X)(rows)
