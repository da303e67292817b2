"""The numbers that a figure shows, as one table; the page's script (save.js) makes the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from implicit_tutorial.explorer.tree import Panel

COLUMNS = ("panel", "trace", "x", "y", "z", "x_low", "x_high", "y_low", "y_high", "text")
MARKUP = re.compile(r"</?(?:sub|sup|b|i|em|span|small|a)\b[^>]*>")


def table(panels: Sequence[Panel]) -> pd.DataFrame:
    """A row for each point or cell of each trace that shows, in full precision.

    Columns: panel and trace (their titles, or their numbers), x, y, z, the ends of error bars, and words at
    points; those that no trace fills are left out.
    """
    rows = [row for p, panel in enumerate(panels, start=1) for row in _rows(panel, p)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
    empty = [c for c in COLUMNS[2:] if frame[c].isna().all()]
    return frame.drop(columns=empty)


def _rows(panel: Panel, number: int) -> Iterator[dict[str, Any]]:
    title = plain(panel["layout"].get("title", {}).get("text")) or str(number)
    names: dict[str, int] = {}
    for t, trace in enumerate(panel["data"], start=1):
        name = plain(trace.get("name")) or str(t)
        count = names[name] = names.get(name, 0) + 1
        called = {"panel": title, "trace": f"{name} ({count})" if count > 1 else name}
        if trace.get("visible", True) is not False:
            yield from (called | point for point in _points(trace))


def _points(trace: dict[str, Any]) -> Iterator[dict[str, Any]]:
    x, y, z, text = (trace.get(key) for key in ("x", "y", "z", "text"))
    if z is not None:
        for i, j in np.ndindex(*np.shape(z)):
            word = None if text is None else plain(text[i][j])
            place = {"x": j if x is None else _number(x[j]), "y": i if y is None else _number(y[i])}
            yield place | {"z": _number(z[i][j]), "text": word}
        return
    count = len(next((v for v in (y, x) if v is not None), ()))
    for i in range(count):
        point = {"x": i if x is None else _number(x[i]), "y": i if y is None else _number(y[i])}
        if point["x"] is None or point["y"] is None:
            continue  # a gap of a line is no point
        for axis, values in (("x", x), ("y", y)):
            error = trace.get(f"error_{axis}", {})
            if (above := error.get("array")) is not None:
                below = above if error.get("arrayminus") is None else error["arrayminus"]
                ends = values[i] - below[i], values[i] + above[i]
                point |= {f"{axis}_low": _number(ends[0]), f"{axis}_high": _number(ends[1])}
        yield point | {"text": plain(text[i]) if isinstance(text, list) else None}


def _number(value: Any) -> Any:
    """A value as it is written: words without mark-up, whole numbers without a point; None for a gap."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, np.generic):
        value = value.item()
    if value != value:
        return None
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


def plain(text: Any) -> str | None:
    """Plotly's text without its mark-up: σ_A^k; None for an empty one."""
    if text is None or text == "":
        return None
    said = re.sub(r"<br\s*/?>", " ", str(text)).replace("<sub>", "_").replace("<sup>", "^")
    return MARKUP.sub("", said)
