"""Starting from the last equilibrium: the frames of a film, and the steps of training (C8)."""

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
from implicit_tutorial.book.ch04_solving_and_differentiating.setting import inputs
from implicit_tutorial.explorer import Control, Explorer, explorer, style

DIGIT, WIDTH, SCALE, LAST_ANGLE = 3, 256, 0.8, 30
ANGLE_STEPS = (0.2, 0.5, 1, 2, 5, 10)
TOLERANCES = (1e-2, 1e-4, 1e-10)
_SHOWN = 6
#: Training: width, number of steps, and their size in units of 1/λ_max(K).
_NARROW, _STEPS, _RATE = 128, 40, 0.3


@cache
def _digit() -> tuple[np.ndarray, np.ndarray]:
    """(8, 8) one image, 0 … 16, and the mean image (64,) that the data set subtracts."""
    data = it.data.digits("one_vs_rest")
    first = int(torch.nonzero(data.labels == DIGIT)[0])
    return data.images[first], data.images.reshape(-1, 64).mean(axis=0)


def turned(image: np.ndarray, angle: float) -> np.ndarray:
    """The image turned clockwise by so many degrees, pixels interpolated linearly."""
    return rotate(image, -float(angle), reshape=False, order=1)


@cache
def film(angle_step: float) -> tuple[np.ndarray, np.ndarray, Tensor]:
    """Angles (frames,), images (frames, 8, 8), and injections (frames, m) of a digit that turns by 30°."""
    image, mean = _digit()
    angles = angle_step * np.arange(round(LAST_ANGLE / angle_step) + 1)
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


def _tolerance() -> Control:
    return Control("tolerance", list(TOLERANCES), start=1e-4, fmt=lambda t: f"{t:.0e}".replace("e-0", "e-"))


@explorer("rotating-digit")
def rotating_digit() -> Explorer:
    """A film of a turning digit: sweeps a frame, from zero and from the last frame's equilibrium."""
    return Explorer(
        _draw_film,
        [
            Control("angle_step", list(ANGLE_STEPS), start=1, label="degrees a frame"),
            _tolerance(),
        ],
        caption=(
            f"A handwritten {DIGIT} turns by 30 degrees. First: its first {_SHOWN} frames. Second: Picard's "
            "sweeps for each frame, from zero and from the equilibrium of the frame before; dashed, what "
            "one evaluation of the map and the rate $\\sigma_A/\\sqrt2$ let one expect. **Move** the "
            "degrees a frame, then the tolerance. **Notice** that halving the step saves the same number of "
            "sweeps each time, whatever the tolerance."
        ),
        alt=(
            "A strip of small images of a digit, each turned a little further. Below, sweeps against the "
            "angle: a flat line for cold starts, and a lower one, close to a dashed line, for warm starts."
        ),
        readout=_film_words,
    )


def _draw_film(angle_step: float, tolerance: float) -> list[go.Figure]:
    angles, images, _ = film(angle_step)
    strip = np.full((8, 9 * _SHOWN - 1), np.nan)
    for k, image in enumerate(images[:_SHOWN]):
        strip[:, 9 * k : 9 * k + 8] = image.round(2)
    frames = style.blank(title=f"{angle_step:g}° a frame", height=170)
    frames.add_heatmap(
        z=strip[::-1], zmin=0, zmax=16, colorscale="Greys", showscale=False, hoverinfo="skip", name="frames"
    )
    run = screening(angle_step, tolerance)
    sweeps = style.figure(
        title="sweeps of each frame",
        x_title="angle in degrees",
        x_range=(0, LAST_ANGLE),
        y_range=(0, 1.15 * run.cold.max()),
        height=300,
    )
    sweeps.add_scatter(x=angles[1:], y=run.predicted.round(2), **style.theory("predicted"))
    sweeps.add_scatter(x=angles, y=run.cold, **style.measured("cold", style.SERIES[1]))
    sweeps.add_scatter(x=angles, y=run.warm, **style.measured("warm", style.SERIES[0]))
    return [frames, sweeps]


def _film_words(angle_step: float, tolerance: float) -> str:
    run = screening(angle_step, tolerance)
    return (
        f"{len(run.cold)} frames: {run.cold.sum()} sweeps from zero, {run.warm.sum()} from the last frame, "
        f"{100 * (1 - run.warm.sum() / run.cold.sum()):.0f} % saved."
    )


@dataclass(frozen=True)
class Descent:
    """Mean sweeps at each step of training: forward and adjoint, from zero and from the last step."""

    forward: tuple[np.ndarray, np.ndarray]
    adjoint: tuple[np.ndarray, np.ndarray]


@cache
def descent(tolerance: float) -> Descent:
    """Gradient descent on Θ with exact gradients, each problem solved twice: cold and warm."""
    X = inputs()
    net = it.EquilibriumNetwork(X.shape[1], _NARROW, implicit_scale=SCALE, seed=0)
    b, y, solver = net.injection(X).detach(), it.data.linear_quadratic(X), it.Picard(rtol=tolerance)
    step = _RATE * len(X) / float(torch.linalg.eigvalsh(it.network_kernels(net, X).implicit.detach())[-1])
    z = u = None
    rows = []
    with torch.no_grad():
        for _ in range(_STEPS):
            A = net.A
            cold, warm = (it.solve(A, b, solver=solver, z0=start) for start in (None, z))
            z = warm.z
            # With v for g the adjoint does not change when the loss does.
            back, again = (it.adjoint(A, z, net.v, solver=solver, u0=start) for start in (None, u))
            u = again.u
            rows.append([float(s.steps.double().mean()) for s in (cold, warm, back, again)])
            mismatch = (net.output(z) - y) * (net.implicit_scale / (net.width * len(X)))
            net.Theta -= step * (mismatch[:, None] * u).T @ z
    cold, warm, back, again = np.array(rows).T
    return Descent((cold, warm), (back, again))


@explorer("warm-training")
def warm_training() -> Explorer:
    """Sweeps of the forward and the adjoint solve along a training run, cold and warm."""
    return Explorer(
        _draw_training,
        [_tolerance()],
        caption=(
            f"Gradient descent on $\\Theta$, width {_NARROW}, $\\sigma_A = {SCALE}$. Mean sweeps of the "
            "forward solve (left) and of the adjoint solve (right) at each step, from zero and from the last "
            "step's solution. **Move** the tolerance. **Notice** that the distance between the two lines "
            "stays, and that the adjoint gains less: where a unit switches, it jumps."
        ),
        alt=(
            "Two plots of sweeps against the step of training. In each a flat line for cold starts, and a "
            "lower one for warm starts that falls as training settles."
        ),
        readout=_training_words,
    )


def _draw_training(tolerance: float) -> list[go.Figure]:
    run = descent(tolerance)
    panels = []
    for title, (cold, warm) in (("forward", run.forward), ("adjoint", run.adjoint)):
        panel = style.figure(
            title=title,
            x_title="step of gradient descent",
            y_title="sweeps",
            x_range=(0, _STEPS),
            y_range=(0, 50),
            height=310,
        )
        panel.add_scatter(y=cold, **style.measured("cold", style.SERIES[1]))
        panel.add_scatter(y=warm, **style.measured("warm", style.SERIES[0]))
        panels.append(panel)
    return panels


def _training_words(tolerance: float) -> str:
    run = descent(tolerance)
    (cold, warm), (back, again) = run.forward, run.adjoint
    return (
        f"{100 * (1 - warm.sum() / cold.sum()):.0f} % of the forward sweeps saved, "
        f"{100 * (1 - again.sum() / back.sum()):.0f} % of the adjoint's."
    )
