"""A point of a figure that the reader drags."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import plotly.graph_objects as go

from implicit_tutorial.explorer.control import Control

#: About so many stops has its slider in JupyterLab, at round numbers.
_STOPS = 40


@dataclass(frozen=True, kw_only=True)
class Point:
    """A point of a panel, whose axes have ranges: dragged in the page, moved by sliders in JupyterLab.

    Where it is alone in its panel, a click there brings it.
    """

    x: str
    y: str = ""
    """Under these names the functions take its coordinates; without the second it moves along a line. The
    name of a control stands for this, which then moves along."""
    height: str = ""
    """The result that says how high that line is, where it is a curve."""
    start: tuple[float, float] = (math.nan, math.nan)
    """Where it is at first; of a control that is known."""
    label: str
    """What it is, for a reader who does not see it."""
    panel: int = 0

    @property
    def at(self) -> list[str]:
        """The names of the coordinates that move."""
        return [self.x, self.y] if self.y else [self.x]

    @property
    def document(self) -> dict[str, Any]:
        """What the page needs to know of it."""
        kept = ("at", "start", "height", "label", "panel")
        return {name: getattr(self, name) for name in kept}

    def controls(self, figure: go.Figure) -> list[Control]:
        """Its coordinates as sliders over the axes of its panel."""
        found = []
        axes = figure.layout.xaxis, figure.layout.yaxis
        for name, start, axis, mark in zip(self.at, self.start, axes, "→↑", strict=False):
            along = math.log10(start) if axis.type == "log" else start
            low, high = axis.range  # of a logarithmic axis the exponents
            power = 10 ** math.floor(math.log10((high - low) / _STOPS))
            step = power * min((1, 2, 5, 10), key=lambda k: abs(math.log(k * power * _STOPS / (high - low))))
            first, last = math.ceil((low - along) / step), math.floor((high - along) / step)
            values = [round(along + k * step, 9) for k in range(first, last + 1)]
            if axis.type == "log":
                values = [start if v == round(along, 9) else float(f"{10**v:.3g}") for v in values]
            form = ".3g" if axis.type == "log" else ".2f"
            found.append(Control(name, values, start=start, label=f"{self.label} {mark}", fmt=form))
        return found

    def among(self, controls: Sequence[Control]) -> Point:
        """The point where these controls are, as far as its coordinates are theirs."""
        starts = {c.name: c.start for c in controls}
        at = zip((self.x, self.y), self.start, strict=True)
        return replace(self, start=tuple(starts.get(name, v) for name, v in at))
