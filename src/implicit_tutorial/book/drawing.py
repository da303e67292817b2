"""What figures of several chapters do with plotly."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from implicit_tutorial.book.analysis import Estimate


def signed(digits: int) -> Callable[[float], str]:
    """A format with a true minus sign."""
    return lambda value: f"{value:.{digits}f}".replace("-", "−")


def powers(value: float, digits: int = 2) -> str:
    """A number as in print, to so many digits: 7·10⁸, 5.8·10⁻⁴, and 42 or 0.03 where no power is needed."""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if -3 < int(exponent) < 4:
        return signed(max(0, digits - 1 - int(exponent)))(float(f"{mantissa}e{exponent}"))
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa}·10{raised}".replace("-", "−")


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


def intervals(estimates: Iterable[Estimate], **look: Any) -> dict[str, Any]:
    """Bars from the low to the high end of each estimate, for ``error_x`` or ``error_y`` of its point."""
    below, above = zip(*((e.value - e.low, e.high - e.value) for e in estimates), strict=True)
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, **look}
