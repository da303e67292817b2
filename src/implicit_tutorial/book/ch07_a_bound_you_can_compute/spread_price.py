"""What a wider prior costs and buys: the kl that it allows, against training error (C21)."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.evidence import MEAN_FIELD
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.generalization.confidence import largest_error, maurer
from implicit_tutorial.generalization.posterior import Posterior, Spectrum, linear_error

N_SAMPLES, SCALE = 500, 0.5
NOISES = (0.25, 0.5, 1.0, 2.0, 4.0)
SPREADS = tuple(2.0 ** (k / 4) for k in range(-12, 13))
_CURVES = {
    "bound": ("bound", style.BOUND),
    "training": ("training error", style.TRAIN),
    "entropy": ("allowed kl", style.SERIES[0]),
}


@cache
def prices(noise: float) -> pd.DataFrame:
    """One row a spread: even digits against odd ones at infinite width, with one prior to choose from."""
    spectrum, y, unit = _spectrum()
    constant, rows = float(np.log(maurer(N_SAMPLES) / 0.05)), []
    for spread in SPREADS:
        posterior = Posterior(spectrum, spread / unit, noise)
        error = linear_error(posterior, torch.zeros_like(y), y)
        entropy = (posterior.divergence + constant) / N_SAMPLES
        rows.append(
            {
                "spread": spread,
                "training": error,
                "entropy": entropy,
                "bound": largest_error(error, entropy),
                "directions": posterior.trace,
            }
        )
    return pd.DataFrame(rows)


@cache
def _spectrum() -> tuple[Spectrum, torch.Tensor, float]:
    """Of K₁, with the labels and √K₁(x, x)."""
    d = it.data.digits(n_train=N_SAMPLES, n_reference=97)
    K = it.limit_kernels(d.X, implicit_scale=SCALE).implicit
    return Spectrum.of(K, d.y), d.y, float(K[0, 0].sqrt())


def best(noise: float) -> pd.Series:
    """The row of the least bound."""
    return prices(noise).loc[prices(noise)["bound"].idxmin()]


@explorer("spread-price")
def spread_price() -> Explorer:
    """The bound and its two ingredients against the spread of the prior, for each noise s."""
    return Explorer(
        _draw,
        [Control("noise", NOISES, start=1.0, label="noise $s$ of the labels", fmt="g")],
        tag=MEAN_FIELD.on(samples=N_SAMPLES),
        caption=(
            f"Even digits against odd ones, {N_SAMPLES} images at infinite width, $\\sigma_A = 0.5$, one "
            "prior to choose from. To the right the prior lets outputs differ more. *Allowed kl*: the right "
            "side of the theorem, $(\\mathrm{KL}(Q\\Vert P) + \\ln(\\xi(n)/\\delta))/n$ where no "
            "draws and no choices are to be paid for. Dotted: guessing. "
            "**Move** $s$, with which the posterior takes the labels. " + _what_to_notice()
        ),
        alt="Three curves over the spread of the prior: bound, training error, allowed kl. "
        + says(
            "The bound falls to a lowest place between one half and two, and rises again.",
            all(_dips_once(noise) and 0.5 <= best(noise)["spread"] <= 2 for noise in NOISES),
        ),
        readout=_readout,
    )


def _draw(noise: float) -> go.Figure:
    t = prices(noise)
    ends = (SPREADS[0], SPREADS[-1])
    figure = style.figure(
        x_title="spread of the outputs under the prior",
        y_title="errors; nats a sample",
        x_log=True,
        x_range=ends,
        x_ticks=(1 / 4, 1 / 2, 1, 2, 4),
        y_range=(0, 1),
        height=380,
        legend_rows=2,
    )
    for column, (name, color) in _CURVES.items():
        figure.add_scatter(x=t["spread"], y=t[column], **style.theory(name, color))
    return figure.add_scatter(x=ends, y=[0.5, 0.5], **style.guide("guessing"), showlegend=False)


def _readout(noise: float) -> str:
    b = best(noise)
    return (
        f"Best at a spread of {b['spread']:.2g}: bound {b['bound']:.3f} from a training error of "
        f"{b['training']:.3f} and an allowed kl of {b['entropy']:.3f}; the labels decide "
        f"{b['directions']:.0f} directions."
    )


def _dips_once(noise: float) -> bool:
    signs = np.sign(np.diff(prices(noise)["bound"]))
    return int((np.diff(signs) != 0).sum()) == 1


def _what_to_notice() -> str:
    rows = [best(noise) for noise in NOISES]
    training, entropy, bound = ([row[name] for row in rows] for name in ("training", "entropy", "bound"))
    return says(
        "**Notice** that where the bound is lowest, a smaller $s$ buys fewer training errors with more "
        f"kl, and that the best bargain is $s = {NOISES[int(np.argmin(bound))]:g}$.",
        (np.diff(training) > 0).all() and (np.diff(entropy) < 0).all() and 0 < np.argmin(bound) < 4,
    )
