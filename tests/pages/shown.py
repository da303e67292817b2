"""What a page's figures hold: their stored frames, and what Python computes for the same handles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from bs4 import BeautifulSoup

from implicit_tutorial.explorer import Explorer, decode

# What of a layout belongs to the picture; ranges are left out where plotly itself fits them to the box.
LAYOUT = ("title", "annotations", "shapes", "xaxis", "yaxis", "coloraxis", "showlegend")
AXIS = ("title", "type", "tickvals", "ticktext", "range")


def picture(panel: dict) -> dict:
    """The traces, and of the layout what the figure's function decides."""
    layout = {key: value for key, value in panel["layout"].items() if key in LAYOUT}
    fitted = any("scaleanchor" in layout.get(axis, {}) for axis in ("xaxis", "yaxis"))
    for axis in ("xaxis", "yaxis"):
        if axis in layout:
            kept = {key: value for key, value in layout[axis].items() if key in AXIS}
            layout[axis] = {key: value for key, value in kept.items() if not (key == "range" and fitted)}
    return {"data": panel["data"], "layout": layout}


def differences(shown: Any, expected: Any, rtol: float, path: str = "") -> Iterator[str]:
    """Where a figure in the page differs from the one that Python made. The page may set more attributes."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            if not isinstance(shown, dict) or key not in shown:
                yield f"{path}.{key} is missing"
            else:
                yield from differences(shown[key], value, rtol, f"{path}.{key}")
    elif isinstance(expected, np.ndarray) and expected.dtype.kind in "iufb":
        got = np.array(shown, dtype=float)
        if got.shape != expected.shape:
            yield f"{path} has shape {got.shape}, not {expected.shape}"
            return
        if path.endswith(".angle"):
            got = expected + (got - expected + 180) % 360 - 180  # in degrees: −180 is 180
        # A curve that is zero up to rounding has no size of its own.
        atol = max(1e-2 * rtol * np.nanmax(np.abs(expected), initial=0), 1e-12)
        if not np.allclose(got, expected, rtol=rtol, atol=atol, equal_nan=True):
            yield f"{path} is off by {np.nanmax(np.abs(got - expected)):.3g}"
    elif isinstance(expected, (list, tuple, np.ndarray)):
        if not isinstance(shown, list) or len(shown) != len(expected):
            yield f"{path} is {shown!r}, not {len(expected)} entries"
        else:
            for i, (one, other) in enumerate(zip(shown, expected, strict=True)):
                yield from differences(one, other, rtol, f"{path}[{i}]")
    elif isinstance(expected, float) and isinstance(shown, (int, float)):
        if not np.isclose(shown, expected, rtol=rtol, atol=1e-12, equal_nan=True):
            yield f"{path} is {shown}, not {expected}"
    elif shown != expected:
        yield f"{path} is {shown!r}, not {expected!r}"


def compare(shown: list[dict], expected: list[dict], rtol: float) -> list[str]:
    """Differences of all panels."""
    return list(differences([*map(picture, shown)], [*map(picture, expected)], rtol))


def stored_figures(page: Path) -> dict[str, dict]:
    """The frames of every explorer of a built page, by its name and the values of its controls."""
    source = page.read_text(encoding="utf-8")
    soup = BeautifulSoup(source, "html.parser")
    names = [figure["data-name"] for figure in soup.select("figure.it-explorer")]
    return {name: decode(source, name) for name in names}


def axes(frames: dict) -> list[list[Any]]:
    """The values of each control, in their order."""
    return [list(dict.fromkeys(values)) for values in zip(*frames, strict=True)]


def second(explorer: Explorer, axes: list[list[Any]]) -> dict[str, Any]:
    """The second value of every control, or its only one."""
    return {control.name: axis[:2][-1] for control, axis in zip(explorer.controls, axes, strict=True)}
