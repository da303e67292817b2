"""What a network of a given width learns on the circle, with the infinite-width mean and band (C16)."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

import implicit_tutorial as it
from implicit_tutorial.book.evidence import MEAN_FIELD, measured
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.generalization import Prediction

WIDTHS, OUTPUTS, SCALES = (32, 64, 128, 256), (0.5, 1.0, 3.0), (0.3, 0.5, 0.8)
_ANGLES = torch.linspace(-math.pi, math.pi, 61, dtype=torch.float64)
_AT = torch.tensor([-2.8, -2.1, -1.2, -0.5, 0.2, 1.0, 1.6, 2.5], dtype=torch.float64)


def target(angle: Tensor) -> Tensor:
    """One slow wave and one faster."""
    return torch.sin(angle) + 0.5 * torch.cos(3 * angle)


@cache
def prediction(output_scale: float, implicit_scale: float) -> Prediction:
    """Infinite width (C16)."""
    (X, y), (X_test, y_test) = ((it.data.circle(angle), target(angle)) for angle in (_AT, _ANGLES))
    scales = {"implicit_scale": implicit_scale, "output_scale": output_scale}
    return it.infinite_width_prediction(X, y, X_test, y_test, **scales)


@cache
def learned(width: int, output_scale: float, implicit_scale: float) -> np.ndarray | None:
    """The trained network at 61 angles; None where training lost the equilibrium."""
    solver = it.Newton() if width <= 64 else it.Picard(rtol=1e-8, max_steps=500)
    scales = {"implicit_scale": implicit_scale, "output_scale": output_scale}
    net = it.EquilibriumNetwork(2, width, seed=1, solver=solver, **scales)
    X, until = it.data.circle(_AT), it.Until(loss=4e-4, steps=100)
    history = it.train(net, X, target(_AT), method=it.ExponentialFlow(rtol=0.1), until=until, throw=False)
    if history.attrs["status"] != it.training.TrainingStatus.LOSS_REACHED:
        return None
    with torch.no_grad():
        return net(it.data.circle(_ANGLES)).numpy()


def from_the_middle(width: int, output_scale: float, implicit_scale: float) -> float:
    """Root mean square distance of the network from the mean at infinite width; nan if it is lost."""
    f, mean = learned(width, output_scale, implicit_scale), prediction(output_scale, implicit_scale).mean
    return math.nan if f is None else math.sqrt(np.square(f - mean.numpy()).mean())


def curve_error(width: int, output_scale: float, implicit_scale: float) -> float:
    """Mean square error of the network over the angles; nan if it is lost."""
    f = learned(width, output_scale, implicit_scale)
    return math.nan if f is None else float(np.square(f - target(_ANGLES).numpy()).mean())


def outside(width: int, output_scale: float, implicit_scale: float) -> float:
    """Share of the angles at which the network is outside of the band."""
    low, high = (v.numpy() for v in prediction(output_scale, implicit_scale).band)
    f = learned(width, output_scale, implicit_scale)
    return math.nan if f is None else float(((f < low) | (f > high)).mean())


@explorer("learned-curve")
def learned_curve() -> Explorer:
    """The function of one trained network inside the band of all infinitely wide ones (C16)."""
    wider = [np.diff([prediction(k, s).variance.mean() for k in OUTPUTS]).min() > 0 for s in SCALES]
    same = [torch.allclose(prediction(OUTPUTS[0], s).mean, prediction(OUTPUTS[-1], s).mean) for s in SCALES]
    farthest = [
        max(WIDTHS, key=lambda m, k=k, s=s: from_the_middle(m, k, s)) for k in (0.5, 1.0) for s in SCALES
    ]
    return Explorer(
        _draw,
        [
            Control("width", WIDTHS, start=256),
            Control("output_scale", OUTPUTS, start=1.0, label="output_scale $\\kappa$", fmt="g"),
            Control("implicit_scale", SCALES, start=0.5, label="implicit_scale $\\sigma_A$", fmt="g"),
        ],
        tag=MEAN_FIELD | measured(width=WIDTHS, seeds=1, samples=len(_AT)),
        caption="Eight points of a curve on the circle (dotted). Dashed with its band: mean and two standard "
        "deviations of infinitely wide networks, trained (mean-field for the network beside them); solid: "
        "one network. **Move** $\\kappa$ first, then the width. "
        + says(
            "**Notice** that the band widens with $\\kappa$ and that its middle stays, ",
            all(wider) and all(same),
        )
        + says(
            "and that at $\\kappa = 0.5$ and $1$ it is the narrowest of the four networks that is farthest "
            "from that middle.",
            set(farthest) == {min(WIDTHS)},
        ),
        alt="A curve over the angle with eight training points, through which a dashed mean with a shaded "
        "band and the solid function of one network pass. "
        + says("The larger the output scale, the wider the band.", all(wider)),
        readout=_readout,
    )


def _draw(width: int, output_scale: float, implicit_scale: float) -> go.Figure:
    p, f = prediction(output_scale, implicit_scale), learned(width, output_scale, implicit_scale)
    x = _ANGLES.numpy()
    low, high = (v.numpy() for v in p.band)
    angle = {"x_title": "angle", "x_range": (-math.pi, math.pi)}
    figure = style.figure(**angle, y_title="f", y_range=(-3, 3), height=430, legend_rows=4)
    x_twice, outline = np.concatenate([x, x[::-1]]), np.concatenate([high, low[::-1]])
    shade = {"fill": "toself", "fillcolor": "rgba(128,128,128,0.2)", "line": {"width": 0}}
    figure.add_scatter(x=x_twice, y=outline, name="two deviations", hoverinfo="skip", **shade)
    figure.add_scatter(x=x, y=p.mean.numpy(), **style.theory("mean at infinite width"))
    figure.add_scatter(x=x, y=target(_ANGLES).numpy(), **style.guide("target", style.TARGET))
    figure.add_scatter(x=x, y=[] if f is None else f, **style.measured("this network"))
    samples = style.points("samples", style.TARGET, size=9)
    return figure.add_scatter(x=_AT.numpy(), y=target(_AT).numpy(), **samples)


def _readout(width: int, output_scale: float, implicit_scale: float) -> str:
    expected = _expected(prediction(output_scale, implicit_scale))
    if learned(width, output_scale, implicit_scale) is None:
        return f"{expected}. This network loses its equilibrium, or its way, in training."
    return f"{expected}; this network: {curve_error(width, output_scale, implicit_scale):.4f}."


def _expected(p: Prediction) -> str:
    """bias² and κ² var with their sum, rounded so that a reader can add them up."""
    bias2, spread = round(p.bias2, 4), round(p.test_error, 4) - round(p.bias2, 4)
    return says(
        f"Expected at infinite width: bias² {bias2:.4f} + κ² var {spread:.4f} = {p.test_error:.4f}",
        abs(spread - p.output_scale**2 * p.var) < 1.01e-4,
    )
