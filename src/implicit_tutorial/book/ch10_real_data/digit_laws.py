"""The laws of the earlier chapters on the digits: error and movement against the width."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch

from implicit_tutorial.book.ch10_real_data.setting import COLORS, IMPLICIT_SCALE, images, networks, prediction
from implicit_tutorial.book.ch10_real_data.studies import LAYERS, NETWORKS
from implicit_tutorial.book.evidence import MEAN_FIELD, stored
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.kernels import limit_kernels

_WIDTHS = (100, 660)


@cache
def _way(layers: str) -> float:
    """E e₀ᵀS⁻¹KS⁻¹e₀ over f₀ ∼ N(0, Q), with S the sum of the trained layers' kernels.

    The proof of C18 with e(t) = e^{−St}e₀; of the implicit layer alone, S = K.
    """
    kernels = limit_kernels(images().X, implicit_scale=IMPLICIT_SCALE)
    S = sum(getattr(kernels, name) for name in LAYERS[layers])
    metric = torch.linalg.solve(S, torch.linalg.solve(S, kernels.implicit).T)
    y = images().y
    return float(y @ metric @ y + (metric * kernels.forward).sum())


def lazy_movement(width: float, layers: str = "implicit layer") -> float:
    """‖A − A₀‖_F of lazy training on the 500 images (C18)."""
    return IMPLICIT_SCALE * math.sqrt(_way(layers) / width)


def runs(layers: str) -> pd.DataFrame:
    """The networks that learn even against odd from 500 images."""
    frame = networks()
    return frame[(frame["task"] == "parity") & (frame["layers"] == layers)]


@explorer("digit-laws")
def digit_laws() -> Explorer:
    """Test error and movement of A against the width, beside the infinite-width values (C16, C17, C18)."""
    m = np.geomspace(*_WIDTHS, 20)

    def draw(layers: str) -> list[go.Figure]:
        rows, networks = runs(layers), style.points("networks", COLORS[layers])
        law = style.theory("mean-field")
        shared = {"x_title": "width m", "x_log": True, "x_range": _WIDTHS, "x_ticks": (128, 256, 512)}
        shared |= {"height": 430, "legend_rows": 2}
        error = style.figure(title="test error", y_range=(0.11, 0.18), **shared)
        moved = style.figure(title="movement ‖A − A₀‖", y_log=True, y_range=(0.05, 6), **shared)
        error.add_scatter(x=rows["width"], y=rows["test_error"], **networks)
        error.add_scatter(x=m, y=np.full(len(m), prediction(layers).test_error), **law)
        moved.add_scatter(x=rows["width"], y=rows["movement"], **networks)
        moved.add_scatter(x=m, y=[lazy_movement(w, layers) for w in m], **law)
        return [error, moved.update_layout(showlegend=False)]

    def readout(layers: str) -> str:
        wide = runs(layers)
        wide = wide[wide["width"] == 512]
        return (
            f"At width 512: test error {wide['test_error'].mean():.3f}, at infinite width "
            f"{prediction(layers).test_error:.3f}; A moves by {wide['movement'].mean():.2f}."
        )

    error, share, means = {}, {}, {}
    for layers in COLORS:
        rows = runs(layers)
        error[layers] = rows["test_error"] / prediction(layers).test_error
        share[layers] = rows["movement"] / [lazy_movement(w, layers) for w in rows["width"]]
        means[layers] = rows.groupby("width")[["test_error", "movement"]].mean()
    falling = all(frame["test_error"].is_monotonic_decreasing for frame in means.values())
    over = [means[k]["test_error"][512] / prediction(k).test_error - 1 for k in COLORS]
    shares = [value for found in share.values() for value in found]
    tenth = means["implicit layer"]["movement"] / means["all layers"]["movement"]
    slopes = [np.polyfit(np.log(f.index), np.log(f["movement"]), 1)[0] for f in means.values()]
    return Explorer(
        draw,
        [Control("layers", list(COLORS), label="trained")],
        tag=MEAN_FIELD | stored(NETWORKS, where="task == 'parity'"),
        caption="Even against odd, 500 images, $\\sigma_A = 1/2$, $\\kappa = 1$. Dashed, mean-field. "
        "First: the mean square error on unseen images, with the infinite-width prediction. Second: how far "
        "$A$ moves, with the lazy law. "
        + says(
            "**Choose** what is trained. **Notice** that every network errs more than its line, and that the "
            f"mean comes down with the width, at 512 to {100 * min(over):.0f} and "
            f"{100 * max(over):.0f} % above it; ",
            falling and min(over) > 0 and all((e > 1).all() for e in error.values()),
        )
        + says(
            "and that with all layers at work $A$ moves about a tenth as far; in both cases it is "
            f"{min(shares):.2f} to {max(shares):.2f} of what the lazy law says.",
            tenth.between(9, 11).all() and max(shares) < 1,
        ),
        alt="Two plots over the width from 128 to 512. "
        + says(
            "First, points of networks above a dashed horizontal line, their mean falling. ",
            falling and all((e > 1).all() for e in error.values()),
        )
        + says(
            "Second, the movement of A, falling with a slope near minus one half, below a dashed line; both "
            "are about ten times lower when all layers are trained.",
            all(abs(s + 0.5) < 0.08 for s in slopes)
            and tenth.between(9, 11).all()
            and 9 < lazy_movement(256) / lazy_movement(256, "all layers") < 11
            and max(shares) < 1,
        ),
        readout=readout,
    )
