"""E(m) − E_∞ = C/m? The fitted constants and exponents, with their intervals (C17)."""

from __future__ import annotations

from functools import cache

import plotly.graph_objects as go

from implicit_tutorial.book.analysis import WidthLaw, width_law
from implicit_tutorial.book.ch08_generalization_error_against_width.setting import (
    SETTINGS,
    finished,
    infinite,
)
from implicit_tutorial.book.drawing import intervals
from implicit_tutorial.book.tables import aligned
from implicit_tutorial.explorer import Control, Explorer, explorer, style

PARTS = {"all of it": "total", "features that move": "features", "a finite kernel": "fluctuation"}
_SIGNS = {-1: "below", 0: "undecided", 1: "above"}


@cache
def laws(part: str = "total") -> dict[str, WidthLaw]:
    """The fit from width 64 on of every curve that has two such widths with three finished runs each."""
    fits = {}
    for name in SETTINGS:
        runs = finished(name)
        counts = runs[runs["width"] >= 64].groupby("width").size()
        if (counts >= 3).sum() >= 2:
            fits[name] = width_law(runs, part)
    return fits


def law_table() -> str:
    """C and p with their 95 % intervals, one curve a line; the sign of C where its interval excludes zero."""
    head = ("setting", "C", "exponent p", "networks are")
    laid = ((name, str(law.C), str(law.exponent), _SIGNS[law.C.sign]) for name, law in laws().items())
    return aligned([head, *laid]).replace("-", "−")


@explorer("constants")
def constants() -> Explorer:
    """C/E_∞ of every curve with its interval, as a whole and in its two parts (C17)."""
    return Explorer(
        _draw,
        [Control("part", list(PARTS), label="what changes the error")],
        caption=(
            "The constant $C$ of $E(m) = E_\\infty + C/m$, in units of $E_\\infty$, with its 95 % interval; "
            "where that contains zero the point has another colour. **Choose** what changes the error. "
            "**Notice** that a finite kernel mostly raises it or leaves it undecided, and that moving "
            "features lower it, for everything but noise."
        ),
        alt=(
            "A list of settings with a point and an interval each, on an axis of C over the infinite-width "
            "error. As a whole most are left of zero; pure noise is far to the right."
        ),
        readout=_readout,
    )


def _draw(part: str) -> go.Figure:
    fits = laws(PARTS[part])
    names = list(reversed(fits))
    C = [fits[name].C * (1 / infinite(name)) for name in names]
    figure = style.figure(x_title="C / E<sub>∞</sub>", x_range=(-110, 240), height=480)
    look = style.points(part, [style.MEASURED if c.sign else style.SERIES[4] for c in C], size=8)
    bars = intervals(C, thickness=1.5, color=style.GUIDE)
    figure.add_scatter(x=[c.value for c in C], y=names, error_x=bars, **look)
    figure.add_scatter(x=[0, 0], y=[names[0], names[-1]], **style.guide())
    return figure.update_layout(showlegend=False)


def _readout(part: str) -> str:
    signs = [law.C.sign for law in laws(PARTS[part]).values()]
    return (
        f"Of {len(signs)} settings {signs.count(-1)} have C < 0 and {signs.count(1)} have C > 0 with 95 % "
        f"confidence; {signs.count(0)} are undecided."
    )
