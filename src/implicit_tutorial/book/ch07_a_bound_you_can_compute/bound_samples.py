"""The bound against the number of samples: where it begins to say something (C15)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from implicit_tutorial.book.ch07_a_bound_you_can_compute.setting import TERMS, nothing_learned
from implicit_tutorial.book.ch07_a_bound_you_can_compute.studies import BOUND
from implicit_tutorial.book.evidence import THEOREM, stored
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style

_SCALE, _OUTPUTS = 0.2, (1e2, 1e5)
_SHOWN = ("total", "linear", "remainder", "confidence", "test_loss")
_AXES = {"x_log": True, "y_log": True, "x_range": (40, 2000), "y_range": (2e-3, 30)}


def by_samples(output_scale: float) -> pd.DataFrame:
    """The stored rows with true labels, σ_A = 0.2 and this κ, in the order of n."""
    t = BOUND.table
    chosen = (t["labels"] == "true") & (t["implicit_scale"] == _SCALE) & (t["output_scale"] == output_scale)
    return t[chosen].sort_values("n_samples")


def first_useful(output_scale: float) -> int:
    """The smallest n of the grid from which on the bound is below the loss of f = 0."""
    t = by_samples(output_scale)
    beats = (t["total"] < nothing_learned())[::-1].cummin()[::-1]
    return int(t.loc[beats, "n_samples"].min())


@explorer("bound-samples")
def bound_samples() -> Explorer:
    """The terms of the bound against n, for two output scales."""
    return Explorer(
        _draw,
        [Control("output_scale", _OUTPUTS, start=1e5, label="output_scale $\\kappa$", fmt=",.0f")],
        tag=THEOREM
        | stored(
            BOUND, where=f"labels == 'true' and implicit_scale == {_SCALE} and output_scale in {_OUTPUTS}"
        ),
        caption=(
            "The same network, of width 512, trained on more and more inputs, true labels, "
            "$\\sigma_A = 0.2$. Dotted: the loss of $f = 0$, which a useful bound must beat. **Move** "
            f"$\\kappa$. {_what_to_notice()}"
        ),
        alt=(f"Terms of the bound over the number of samples, both logarithmic. {_crossing()}"),
        readout=_readout,
    )


def _draw(output_scale: float) -> go.Figure:
    t = by_samples(output_scale)
    n = t["n_samples"].to_numpy(dtype=float)
    figure = style.figure(x_title="samples n", y_title="loss", **_AXES, x_ticks=n, height=420, legend_rows=4)
    for column in _SHOWN:
        name, color = TERMS[column]
        look = style.measured(name, color) | {"mode": "lines+markers"}
        figure.add_scatter(x=n, y=t[column].to_numpy(dtype=float), **look)
    # Below the terms that it is compared with, since on them it would not be seen.
    guide = 0.3 * t["confidence"].iloc[0] * (n / n[0]) ** -0.5
    figure.add_scatter(x=n, y=guide, **style.theory("slope −1/2"))
    level = [nothing_learned()] * 2
    return figure.add_scatter(x=[40, 2000], y=level, **style.guide("loss of f = 0"), showlegend=False)


def _readout(output_scale: float) -> str:
    last = by_samples(output_scale).iloc[-1]
    verdict = "beats" if last["total"] < nothing_learned() else "does not beat"
    return (
        f"At n = {last['n_samples']}: bound {last['total']:.3g}, which {verdict} the "
        f"{nothing_learned():.3f} of f = 0; test loss {last['test_loss']:.3f}."
    )


def slope(output_scale: float, column: str) -> float:
    """Exponent of n in a term of the bound, in the logarithms."""
    t = by_samples(output_scale)
    return float(np.polyfit(np.log(t["n_samples"]), np.log(t[column]), 1)[0])


def _falls_like_the_root() -> bool:
    return all(abs(slope(k, term) + 0.5) < 0.01 for k in _OUTPUTS for term in ("linear", "confidence"))


def _too_careful() -> pd.Series:
    return pd.concat([by_samples(k)["total"] / by_samples(k)["test_loss"] for k in _OUTPUTS])


def _what_to_notice() -> str:
    ends = [by_samples(k)["remainder"].iloc[[0, -1]].to_numpy() for k in _OUTPUTS]
    small, large = _OUTPUTS
    return " ".join(
        [
            says(
                "**Notice** that linear and confidence term fall like $1/\\sqrt n$, along the dashed line, "
                "and the remainder does not: with thirty-two times as many samples it is what "
                "it was, to three per cent.",
                _falls_like_the_root() and all(abs(b / a - 1) < 0.03 for a, b in ends),
            ),
            says(
                f"So the bound beats the dotted line only from $n = {first_useful(large)}$ on, and only for "
                f"the larger $\\kappa$; and the test loss is at least {_too_careful().min():.0f} times "
                "smaller than the bound.",
                (by_samples(small)["total"] > nothing_learned()).all()
                and by_samples(large)["total"].iloc[-1] < nothing_learned()
                and _too_careful().min() > 50,
            ),
        ]
    )


def _crossing() -> str:
    t = by_samples(_OUTPUTS[1]).set_index("n_samples")["total"]
    return says(
        "Linear and confidence terms fall with slope minus one half, the remainder is level. For the larger "
        "κ the sum crosses the dotted line of the loss of the zero function between 400 and 800 samples; the "
        "test loss is far below.",
        _falls_like_the_root()
        and all(abs(slope(k, "remainder")) < 0.05 for k in _OUTPUTS)
        and t[800] < nothing_learned() < t[400]
        and _too_careful().min() > 50,
    )
