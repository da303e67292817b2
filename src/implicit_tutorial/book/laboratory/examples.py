"""The samples that the laboratory begins with, each with the lines of Python that make it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

import implicit_tutorial as it

_CIRCLE = """\
degrees = torch.tensor([*range(8, 229, 22), 310, 332])
angles = torch.deg2rad(degrees.double())
X = it.data.circle(angles)"""
_EVERYWHERE = """\
angles = torch.linspace(0, 2 * torch.pi, 49, dtype=torch.float64)[:-1]
X_test = it.data.circle(angles)"""
_WAVE = "torch.sin(angles) + 0.6 * torch.cos(4 * angles)"
_STEP = "torch.where(angles < torch.pi, 1.0, -1.0).double()"


@dataclass(frozen=True)
class Example:
    """Inputs on the unit sphere and labels, to train on and to test with."""

    name: str
    code: str
    """Makes ``X, y, X_test, y_test``, given ``torch`` and ``it``."""

    @cache  # noqa: B019, there are four
    def tensors(self) -> dict[str, Tensor]:
        found: dict[str, Any] = {"torch": torch, "it": it}
        exec(self.code, found)  # the reader is given the same lines
        return {name: found[name] for name in ("X", "y", "X_test", "y_test")}

    def document(self) -> dict[str, Any]:
        """What the page needs of it."""
        numbers = {name: tensor.tolist() for name, tensor in self.tensors().items()}
        return {"name": self.name, "code": self.code.splitlines()} | numbers


EXAMPLES = (
    Example(
        "the function on the circle",
        f"{_CIRCLE}\ny = {_WAVE}\n{_EVERYWHERE}\ny_test = {_WAVE}",
    ),
    Example(
        "noise on the circle",
        f"{_CIRCLE}\ny = it.data.noise(X, seed=0)\n{_EVERYWHERE}\ny_test = it.data.noise(X_test, seed=1)",
    ),
    Example(
        "a step on the circle",
        f"{_CIRCLE}\ny = {_STEP}\n{_EVERYWHERE}\ny_test = {_STEP}",
    ),
    Example(
        "a ReLU teacher in 6 dimensions",
        "X = it.data.sphere(60, 6, seed=0)\ny = it.data.relu_teacher(X, seed=0)\n"
        "X_test = it.data.sphere(60, 6, seed=1)\ny_test = it.data.relu_teacher(X_test, seed=0)",
    ),
)
