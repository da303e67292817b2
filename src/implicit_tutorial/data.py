"""Inputs on the unit sphere, the targets that the book learns, and tables of the reader's own."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from implicit_tutorial.equilibrium.checks import (
    check_dtype,
    check_finite,
    check_float,
    check_least,
    check_rows,
    checked,
)


@checked
def sphere(n_samples: int, n_inputs: int, *, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """(n, d) points drawn uniformly from the unit sphere of R^d; ‖x_i‖ = 1, almost surely no two parallel."""
    check_least(1, n_samples=n_samples, n_inputs=n_inputs)
    check_dtype(dtype)
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(n_samples, n_inputs, generator=generator, dtype=torch.float64)
    return (X / torch.linalg.vector_norm(X, dim=1, keepdim=True)).to(dtype)


@checked
def circle(angles: Tensor) -> Tensor:
    """(n, 2) points (cos φ, sin φ) for angles φ in radians: inputs whose whole function can be drawn."""
    check_float("angles", angles)
    check_finite(angles=angles)
    if angles.ndim != 1:
        raise ValueError(f"angles has shape {tuple(angles.shape)}; give a 1-D tensor of angles in radians.")
    return torch.stack([torch.cos(angles), torch.sin(angles)], dim=1)


def _direction(n_inputs: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    beta = torch.randn(n_inputs, generator=generator, dtype=torch.float64)
    return beta / torch.linalg.vector_norm(beta)


def _check(X: Tensor) -> None:
    check_float("X", X)
    check_rows(X, X.shape[1] if X.ndim == 2 else -1, "X", X, row="input", column="input dimension")
    check_finite(X=X)
    if X.shape[1] == 0:
        raise ValueError("X has no columns; an input has at least one coordinate.")


def _along(X: Tensor, seed: int) -> Tensor:
    """s = √d β·x for a fixed unit β: mean 0 and variance 1 over the sphere."""
    _check(X)
    d = X.shape[1]
    return math.sqrt(d) * (X @ _direction(d, seed).to(X))


@checked
def linear(X: Tensor, *, seed: int = 0) -> Tensor:
    """y = s with s = √d β·x and β a unit vector drawn from ``seed``."""
    return _along(X, seed)


@checked
def linear_quadratic(X: Tensor, *, seed: int = 0) -> Tensor:
    """y = s + ½(s² − 1): the target of C16."""
    s = _along(X, seed)
    return s + (s**2 - 1) / 2


@checked
def harmonic(X: Tensor, *, degree: int, seed: int = 0) -> Tensor:
    """The spherical harmonic of this degree symmetric about β, scaled to variance 1 over the sphere."""
    _check(X)
    check_least(0, degree=degree)
    d = X.shape[1]
    if d == 1 and degree > 1:
        raise ValueError(f"degree={degree}: on the two points of the line there are degrees 0 and 1 only.")
    t = X @ _direction(d, seed).to(X)
    previous, current = torch.ones_like(t), (t if degree else torch.ones_like(t))
    for k in range(1, degree):
        # Gegenbauer polynomials, one at t = 1 (Legendre's for d = 3, Chebyshev's for d = 2).
        previous, current = current, ((2 * k + d - 2) * t * current - k * previous) / (k + d - 2)
    # The mean square of that polynomial is 1 / dimension of the harmonics of this degree.
    dimension = math.comb(degree + d - 1, d - 1) - (math.comb(degree + d - 3, d - 1) if degree >= 2 else 0)
    return math.sqrt(dimension) * current


@checked
def relu_teacher(X: Tensor, *, width: int = 8, seed: int = 0) -> Tensor:
    """y = Σ_k c_k relu(w_k·x) √(2d)/√K with K = ``width`` random units."""
    _check(X)
    check_least(1, width=width)
    d = X.shape[1]
    generator = torch.Generator().manual_seed(seed)
    w = torch.randn(width, d, generator=generator, dtype=torch.float64)
    c = torch.randn(width, generator=generator, dtype=torch.float64)
    w = w / torch.linalg.vector_norm(w, dim=1, keepdim=True)
    return torch.relu(X @ w.to(X).T) @ c.to(X) * math.sqrt(2 * d / width)


@checked
def noise(X: Tensor, *, seed: int = 0) -> Tensor:
    """y ∼ N(0, 1), independent of x: nothing can be learned, and a bound must say so."""
    _check(X)
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(X.shape[0], generator=generator, dtype=torch.float64).to(X)


#: Targets by the name used in tables and grids; each maps (X, seed=…) to (n,) labels.
TARGETS: dict[str, Callable[..., Tensor]] = {
    "linear": linear,
    "linear + quadratic": linear_quadratic,
    "ReLU teacher": relu_teacher,
    "noise": noise,
}


@dataclass(frozen=True)
class Digits:
    """scikit-learn's 8×8 handwritten digits, split at random into training and test images."""

    X: Tensor
    """(n, 64) training images, centred and normalised to ‖x‖ = 1."""
    y: Tensor
    """(n,) ±1 for ``parity``; (n, 10) ±1, one column a digit, for ``one_vs_rest``."""
    X_test: Tensor
    y_test: Tensor
    labels: Tensor
    """(n,) the digits 0 … 9 of the training images."""
    labels_test: Tensor
    images: np.ndarray
    """(n, 8, 8) the training images as they are, 0 … 16."""


@checked
def digits(
    task: str = "parity",
    *,
    n_train: int = 1000,
    n_test: int | None = None,
    n_reference: int = 0,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> Digits:
    """The UCI digits that ship with scikit-learn (1797 images) as a regression problem on the unit sphere.

    Args:
        task: ``"parity"`` (+1 for even digits, −1 for odd ones) or ``"one_vs_rest"`` (ten outputs).
        n_train, n_test: sizes of the split; the rest of the images by default for the test.
        n_reference: images that are set aside, and whose mean centres all others; with none it is the mean of
            the training images. A bound needs them: what it bounds may not know the sample (C21).
        seed: of the permutation that splits.

    Raises:
        ValueError: unknown task, or more images asked for than there are.
    """
    from sklearn.datasets import load_digits  # a second to import; nothing else here needs it

    check_dtype(dtype)
    check_least(0, seed=seed, n_reference=n_reference)
    if task not in ("parity", "one_vs_rest"):
        raise ValueError(f"task={task!r}; choose 'parity' or 'one_vs_rest'.")
    bunch = load_digits()
    total = len(bunch.target)
    n_test = total - n_train - n_reference if n_test is None else n_test
    if not (n_train > 0 and n_test >= 0 and n_train + n_test + n_reference <= total):
        aside = f", n_reference={n_reference}" if n_reference else ""
        raise ValueError(
            f"n_train={n_train} and n_test={n_test}{aside} do not fit into the {total} images there are."
        )
    order = np.random.default_rng(seed).permutation(total)
    train, test = order[:n_train], order[n_train : n_train + n_test]
    reference = order[total - n_reference :] if n_reference else train
    X = torch.as_tensor(bunch.data - bunch.data[reference].mean(axis=0))
    X = X / torch.linalg.vector_norm(X, dim=1, keepdim=True)
    labels = torch.as_tensor(bunch.target)
    if task == "parity":
        y = 1.0 - 2.0 * (labels % 2)
    else:
        y = 2.0 * torch.nn.functional.one_hot(labels, 10) - 1.0
    X, y = X.to(dtype), y.to(dtype)
    return Digits(X[train], y[train], X[test], y[test], labels[train], labels[test], bunch.images[train])


@dataclass(frozen=True)
class Table:
    """What a file holds, as it is: one row a sample, in the units of the file."""

    X: Tensor
    """(n, d) all columns but the target's."""
    y: Tensor
    """(n,) the target; of two words the first in the alphabet is −1, the other +1."""
    columns: tuple[str, ...]
    """The names of X's columns."""
    classes: tuple[str, str] | None
    """The two words that stand for −1 and +1, where the target is made of words."""

    def __len__(self) -> int:
        return len(self.y)

    @checked
    def split(self, n_train: int, seed: int = 0) -> tuple[Table, Table]:
        """A random part of so many rows to train on, and the rest to test with."""
        if not 0 < n_train < len(self):
            raise ValueError(
                f"n_train={n_train}: of {len(self)} rows some are for training, some for the test."
            )
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))
        parts = order[:n_train], order[n_train:]
        train, test = (replace(self, X=self.X[rows], y=self.y[rows]) for rows in parts)
        return train, test


@checked
def read_csv(path: Path | str, *, target: str, dtype: torch.dtype = torch.float64) -> Table:
    """A file of comma-separated values with a line of names, one column of which is to be learned.

    Args:
        path: of the file.
        target: the name of the column to learn, numbers or two different words.

    Raises:
        ValueError: what cannot be used, by its column and its row (0 is the first below the names): no such
            column, words where numbers are expected, missing entries, more or fewer than two words.
    """
    import pandas as pd

    check_dtype(dtype)
    frame = pd.read_csv(path)
    if target not in frame.columns:
        close = difflib.get_close_matches(target, map(str, frame.columns), 1)
        hint = f"; did you mean {close[0]!r}?" if close else f"; the columns are {list(frame.columns)}."
        raise ValueError(f"target={target!r} is no column of this file{hint}")
    if frame.shape[1] < 2 or frame.empty:
        raise ValueError(
            f"path: this file has {frame.shape[0]} rows and {frame.shape[1]} columns; no sample."
        )
    for name, column in frame.items():
        missing = np.flatnonzero(column.isna())
        if len(missing):
            more = f" and in {len(missing) - 1} more" if len(missing) > 1 else ""
            raise ValueError(
                f"path: column {name!r} has no entry in row {missing[0]}{more}; fill in what is missing, or "
                "leave those rows out."
            )
        words = np.flatnonzero(pd.to_numeric(column, errors="coerce").isna())
        if len(words) and name != target:
            raise ValueError(
                f"path: column {name!r} holds {column.iloc[words[0]]!r} in row {words[0]}, no number; leave "
                "the column out, or code it as numbers."
            )
    y, classes = frame.pop(target), None
    if not pd.api.types.is_numeric_dtype(y):
        classes = tuple(sorted(map(str, y.unique())))
        if len(classes) != 2:
            raise ValueError(
                f"target: column {target!r} holds {len(classes)} different words, e.g. {classes[0]!r}; "
                "two can be learned as −1 and +1, more of them one at a time."
            )
        y = 2 * (y.astype(str) == classes[1]) - 1
    X, labels = (torch.tensor(part.to_numpy(dtype=float), dtype=dtype) for part in (frame, y))
    return Table(X, labels, tuple(map(str, frame)), classes)
