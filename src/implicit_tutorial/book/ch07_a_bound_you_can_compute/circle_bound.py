"""On the circle: what a posterior knows of the function, and what is guaranteed of its sign (C21)."""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.drawing import angle_axis
from implicit_tutorial.book.evidence import MEAN_FIELD
from implicit_tutorial.book.says import says
from implicit_tutorial.book.tasks import CIRCLE_SCALE, circle_target, on_circle
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.generalization import PacBayesBound

SIZES = (13, 25, 50, 100, 200, 400)
ANGLES = np.linspace(0, 360, 181)


@cache
def samples(n: int) -> np.ndarray:
    """Angles in degrees, independent and uniform: the theorem's sample, unlike one that is placed by hand."""
    return np.random.default_rng(0).uniform(0, 360, 400)[:n]


@cache
def bound(n: int) -> PacBayesBound:
    """The bound at infinite width, tested all around the circle."""
    X, X_test = on_circle(samples(n)), on_circle(ANGLES[:-1])
    y, y_test = (torch.as_tensor(circle_target(a)) for a in (samples(n), ANGLES[:-1]))
    return it.pac_bayes_limit(X, y, X_test=X_test, y_test=y_test, implicit_scale=CIRCLE_SCALE)


@cache
def posterior(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the Gaussian process at :data:`ANGLES`."""
    scales, b = {"implicit_scale": CIRCLE_SCALE}, bound(n)

    def kernel(first: np.ndarray, second: np.ndarray) -> Tensor:
        return b.scale**2 * it.limit_kernels(on_circle(first), on_circle(second), **scales).implicit

    K = kernel(samples(n), samples(n)) + b.noise**2 * torch.eye(n, dtype=torch.float64)
    cross = kernel(ANGLES, samples(n))
    gain = torch.linalg.solve(K, cross.T).T
    variance = kernel(ANGLES[:1], ANGLES[:1]).squeeze() - (gain * cross).sum(dim=1)
    return (gain @ torch.as_tensor(circle_target(samples(n)))).numpy(), variance.sqrt().numpy()


@explorer("circle-bound")
def circle_bound() -> Explorer:
    """The posterior's band around the target, with the bound below."""
    return Explorer(
        _draw,
        [Control("n_samples", SIZES, label="samples $n$")],
        tag=MEAN_FIELD.on(samples=SIZES),
        caption=(
            "The function of the circle, learned from independent samples at infinite width, $\\sigma_A = "
            f"{CIRCLE_SCALE:g}$: the mean of "
            "the posterior with two standard deviations around it. A drawn function errs where it lies on "
            "the other side of zero than the target. **Move** $n$. " + _what_to_notice()
        ),
        alt="A target with a slow and a fast wave, samples on it, and a mean curve with a grey band. "
        + says(
            "The band gets narrower as samples are added, at every angle up to 200 of them; from there to "
            "400 it stays about as wide.",
            _narrower(),
        ),
        readout=_readout,
    )


def _draw(n_samples: int) -> go.Figure:
    mean, deviation = posterior(n_samples)
    figure = style.figure(x_title="input angle φ", y_range=(-2.6, 2.6), height=360, legend_rows=2)
    angle_axis(figure)
    low, high = mean - 2 * deviation, mean + 2 * deviation
    outline = {"x": np.concatenate([ANGLES, ANGLES[::-1]]), "y": np.concatenate([high, low[::-1]])}
    shade = {"fill": "toself", "fillcolor": "rgba(128,128,128,0.2)", "line": {"width": 0}}
    figure.add_scatter(**outline, name="± two deviations", hoverinfo="skip", **shade)
    figure.add_scatter(x=ANGLES, y=mean, **style.theory("mean of the posterior"))
    figure.add_scatter(x=ANGLES, y=circle_target(ANGLES), **style.guide("target", style.TARGET, width=2))
    at = samples(n_samples)
    points = style.points("samples", style.TARGET, size=7 if n_samples < 100 else 4)
    return figure.add_scatter(x=at, y=circle_target(at), **points)


def _readout(n_samples: int) -> str:
    b = bound(n_samples)
    word = "says nothing" if b.vacuous else "not vacuous"
    return (
        f"n = {n_samples}: a drawn function has the wrong sign on {100 * b.test_error:.1f} % of the circle, "
        f"guaranteed {math.ceil(100 * b.total)} % ({word}); the mean has it on {100 * b.mean_error:.1f} %."
    )


def _what_to_notice() -> str:
    totals, errors = ([getattr(bound(n), name) for n in SIZES] for name in ("total", "test_error"))
    first = next(n for n in SIZES if not bound(n).vacuous)
    return says(
        f"**Notice** that with 13 samples nothing is guaranteed, though {100 - 100 * errors[0]:.0f} % of the "
        f"signs are right; from {first} on something is, and the more samples, the more.",
        bound(13).vacuous
        and (np.diff(totals) < 0).all()
        and all(t > e for t, e in zip(totals, errors, strict=True))
        and errors[-1] < errors[0] / 3,
    )


def _narrower() -> bool:
    """Whether the band narrows at every angle up to 200 samples, and hardly changes from there to 400."""
    bands = {n: posterior(n)[1] for n in SIZES}
    few = [n for n in SIZES if n <= 200]
    narrower = all((bands[b] <= bands[a]).all() for a, b in itertools.pairwise(few))
    return bool(narrower) and few[-1] == 200 and abs(bands[400].mean() / bands[200].mean() - 1) < 0.02
