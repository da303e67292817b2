"""What the small problem on the circle and the digits have in common, and what not (C16, C18)."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from implicit_tutorial.book.ch10_real_data.digit_laws import lazy_movement, runs
from implicit_tutorial.book.ch10_real_data.setting import IMPLICIT_SCALE, images, prediction
from implicit_tutorial.book.circle import circle_runs
from implicit_tutorial.book.tables import aligned
from implicit_tutorial.book.tasks import CIRCLE_SCALE, task
from implicit_tutorial.kernels import limit_kernels

_WIDTHS = (128, 256, 512)
#: The row with the price of labels that say nothing.
SHUFFLED = "price of shuffled labels (mean of all orders) over the labels' own"


def shuffled_price(K: Tensor, y: Tensor) -> float:
    """The mean of yᵀK⁻¹y over all orders of the labels, exactly."""
    B, n = torch.linalg.inv(K), len(y)
    square, product = y.square().mean(), (y.sum() ** 2 - y.square().sum()) / (n * (n - 1))
    return float(square * B.trace() + product * (B.sum() - B.trace()))


def half(K: Tensor, y: Tensor) -> float:
    """The share of the modes, the fastest first, that hold half of ‖y‖²."""
    part = (torch.linalg.eigh(K).eigenvectors.T @ y).square().flip(0).cumsum(0)
    return (int((part <= part[-1] / 2).sum()) + 1) / len(y)


@cache
def compared() -> dict[str, tuple[float, float]]:
    """Each number on the circle, and on even against odd, of the implicit layer alone at κ = 1."""
    (x, y, *_), d = task("circle"), images()
    samples = (x, y, CIRCLE_SCALE), (d.X, d.y, IMPLICIT_SCALE)
    kernels = [(limit_kernels(X, implicit_scale=s).implicit, y) for X, y, s in samples]
    circle = {m: circle_runs(m, 1.0) for m in _WIDTHS}
    digits = {m: rows for m, rows in runs("implicit layer").groupby("width")}
    found = {
        f"error over that at infinite width, m = {m}": (
            float((circle[m]["test_error"] / circle[m]["infinite_error"]).mean()),
            float(digits[m]["test_error"].mean()) / prediction().test_error,
        )
        for m in _WIDTHS
    }
    found["movement of A over the lazy law, m = 512"] = (
        float((circle[512]["movement"] / circle[512]["predicted_movement"]).mean()),
        float(digits[512]["movement"].mean()) / lazy_movement(512),
    )
    found[SHUFFLED] = tuple(shuffled_price(K, y) / float(y @ torch.linalg.solve(K, y)) for K, y in kernels)
    found["share of the modes that holds half of the labels"] = tuple(half(K, y) for K, y in kernels)
    return found


def circle_and_digits() -> str:
    """The comparison as text."""
    laid = ((name, *(f"{value:.2f}" for value in pair)) for name, pair in compared().items())
    return aligned([("", "circle", "digits"), *laid])
