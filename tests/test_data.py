"""Inputs and targets: where they lie, how large they are, and what of them is known to whom."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_digits

import implicit_tutorial as it


@pytest.fixture(scope="module")
def spheres() -> dict[int, torch.Tensor]:
    return {d: it.data.sphere(200_000, d, seed=d) for d in (2, 3, 6)}


def test_a_sphere_has_points_of_length_one_in_all_directions(spheres) -> None:
    for d, X in spheres.items():
        torch.testing.assert_close(torch.linalg.vector_norm(X, dim=1), torch.ones(len(X)).double())
        torch.testing.assert_close(X.T @ X / len(X), torch.eye(d).double() / d, rtol=0, atol=5e-3)
    assert torch.equal(it.data.sphere(4, 3, seed=5), it.data.sphere(4, 3, seed=5))
    assert not torch.equal(it.data.sphere(4, 3, seed=5), it.data.sphere(4, 3, seed=6))
    assert it.data.sphere(4, 3, seed=5, dtype=torch.float32).dtype == torch.float32


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
@pytest.mark.parametrize("d", [2, 3, 6])
def test_a_harmonic_has_mean_zero_and_mean_square_one(spheres, degree: int, d: int) -> None:
    y = it.data.harmonic(spheres[d], degree=degree)
    assert abs(float(y.mean())) < 0.01
    assert float(y.square().mean()) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("d", [2, 3, 6])
def test_harmonics_of_two_degrees_are_orthogonal(spheres, d: int) -> None:
    for j, k in itertools.combinations(range(5), 2):
        product = it.data.harmonic(spheres[d], degree=j) * it.data.harmonic(spheres[d], degree=k)
        assert abs(float(product.mean())) < 0.02, (j, k)


def test_a_harmonic_on_the_circle_is_a_cosine() -> None:
    """Chebyshev's polynomials: √2 cos kφ from the direction β."""
    angle = torch.linspace(0, 2 * math.pi, 50).double()
    line = it.data.linear(it.data.circle(angle)) / math.sqrt(2)
    for k in (1, 2, 3, 4):
        y = it.data.harmonic(it.data.circle(angle), degree=k)
        torch.testing.assert_close(y, math.sqrt(2) * torch.cos(k * torch.arccos(line.clamp(-1, 1))))


@pytest.mark.parametrize("name", it.data.TARGETS)
def test_targets_are_of_order_one_and_belong_to_their_seed(spheres, name: str) -> None:
    target = it.data.TARGETS[name]
    y = target(spheres[6])
    assert y.shape == (len(spheres[6]),)
    assert 0.3 < float(y.square().mean()) < 6
    assert torch.equal(y, target(spheres[6], seed=0))
    assert not torch.equal(y, target(spheres[6], seed=1))
    if name in ("linear", "noise"):
        assert float(y.square().mean()) == pytest.approx(1, abs=0.02)


RAW = load_digits()


def found(X: torch.Tensor, mean: np.ndarray) -> np.ndarray:
    """Which of scikit-learn's images each row is, once this mean is taken off."""
    images = RAW.data - mean
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    cosines = X.numpy() @ images.T
    assert cosines.max(axis=1).min() > 1 - 1e-9, "not an image from which this mean was taken"
    return cosines.argmax(axis=1)


@pytest.mark.parametrize("seed", [0, 3])
def test_no_image_is_in_both_samples_and_the_mean_is_of_training_images(seed: int) -> None:
    digits = it.data.digits(n_train=400, n_test=300, seed=seed)
    mean = digits.images.reshape(400, 64).mean(axis=0)
    train, test = found(digits.X, mean), found(digits.X_test, mean)
    assert len(set(train)) == 400
    assert len(set(test)) == 300
    assert not set(train) & set(test)
    assert (RAW.images[train] == digits.images).all()
    assert digits.labels.tolist() == RAW.target[train].tolist()
    assert digits.labels_test.tolist() == RAW.target[test].tolist()
    assert digits.y.tolist() == [1.0 if k % 2 == 0 else -1.0 for k in RAW.target[train]]
    assert np.abs(mean - RAW.data.mean(axis=0)).max() > 1e-3, "the two means can be told apart"


def test_one_column_a_digit() -> None:
    digits = it.data.digits("one_vs_rest", n_train=50)
    assert digits.X_test.shape == (1747, 64)
    assert digits.y.shape == (50, 10)
    assert digits.y.argmax(dim=1).tolist() == digits.labels.tolist()
    assert digits.y.sum(dim=1).tolist() == [-8.0] * 50


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read_as_it_is(tmp_path) -> None:
    """The diabetes data, written and read back: numbers, names and order."""
    frame = load_diabetes(as_frame=True, scaled=False).frame
    frame.to_csv(tmp_path / "d.csv", index=False)
    table = it.data.read_csv(tmp_path / "d.csv", target="target")
    assert table.columns == tuple(frame.columns[:-1])
    np.testing.assert_array_equal(table.X.numpy(), frame.iloc[:, :-1].to_numpy())
    np.testing.assert_array_equal(table.y.numpy(), frame["target"].to_numpy())
    assert table.classes is None
    assert (
        it.data.read_csv(str(tmp_path / "d.csv"), target="bmi", dtype=torch.float32).y.dtype == torch.float32
    )


def test_two_words_become_signs_and_say_which(tmp_path) -> None:
    table = it.data.read_csv(written(tmp_path, "a,b\n1,yes\n2,no\n3,yes\n"), target="b")
    assert table.classes == ("no", "yes")
    assert table.y.tolist() == [1, -1, 1]


def test_a_split_uses_each_row_once(tmp_path) -> None:
    rows = "\n".join(f"{i},{2 * i}" for i in range(30))
    table = it.data.read_csv(written(tmp_path, f"a,b\n{rows}\n"), target="b")
    train, test = table.split(20, seed=1)
    assert (len(train), len(test)) == (20, 10)
    assert sorted(torch.cat([train.X, test.X])[:, 0].tolist()) == list(range(30))
    assert torch.equal(train.y, 2 * train.X[:, 0])
    assert torch.equal(table.split(20, seed=1)[0].X, train.X)
    assert not torch.equal(table.split(20, seed=2)[0].X, train.X)
    with pytest.raises(ValueError, match="n_train=30: of 30 rows"):
        table.split(30)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b,y\n1,2,3\n4,,5\n6,,7\n", "column 'b' has no entry in row 1 and in 1 more; fill in"),
        ("a,b,y\n1,2,3\n4,x,5\n", "column 'b' holds 'x' in row 1, no number; leave the column out"),
        ("a,y\n1,u\n2,v\n3,w\n", "column 'y' holds 3 different words, e.g. 'u'"),
        ("a,why\n1,2\n", "target='y' is no column of this file"),
        ("alpha,why\n1,2\n", re.escape("the columns are ['alpha', 'why'].")),
        ("y\n1\n", "1 rows and 1 columns; no sample"),
        ("a,y\n", "0 rows and 2 columns; no sample"),
    ],
)
def test_what_a_file_lacks_is_said_by_column_and_row(tmp_path, text, sentence) -> None:
    with pytest.raises(ValueError, match=sentence):
        it.data.read_csv(written(tmp_path, text), target="y")


def test_a_mistyped_target_is_guessed(tmp_path) -> None:
    with pytest.raises(ValueError, match="did you mean 'diagnosis'"):
        it.data.read_csv(written(tmp_path, "a,diagnosis\n1,2\n"), target="diagnose")


@pytest.mark.parametrize("seed", [0, 3])
def test_images_set_aside_centre_the_others_and_are_among_neither(seed: int) -> None:
    """A bound needs inputs that do not know the sample: no training image has a say in another one."""
    digits = it.data.digits(n_train=400, n_reference=97, seed=seed)
    order = np.random.default_rng(seed).permutation(1797)
    reference = order[-97:]
    mean = RAW.data[reference].mean(axis=0)
    train, test = found(digits.X, mean), found(digits.X_test, mean)
    assert len(train) == 400
    assert len(test) == 1300
    assert not set(reference) & (set(train) | set(test))
    assert (RAW.images[train] == digits.images).all()
    with pytest.raises(ValueError, match="n_reference=97 do not fit"):
        it.data.digits(n_train=1700, n_test=1, n_reference=97)
