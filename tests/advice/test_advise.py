"""What is recommended follows from its numbers, and what is wrong with the data is said by row and column."""

from __future__ import annotations

import dataclasses
import math
import re

import pytest
import torch

import implicit_tutorial as it
from implicit_tutorial.advice.result import BASES

COLUMNS = ("age", "mass", "pulse", "sleep")


def table(n: int = 60, noise: float = 0.1, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns in units of their own, and labels that depend on two of them."""
    G = torch.Generator().manual_seed(seed)
    S = torch.randn(n, 4, generator=G, dtype=torch.float64)
    y = S[:, 0] - S[:, 1].abs() + noise * torch.randn(n, generator=G, dtype=torch.float64)
    return S * torch.tensor([10.0, 1000.0, 0.01, 1.0]).double() + 5, 100 + 7 * y


X, Y = table()


@pytest.fixture(scope="module")
def advice() -> it.Advice:
    return it.advise(X, Y, columns=COLUMNS)


def test_every_recommendation_has_numbers_a_sentence_and_a_basis(advice) -> None:
    for choice in [*advice.choices.values(), advice.certified_scale]:
        assert choice.basis in BASES
        assert choice.reason.endswith(".")
        assert choice.used
        assert all(math.isfinite(x) for x in choice.used.values())
    said = str(advice)
    for name, choice in advice.choices.items():
        assert f"{name} = " in said
        assert choice.basis in said
    assert all(len(line) <= 76 for line in said.splitlines())
    assert not re.search(r"\de[+-]?\d|nan|inf\b|σ|κ", said)


def test_it_is_frozen_and_the_same_every_time(advice) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        advice.width = advice.offset
    again = it.advise(X, Y, columns=COLUMNS)
    assert str(again) == str(advice)
    assert again.choices == advice.choices


def test_it_does_not_depend_on_units_or_on_the_order_of_the_rows(advice) -> None:
    order = torch.randperm(len(X), generator=torch.Generator().manual_seed(3))
    other = it.advise(2 * X[order] - 9, 0.1 * Y[order] + 4)
    for name, choice in advice.choices.items():
        assert other.choices[name].value == pytest.approx(choice.value, rel=1e-6), name
    assert other.held_out_error == pytest.approx(advice.held_out_error)


def test_the_choice_is_among_the_least_errors_and_moves_least(advice) -> None:
    row = advice.table.query(
        "offset == @advice.offset.value and implicit_scale == @advice.implicit_scale.value"
    )
    assert len(row) == 1
    assert len(advice.table) == 27
    least = advice.implicit_scale.used["least held-out error"]
    assert least == pytest.approx(advice.table.held_out_error.min())
    spread = advice.implicit_scale.used["standard error of their difference"]
    assert least <= advice.held_out_error <= least + spread
    kappa, m = advice.output_scale.value, advice.width.value
    needed = advice.implicit_scale.value * math.sqrt(advice.output_scale.used["price"])
    assert kappa * math.sqrt(m) == pytest.approx(needed / advice.output_scale.used["margin"])
    assert advice.output_scale.used["margin"] == pytest.approx(1 - math.sqrt(2) * advice.implicit_scale.value)
    alike = advice.table.query("above_least <= its_standard_error and margin > 0")
    assert needed / advice.output_scale.used["margin"] <= alike.scale_times_root_width.min() * (1 + 1e-9)


def test_the_held_out_error_is_what_new_samples_show(advice) -> None:
    X_new, y_new = table(n=1000, seed=1)
    p = it.infinite_width_prediction(
        advice.scaling(X),
        advice.scaling.labels(Y),
        advice.scaling(X_new),
        advice.scaling.labels(y_new),
        implicit_scale=advice.implicit_scale.value,
        output_scale=advice.output_scale.value,
        centered=True,
        time=advice.time.value,
    )
    assert abs(p.bias2 - advice.held_out_error) < 3 * advice.standard_error
    assert advice.held_out_error < 0.5


def test_the_network_trains_as_far_as_it_was_told(advice) -> None:
    net = advice.network(seed=1, solver=it.Picard(rtol=1e-6))
    assert (net.width, net.n_inputs) == (advice.width.value, advice.scaling.n_inputs)
    flow, record = it.ExponentialFlow(rtol=0.1), it.Record(every=1, spectrum=False)
    Z, y = advice.scaling(X), advice.scaling.labels(Y)
    history = it.train(net, Z, y, method=flow, until=advice.until, record=record)
    # The lazy law is the longest way; a network that moves its features goes a shorter one.
    assert 0.5 < history.movement.iloc[-1] / advice.output_scale.used["lazy movement"] < 1.15
    assert it.certify(net.A, conditions=("monotone",)).well_posed
    X_new, y_new = table(n=500, seed=1)
    with torch.no_grad():
        error = (advice.scaling.outputs(net(advice.scaling(X_new))) - y_new).square().mean() / y_new.var()
    assert float(error) < 1.3 * advice.held_out_error


def test_more_movement_is_a_smaller_scale(advice) -> None:
    bold = it.advise(X, Y, movement=2.0)
    assert bold.output_scale.value == pytest.approx(advice.output_scale.value / 2)
    assert bold.time.value == pytest.approx(4 * advice.time.value)
    assert (advice.output_scale.basis, bold.output_scale.basis) == ("mean-field", "rule of thumb")


def test_the_certified_scale_is_certified_and_a_smaller_one_is_not(advice) -> None:
    Z, y = advice.scaling(X), advice.scaling.labels(Y)
    for factor, holds in ((1.001, True), (0.999, False)):
        net = advice.network(output_scale=factor * advice.certified_scale.value)
        assert it.convergence_certificate(net, Z, y, claim="C12").holds is holds


def left_out(K: torch.Tensor, y: torch.Tensor, ridge: float) -> torch.Tensor:
    R = torch.linalg.inv(K + ridge * torch.eye(len(K)).double())
    return R @ y / R.diagonal()


def test_the_width_is_the_first_whose_kernel_predicts_as_the_limit() -> None:
    rows, labels = table(noise=1.0)
    noisy = it.advise(rows, labels)
    Z, y, ridge = noisy.scaling(rows), noisy.scaling.labels(labels), noisy.time.used["ridge"]
    limit = left_out(it.limit_kernels(Z, implicit_scale=noisy.implicit_scale.value).implicit, y, ridge)

    def deviation(width: int) -> float:
        nets = [noisy.network(seed=seed, width=width, output_scale=1.0) for seed in (0, 1)]
        drawn = [left_out(it.network_kernels(net, Z).implicit, y, ridge) for net in nets]
        return sum(float((d - limit).square().mean()) / 2 for d in drawn)

    used = noisy.width.used
    assert used["deviation"] == pytest.approx(deviation(noisy.width.value), rel=1e-3)
    assert used["deviation"] <= used["standard error"] < deviation(noisy.width.value // 2)
    assert used["standard error"] == pytest.approx(noisy.standard_error)


def test_a_width_that_is_not_enough_is_said_to_be_so() -> None:
    clean = it.advise(*table(noise=0.0), largest_width=256)
    assert clean.width.value == 256
    assert clean.width.used["deviation"] > clean.width.used["standard error"]
    assert clean.width.used["needed"] > 256
    assert "largest_width allows 256" in clean.width.reason


def test_what_no_condition_certifies_is_not_recommended() -> None:
    """Labels drawn from the kernel of a large σ_A: a large one fits them best, and that is said."""
    Z = it.data.sphere(400, 3, seed=0)
    K = it.limit_kernels(Z, implicit_scale=1.38).implicit
    G = torch.Generator().manual_seed(1)
    y = torch.linalg.cholesky(K) @ torch.randn(400, generator=G, dtype=torch.float64)
    advice = it.advise(Z, y, largest_width=128)
    assert advice.table.implicit_scale[advice.table.held_out_error.idxmin()] >= 0.8
    assert advice.implicit_scale.value <= 0.6
    assert "No condition makes the equilibrium unique there" in " ".join(advice.notes)


def test_labels_with_a_meaning_are_cheaper_than_shuffled_ones(advice) -> None:
    assert advice.labels_price < 0.7 * advice.shuffled_price
    order = torch.randperm(len(Y), generator=torch.Generator().manual_seed(0))
    shuffled = it.advise(X, Y[order])
    assert shuffled.labels_price == pytest.approx(shuffled.shuffled_price, rel=0.3)


def test_float32_gives_a_float32_network_and_the_same_advice(advice) -> None:
    single = it.advise(X.float(), Y.float())
    assert single.network().W.dtype == torch.float32
    assert single.scaling(X.float()).dtype == torch.float32
    assert single.output_scale.value == pytest.approx(advice.output_scale.value, rel=1e-3)


# ---- what is wrong with the data ----


def notes(X: torch.Tensor, y: torch.Tensor, **options) -> str:
    return " ".join(it.advise(X, y, largest_width=128, **options).notes)


def test_good_data_have_no_notes() -> None:
    S = torch.randn(60, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert it.advise(S, S[:, 0], largest_width=128).notes == ()


def test_different_units_and_constant_columns_are_named(advice) -> None:
    said = " ".join(advice.notes)
    assert "column 'pulse') to" in said
    assert "(column 'mass')" in said
    constant = torch.cat([torch.full((60, 1), 2.0).double(), X], dim=1)
    assert "Column 'site' is 2 in every row. What never" in notes(constant, Y, columns=("site", *COLUMNS))
    assert "Column 0 is 2 in every row. What never" in notes(constant, Y)


def test_copies_with_the_same_and_with_other_labels() -> None:
    rows, labels = torch.cat([X, X[3:5]]), torch.cat([Y, Y[3:5]])
    said = notes(rows, labels)
    assert "Rows 3 and 60 are the same input, and so do 1 more pairs" in said
    assert "No function fits" not in said
    labels[60] += 20
    said = notes(rows, labels)
    assert f"Rows 3 and 60 are one input with the labels {float(Y[3]):g} and {float(labels[60]):g}" in said
    assert f"stays above {200 / 62:.1f}" in said


def test_copies_do_not_flatter_the_held_out_error() -> None:
    """Every row twice: the error is that of the rows once, not that of rows that were seen."""
    once, twice = it.advise(X, Y), it.advise(X.repeat(2, 1), Y.repeat(2))
    assert twice.held_out_error == pytest.approx(once.held_out_error, rel=0.1)
    assert twice.standard_error == pytest.approx(once.standard_error, rel=0.2)


def test_inputs_that_differ_in_length_alone() -> None:
    """On the sphere without an offset they are one; labels that depend on the length choose an offset."""
    G = torch.Generator().manual_seed(0)
    S = torch.randn(40, 3, generator=G, dtype=torch.float64)
    rows = torch.cat([S, -S, 2 * S, -2 * S])
    labels = rows.norm(dim=1)
    advice = it.advise(rows, labels, largest_width=128)
    assert advice.offset.value > 0
    errors = advice.offset.used
    assert errors["held-out error with offset 0"] > 10 * min(errors.values())
    assert not any("same direction" in note for note in advice.notes)


def test_opposite_inputs_are_no_problem() -> None:
    S = it.data.sphere(30, 4, seed=0)
    both = torch.cat([S, -S])
    K = it.limit_kernels(both, implicit_scale=0.1).implicit
    assert float(torch.linalg.cond(K)) < 1e4
    assert notes(both, it.data.linear_quadratic(both)) == ""


def test_inputs_that_are_nearly_one_are_named() -> None:
    S = torch.randn(60, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    S[41] = S[7] + 1e-6
    assert "The nearest inputs are rows 7 and 41" in notes(S, S[:, 0] + S[:, 1] ** 2)


def test_few_samples_and_noise_are_told() -> None:
    G = torch.Generator().manual_seed(0)
    rows, labels = torch.randn(24, 3, generator=G).double(), torch.randn(24, generator=G).double()
    said = notes(rows, labels)
    assert "only 24 samples" in said
    assert "Nothing to learn was found" in said
    assert "Nothing to learn" not in notes(*table(30))


def test_a_sample_at_the_mean_has_no_direction() -> None:
    S = it.data.sphere(20, 3, seed=0)
    rows = torch.cat([S, -S, torch.zeros(1, 3).double()])
    advice = it.advise(rows, it.data.linear(rows), largest_width=128)
    assert advice.offset.value > 0
    assert "no direction without an offset" in " ".join(advice.notes)


NAN, INFINITE = X.clone(), X.clone()
NAN[17, 2], NAN[30, 0], INFINITE[4, 1] = math.nan, math.nan, -math.inf


@pytest.mark.parametrize(
    ("rows", "labels", "sentence"),
    [
        (NAN, Y, "X holds nan in row 17, column 'pulse', and in 1 more places; fill in"),
        (INFINITE, Y, "X holds -inf in row 4, column 'mass'; fill in"),
        (X, torch.where(torch.arange(60) == 9, math.nan, Y), "y holds nan in row 9"),
        (X[:9], Y[:9], "X holds 9 samples; at least 10"),
        (X, torch.full_like(Y, 3.0), "y is 3 in every row; there is nothing to learn"),
        (X[:1].expand(60, 4), Y, "X never changes"),
        (X, Y[:-1], r"y has shape \(59,\); give one label for each of 60 inputs"),
        (X, Y[:, None], r"y has shape \(60, 1\)"),
        (X, Y.float(), "use y.to"),
        (X.expand(60, 4).repeat(51, 1), Y.repeat(51), "X holds 3060 samples, too many"),
        (X[:, :3], Y, "columns has 4 names, but X has 3 columns"),
    ],
)
def test_what_nothing_can_be_computed_from_is_refused(rows, labels, sentence) -> None:
    with pytest.raises((ValueError, TypeError), match=sentence):
        it.advise(rows, labels, columns=COLUMNS)


def test_where_no_scale_is_certified_the_advice_can_still_be_read(advice) -> None:
    """A kernel that is singular to rounding, for which C12 says nothing at any scale."""
    rows = torch.randn(30, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    near = torch.cat([rows, rows + 1e-9])
    found = it.advise(near, near[:, 0])
    assert math.isinf(found.certified_scale.value)
    assert "certified_scale = none  [theorem]" in str(found)
    assert "holds at no output_scale" in found.certified_scale.reason
    assert "certified_scale = none" not in str(advice)
