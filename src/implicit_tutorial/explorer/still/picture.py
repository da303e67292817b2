"""The whole of a still picture: its axes and traces, where they lie, and the document that draws them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np

from implicit_tutorial.explorer.still.axis import Axis, number
from implicit_tutorial.explorer.still.svg import DASHES, SIZE, bitmap, breadth, colours, element, text
from implicit_tutorial.explorer.still.traces import KINDS, Map, Trace, rectangle
from implicit_tutorial.explorer.style import COLORBAR, GUIDE
from implicit_tutorial.explorer.tree import Panel

WIDTH = 520
HEIGHT = 340  # where the figure does not say
ROW = 18  # of the legend
SCALE = 64  # what a scale of colours takes on the right


def still(panel: Panel, width: int = WIDTH) -> str | None:
    """The SVG document of a panel; None where it holds a kind of trace that is not known here."""
    traces = [trace for trace in panel["data"] if trace.get("visible", True) is True]
    if any(trace.get("type", "scatter") not in KINDS for trace in traces):
        return None
    return _Still(traces, panel["layout"], width).document()


def _said(owner: dict[str, Any]) -> str:
    """The title of a plot, an axis, or a scale of colours."""
    return owner.get("title", {}).get("text") or ""


class _Still:
    """One picture: its axes and traces, where they lie, and the document that draws them."""

    def __init__(self, traces: list[dict], layout: dict, width: int) -> None:
        self.layout, self.width, self.height = layout, width, layout.get("height", HEIGHT)
        self.axes: dict[str, Axis] = {}
        self.traces: list[Trace] = []
        for spec in traces:
            mine = {way: self._axis(spec.get(f"{way}axis", way)) for way in ("x", "y")}
            self.traces.append(KINDS[spec.get("type", "scatter")](spec, mine, self.traces))
        for way in ("x", "y"):
            self._axis(way)
        self._fit()
        self._lay_out()

    def _axis(self, name: str) -> Axis:
        return self.axes.setdefault(name, Axis(self.layout.get(f"{name[0]}axis{name[1:]}", {})))

    # ---------------------------------------------------------------- where things lie

    def _fit(self) -> None:
        for trace in self.traces:
            for way in ("x", "y"):
                trace.axes[way].learn(trace.data[way])
        for name, axis in self.axes.items():
            mine = [t for t in self.traces if t.axes[name[0]] is axis]
            padding = max((t.padding(name[0]) for t in mine), default=0.0)
            axis.fit([t.extent(name[0]) for t in mine], padding)

    def _lay_out(self) -> None:
        """Margins, and from them where each axis lies; then one scale on axes that are bound together."""
        shown = [t for t in self.traces if isinstance(t, Map) and t.spec.get("showscale", True)]
        self.scale = shown[0] if shown else None
        right = self.width - 14 - (SCALE if self.scale else 0)
        self.legend = self._legend_rows(right - 40)
        title = 24 if _said(self.layout) else 4
        top = max(self.layout.get("margin", {}).get("t", 20), title + ROW * len(self.legend) + 4)
        words = [label for _, label in self.axes["y"].ticks()] if self._numbered(self.axes["y"]) else []
        left = 12 + (22 if _said(self.axes["y"].spec) else 0) + max(map(breadth, words), default=0)
        bottom = self.height - (46 if self._numbered(self.axes["x"]) else 12)
        self.left, self.top, self.right, self.bottom = left, top, right, bottom
        for name, axis in self.axes.items():
            a, b = axis.spec.get("domain", (0, 1))
            low, high = (left, right) if name[0] == "x" else (bottom, top)
            axis.dots = (low + a * (high - low), low + b * (high - low))
        for axis in self.axes.values():
            if anchor := self.axes.get(axis.spec.get("scaleanchor", "")):
                lengths = [abs((a.dots[1] - a.dots[0]) / (a.ends[1] - a.ends[0])) for a in (axis, anchor)]
                share = lengths[1] * axis.spec.get("scaleratio", 1) / lengths[0]
                axis.narrow(min(1, share))
                anchor.narrow(min(1, 1 / share))

    @staticmethod
    def _numbered(axis: Axis) -> bool:
        return axis.spec.get("visible", True) and axis.spec.get("showticklabels", True)

    def _legend_rows(self, width: float) -> list[list[Trace]]:
        """The traces that have a name to show, in rows above the plot."""
        if not self.layout.get("showlegend", len(self.traces) > 1):
            return []
        rows: list[list[Trace]] = []
        room = 0.0
        for trace in self.traces:
            if not trace.spec.get("name") or not trace.spec.get("showlegend", True) or isinstance(trace, Map):
                continue
            needed = 40 + breadth(trace.spec["name"])
            if not rows or room < needed:
                rows.append([])
                room = width
            rows[-1].append(trace)
            room -= needed
        return rows

    # ---------------------------------------------------------------- drawing

    def document(self) -> str:
        """The whole picture."""
        shapes = {True: "", False: ""}
        for shape in self.layout.get("shapes", ()):
            shapes[shape.get("layer") == "below"] += self._shape(shape)
        clips, drawn = "", ""
        for i, (_, alike) in enumerate(groupby(self.traces, key=lambda t: [id(a) for a in t.axes.values()])):
            group = list(alike)
            spans = (sorted(group[0].axes[way].dots) for way in ("x", "y"))
            clips += f'<clipPath id="c{i}">{rectangle(*spans)}</clipPath>'
            inside = "".join(part for trace in group for part in trace.draw())
            drawn += f'<g clip-path="url(#c{i})">{inside}</g>'
        notes = (part for note in self.layout.get("annotations", ()) for part in self._note(note))
        said = "".join([*self._titles(), *self._legend(), *self._colour_scale()])
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}" font-family="system-ui,sans-serif" '
            f'font-size="{SIZE}" fill="{GUIDE}"><defs>{clips}</defs>'
            f"{''.join(self._grid())}{shapes[True]}{drawn}{shapes[False]}{''.join(notes)}{said}</svg>"
        )

    def _grid(self) -> Iterator[str]:
        for name, axis in self.axes.items():
            if not axis.spec.get("visible", True):
                continue
            other = self.axes[axis.spec.get("anchor", ("y" if name[0] == "x" else "x") + name[1:])]
            low, high = other.dots
            for at, label in axis.ticks():
                zero = label == "0" and not axis.words and axis.spec.get("zeroline", True)
                if axis.spec.get("showgrid", True) or zero:
                    ends = {"x1": at, "x2": at, "y1": low, "y2": high}
                    if name[0] == "y":
                        ends = {"x1": low, "x2": high, "y1": at, "y2": at}
                    yield element("line", stroke=GUIDE, opacity=0.5 if zero else 0.2, **ends)
                if self._numbered(axis) and name[0] == "x":
                    yield text(at, low + 16, label, anchor="middle")
                elif self._numbered(axis):
                    yield text(low - 6, at + 4, label, anchor="end")

    def _titles(self) -> Iterator[str]:
        (left, right), (bottom, top) = self.axes["x"].dots, self.axes["y"].dots
        yield text(self.left, 16, _said(self.layout), size=14)
        yield text((left + right) / 2, bottom + 36, _said(self.axes["x"].spec), anchor="middle", size=13)
        aside = left - self.left + 14
        title = _said(self.axes["y"].spec)
        yield text(aside, (top + bottom) / 2, title, anchor="middle", size=13, turned=True)

    def _legend(self) -> Iterator[str]:
        y = self.top - ROW * len(self.legend) + 10
        for row in self.legend:
            x = self.left
            for trace in row:
                yield from trace.sample(x, y - 4)
                yield text(x + 28, y, trace.spec["name"])
                x += 40 + breadth(trace.spec["name"])
            y += ROW

    def _colour_scale(self) -> Iterator[str]:
        if self.scale is None:
            return
        look = self.scale.spec.get("colorbar", {})
        top = self.top + 14
        axis = Axis({"tickvals": look.get("tickvals"), "ticktext": look.get("ticktext")})
        axis.ends, axis.dots = self.scale.limits, (self.bottom, top)
        shades = colours(self.scale.spec, np.linspace(1, 0, SCALE)[:, None])
        yield bitmap(shades, self.right + 14, top, COLORBAR["thickness"], self.bottom - top, True, 1)
        ends = [(at, number(value)) for at, value in zip(axis.dots, axis.ends, strict=True)]
        for at, label in axis.ticks() if look.get("tickvals") is not None else ends:
            yield text(self.right + 30, at + 4, label)
        title = _said(look)
        yield text(self.width - 4, top - 10 - 14 * title.count("<br>"), title, anchor="end")

    # ---------------------------------------------------------------- shapes and notes

    def _spot(self, value: Any, way: str, reference: str, logarithm: bool) -> float:
        """Where a number of a shape or a note lies: on an axis, on its length, or on the plot's."""
        if reference == "paper":
            low, high = (self.left, self.right) if way == "x" else (self.bottom, self.top)
            return low + float(value) * (high - low)
        axis = self.axes[reference.split()[0]]
        if reference.endswith("domain"):
            return axis.dots[0] + float(value) * (axis.dots[1] - axis.dots[0])
        return float(axis.place(value) if logarithm and axis.log else axis.at([value])[0])

    def _shape(self, shape: dict[str, Any]) -> str:
        line = shape.get("line", {})
        look = {
            "stroke": line.get("color", GUIDE),
            "stroke_width": line.get("width", 1),
            "stroke_dasharray": DASHES.get(line.get("dash", "solid"), "none"),
            "fill": shape.get("fillcolor", "none"),
            "opacity": shape.get("opacity", 1),
        }
        if shape["type"] == "path":
            return element("path", d=self._outline(shape["path"]), **look)
        place = {
            key: self._spot(shape[key], key[0], shape.get(f"{key[0]}ref", key[0]), logarithm=False)
            for key in ("x0", "x1", "y0", "y1")
        }
        if shape["type"] == "line":
            return element("line", **{f"{k[0]}{int(k[1]) + 1}": v for k, v in place.items()}, **look)
        x, y = (sorted((place[f"{way}0"], place[f"{way}1"])) for way in ("x", "y"))
        if shape["type"] == "circle":
            look |= {"rx": (x[1] - x[0]) / 2, "ry": (y[1] - y[0]) / 2}
        return rectangle(x, y, **look)

    def _outline(self, commands: str) -> str:
        """A path in data as one in dots: its numbers are x and y in turn."""
        out, way = [], "x"
        for word in commands.replace(",", " ").split():
            if word.isalpha():
                out.append(word)
                continue
            out.append(f"{float(self.axes[way].at([float(word)])[0]):.1f}")
            way = "y" if way == "x" else "x"
        return " ".join(out)

    def _note(self, note: dict[str, Any]) -> Iterator[str]:
        # On a logarithmic axis a note stands at a logarithm, a shape at the number itself.
        x, y = (self._spot(note[way], way, note.get(f"{way}ref", way), logarithm=True) for way in ("x", "y"))
        tail = (x, y)
        if note.get("showarrow", True):
            tail = tuple(self._tail(note, way, head) for way, head in (("x", x), ("y", y)))
            colour = note.get("arrowcolor", GUIDE)
            ends = {"x1": tail[0], "y1": tail[1], "x2": x, "y2": y}
            yield element("line", stroke=colour, stroke_width=note.get("arrowwidth", 1), **ends)
            turn = math.degrees(math.atan2(y - tail[1], x - tail[0]))
            place = f"translate({x:.1f} {y:.1f}) rotate({turn:.0f})"
            yield element("path", d="M0 0L-8 -4V4Z", fill=colour, transform=place)
        anchor = {"left": "start", "right": "end"}.get(note.get("xanchor", ""), "middle")
        rise = {"bottom": -4, "top": 12}.get(note.get("yanchor", ""), 4)
        font = note.get("font", {})
        look = {"anchor": anchor, "size": font.get("size", SIZE), "colour": font.get("color")}
        yield text(tail[0], tail[1] + rise, note.get("text", ""), **look)

    def _tail(self, note: dict[str, Any], way: str, head: float) -> float:
        """Where an arrow begins: in data, or so many dots from its head."""
        if note.get(f"a{way}ref", "pixel") != "pixel":
            return self._spot(note[f"a{way}"], way, way, logarithm=True)
        return head + float(note.get(f"a{way}", {"x": -10, "y": -30}[way]))
