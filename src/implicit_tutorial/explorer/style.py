"""How figures look: palette, line styles, and the template every figure starts from.

Figures have a transparent background, so every colour must read on white and on near-black. The palette is
Okabe and Ito's (2008), safe for colour-blind readers; its bright hues are darkened until they too have a
contrast of at least 3:1 on both. Meaning never rests on colour alone: theory is dashed, measurement solid.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from implicit_tutorial.equilibrium.checks import checked

STATIC = Path(__file__).parent / "static"  # the scripts and style sheets that a page must load
SHEETS = ("controls.css", "explorer.css")

_BLUE = "#006cab"
_ORANGE = "#c67f00"
_GREEN = "#009e73"
_VERMILLION = "#d55e00"
_PURPLE = "#cc79a7"
_SKY = "#3c9bd0"
_OCHRE = "#9c8a1d"
_GRAY = "#787878"

# What a colour means, the same in every figure; nothing outside of this file names a hue.
MEASURED = _BLUE
THEORY = _GRAY
GUIDE = _GRAY  # axes, thresholds, and everything that is context rather than data
BOUND = _ORANGE  # what is certified to lie above
HOLDS = _GREEN
FAILURE = _VERMILLION
TRAIN = _GREEN
TEST = _VERMILLION
TARGET = _PURPLE
#: What is trained.
LAYERS = {"implicit": _BLUE, "output": _VERMILLION, "input": _GREEN, "all": _PURPLE}
#: One of several things without a meaning of their own, in this order.
SERIES = (_BLUE, _VERMILLION, _GREEN, _PURPLE, _ORANGE, _SKY, _OCHRE)

SEQUENTIAL = "Cividis"
DIVERGING = "RdBu"
INK = [[0, "#f4f4f0"], [1, "#1a1a1a"]]  # a picture is the same by day and by night

COLORBAR = {"outlinewidth": 0, "thickness": 12}

_AXIS = {
    "gridcolor": "rgba(128,128,128,0.2)",
    "zerolinecolor": "rgba(128,128,128,0.45)",
    "zerolinewidth": 1,
    "linecolor": "rgba(128,128,128,0.45)",
    "ticks": "",
    "automargin": True,
    "fixedrange": True,  # a finger that scrolls the page must not pan the plot
    "exponentformat": "power",
    "title": {"standoff": 8, "font": {"size": 13}},
    "tickfont": {"size": 12},
}

TEMPLATE: dict[str, Any] = {
    "layout": {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "colorway": list(SERIES),
        "font": {"family": "system-ui, 'Segoe UI', Roboto, sans-serif", "size": 13, "color": GUIDE},
        "title": {
            "x": 0,
            "xref": "paper",
            "xanchor": "left",
            "y": 0.98,
            "yanchor": "top",
            "font": {"size": 14},
        },
        "margin": {"l": 52, "r": 12, "t": 20, "b": 44},
        "xaxis": _AXIS | {"ticklabelstandoff": 5},  # or its first number touches that of the other axis
        "yaxis": _AXIS | {"ticklabelstandoff": 3},
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.03,  # above half a number at the axis' end
            "yanchor": "bottom",
            "bgcolor": "rgba(0,0,0,0)",
            "font": {"size": 12},
        },
        "hovermode": "closest",
        "dragmode": False,
        "annotationdefaults": {"arrowcolor": GUIDE, "arrowwidth": 1, "font": {"size": 12}},
        "shapedefaults": {"line": {"color": GUIDE, "width": 1}},
        "coloraxis": {"colorbar": COLORBAR},
        "polar": {"bgcolor": "rgba(0,0,0,0)"},
        "scene": {axis: {"backgroundcolor": "rgba(0,0,0,0)"} for axis in ("xaxis", "yaxis", "zaxis")},
    },
    "data": {
        kind: [{"type": kind, "colorscale": SEQUENTIAL, "colorbar": COLORBAR}]
        for kind in ("heatmap", "contour")
    },
}


@checked
def figure(
    *,
    title: str | None = None,
    x_title: str | None = None,
    y_title: str | None = None,
    x_log: bool = False,
    y_log: bool = False,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    x_ticks: Iterable[float] | None = None,
    y_ticks: Iterable[float] | None = None,
    height: int = 340,
    equal: bool = False,
    legend_rows: int = 1,
) -> go.Figure:
    """An empty figure in the book's style.

    Arguments:
        title, x_title, y_title: Unicode text; plotly cannot typeset $…$ offline.
        x_log, y_log: logarithmic axes.
        x_range, y_range: the axis limits *in data units*, also on a logarithmic axis.
        x_ticks, y_ticks: the numbers along an axis, where plotly's own choice is not the right one.
        height: in pixels; the width follows the page.
        equal: one unit of x is as long as one of y.
        legend_rows: the most rows that the names above the plot take, on a phone or beside another plot.
    """
    # Whatever shows a figure applies the template; validating it here would take most of a frame's time.
    for name, limits in (("x_range", x_range), ("y_range", y_range)):
        if limits is not None and len(_numbers(name, limits)) != 2:
            raise ValueError(f"{name}={limits}: give the two ends of the axis.")
    layout: dict[str, Any] = {"template": {}, "height": height}
    if title:
        layout["title"] = {"text": title}
    if title or legend_rows > 1:
        layout["margin"] = {"t": (42 if title else 8) + 18 * legend_rows}
    marks = [None if t is None else _numbers(f"{k}_ticks", t) for k, t in (("x", x_ticks), ("y", y_ticks))]
    x, y = (x_title, x_log, x_range, marks[0]), (y_title, y_log, y_range, marks[1])
    for axis, (text, log, limits, ticks) in {"xaxis": x, "yaxis": y}.items():
        settings: dict[str, Any] = {"title": {"text": text}} if text else {}
        if log:
            # Beside powers of ten, plotly writes all numbers a quarter larger.
            settings |= {"type": "log", "tickfont": {"size": 10}}
            settings |= {"dtick": _decades(limits)} if limits else {}
            if limits and ticks is None:
                ticks = _between_decades(limits)
        if limits:
            settings["range"] = [_log10(v, axis) if log else float(v) for v in limits]
        if ticks is not None:
            settings |= {"tickvals": ticks, "ticktext": [f"{t:g}" for t in ticks]}
        if equal:
            settings["constrain"] = "domain"
        layout[axis] = settings
    if equal:
        layout["yaxis"] |= {"scaleanchor": "x", "scaleratio": 1}
    return go.Figure(layout=layout)


@checked
def blank(*, title: str | None = None, height: int = 340, equal: bool = True) -> go.Figure:
    """A figure without axes, for diagrams."""
    fig = figure(title=title, height=height, equal=equal)
    margin = {"l": 8, "r": 8, "b": 8, "t": 36 if title else 8}
    hidden = {"visible": False}
    return fig.update_layout(showlegend=False, margin=margin, xaxis=hidden, yaxis=hidden)


@checked
def measured(name: str | None = None, color: str = MEASURED, **line: Any) -> dict[str, Any]:
    """Arguments of `go.Scatter` for a measured curve: solid."""
    return {"mode": "lines", "name": name, "line": {"color": color, "width": 2} | line}


@checked
def theory(name: str | None = None, color: str = THEORY, **line: Any) -> dict[str, Any]:
    """Arguments of `go.Scatter` for a predicted curve: dashed."""
    return {"mode": "lines", "name": name, "line": {"color": color, "width": 2, "dash": "dash"} | line}


@checked
def points(name: str | None = None, color: str | Sequence[str] = MEASURED, **marker: Any) -> dict[str, Any]:
    """Arguments of `go.Scatter` for measured points."""
    return {"mode": "markers", "name": name, "marker": {"color": color, "size": 7} | marker}


@checked
def marked(name: str | None = None, color: str = MEASURED, size: Any = 7, **line: Any) -> dict[str, Any]:
    """Arguments of `go.Scatter` for measured points on the curve that joins them."""
    marker = {"color": color, "size": size}
    return measured(name, color, **line) | {"mode": "lines+markers", "marker": marker}


@checked
def guide(name: str | None = None, color: str = GUIDE, **line: Any) -> dict[str, Any]:
    """Arguments of `go.Scatter` for a threshold or an outline: thin and dotted, silent under the pointer."""
    return {
        "mode": "lines",
        "name": name,
        "line": {"color": color, "width": 1.5, "dash": "dot"} | line,
        "hoverinfo": "skip",
    }


def _numbers(name: str, values: Iterable[float]) -> list[float]:
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} is {values!r}; give numbers alone.") from error


def _log10(value: float, axis: str) -> float:
    if value <= 0:
        raise ValueError(f"The logarithmic {axis} cannot reach {value}; give positive limits.")
    return math.log10(value)


def _decades(limits: tuple[float, float]) -> int:
    """Whole decades between ticks, so that about six of them fit."""
    span = abs(_log10(limits[1], "axis") - _log10(limits[0], "axis"))
    return max(1, round(span / 6))


def _between_decades(limits: tuple[float, float]) -> list[float] | None:
    """1, 2 and 5 of each decade, where fewer than two powers of ten lie on the axis and no scale is seen."""
    low, high = sorted(float(v) for v in limits)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    marks = [d * 10.0**k for k in powers for d in (1, 2, 5) if low <= d * 10.0**k <= high]
    return marks if sum(low <= 10.0**k <= high for k in powers) < 2 else None
