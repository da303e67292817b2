"""What a still picture draws of a figure's traces: curves and points, bars, and maps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from implicit_tutorial.explorer.still.axis import Axis
from implicit_tutorial.explorer.still.svg import (
    DASHES,
    SIZE,
    Dots,
    bitmap,
    colours,
    element,
    markers,
    path,
    text,
)
from implicit_tutorial.explorer.style import SERIES


class Trace:
    """One trace: its specification as plotly has it, and the axes that it lies on.

    Arguments:
        spec: the trace.
        axes: its axes by "x" and "y".
        group: all traces of the panel, of which some stand beside or upon one another.
    """

    def __init__(self, spec: dict[str, Any], axes: dict[str, Axis], group: list[Trace]) -> None:
        self.spec, self.axes, self.group = spec, axes, group
        self.number = len(group)

    @property
    def data(self) -> dict[str, Sequence[Any]]:
        """x and y; where the trace names none, they count from zero."""
        x, y = self.spec.get("x"), self.spec.get("y")
        columns, rows = self._counts(x, y)
        return {"x": range(columns) if x is None else x, "y": range(rows) if y is None else y}

    def _counts(self, x: Any, y: Any) -> tuple[int, int]:
        count = len(next((v for v in (y, x) if v is not None), ()))
        return count, count

    def coordinates(self, way: str) -> np.ndarray:
        return self.axes[way].coordinates(self.data[way])

    def extent(self, way: str) -> np.ndarray:
        """Coordinates that the axis has to show."""
        return self.coordinates(way)

    def padding(self, way: str) -> float:
        """The room that it needs beyond them, as a share of the axis."""
        return 0.0 if way == "x" else 0.06

    def colour(self, part: str = "line") -> str:
        """One colour for the whole."""
        for name in (part, "line", "marker"):
            found = self.spec.get(name, {}).get("color")
            if isinstance(found, str):
                return found
            if isinstance(found, (list, tuple)) and found and isinstance(found[0], str):
                return found[0]
        return SERIES[self.number % len(SERIES)]

    def draw(self) -> Iterator[str]:
        raise NotImplementedError

    def sample(self, x: float, y: float) -> Iterator[str]:
        """What stands before its name in the legend."""
        yield element("rect", x=x + 4, y=y - 5, width=14, height=10, fill=self.colour(), opacity=0.5)


class Curve(Trace):
    """A line, points, words, or some of them, with errors and what lies below."""

    def __init__(self, spec: dict[str, Any], axes: dict[str, Axis], group: list[Trace]) -> None:
        super().__init__(spec, axes, group)
        self.mode = spec.get("mode", "lines")
        self.stack = spec.get("stackgroup")

    def coordinates(self, way: str) -> np.ndarray:
        own = super().coordinates(way)
        return own + self._foot(len(own)) if self.stack and way == "y" else own

    def _foot(self, count: int) -> np.ndarray:
        """What a stacked trace stands on: the one before it in its stack."""
        below = [t for t in self.group[: self.number] if isinstance(t, Curve) and t.stack == self.stack]
        return below[-1].coordinates("y") if below else np.zeros(count)

    @property
    def dots(self) -> Dots:
        return Dots(*(self.axes[way].place(self.coordinates(way)) for way in ("x", "y")))

    def errors(self, way: str) -> list[np.ndarray]:
        """Coordinates of both ends of the error bars, if there are any."""
        error = self.spec.get(f"error_{way}", {})
        if error.get("array") is None:
            return []
        values, above = (np.asarray(v, dtype=float) for v in (self.data[way], error["array"]))
        below = above if error.get("arrayminus") is None else np.asarray(error["arrayminus"], dtype=float)
        return [self.axes[way].coordinates(end) for end in (values - below, values + above)]

    def extent(self, way: str) -> np.ndarray:
        return np.concatenate([self.coordinates(way), *self.errors(way)])

    def padding(self, way: str) -> float:
        return super().padding(way) if self.mode == "lines" else 0.06

    def draw(self) -> Iterator[str]:
        dots = self.dots
        if self.stack or self.spec.get("fill"):
            shade = self.spec.get("fillcolor")
            look = {"fill": shade} if shade else {"fill": self.colour(), "fill_opacity": 0.5}
            yield path(self._area(dots), closed=True, **look)
        for way in ("x", "y"):
            if ends := self.errors(way):
                yield self._error_bars(way, dots, *map(self.axes[way].place, ends))
        if "lines" in self.mode and not self.stack:
            yield path(dots, **self._stroke())
        if "markers" in self.mode:
            marker = {"color": self.colour("marker")} | self.spec.get("marker", {})
            yield markers(dots, marker | {"opacity": marker.get("opacity", self.spec.get("opacity", 1))})
        if "text" in self.mode:
            yield from self._words(dots)

    def _stroke(self) -> dict[str, Any]:
        line = self.spec.get("line", {})
        look = {"stroke": self.colour(), "stroke_width": line.get("width", 2)}
        if dash := DASHES.get(line.get("dash", "solid")):
            look["stroke_dasharray"] = dash
        return look | ({"opacity": self.spec["opacity"]} if "opacity" in self.spec else {})

    def _area(self, dots: Dots) -> Dots:
        """What is filled: the inside, or down to zero, to the trace before, or to what it stands on."""
        x, y = self.axes["x"], self.axes["y"]
        if self.spec.get("fill") == "toself":
            return dots
        if self.stack:
            other = Dots(dots.x, y.place(self._foot(len(dots.x))))
        elif self.spec.get("fill") == "tonexty" and self.number:
            before = self.group[self.number - 1]
            other = Dots(x.place(before.coordinates("x")), y.place(before.coordinates("y")))
        else:
            floor = max(y.dots) if y.log else float(y.place(0.0))
            other = Dots(dots.x, np.full(len(dots.x), floor))
        return Dots(np.append(dots.x, other.x[::-1]), np.append(dots.y, other.y[::-1]))

    def _error_bars(self, way: str, dots: Dots, low: np.ndarray, high: np.ndarray) -> str:
        gap = np.full(len(low), math.nan)
        along = np.column_stack([low, high, gap]).ravel()
        across = np.column_stack([dots.y if way == "x" else dots.x] * 2 + [gap]).ravel()
        look = self.spec[f"error_{way}"]
        ends = Dots(along, across) if way == "x" else Dots(across, along)
        return path(
            ends, stroke=look.get("color", self.colour("marker")), stroke_width=look.get("thickness", 2)
        )

    def _words(self, dots: Dots) -> Iterator[str]:
        said = self.spec.get("text", "")
        size = self.spec.get("textfont", {}).get("size", SIZE)
        side = {"right": "start", "left": "end"}.get(
            self.spec.get("textposition", "").split(" ")[-1], "middle"
        )
        for x, y, word in zip(
            dots.x, dots.y, [said] * len(dots.x) if isinstance(said, str) else said, strict=True
        ):
            if math.isfinite(x + y):
                yield text(x, y + 4, str(word), anchor=side, size=size)

    def sample(self, x: float, y: float) -> Iterator[str]:
        if self.stack or self.spec.get("fill"):
            yield from super().sample(x, y)
        elif "lines" in self.mode:
            yield path(Dots(np.array([x, x + 22]), np.array([y, y])), **self._stroke())
        if "markers" in self.mode:
            marker = self.spec.get("marker", {}) | {"color": self.colour("marker"), "size": 7, "angle": 0}
            yield markers(Dots(np.array([x + 11.0]), np.array([y])), marker)


class Bars(Trace):
    """Bars from zero, upright or flat, with words at their ends."""

    @property
    def along(self) -> str:
        return "x" if self.spec.get("orientation") == "h" else "y"

    def extent(self, way: str) -> np.ndarray:
        here = self.coordinates(way)
        return np.append(here, 0.0) if way == self.along else np.concatenate([here - 0.5, here + 0.5])

    def padding(self, way: str) -> float:
        return 0.06 if way == self.along else 0.0

    def draw(self) -> Iterator[str]:
        across = "y" if self.along == "x" else "x"
        ends = self.axes[self.along].place(self.coordinates(self.along))
        foot = float(np.clip(self.axes[self.along].place(0.0), *sorted(self.axes[self.along].dots)))
        beside = [t for t in self.group if isinstance(t, Bars)]
        standard = 0.8 / len(beside)
        widths = np.broadcast_to(np.asarray(self.spec.get("width", standard), dtype=float), len(ends))
        shift = 0.0 if "width" in self.spec else (beside.index(self) - (len(beside) - 1) / 2) * standard
        middles = self.coordinates(across) + shift
        colour = self.spec.get("marker", {}).get("color", self.colour())
        fills = [colour] * len(ends) if isinstance(colour, str) else colour
        words = self.spec.get("text") or [""] * len(ends)
        for end, middle, wide, fill, word in zip(ends, middles, widths, fills, words, strict=True):
            sides = self.axes[across].place([middle - wide / 2, middle + wide / 2])
            spans = {self.along: (min(foot, end), max(foot, end)), across: (sides.min(), sides.max())}
            yield rectangle(spans["x"], spans["y"], fill=fill, opacity=self.spec.get("opacity", 1))
            if word:
                spot = (end + 5, sides.mean() + 4) if self.along == "x" else (sides.mean(), end - 5)
                yield text(*spot, str(word), anchor="start" if self.along == "x" else "middle")


class Map(Trace):
    """A matrix as coloured cells."""

    def _counts(self, x: Any, y: Any) -> tuple[int, int]:
        rows, columns = np.shape(self.spec["z"])
        return columns, rows

    def extent(self, way: str) -> np.ndarray:
        return edges(self.coordinates(way))

    def padding(self, way: str) -> float:
        return 0.0

    @property
    def limits(self) -> tuple[float, float]:
        """The values at the two ends of the colours."""
        z = np.asarray(self.spec["z"], dtype=float)
        return float(self.spec.get("zmin", np.nanmin(z))), float(self.spec.get("zmax", np.nanmax(z)))

    def draw(self) -> Iterator[str]:
        x, y = (self.axes[way].place(self.extent(way)) for way in ("x", "y"))
        z, (low, high) = np.asarray(self.spec["z"], dtype=float), self.limits
        rgba = colours(self.spec, (z - low) / ((high - low) or 1))
        if all(np.ptp(np.diff(e)) < 0.02 * abs(e[-1] - e[0]) for e in (x, y)):
            rgba = rgba[:: 1 if y[-1] > y[0] else -1, :: 1 if x[-1] > x[0] else -1]
            box = (x.min(), y.min(), np.ptp(x), np.ptp(y))
            yield bitmap(rgba, *box, bool(self.spec.get("zsmooth")), self.spec.get("opacity", 1))
            return
        for i, j in np.argwhere(np.isfinite(z)):  # cells of several sizes
            shade = "#{:02x}{:02x}{:02x}".format(*rgba[i, j, :3])
            yield rectangle(sorted(x[j : j + 2]), sorted(y[i : i + 2]), fill=shade)


KINDS = {"scatter": Curve, "bar": Bars, "heatmap": Map}


def rectangle(x: Sequence[float], y: Sequence[float], **look: Any) -> str:
    """A rectangle between two places each way."""
    return element("rect", x=x[0], y=y[0], width=x[1] - x[0], height=y[1] - y[0], **look)


def edges(centres: np.ndarray) -> np.ndarray:
    """The borders of cells whose centres are given."""
    if centres.size < 2:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])
