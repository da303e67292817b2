"""What figures of several chapters do with plotly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from implicit_tutorial.book.analysis import Estimate
from implicit_tutorial.explorer import style


def move(figure: go.Figure, name: str, **attributes: Any) -> None:
    """Set attributes of the trace called ``name``."""
    next(trace for trace in figure.data if trace.name == name).update(**attributes)


def array(x: Tensor) -> np.ndarray:
    """A tensor as the numpy array that plotly takes."""
    return x.detach().cpu().numpy()


def angle_axis(figure: go.Figure, end: int = 360) -> None:
    """Let the x axis show degrees, from 0 to ``end``."""
    ticks = [end * k // 4 for k in range(5)]
    figure.update_xaxes(range=[0, end], tickvals=ticks, ticktext=[f"{t}°" for t in ticks])


def picture(pixels: np.ndarray) -> dict[str, Any]:
    """Arguments of ``go.Heatmap`` for ink on paper, 0 … 16, the first row at the top; NaN is no paper."""
    return {
        "z": pixels[::-1],
        "zmin": 0,
        "zmax": 16,
        "colorscale": style.INK,
        "showscale": False,
        "hoverinfo": "skip",
    }


def intervals(estimates: Iterable[Estimate], **look: Any) -> dict[str, Any]:
    """Bars from the low to the high end of each estimate, for ``error_x`` or ``error_y`` of its point."""
    below, above = zip(*((e.value - e.low, e.high - e.value) for e in estimates), strict=True)
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, **look}
