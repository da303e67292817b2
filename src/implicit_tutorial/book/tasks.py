"""What is learned: a training sample and a test sample of one target, made from seeds."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from implicit_tutorial import data

#: The targets that the book compares.
TARGETS = ("linear", "linear + quadratic", "ReLU teacher", "degree 3", "noise")
#: Added to a sample's seed for its test points, its noise; samples of different seeds share nothing.
_TEST, _NOISE = 1_000_003, 2_000_003


class Task(NamedTuple):
    """Training and test points of one target."""

    X: Tensor
    y: Tensor
    X_test: Tensor
    y_test: Tensor


def task(
    target: str,
    *,
    n_samples: int = 60,
    n_inputs: int = 6,
    noise: float = 0.0,
    n_test: int = 500,
    data_seed: int = 0,
) -> Task:
    """A uniform sample on the sphere of R^d with labels of variance about one, and noiseless test labels.

    Args:
        target: a name of :data:`implicit_tutorial.data.TARGETS`, or ``"degree k"`` for a spherical harmonic.
        n_samples, n_inputs, n_test: n, d, and the number of test points.
        noise: standard deviation of what is added to the training labels.
        data_seed: of both samples and of the noise; the target's own direction is the same for all seeds.

    Raises:
        ValueError: unknown target.
    """
    X, X_test = (data.sphere(k, n_inputs, seed=data_seed + s) for k, s in ((n_samples, 0), (n_test, _TEST)))
    if target.startswith("degree "):
        y, y_test = (data.harmonic(x, degree=int(target.removeprefix("degree "))) for x in (X, X_test))
    elif target == "noise":
        y, y_test = data.noise(X, seed=data_seed + _NOISE), torch.zeros(n_test, dtype=X.dtype)
    elif target in data.TARGETS:
        y, y_test = data.TARGETS[target](X), data.TARGETS[target](X_test)
    else:
        raise ValueError(f"target={target!r}; choose from {[*data.TARGETS, 'degree k']}.")
    if noise:
        y = y + noise * data.noise(X, seed=data_seed + _NOISE)
    return Task(X, y, X_test, y_test)
