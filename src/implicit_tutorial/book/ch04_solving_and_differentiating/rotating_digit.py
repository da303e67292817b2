"""Starting from the last equilibrium: the frames of a film (C8)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import plotly.graph_objects as go
import torch
from scipy.ndimage import rotate
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.ch04_solving_and_differentiating.setting import STARTS, tolerance_control
from implicit_tutorial.book.drawing import picture
from implicit_tutorial.book.evidence import MEAN_FIELD, measured
from implicit_tutorial.explorer import Control, Explorer, explorer, style

DIGIT, WIDTH, SCALE, LAST_ANGLE = 3, 256, 0.8, 30
ANGLE_STEPS = (0.2, 0.5, 1, 2, 5, 10)
_SHOWN = 6


@cache
def _digit() -> tuple[np.ndarray, np.ndarray]:
    """(8, 8) one image, 0 … 16, and the mean image (64,) that the data set subtracts."""
    data = it.data.digits("one_vs_rest")
    first = int(torch.nonzero(data.labels == DIGIT)[0])
    return data.images[first], data.images.reshape(-1, 64).mean(axis=0)


def turned(image: np.ndarray, angle: float) -> np.ndarray:
    """The image turned clockwise by so many degrees, pixels interpolated linearly."""
    return rotate(image, -float(angle), reshape=False, order=1)


def _frames(angle_step: float) -> int:
    """The number of frames of a film."""
    return round(LAST_ANGLE / angle_step) + 1


@cache
def film(angle_step: float) -> tuple[np.ndarray, np.ndarray, Tensor]:
    """Angles (frames,), images (frames, 8, 8), and injections (frames, m) of a digit that turns by 30°."""
    image, mean = _digit()
    angles = angle_step * np.arange(_frames(angle_step))
    images = np.stack([turned(image, a) for a in angles])
    X = torch.as_tensor(images.reshape(len(images), 64) - mean)
    X = X / torch.linalg.vector_norm(X, dim=1, keepdim=True)
    return angles, images, network().injection(X).detach()


@cache
def network() -> it.EquilibriumNetwork:
    """The network that looks at the film."""
    return it.EquilibriumNetwork(64, WIDTH, implicit_scale=SCALE, seed=0)


@dataclass(frozen=True)
class Screening:
    """Sweeps of each frame, from zero, from the last frame's equilibrium, and as predicted for the latter."""

    cold: np.ndarray
    warm: np.ndarray
    predicted: np.ndarray


@cache
def screening(angle_step: float, tolerance: float) -> Screening:
    """Picard on every frame of the film."""
    _, _, b = film(angle_step)
    A, solver = network().A.detach(), it.Picard(rtol=tolerance)
    cold = it.solve(A, b, solver=solver).steps.numpy()
    z, warm, predicted = None, [], []
    for k in range(len(b)):
        frame = b[k : k + 1]
        if z is not None:
            # One evaluation of the map tells how far there is to go.
            change = torch.relu(z @ A.T + frame) - z
            share = float(change.norm() / z.norm())
            predicted.append(1 + max(0.0, math.log(tolerance / share) / math.log(SCALE / math.sqrt(2))))
        solution = it.solve(A, frame, solver=solver, z0=z)
        z = solution.z
        warm.append(int(solution.steps))
    return Screening(cold, np.array(warm), np.array(predicted))


@explorer("rotating-digit")
def rotating_digit() -> Explorer:
    """A film of a turning digit: sweeps a frame, from zero and from the last frame's equilibrium."""
    return Explorer(
        _draw,
        [Control("angle_step", list(ANGLE_STEPS), start=1, label="degrees a frame"), tolerance_control()],
        tag=MEAN_FIELD | measured(width=WIDTH, seeds=1, samples=map(_frames, ANGLE_STEPS)),
        caption=(
            f"A handwritten {DIGIT} turns by 30 degrees, before a network with $\\sigma_A = {SCALE}$. "
            f"First: its first frames, {_SHOWN} at most. Second: Picard's "
            "sweeps for each frame, from zero and from the equilibrium of the frame before; dashed, what "
            "one evaluation of the map and the rate $\\sigma_A/\\sqrt2$ let one expect. **Move** the "
            "degrees a frame, then the tolerance. **Notice** that halving the step saves about as many "
            "sweeps more each time, as long as more than one or two are left."
        ),
        alt=(
            "A strip of small images of a digit, each turned a little further. Second, sweeps against the "
            "angle: a flat line for cold starts, and one for warm starts, mostly lower, close to a dashed "
            "line."
        ),
        readout=_readout,
    )


def _draw(angle_step: float, tolerance: float) -> list[go.Figure]:
    angles, images, _ = film(angle_step)
    strip = np.full((8, 9 * _SHOWN - 1), np.nan)
    for k, image in enumerate(images[:_SHOWN]):
        strip[:, 9 * k : 9 * k + 8] = image.round(2)
    frames = style.blank(title=f"{angle_step:g}° a frame", height=170)
    frames.add_heatmap(**picture(strip), name="frames")
    run = screening(angle_step, tolerance)
    axes = {"x_range": (0, LAST_ANGLE), "y_range": (0, 1.15 * run.cold.max())}
    sweeps = style.figure(title="sweeps of each frame", x_title="angle in degrees", **axes, height=300)
    sweeps.add_scatter(x=angles[1:], y=run.predicted.round(2), **style.theory("predicted"))
    for start, color in STARTS.items():
        sweeps.add_scatter(x=angles, y=getattr(run, start), **style.measured(start, color))
    return [frames, sweeps]


def _readout(angle_step: float, tolerance: float) -> str:
    run = screening(angle_step, tolerance)
    return (
        f"{len(run.cold)} frames: {run.cold.sum()} sweeps from zero, {run.warm.sum()} from the last frame, "
        f"{100 * (1 - run.warm.sum() / run.cold.sum()):.0f} % saved."
    )
