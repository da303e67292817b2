"""Why labels of digits can be learned: their share in the fast modes of the kernel, and their price."""

from __future__ import annotations

from functools import cache

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from implicit_tutorial.book.ch10_real_data.setting import IMPLICIT_SCALE, images
from implicit_tutorial.book.evidence import MEAN_FIELD
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.kernels import limit_kernels

CHOICES = ("even or odd", "below five", "even or odd, shuffled")


@cache
def spectrum() -> tuple[Tensor, Tensor]:
    """Eigenvalues of K₁ on the 500 training images, the largest first, and their eigenvectors by columns."""
    values, vectors = torch.linalg.eigh(limit_kernels(images().X, implicit_scale=IMPLICIT_SCALE).implicit)
    return values.flip(0), vectors.flip(1)


def labels(choice: str) -> Tensor:
    """(500,) labels ±1."""
    d = images()
    if choice == "below five":
        return 2.0 * (d.labels < 5).to(d.y) - 1.0
    order = torch.randperm(len(d.y), generator=torch.Generator().manual_seed(0))
    return d.y[order] if choice == CHOICES[2] else d.y


def shares(choice: str) -> np.ndarray:
    """(500,) share of ‖y‖² within the k fastest modes."""
    y = labels(choice)
    part = (spectrum()[1].T @ y).square()
    return (part.cumsum(0) / y.square().sum()).numpy()


def price(choice: str) -> float:
    """yᵀK₁⁻¹y."""
    values, vectors = spectrum()
    return float(((vectors.T @ labels(choice)).square() / values).sum())


@explorer("label-modes")
def label_modes() -> Explorer:
    """The kernel's spectrum, and how much of the labels its first k modes hold."""
    k = np.arange(1, len(images().y) + 1)

    def draw(labels: str) -> list[go.Figure]:
        shared = {"x_log": True, "x_range": (0.9, 560), "height": 380, "legend_rows": 2}
        rate = {"y_title": "eigenvalue of K₁", "y_log": True, "y_range": (1e-3, 100)}
        values = style.figure(title="rate of a mode", x_title="mode k, the fastest first", **rate, **shared)
        share = {"title": "share of the labels in the first k", "y_range": (0, 1.02)}
        held = style.figure(x_title="mode k", **share, **shared)
        values.add_scatter(x=k, y=spectrum()[0].numpy(), **style.measured("K₁"))
        values.update_layout(showlegend=False)
        held.add_scatter(x=k, y=shares(labels), **style.measured("these labels", style.TARGET))
        held.add_scatter(x=k, y=k / len(k), **style.theory("labels at random, on average"))
        return [values, held]

    def readout(labels: str) -> str:
        share = shares(labels)
        half = int(np.argmax(share > 0.5)) + 1
        return (
            f"Half of the labels lies in the first {half} of {len(share)} modes; price {price(labels):.0f}."
        )

    modes = spectrum()[0]
    fall = float(modes[0] / modes[-1])
    off = np.abs(shares(CHOICES[2]) - k / len(k)).max()
    half = [int(np.argmax(shares(choice) > 0.5)) + 1 for choice in CHOICES[:2]]
    return Explorer(
        draw,
        [Control("labels", CHOICES)],
        tag=MEAN_FIELD.on(samples=len(images().y)),
        caption="First: how fast the limit kernel at $\\sigma_A = 1/2$ learns each of its modes on 500 "
        "digits. Second: how much of the labels lies in the first $k$. **Choose** the labels. "
        + says(
            f"**Notice** that the first {max(half)} modes hold half of those with a meaning, or more, ",
            max(half) <= 10,
        )
        + says(
            "and that shuffled ones stay within 0.04 of the dashed line: they are spread over all.",
            off < 0.04,
        ),
        alt="First, the eigenvalues of the kernel, falling "
        + says("almost a thousandfold over 500 modes. ", 800 < fall < 1000)
        + says(
            "Second, the cumulative share of the labels: for digits it passes one half within ten modes, for "
            "shuffled labels it grows in proportion to k.",
            max(half) <= 10 and off < 0.04,
        ),
        readout=readout,
    )
