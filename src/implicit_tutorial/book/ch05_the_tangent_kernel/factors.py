"""The kernel as a product of a forward and a backward kernel (C9)."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from implicit_tutorial.book.ch05_the_tangent_kernel.setting import (
    N_CIRCLE,
    SCALES,
    circle_angles,
    drawn,
    limit,
    scale_control,
)
from implicit_tutorial.book.evidence import MEAN_FIELD, measured
from implicit_tutorial.book.says import says
from implicit_tutorial.explorer import Control, Explorer, explorer, style
from implicit_tutorial.kernels import Kernels

_EVERY = 3
_SIDE, _GAP = 0.29, 0.065
_WIDTHS, _SCALES = ("64", "512", "infinite"), SCALES[:8]
_MATRICES = {"forward": "forward Q", "backward": "backward Π", "implicit": "product K"}


def _kernels(width: str, scale: float) -> Kernels:
    return limit(scale) if width == "infinite" else drawn(scale, width=int(width))


def _turned(K: Kernels, field: str) -> np.ndarray:
    """(offsets, points) the entries for each angle between the two inputs, over the diagonal's mean."""
    matrix, n = getattr(K, field).numpy(), len(circle_angles())
    points = np.arange(n)
    return np.stack([matrix[points, (points + j) % n] for j in range(n // 2 + 1)]) / np.diag(matrix).mean()


def raggedness(width: str, scale: float, field: str) -> float:
    """How much entries of one angle differ: deviation over the diagonal's mean, averaged over angles."""
    return float(_turned(_kernels(width, scale), field).std(axis=1).mean())


def half_width(width: str, scale: float, field: str) -> float:
    """The angle between two inputs, in degrees, at which the mean entry is half of the diagonal's."""
    profile = _turned(_kernels(width, scale), field).mean(axis=1)
    return float(np.interp(-0.5, -profile, np.degrees(circle_angles()[: len(profile)])))


@explorer("factors")
def factors() -> Explorer:
    """Q, Π and K = σ_A² Q ∘ Π between points of the circle, for three widths."""
    degrees = np.degrees(circle_angles()[::_EVERY])

    def draw(width: str, implicit_scale: float) -> go.Figure:
        kernels, exact = _kernels(width, implicit_scale), limit(implicit_scale)
        fig = style.figure(height=240)
        fig.update_layout(margin={"l": 36, "r": 4, "t": 34, "b": 30})
        for i, (field, title) in enumerate(_MATRICES.items()):
            left, axis = i * (_SIDE + _GAP), str(i + 1) if i else ""
            top = float(getattr(exact, field)[0, 0])
            look = {"showscale": False, "hovertemplate": "%{x:.0f}°, %{y:.0f}°: %{z:.3g}<extra></extra>"}
            look |= {"zmin": 0, "zmax": 1.3 * top, "xaxis": f"x{axis}", "yaxis": f"y{axis}"}
            z = getattr(kernels, field)[::_EVERY, ::_EVERY].numpy()
            fig.add_heatmap(x=degrees, y=degrees, z=z, **look)
            square = {"constrain": "domain", "showgrid": False}
            square |= {"tickvals": [0, 180], "ticktext": ["0°", "180°"]}
            x_axis = {"domain": [left, left + _SIDE], "anchor": f"y{axis}"}
            y_axis = {"scaleanchor": f"x{axis}", "anchor": f"x{axis}", "autorange": "reversed"}
            fig.update_layout({f"xaxis{axis}": square | x_axis, f"yaxis{axis}": square | y_axis})
            fig.update_layout({f"yaxis{axis}": {"showticklabels": i == 0}})
            middle, label = left + _SIDE / 2, {"xref": "paper", "yref": f"y{axis} domain", "showarrow": False}
            fig.add_annotation(x=middle, y=1.02, xanchor="center", yanchor="bottom", text=title, **label)
            sign = ("", "∘", "=")[i]
            fig.add_annotation(x=left - _GAP / 2, y=0.5, xanchor="center", text=sign, font_size=20, **label)
        return fig

    def readout(width: str, implicit_scale: float) -> str:
        if width == "infinite":
            return "Infinite width: a function of the angle, the same for every draw."
        kernels, exact = _kernels(width, implicit_scale), limit(implicit_scale)
        gap = float((kernels.implicit - exact.implicit).norm() / exact.implicit.norm())
        return f"Width {width}: K differs from its limit by {100 * gap:.3g} % in the Frobenius norm."

    return Explorer(
        draw,
        [
            Control("width", _WIDTHS, start="512", label="width $m$"),
            scale_control(_SCALES, start=0.5),
        ],
        tag=MEAN_FIELD | measured(width=map(int, _WIDTHS[:-1]), seeds=1, samples=N_CIRCLE),
        caption=(
            "Two inputs on the circle, one along each axis. What they share on the way in, times what they "
            "share on the way back, is the kernel: entry by entry. **Move** the width from 64 to infinite. "
            f"{_straightening()}"
        ),
        alt=(
            "Three square heat maps over pairs of angles: forward, backward, and their product. Each has a "
            f"bright diagonal band. {_narrowest()}"
        ),
        readout=readout,
    )


def _straightening() -> str:
    ragged = {w: [raggedness(w, s, f) for s in _SCALES for f in _MATRICES] for w in _WIDTHS}
    less = np.array(ragged["512"]) / np.array(ragged["64"])
    return says(
        "**Notice** how the ragged stripes of one random draw straighten into a function of the angle: at "
        "width 512 entries of the same angle differ, relative to the diagonal and on average over the "
        "angles, "
        f"{1 / less.max():.0f} to {1 / less.min():.0f} times less than at width 64, and at infinite width "
        "not at all.",
        less.max() < 0.5 and max(ragged["infinite"]) < 1e-9,
    )


def _narrowest() -> str:
    bands = [[half_width(w, s, f) for f in _MATRICES] for w in _WIDTHS for s in _SCALES]
    product = [band[-1] for band in bands]
    return says(
        f"The product's is the narrowest: it has halved at {min(product):.0f}° to {max(product):.0f}° from "
        "the diagonal, those of the factors not before "
        f"{min(min(band[:-1]) for band in bands):.0f}°. At finite width the bands are irregular.",
        all(band[-1] < min(band[:-1]) for band in bands)
        and min(raggedness(w, s, f) for w in ("64", "512") for s in _SCALES for f in _MATRICES) > 0.03,
    )
