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
    N_CIRCLE,
    NOT_DRAWN,
    WIDTH,
    circle_angles,
    drawn,
    limit,
    scale_control,
)
from implicit_tutorial.book.drawing import angle_axis
from implicit_tutorial.book.evidence import MEAN_FIELD, measured
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.kernels import Kernels
from implicit_tutorial.prose import at_least

FREQUENCIES = np.arange(1, 21)
_SCALES = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.1, 1.2, 1.3, 1.35)
_SHOWN = (1, 2, 3, 4, 5, 6)


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


def steepness(scale: float, layer: str) -> float:
    """p of the power law k^−p that fits frequencies 2 to 20 best, in the logarithms, at infinite width."""
    return -float(np.polyfit(np.log(FREQUENCIES[1:]), np.log(_spectrum(scale, layer)[0][1:]), 1)[0])


@explorer("kernel-spectrum")
def kernel_spectrum() -> Explorer:
    """Eigenvalue against frequency for each layer, and one eigenfunction of each layer's kernel."""
    degrees = np.degrees(circle_angles())
    offset = {"implicit": 5.2, "output": 2.6, "input": 0.0}

    def draw(implicit_scale: float, frequency: int) -> list[go.Figure]:
        axes = {"x_title": "frequency k", "x_log": True, "x_range": (0.85, 24), "y_range": (1e-7, 30)}
        spectra = style.figure(title="eigenvalues", **axes, y_log=True, height=430)
        spectra.update_xaxes(tickvals=[1, 2, 3, 5, 10, 20], ticktext=["1", "2", "3", "5", "10", "20"])
        spectra.add_scatter(x=[frequency] * 2, y=[1e-7, 30], **style.guide(), showlegend=False)
        title = f"eigenfunctions of frequency {frequency}"
        waves = style.figure(title=title, x_title="input angle φ", y_range=(-4, 7.4), height=430)
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
        text = f"Frequency {frequency}, infinite width: implicit {faster:.3g} times as fast as output"
        if drawn(implicit_scale) is None:
            return f"{text}. {NOT_DRAWN}"
        share = eigenfunction(drawn(implicit_scale).implicit, frequency)[2]
        return f"{text}; {100 * share:.3g} % of this network’s implicit eigenfunction is that wave."

    return Explorer(
        draw,
        [
            scale_control(_SCALES, start=0.8),
            Control("frequency", _SHOWN, start=3, label="frequency $k$"),
        ],
        tag=MEAN_FIELD | measured(width=WIDTH, seeds=1, samples=N_CIRCLE),
        caption=(
            "First, how fast each layer alone learns the frequency $k$: points for one network of width 512, "
            "dashed for infinite width, mean-field. Second, the eigenfunctions of that network, and dashed "
            f"the pure wave in each. **Move** $\\sigma_A$ from 0.1 to 1.35. {_what_to_notice()}"
        ),
        alt=(
            "First, eigenvalue against frequency on logarithmic axes, three layers. "
            f"{_alike()} Second, three eigenfunctions around the circle. {_waves()}"
        ),
        readout=readout,
    )


def _what_to_notice() -> str:
    implicit = [_spectrum(scale, "implicit")[0] for scale in _SCALES]
    steep = [steepness(scale, "implicit") for scale in _SCALES]
    ahead = [steepness(scale, "output") - own for scale, own in zip(_SCALES, steep, strict=True)]
    late = ahead[_SCALES.index(0.4) :]
    zigzag = [(np.diff(_spectrum(scale, "output")[0]) > 0).any() for scale in _SCALES]
    return " ".join(
        [
            says(
                "**Notice** that the implicit curve rises at every frequency, and flattens: from "
                f"$k^{{-{steep[0]:.1f}}}$ to $k^{{-{steep[-1]:.1f}}}$, fitted to the frequencies 2 to 20.",
                (np.diff(implicit, axis=0) > 0).all() and (np.diff(steep) < 1e-9).all(),
            ),
            says(
                "The output curve jumps up and down up to 0.4, and flattens in the end too; but from "
                f"$\\sigma_A = 0.4$ on, at infinite width, it is the steeper one by {min(late):.1f} to "
                f"{max(late):.1f} powers.",
                zigzag == [scale <= 0.4 for scale in _SCALES]
                and min(late) > 1.85
                and max(late) < 2.15
                and steepness(_SCALES[-1], "output") < steepness(1.0, "output"),
            ),
        ]
    )


def _alike() -> str:
    apart = [steepness(s, "input") - steepness(s, "implicit") for s in _SCALES if s >= 0.4]
    steepest = all(
        steepness(s, "output") > 1.2 + max(steepness(s, layer) for layer in ("implicit", "input"))
        for s in _SCALES
    )
    return says(
        "The output layer's falls steepest at every scale; the implicit and the input layer's fall equally "
        "fast from 0.4 on, to a tenth of a power.",
        steepest and np.abs(apart).max() < 0.1,
    )


def _waves() -> str:
    settled = [kernels for scale in _SCALES if (kernels := drawn(scale)) is not None]
    least = {
        layer: min(eigenfunction(getattr(K, layer), k)[2] for K in settled for k in _SHOWN)
        for layer in LAYERS
    }
    return says(
        f"The implicit and the output layer's are pure waves to {at_least(100 * least['implicit'])} % or "
        f"more; the input layer's to {at_least(100 * least['input'])} % at least.",
        least["input"] < min(least["implicit"], least["output"])
        and round(100 * least["output"]) >= round(100 * least["implicit"]),
    )
