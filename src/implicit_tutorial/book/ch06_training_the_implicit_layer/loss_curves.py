"""Loss curves against what theory says of them, over the two initialization scales (C12, C13, C14)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch

import implicit_tutorial as it
from implicit_tutorial.book.ch06_training_the_implicit_layer.loss_run import (
    IMPLICIT,
    OUTPUT,
    SAMPLES,
    TIMES,
    WIDTH,
    limit_kernel,
    network,
    task,
)
from implicit_tutorial.book.ch06_training_the_implicit_layer.setting import decayed
from implicit_tutorial.book.ch06_training_the_implicit_layer.studies import LOSS_CURVES
from implicit_tutorial.book.evidence import MEAN_FIELD, THEOREM, stored
from implicit_tutorial.book.networks import ENDS
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.prose import at_most, powers
from implicit_tutorial.training import TrainingStatus


@dataclass(frozen=True)
class Curves:
    """One run and its theory, against time in units of 1/λ_max(K^∞)."""

    history: pd.DataFrame
    status: TrainingStatus
    end: str
    """What is proved where it ends (C20)."""
    time: np.ndarray
    """Of the rows of the history."""
    predicted: np.ndarray
    """Loss at the figure's times at infinite width (C14)."""
    lazy: np.ndarray
    """Movement ‖A − A₀‖_F at these times if the kernel were K^∞ throughout."""
    bound: np.ndarray
    """C13: L₀ exp(−2∫λ_min) at the rows of the history."""
    certificate: it.ConvergenceCertificate
    unit: float
    """1/λ_max(K^∞)."""


@lru_cache
def curves(implicit_scale: float, output_scale: float) -> Curves:
    """The stored run, and what theory says of it."""
    X, y = task()
    row = LOSS_CURVES.at(implicit_scale=implicit_scale, output_scale=output_scale)
    history = pd.DataFrame({name: row[name] for name in ("time", "train_loss", "movement", "norm_A")})
    K = limit_kernel(implicit_scale, output_scale)
    values, vectors = torch.linalg.eigh(K)
    unit = 1 / float(values[-1])
    certificate = it.convergence_certificate(network(implicit_scale, output_scale), X, y, claim="C12")
    e = decayed(K, -y, unit * TIMES)
    decay = torch.exp(-values * torch.as_tensor(unit * TIMES)[:, None])
    squares = (1 - decay) ** 2 / values * (vectors.T @ y) ** 2
    lazy = implicit_scale / WIDTH**0.5 * squares.sum(dim=1).sqrt()
    return Curves(
        history=history,
        status=TrainingStatus(row["status"]),
        end=row["end"],
        time=history.time.to_numpy() / unit,
        predicted=(e**2).sum(axis=1) / 2,
        lazy=lazy.numpy(),
        bound=np.array(row["bound"]),
        certificate=certificate,
        unit=unit,
    )


@explorer("loss-curves")
def loss_curves() -> Explorer:
    """Loss, movement and ‖A‖₂ along gradient flow with the lines of C12, C13 and C14."""

    def draw(implicit_scale: float, output_scale: float) -> list[go.Figure]:
        c = curves(implicit_scale, output_scale)
        t, start = c.time, float(c.history.train_loss.iloc[0])
        times = {"x_title": "time, in units of 1/λ<sub>max</sub>", "x_log": True, "x_range": (0.01, 1e3)}
        room = {"height": 440, "legend_rows": 5}
        loss = style.figure(title="loss", **times, y_log=True, **room, y_range=(7e-4, 10))
        proven = start * np.exp(-2 * c.certificate.rate * c.unit * TIMES)
        holds = c.certificate.holds
        proven = proven if holds else np.full(len(TIMES), np.nan)
        loss.add_scatter(x=t[1:], y=c.bound[1:], **style.guide("theorem C13, a posteriori", style.BOUND))
        certified = style.theory("theorem C12, certified", style.HOLDS)
        loss.add_scatter(x=TIMES, y=proven, **certified, showlegend=holds)
        loss.add_scatter(x=TIMES, y=c.predicted, **style.theory("mean-field, C14"))
        loss.add_scatter(x=t[1:], y=c.history.train_loss.iloc[1:], **style.measured("measured"))
        size = style.figure(title="implicit layer", **times, y_log=True, **room, y_range=(7e-6, 10))
        size.add_scatter(x=[0.01, 1e3], y=[1, 1], **style.guide("‖A‖ = 1"))
        ball = style.theory("r*, theorem C12", style.HOLDS)
        r = c.certificate.r_star if holds else np.nan
        size.add_scatter(x=[0.01, 1e3], y=[r] * 2, **ball, showlegend=holds)
        size.add_scatter(x=TIMES, y=c.lazy, **style.theory("mean-field movement"))
        size.add_scatter(x=t[1:], y=c.history.movement.iloc[1:], **style.measured("movement"))
        size.add_scatter(x=t[1:], y=c.history.norm_A.iloc[1:], **style.measured("‖A‖", style.SERIES[1]))
        return [loss, size]

    def readout(implicit_scale: float, output_scale: float) -> str:
        c = curves(implicit_scale, output_scale)
        h, certificate = c.history, c.certificate
        moved = f"A moves by {powers(h.movement.iloc[-1])}, ‖A‖₂ ends at {h.norm_A.iloc[-1]:.2f}"
        end = ENDS[c.end]
        if certificate.holds:
            return f"{moved}; certified, within r* = {at_most(certificate.r_star)}. {end}"
        if certificate.rho0 >= 1:
            return f"{moved}; at the start nothing is certified for any labels, since ‖A₀‖₂ ≥ 1. {end}"
        return f"{moved}; certified at the start would be ‖e₀‖ ≤ {powers(certificate.largest_error)}. {end}"

    return Explorer(
        draw,
        [
            Control("implicit_scale", IMPLICIT, start=0.4, label="implicit_scale $\\sigma_A$", fmt="g"),
            Control("output_scale", OUTPUT, start=1.0, label="output_scale $\\kappa$", fmt="g"),
        ],
        tag=THEOREM | MEAN_FIELD | stored(LOSS_CURVES, width=WIDTH, samples=SAMPLES),
        caption=(
            "Gradient flow on $\\Theta$ alone until a step ends below a thousandth of the loss: width "
            f"{WIDTH}, {SAMPLES} inputs, $\\lVert e_0\\rVert = \\sqrt6$, one network. First, the loss; "
            "second, how far $A$ has moved, and its norm. **Move** $\\kappa$ down from 10 to 0.1 at "
            "$\\sigma_A = 0.4$. "
            f"{_what_to_notice()}"
        ),
        alt=(
            f"First, loss against time on logarithmic axes. {_beside_the_lines()} Second, the movement of A "
            f"beside its norm. {_how_it_moves()}"
        ),
        readout=readout,
    )


_CELLS = tuple((implicit, output) for implicit in IMPLICIT for output in OUTPUT)


def over_prediction(implicit_scale: float, output_scale: float) -> np.ndarray:
    """Measured over predicted loss, at the rows of the history after the first."""
    c = curves(implicit_scale, output_scale)
    # Between two of the figure's times as it draws the line, straight on its logarithmic axes.
    predicted = np.exp(np.interp(np.log(c.time[1:]), np.log(TIMES), np.log(c.predicted)))
    return c.history.train_loss.to_numpy()[1:] / predicted


def moved(implicit_scale: float, output_scale: float) -> float:
    """‖A − A₀‖_F at the end of the run."""
    return float(curves(implicit_scale, output_scale).history.movement.iloc[-1])


def reached(implicit_scale: float, output_scale: float, share: float = 0.01) -> float:
    """When the loss is down to this share, between two rows of the history: in the units of the figure."""
    c = curves(implicit_scale, output_scale)
    loss = np.log(c.history.train_loss.to_numpy())
    return float(np.exp(np.interp(-math.log(share), loss[0] - loss[1:], np.log(c.time[1:]))))


def _what_to_notice() -> str:
    lazier, faint = (moved(0.4, a) / moved(0.4, b) for a, b in ((1.0, 10.0), (0.1, 1.0)))
    change = abs(math.log(reached(0.4, 1.0) / reached(0.4, 10.0)))
    end = curves(0.4, 0.1)
    left = np.interp(end.time[-1], TIMES, end.predicted) / end.predicted[0]
    certified = [cell for cell in _CELLS if curves(*cell).certificate.holds]
    decays = all(
        (c.history.train_loss.to_numpy() <= c.bound * (1 + 1e-9)).all() for c in (curves(*s) for s in _CELLS)
    )
    return " ".join(
        [
            says(
                f"Down to 1 the movement grows by a factor of {lazier:.1f}, like $1/\\kappa$, and the loss "
                f"is down to a hundredth at the same time, to {100 * np.expm1(change):.0f} %; down to 0.1 it "
                f"grows by {faint:.1f} only, and the curve leaves the prediction: it ends below "
                f"a thousandth of the loss where the prediction still has {100 * left:.0f} %.",
                abs(lazier / 10 - 1) < 0.03 and change < 0.15 and faint < 5 and left > 0.1,
            ),
            says(
                "**Notice** that all runs decay at least as fast as C13 says, and how large $\\kappa$ must "
                "be before the lines of the certificate appear: of these settings, only at $10^4$, and only "
                "for $\\sigma_A \\le 0.2$.",
                decays and certified == [(0.1, 1e4), (0.2, 1e4)],
            ),
        ]
    )


def _beside_the_lines() -> str:
    near = np.concatenate([over_prediction(*cell) for cell in _CELLS if cell[1] >= 1])
    faint = [over_prediction(*cell)[-1] for cell in _CELLS if cell[1] == 0.1]
    below = all(
        (c.history.train_loss.to_numpy() <= c.bound * (1 + 1e-9)).all() for c in (curves(*s) for s in _CELLS)
    )
    return says(
        "A measured curve stays below a dotted bound. For κ of one or more it begins along a dashed "
        f"prediction, is never more than {100 * (near.max() - 1):.0f} % above it and ends at or below it, by "
        f"a factor of up to {1 / near.min():.1f}; at κ = 0.1 it falls off, to less than a hundredth of it.",
        below and near.max() < 1.1 and near.min() > 0.15 and max(faint) < 0.01,
    )


def _how_it_moves() -> str:
    def steady(c: Curves) -> bool:
        norms, movement = c.history.norm_A, c.history.movement
        small = movement < 5 / 6 * norms
        return bool((np.abs(norms[small] / norms.iloc[0] - 1) < 0.05).all())

    found = [curves(*cell) for cell in _CELLS]
    rises = all((np.diff(c.history.movement) >= 0).all() for c in found)
    return says(
        "The movement rises throughout; the norm stays the same to five per cent as long as A has moved by "
        "less than five sixths of it.",
        rises and all(map(steady, found)),
    )
