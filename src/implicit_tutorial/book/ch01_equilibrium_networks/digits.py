"""Handwritten digits on their way through an untrained equilibrium network."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.evidence import measured
from implicit_tutorial.explorer import Control, Explorer, explorer, style

WIDTH = 256
N_SHOWN = 10


class Pass(NamedTuple):
    """What the network makes of the shown test images, and of all of them."""

    z: np.ndarray
    """(shown, m) equilibria."""
    scores: np.ndarray
    """(shown, 10) outputs, one a digit."""
    steps: np.ndarray
    """(n,) Picard steps of every test image."""
    accuracy: float


def shown_images() -> list[int]:
    """Positions of the first test image of each digit."""
    labels = it.data.digits("one_vs_rest").labels_test
    return [int(torch.nonzero(labels == k)[0]) for k in range(N_SHOWN)]


@lru_cache
def digit_pass(scale: float) -> Pass:
    """Equilibria of all images; only the output layer is fitted, by least squares."""
    data = it.data.digits("one_vs_rest")
    net = it.EquilibriumNetwork(64, WIDTH, implicit_scale=scale, n_outputs=10, seed=0)
    with torch.no_grad():
        Z, solution = net.equilibrium(data.X).z, net.equilibrium(data.X_test)
        readout = torch.linalg.lstsq(Z, data.y).solution
        scores = solution.z @ readout
    accuracy = float((scores.argmax(dim=1) == data.labels_test).double().mean())
    rows = shown_images()
    return Pass(solution.z[rows].numpy(), scores[rows].numpy(), solution.steps.numpy(), accuracy)


def _pixels() -> np.ndarray:
    """(shown, 8, 8) the shown images as they were before centring, between 0 and 1."""
    data = it.data.digits("one_vs_rest")
    mean, X = data.images.mean(axis=0).ravel(), data.X_test[shown_images()].numpy()
    # An image has an empty pixel somewhere, and that tells the length it was divided by.
    length = np.min(np.where(X < 0, mean / np.where(X < 0, -X, 1), np.inf), axis=1, keepdims=True)
    return ((mean + length * X) / 16).reshape(-1, 8, 8)


@explorer("digits")
def digits() -> Explorer:
    """One image, the equilibrium it leads to, and the ten outputs that a fitted readout makes of it."""
    pixels = _pixels()
    side = round(WIDTH**0.5)

    def draw(digit: int, implicit_scale: float) -> list[go.Figure]:
        p = digit_pass(implicit_scale)
        states = style.figure(title="image x and equilibrium z", height=260)
        shared = {"showscale": False, "hovertemplate": "%{z:.3f}<extra></extra>"}
        states.add_heatmap(z=pixels[digit], zmin=0, zmax=1, colorscale="Greys", **shared)
        states.add_heatmap(z=p.z[digit].reshape(side, side), zmin=0, zmax=3, xaxis="x2", yaxis="y2", **shared)
        hidden = {"visible": False, "constrain": "domain"}
        states.update_layout(
            xaxis=hidden | {"domain": [0, 0.48]},
            yaxis=hidden | {"autorange": "reversed", "scaleanchor": "x"},
            xaxis2=hidden | {"domain": [0.52, 1], "anchor": "y2"},
            yaxis2=hidden | {"autorange": "reversed", "scaleanchor": "x2", "anchor": "x2"},
            margin={"l": 8, "r": 8, "b": 8},
        )
        scores = p.scores[digit]
        bars = style.figure(title="ten outputs", y_range=(-1.6, 1.6), height=260)
        colors = [style.HOLDS if k == scores.argmax() else style.GUIDE for k in range(10)]
        bars.add_bar(x=[str(k) for k in range(10)], y=scores, marker={"color": colors})
        bars.update_xaxes(type="category", tickmode="linear")
        return [states, bars]

    def readout(digit: int, implicit_scale: float) -> str:
        p = digit_pass(implicit_scale)
        z, steps = p.z[digit], p.steps[shown_images()[digit]]
        return (
            f"{steps} Picard steps; {100 * np.mean(z > 0):.0f} % of the units active; read as "
            f"{p.scores[digit].argmax()}. All test images: {p.steps.min()} to {p.steps.max()} steps, "
            f"{100 * p.accuracy:.1f} % read correctly."
        )

    scales = [0.2, 0.4, 0.6, 0.8, 1.0]
    return Explorer(
        draw,
        [
            Control("digit", list(range(N_SHOWN)), start=2),
            Control("implicit_scale", scales, start=0.8, label="implicit_scale $\\sigma_A$", fmt=".1f"),
        ],
        tag=measured(width=WIDTH, seeds=1, samples=len(it.data.digits("one_vs_rest").y)),
        caption=(
            "A test image, the state it settles to, and the outputs. Move `digit`, then `implicit_scale`: "
            "the steps in the line below multiply, while the accuracy hardly moves."
        ),
        alt=(
            "An image of a handwritten digit, eight by eight; the activations of 256 units "
            "as a square, about half of them zero; and ten bars, the largest of them at the digit that is "
            "read."
        ),
        readout=readout,
    )
