"""Error against n, m and κ, with the kernel's exact learning curve (C19)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from implicit_tutorial.book.ch09_the_scale_of_the_initialization.studies import (
    KERNEL_LEARNING_CURVE,
    LEARNING_CURVE,
)
from implicit_tutorial.book.evidence import MEAN_FIELD, stored
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style

TARGETS = ("linear", "linear + quadratic")
_COLORS = {128: style.SERIES[4], 512: style.SERIES[0]}
_AXIS = {"x_title": "samples n", "x_log": True, "x_range": (13, 1300), "x_ticks": (16, 64, 256, 1024)}


def kernel_curve(target: str) -> pd.DataFrame:
    """Means over five samples of all that infinite width says at κ = 1, one row an n.

    ``bound`` is the Rademacher complexity; the linear term of C15 is twice that, for a 1-Lipschitz loss.
    """
    frame = KERNEL_LEARNING_CURVE.table
    columns = ["bias2", "var", "labels_price", "initialization_price", "bound"]
    means = frame[frame["target"] == target].groupby("n_samples")[columns].mean()
    return means.assign(linear_term=2 * means["bound"])


def network_errors(target: str, output_scale: float) -> pd.DataFrame:
    """The finished networks of a target and an output scale."""
    chosen = "target == @target and output_scale == @output_scale and status == 'finished'"
    return LEARNING_CURVE.table.query(chosen)


@explorer("learning-curves")
def learning_curves() -> Explorer:
    """Test error of networks and of the kernel, and the two prices, against the number of samples."""

    def draw(target: str, output_scale: float) -> list[go.Figure]:
        curve, rows = kernel_curve(target), network_errors(target, output_scale)
        curve = curve[curve.index >= _AXIS["x_range"][0]]
        n = curve.index.to_numpy(dtype=float)
        shared = _AXIS | {"y_log": True, "height": 420, "legend_rows": 4}
        error = style.figure(title="test error", y_range=(3e-5, 2), **shared)
        prices = style.figure(title="what the bound sees", y_range=(0.1, 3000), **shared)
        error.add_scatter(x=n, y=curve["bias2"], **style.theory("mean-field: bias²", style.SERIES[2]))
        total = curve["bias2"] + output_scale**2 * curve["var"]
        error.add_scatter(x=n, y=total, **style.theory("mean-field: bias² + κ² var"))
        for m, color in _COLORS.items():
            here = rows[rows["width"] == m]
            error.add_scatter(x=here["n_samples"], y=here["test_error"], **style.points(f"m = {m}", color))
        for column, name, color in (
            ("labels_price", "price of the labels", style.SERIES[3]),
            ("initialization_price", "of the initialization", style.SERIES[6]),
            ("linear_term", "the bound's linear term, κ = 1", style.SERIES[1]),
        ):
            prices.add_scatter(x=n, y=curve[column], **style.theory(name, color))
        return [error, prices]

    def readout(target: str, output_scale: float) -> str:
        rows, curve = network_errors(target, output_scale), kernel_curve(target)
        said = []
        for m in _COLORS:
            here = rows[(rows["width"] == m) & (rows["n_samples"] == 256)]
            said.append(f"{here['test_error'].mean():.2g} at m = {m}")
        exact = curve["bias2"][256] + output_scale**2 * curve["var"][256]
        return f"At n = 256: {', '.join(said)}, {exact:.2g} at infinite width."

    curves = {target: kernel_curve(target) for target in TARGETS}
    means = {
        (target, kappa): network_errors(target, kappa).groupby(["width", "n_samples"])["test_error"].mean()
        for target in TARGETS
        for kappa in (0.3, 1.0)
    }
    sink = all((means[target, 0.3] < means[target, 1.0]).all() for target in TARGETS)
    prices = ("labels_price", "initialization_price")
    growth = {c: [curve[c][1024] / curve[c][512] - 1 for curve in curves.values()] for c in prices}
    labels, initialization = (growth[c] for c in prices)
    off = [
        rows["test_error"]
        / [curves[target]["bias2"][n] + k**2 * curves[target]["var"][n] for n in rows["n_samples"]]
        for target, k in means
        for rows in [network_errors(target, k)]
    ]
    steeper = all(
        slope(c.index.to_numpy(), c["bias2"]) < slope(c.index.to_numpy(), c["bias2"] + k**2 * c["var"]) - 0.3
        for c in (curve[curve.index >= 16] for curve in curves.values())
        for k in (0.3, 1.0)
    )
    return Explorer(
        draw,
        [
            Control("target", TARGETS, start="linear + quadratic"),
            Control("output_scale", [0.3, 1.0], start=1.0, label="output_scale $\\kappa$", fmt="g"),
        ],
        tag=MEAN_FIELD | stored(LEARNING_CURVE),
        caption="First: test error against the number of samples. Points: networks of two widths; dashed, "
        "mean-field: the kernel's exact curve, with the initialization's part and without. Second: what the "
        "bound's linear term is made of, at infinite width. "
        + says("**Move** $\\kappa$ down: the points sink with the dashed line. ", sink)
        + says(
            f"**Notice** that the price of the labels levels off, while that of the initialization does not: "
            f"from 512 samples to 1024 the one grows by at most {100 * max(labels):.0f} %, the other by "
            f"{100 * min(initialization):.0f} %.",
            max(labels) < 0.02 and min(initialization) > 0.4,
        ),
        alt="Two log-log plots over the number of samples from 16 to 1024. "
        + says(
            "First, two falling dashed curves, the lower one steeper, and points of networks, from a sixth "
            "of the upper curve to about twice that curve. ",
            steeper and all(ratio.between(0.16, 2.2).all() for ratio in off),
        )
        + says(
            "Second, the labels' price, which flattens, the initialization's price, which rises, and the "
            "falling linear term of the bound.",
            all(curve["linear_term"].is_monotonic_decreasing for curve in curves.values())
            and all(curve["initialization_price"].is_monotonic_increasing for curve in curves.values())
            and max(labels) < 0.02,
        ),
        readout=readout,
    )


def slope(n: np.ndarray, values: np.ndarray) -> float:
    """Exponent of the power of n that fits best in the logarithms."""
    return float(np.polyfit(np.log(n), np.log(values), 1)[0])
