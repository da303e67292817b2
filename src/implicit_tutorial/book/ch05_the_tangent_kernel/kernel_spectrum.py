"""Which frequencies each layer learns: the kernels' spectra and eigenfunctions on the circle."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from implicit_tutorial.book.ch05_the_tangent_kernel.setting import (
    LAYERS,
    NOT_DRAWN,
    circle_angles,
    drawn,
    limit,
    scale_control,
)
from implicit_tutorial.book.drawing import angle_axis
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.kernels import Kernels

FREQUENCIES = np.arange(1, 21)
_SCALES = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.1, 1.2, 1.3, 1.35)


def fourier_pair(k: int, angles: np.ndarray) -> Tensor:
    """(n, 2) cos kφ and sin kφ at equally spaced angles, as orthonormal columns."""
    waves = np.stack([np.cos(k * angles), np.sin(k * angles)], axis=1)
    return torch.as_tensor(waves * math.sqrt(2 / len(angles)))


def eigenvalue(K: Tensor, k: int) -> float:
    """Mean of vᵀKv/n over the two waves of frequency k > 0 on n equally spaced angles.

    It is the eigenvalue when K depends on the difference of the angles alone.
    """
    n = len(K)
    waves = fourier_pair(k, 2 * math.pi * np.arange(n) / n)
    return float(torch.einsum("ik,ij,jk->", waves, K, waves)) / (2 * n)


def eigenfunction(K: Tensor, k: int) -> tuple[np.ndarray, np.ndarray, float]:
    """The eigenvector nearest to frequency k, its part of that frequency, and the share of that part.

    Both are scaled so that the wave has amplitude 1, and its first extremum is a maximum.
    """
    waves = fourier_pair(k, 2 * math.pi * np.arange(len(K)) / len(K))
    vectors = torch.linalg.eigh(K).eigenvectors
    parts = waves.T @ vectors
    best = int(parts.square().sum(dim=0).argmax())
    part, vector = parts[:, best], vectors[:, best]
    share = float(part.square().sum())
    wave = waves @ part
    phase = math.atan2(float(part[1]), float(part[0])) % (2 * math.pi)
    sign = 1.0 if phase < math.pi else -1.0
    amplitude = math.sqrt(2 * share / len(K))
    return sign * vector.numpy() / amplitude, sign * wave.numpy() / amplitude, share


@lru_cache
def _spectrum(scale: float, layer: str) -> tuple[np.ndarray, np.ndarray]:
    def eigenvalues(kernels: Kernels | None) -> np.ndarray:
        if kernels is None:
            return np.full(len(FREQUENCIES), np.nan)
        return np.array([eigenvalue(getattr(kernels, layer), int(k)) for k in FREQUENCIES])

    return eigenvalues(limit(scale)), eigenvalues(drawn(scale))


@explorer("kernel-spectrum")
def kernel_spectrum() -> Explorer:
    """Eigenvalue against frequency for each layer, and one eigenfunction of each layer's kernel."""
    degrees = np.degrees(circle_angles())
    offset = {"implicit": 5.2, "output": 2.6, "input": 0.0}

    def draw(implicit_scale: float, frequency: int) -> list[go.Figure]:
        axes = {"x_title": "frequency k", "x_log": True, "x_range": (0.85, 24), "y_range": (1e-7, 30)}
        spectra = style.figure(title="eigenvalues", **axes, y_log=True, height=400)
        spectra.update_xaxes(tickvals=[1, 2, 3, 5, 10, 20], ticktext=["1", "2", "3", "5", "10", "20"])
        spectra.add_scatter(x=[frequency] * 2, y=[1e-7, 30], **style.guide(), showlegend=False)
        title = f"eigenfunctions of frequency {frequency}"
        waves = style.figure(title=title, x_title="input angle φ", y_range=(-1.6, 6.9), height=400)
        angle_axis(waves)
        names = {"tickvals": list(offset.values()), "ticktext": [f"{layer}  " for layer in offset]}
        waves.update_yaxes(showgrid=False, zeroline=False, **names)
        kernels = drawn(implicit_scale)
        for layer in LAYERS:
            color, (exact, measured) = style.LAYERS[layer], _spectrum(implicit_scale, layer)
            spectra.add_scatter(x=FREQUENCIES, y=measured, **style.points(layer, color, size=6))
            spectra.add_scatter(x=FREQUENCIES, y=exact, **style.theory(None, color), showlegend=False)
            if kernels is None:
                wave = np.cos(frequency * circle_angles())
                vector = np.full(len(wave), np.nan)
            else:
                vector, wave, _ = eigenfunction(getattr(kernels, layer), frequency)
            line = style.theory(None, color, width=1.5)
            waves.add_scatter(x=degrees, y=wave + offset[layer], **line, showlegend=False)
            line = style.measured(layer, color)
            waves.add_scatter(x=degrees, y=vector + offset[layer], **line, showlegend=False)
        return [spectra, waves]

    def readout(implicit_scale: float, frequency: int) -> str:
        exact = {layer: _spectrum(implicit_scale, layer)[0][frequency - 1] for layer in LAYERS}
        faster = exact["implicit"] / exact["output"]
        text = f"Frequency {frequency}: implicit {faster:.3g} times as fast as output"
        if drawn(implicit_scale) is None:
            return f"{text}. {NOT_DRAWN}"
        share = eigenfunction(drawn(implicit_scale).implicit, frequency)[2]
        return f"{text}; {100 * share:.3g} % of this network’s eigenfunction is that wave."

    return Explorer(
        draw,
        [
            scale_control(_SCALES, start=0.8),
            Control("frequency", [1, 2, 3, 4, 5, 6], start=3, label="frequency $k$"),
        ],
        caption=(
            "First, how fast each layer alone learns the frequency $k$: points for one network of width 512, "
            "dashed for infinite width. Second, the eigenfunctions of that network, and dashed the pure wave "
            "in each. **Move** $\\sigma_A$ from 0.1 to 1.35. **Notice** that the implicit curve rises and "
            "flattens, while the output curve keeps falling as steeply as before."
        ),
        alt=(
            "First, eigenvalue against frequency on logarithmic axes: the output layer's falls like the "
            "inverse fourth power, the implicit and the input layer's like the inverse square. Second, three "
            "eigenfunctions around the circle, close to pure waves."
        ),
        readout=readout,
    )
