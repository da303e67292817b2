"""E(m) − E_∞ = C/m? The fitted constants and exponents, with their intervals (C17)."""

from __future__ import annotations

from functools import cache

import plotly.graph_objects as go

from implicit_tutorial.book.analysis import WidthLaw, width_law
from implicit_tutorial.book.ch08_generalization_error_against_width.error_against_width import (
    SETTINGS,
    finished,
    infinite,
)
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
    table = [("setting", "C", "exponent p", "networks are")]
    for name, law in laws().items():
        table.append((name, str(law.C), str(law.exponent), _SIGNS[law.C.sign]))
    widths = [max(len(r[k]) for r in table) for k in range(4)]
    lines = ["  ".join(x.ljust(w) for x, w in zip(r, widths, strict=True)).rstrip() for r in table]
    return "\n".join([lines[0], "─" * max(map(len, lines)), *lines[1:]]).replace("-", "−")


@explorer("constants")
def constants() -> Explorer:
    """C/E_∞ of every curve with its interval, as a whole and in its two parts (C17)."""
    return Explorer(
        _draw,
        [Control("part", list(PARTS), label="what changes the error")],
        caption=(
            "The constant $C$ of $E(m) = E_\\infty + C/m$, in units of $E_\\infty$, with its 95 % interval; "
            "orange where the interval contains zero. **Choose** what changes the error. **Notice** that a "
            "finite kernel mostly raises it or leaves it undecided, and that moving features lower it, for "
            "everything but noise."
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
    unit = [infinite(name) for name in names]
    C = [fits[name].C for name in names]
    figure = style.figure(x_title="C / E<sub>∞</sub>", x_range=(-110, 240), height=480)
    values = [c.value / e for c, e in zip(C, unit, strict=True)]
    figure.add_scatter(
        x=values,
        y=names,
        mode="markers",
        name=part,
        marker={"size": 8, "color": [style.MEASURED if c.sign else style.SERIES[4] for c in C]},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [(c.high - c.value) / e for c, e in zip(C, unit, strict=True)],
            "arrayminus": [(c.value - c.low) / e for c, e in zip(C, unit, strict=True)],
            "thickness": 1.5,
            "color": style.GUIDE,
        },
    )
    figure.add_scatter(x=[0, 0], y=[names[0], names[-1]], **style.guide())
    return figure.update_layout(showlegend=False)


def _readout(part: str) -> str:
    signs = [law.C.sign for law in laws(PARTS[part]).values()]
    return (
        f"Of {len(signs)} settings {signs.count(-1)} have C < 0 and {signs.count(1)} have C > 0 with 95 % "
        f"confidence; {signs.count(0)} are undecided."
    )
