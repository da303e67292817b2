"""E(m) − E_∞ = C/m? The fitted constants and exponents, with their intervals (C17)."""

from __future__ import annotations

import math
from functools import cache

import plotly.graph_objects as go

from implicit_tutorial.book.analysis import WidthLaw, width_law
from implicit_tutorial.book.ch08_generalization_error_against_width.setting import (
    SETTINGS,
    evidence,
    finished,
    infinite,
)
from implicit_tutorial.book.drawing import intervals
from implicit_tutorial.book.says import says
from implicit_tutorial.book.tables import aligned
from implicit_tutorial.explorer import Control, Explorer, explorer, style

PARTS = {"all of it": "total", "features that move": "features", "a finite kernel": "fluctuation"}


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
    """C and p with their 95 % intervals, one curve a line, to the two digits that the column has room for."""
    both = ((name, law.C, law.exponent) for name, law in laws().items())
    laid = ((name, *(f"{e.value:.2g} [{e.low:.2g}, {e.high:.2g}]" for e in fit)) for name, *fit in both)
    return aligned([("setting", "C for p = 1", "p where it is free"), *laid]).replace("-", "−")


def signs(part: str = "total") -> dict[int, list[str]]:
    """The settings by the sign of their C, 0 for those whose interval contains zero."""
    found = laws(part)
    return {sign: [name for name, law in found.items() if law.C.sign == sign] for sign in (-1, 0, 1)}


def reach() -> tuple[float, float]:
    """Limits of the axis of C/E_∞ between which all intervals of all parts lie."""
    C = [law.C * (1 / infinite(name)) for part in PARTS.values() for name, law in laws(part).items()]
    return 20 * math.floor(min(c.low for c in C) / 20 - 0.5), 20 * math.ceil(
        max(c.high for c in C) / 20 + 0.5
    )


@explorer("constants")
def constants() -> Explorer:
    """C/E_∞ of every curve with its interval, as a whole and in its two parts (C17)."""
    count = len(laws())
    total, features, kernel = (signs(part) for part in PARTS.values())
    noise, others = laws()["pure noise"], [n for n in laws() if n != "pure noise"]
    return Explorer(
        _draw,
        [Control("part", list(PARTS), label="what changes the error")],
        tag=evidence(laws()),
        caption="The constant $C$ of $E(m) = E_\\infty + C/m$, in units of $E_\\infty$, with its 95 % "
        "interval; where that contains zero the point has another colour. Fitted to the means from width "
        "64 on. **Choose** what changes the error. "
        + says(
            f"**Notice** that moving features lower it in {len(features[-1])} of {count} settings, and raise "
            f"it only for pure noise; ",
            len(features[-1]) > count / 2 and features[1] == ["pure noise"],
        )
        + says(
            f"and that a finite kernel raises it in {len(kernel[1])}, lowers it in {len(kernel[-1])}, and "
            f"leaves it undecided in the other {len(kernel[0])}.",
            min(map(len, kernel.values())) > 0,
        ),
        alt="A list of settings with a point and an interval each, on an axis of C over the infinite-width "
        + says(
            f"error. As a whole, {len(total[-1])} of {count} intervals lie below zero; that of pure noise "
            "lies above zero and above all others.",
            len(total[-1]) > count / 2
            and total[1] == ["pure noise"]
            and noise.C.low / infinite("pure noise") > max(laws()[n].C.high / infinite(n) for n in others),
        ),
        readout=_readout,
    )


def _draw(part: str) -> go.Figure:
    fits = laws(PARTS[part])
    names = list(reversed(fits))
    C = [fits[name].C * (1 / infinite(name)) for name in names]
    figure = style.figure(x_title="C / E<sub>∞</sub>", x_range=reach(), height=560)
    look = style.points(part, [style.MEASURED if c.sign else style.SERIES[4] for c in C], size=8)
    bars = intervals(C, thickness=1.5, color=style.GUIDE)
    figure.add_scatter(x=[c.value for c in C], y=names, error_x=bars, **look)
    figure.add_scatter(x=[0, 0], y=[names[0], names[-1]], **style.guide())
    # Of a narrow window a name in one line would leave little to the intervals.
    rows = [name.replace(", ", ",<br>") for name in names]
    return figure.update_layout(showlegend=False).update_yaxes(tickvals=names, ticktext=rows)


def _readout(part: str) -> str:
    below, undecided, above = (len(names) for names in signs(PARTS[part]).values())
    have, are = ("has" if below == 1 else "have"), ("is" if undecided == 1 else "are")
    return (
        f"Of {below + undecided + above} settings, {below} {have} a negative C and {above} a positive one, "
        f"with 95 % confidence; {undecided} {are} undecided."
    )
