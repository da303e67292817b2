"""The bound and the error that it bounds against n, and the squared error of trained networks (C19)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from implicit_tutorial.book.ch09_the_scale_of_the_initialization.studies import (
    BOUND_LIMIT,
    BOUND_NETWORK,
    KERNEL_LEARNING_CURVE,
    LEARNING_CURVE,
)
from implicit_tutorial.book.evidence import MEAN_FIELD, of_rows
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.prose import at_most

TARGETS = ("linear", "linear + quadratic")
_COLORS = {32: style.SERIES[2], 128: style.SERIES[4], 512: style.SERIES[0]}
_SYMBOLS = {32: "triangle-up", 128: "diamond", 512: "circle"}
_AXIS = {"x_title": "samples n", "x_log": True, "x_range": (13, 1300), "x_ticks": (16, 64, 256, 1024)}


def bound_curve(target: str) -> pd.DataFrame:
    """Means over three samples of the bound and the errors at infinite width, one row an n."""
    frame = BOUND_LIMIT.table
    columns = ["total", "training_error", "test_error", "mean_error"]
    return frame[frame["target"] == target].groupby("n_samples")[columns].mean()


def network_bounds(target: str, width: int) -> pd.DataFrame:
    """The bounds of networks of one width, in the order of n."""
    frame = BOUND_NETWORK.table
    return frame[(frame["target"] == target) & (frame["width"] == width)].sort_values("n_samples")


def kernel_curve(target: str) -> pd.DataFrame:
    """Means over five samples of what infinite width says of the squared error at κ = 1, one row an n."""
    frame = KERNEL_LEARNING_CURVE.table
    return frame[frame["target"] == target].groupby("n_samples")[["bias2", "var"]].mean()


def network_errors(target: str, output_scale: float) -> pd.DataFrame:
    """The finished networks of a target and an output scale, trained by gradient flow."""
    chosen = "target == @target and output_scale == @output_scale and status == 'finished'"
    return LEARNING_CURVE.table.query(chosen)


@explorer("learning-curves")
def learning_curves() -> Explorer:
    """Bound and error of the sign, and the squared error of flow, against the number of samples."""
    trained = pd.concat([network_errors(target, 1.0) for target in TARGETS])
    return Explorer(
        lambda target: [_signs(target), _squares(target)],
        [Control("target", TARGETS, start="linear + quadratic")],
        tag=MEAN_FIELD | of_rows([(BOUND_NETWORK, BOUND_NETWORK.table), (LEARNING_CURVE, trained)]),
        caption="First: the error of the sign, for draws from the posterior. Dashed: the bound of C19 and "
        "the test error that it bounds, at infinite width; points: the same of networks, by 400 draws, at "
        "$\\kappa = 10$. Second: the squared test error of gradient flow, as points, and its limit, dashed, "
        "at $\\kappa = 1$. " + _what_to_notice(),
        alt="Two log-log plots over the number of samples from 16 to 1024. " + _alt(),
        readout=_readout,
    )


def _signs(target: str) -> go.Figure:
    curve, shared = bound_curve(target), _AXIS | {"y_log": True, "height": 440, "legend_rows": 5}
    figure = style.figure(title="error of the sign", y_range=(8e-3, 1.1), **shared)
    n = curve.index.to_numpy(dtype=float)
    figure.add_scatter(x=n, y=curve["total"], **style.theory("bound, infinite width", style.BOUND))
    figure.add_scatter(x=n, y=curve["test_error"], **style.theory("test error, infinite width", style.TEST))
    for m, symbol in _SYMBOLS.items():
        t = network_bounds(target, m)
        for column, color in (("total", style.BOUND), ("test_error", style.TEST)):
            look = style.points(f"m = {m}", color, symbol=symbol)
            figure.add_scatter(x=t["n_samples"], y=t[column], **look, showlegend=column == "total")
    return figure


def _squares(target: str) -> go.Figure:
    curve, rows = kernel_curve(target), network_errors(target, 1.0)
    curve = curve[curve.index >= _AXIS["x_range"][0]]
    shared = _AXIS | {"y_log": True, "height": 440, "legend_rows": 5}
    figure = style.figure(title="squared error of gradient flow", y_range=(3e-4, 2), **shared)
    n = curve.index.to_numpy(dtype=float)
    figure.add_scatter(x=n, y=curve["bias2"] + curve["var"], **style.theory("mean-field: bias² + κ² var"))
    for m in sorted(set(rows["width"])):
        here = rows[rows["width"] == m]
        look = style.points(f"m = {m}", _COLORS[m], symbol=_SYMBOLS[m])
        figure.add_scatter(x=here["n_samples"], y=here["test_error"], **look)
    return figure


def _readout(target: str) -> str:
    curve, t = bound_curve(target), network_bounds(target, 128).set_index("n_samples")
    return (
        f"At n = 1024: the sign of a draw is wrong at no more than {at_most(curve['total'][1024], 3)} of all "
        f"inputs at infinite width, {at_most(t['total'][1024], 3)} for a network of width 128; measured are "
        f"{curve['test_error'][1024]:.3f} and {t['test_error'][1024]:.3f}."
    )


def slope(n: np.ndarray, values: np.ndarray) -> float:
    """Exponent of the power of n that fits best in the logarithms."""
    return float(np.polyfit(np.log(n), np.log(values), 1)[0])


def apart() -> float:
    """By what share the bounds of all networks are off that of the limit, at the most."""
    shares = [
        (t["total"] / bound_curve(target)["total"].loc[t["n_samples"]].to_numpy() - 1).abs().max()
        for target in TARGETS
        for t in (network_bounds(target, m) for m in _SYMBOLS)
    ]
    return float(max(shares))


def _what_to_notice() -> str:
    return says(
        "**Notice** that the bound falls with every doubling of $n$, and that networks of every width lie "
        f"near it: within {at_most(100 * apart())} %.",
        all(bound_curve(target)["total"].is_monotonic_decreasing for target in TARGETS) and apart() < 0.15,
    )


def _alt() -> str:
    return says(
        "Bound and test error fall, the error below the bound; points of networks beside both. Then the "
        "squared error, which falls too.",
        all(
            (bound_curve(target)["total"] > bound_curve(target)["test_error"]).all()
            and (network_bounds(target, m)["total"] > network_bounds(target, m)["test_error"]).all()
            and (kernel_curve(target)["bias2"].loc[16:] + kernel_curve(target)["var"].loc[16:]).iloc[-1] < 0.2
            for target in TARGETS
            for m in _SYMBOLS
        ),
    )
