"""What is learned: a training sample and a test sample of one target, made from seeds."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from implicit_tutorial import data

#: The targets that the book compares.
TARGETS = ("linear", "linear + quadratic", "ReLU teacher", "degree 3", "noise")
#: Added to a sample's seed for its test points, its noise; samples of different seeds share nothing.
_TEST, _NOISE = 1_000_003, 2_000_003
#: The small problem that returns in every chapter: where its samples lie on the circle, with a gap after the
#: eleventh, and the angles at which a function is looked at, in degrees.
CIRCLE_SAMPLES = np.array([8, 30, 52, 74, 96, 118, 140, 162, 184, 206, 228, 310, 332], dtype=float)
CIRCLE_ANGLES = np.linspace(0, 360, 49)
#: The scale σ_A of the networks that learn it.
CIRCLE_SCALE = 0.8


class Task(NamedTuple):
    """Training and test points of one target."""

    X: Tensor
    y: Tensor
    X_test: Tensor
    y_test: Tensor


def circle_target(degrees: np.ndarray) -> np.ndarray:
    """A slow wave with a faster one on it: sin φ + 0.6 cos 4φ."""
    phi = np.radians(degrees)
    return np.sin(phi) + 0.6 * np.cos(4 * phi)


def on_circle(degrees: np.ndarray) -> Tensor:
    """(n, 2) points of the unit circle at these angles."""
    return data.circle(torch.as_tensor(np.radians(degrees)))


def task(target: str, **sample: Any) -> Task:
    """The labels of a target with noiseless test labels, on the sphere of R^d or on the circle.

    Args:
        target: a name of :data:`implicit_tutorial.data.TARGETS`, ``"degree k"`` for a spherical harmonic, or
            ``"circle"``, the small problem of every chapter, whose test points are equidistant.
        sample: what :func:`_on_sphere` takes; the circle's sample is always the same.

    Raises:
        ValueError: unknown target.
    """
    return _circle(**sample) if target == "circle" else _on_sphere(target, **sample)


def _circle() -> Task:
    at = CIRCLE_SAMPLES, CIRCLE_ANGLES[:-1]  # 0° and 360° are one point
    return Task(*(part for a in at for part in (on_circle(a), torch.as_tensor(circle_target(a)))))


def _on_sphere(
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
        n_samples, n_inputs, n_test: n, d, and the number of test points.
        noise: standard deviation of what is added to the training labels.
        data_seed: of both samples and of the noise; the target's own direction is the same for all seeds.
    """
    X, X_test = (data.sphere(k, n_inputs, seed=data_seed + s) for k, s in ((n_samples, 0), (n_test, _TEST)))
    if target.startswith("degree "):
        y, y_test = (data.harmonic(x, degree=int(target.removeprefix("degree "))) for x in (X, X_test))
    elif target == "noise":
        y, y_test = data.noise(X, seed=data_seed + _NOISE), torch.zeros(n_test, dtype=X.dtype)
    elif target in data.TARGETS:
        y, y_test = data.TARGETS[target](X), data.TARGETS[target](X_test)
    else:
        raise ValueError(f"target={target!r}; choose from {[*data.TARGETS, 'degree k', 'circle']}.")
    if noise:
        y = y + noise * data.noise(X, seed=data_seed + _NOISE)
    return Task(X, y, X_test, y_test)
