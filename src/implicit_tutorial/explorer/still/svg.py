"""Pieces of SVG: elements, text with plotly's mark-up, lines, points, and maps as images in the picture."""

from __future__ import annotations

import base64
import math
import re
import struct
import zlib
from html import escape
from typing import Any, NamedTuple

import numpy as np
from plotly.colors import get_colorscale, unlabel_rgb

from implicit_tutorial.explorer.style import GUIDE, SEQUENTIAL

SIZE = 12
DASHES = {"dash": "7 5", "dot": "2 3", "dashdot": "7 3 2 3", "longdash": "11 5", "longdashdot": "11 4 2 4"}
FAR = 5000.0  # dots; a viewer need not cope with more
NEAR = 0.6  # dots; two points of a line that are nearer than this are one

#: The corners of a point of size one around its middle, open or closed. All other points are circles.
CORNERS = {
    "square": [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)],
    "diamond": [(-0.65, 0), (0, -0.65), (0.65, 0), (0, 0.65)],
    "triangle-up": [(-0.6, 0.4), (0.6, 0.4), (0, -0.65)],
    "arrow": [(0, -0.5), (0.4, 0.5), (-0.4, 0.5)],
    "star": [
        (radius * math.sin(k * math.pi / 5), -radius * math.cos(k * math.pi / 5))
        for k, radius in enumerate([0.7, 0.3] * 5)
    ],
}


class Dots(NamedTuple):
    """Places in the picture; nan is a gap."""

    x: np.ndarray
    y: np.ndarray


def short(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".").replace("-0", "0" if abs(value) < 0.05 else "-0")


def element(tag: str, **attributes: Any) -> str:
    """An element without content; `stroke_width` is stroke-width."""
    said = (
        f'{name.replace("_", "-")}="{escape(value) if isinstance(value, str) else short(value)}"'
        for name, value in attributes.items()
    )
    return f"<{tag} {' '.join(said)}/>"


def breadth(words: str, size: float = SIZE) -> float:
    """About how wide a text is."""
    return 0.57 * size * len(re.sub(r"<[^>]+>", "", words))


def text(
    x: float,
    y: float,
    words: str,
    *,
    anchor: str = "start",
    size: float = SIZE,
    colour: str | None = None,
    turned: bool = False,
) -> str:
    """A text with its first line at a place; <sub>, <sup> and <br> are known, other mark-up is left out."""
    if not words:
        return ""
    out, lowered, first = [], 0.0, True
    for line in re.split(r"<br\s*/?>", words):
        start = "" if first else f'<tspan x="{short(x)}" dy="1.2em">'
        out.append(start)
        for token in re.split(r"(</?su[bp]>|<[^>]+>)", line):
            if token in ("<sub>", "<sup>"):
                lowered = (0.3 if token == "<sub>" else -0.4) * size
                out.append(f'<tspan dy="{short(lowered)}" font-size="{short(0.72 * size)}">')
            elif token in ("</sub>", "</sup>"):
                out.append(f'</tspan><tspan dy="{short(-lowered)}">\u200b</tspan>')
            elif token and not token.startswith("<"):
                out.append(escape(token, quote=False))
        out.append("" if first else "</tspan>")
        first = False
    turn = f' transform="rotate(-90 {short(x)} {short(y)})"' if turned else ""
    look = "" if anchor == "start" else f' text-anchor="{anchor}"'
    look += "" if size == SIZE else f' font-size="{short(size)}"'
    look += f' fill="{colour}"' if colour else ""
    return f'<text x="{short(x)}" y="{short(y)}"{look}{turn}>{"".join(out)}</text>'


def path(dots: Dots, *, closed: bool = False, fill: str = "none", **look: Any) -> str:
    """A line through places, broken at gaps."""
    commands = []
    pen: tuple[float, float] | None = None
    places = np.clip(np.column_stack(dots), -FAR, FAR)
    last = len(places) - 1
    for i, (x, y) in enumerate(places):
        if not np.isfinite(x + y):
            pen = None
            continue
        if pen is None:
            commands.append(f"M{short(x)} {short(y)}")
        elif max(abs(x - pen[0]), abs(y - pen[1])) < NEAR and i < last and np.isfinite(places[i + 1]).all():
            continue
        else:
            commands.append(f"L{short(x)} {short(y)}")
        pen = (x, y)
    return element("path", d="".join(commands) + ("Z" if closed and commands else ""), fill=fill, **look)


def markers(dots: Dots, marker: dict[str, Any]) -> str:
    """Points: one path for all that look alike."""
    count = len(dots.x)
    number = isinstance(marker.get("color"), np.ndarray)  # along a scale
    shades = _shades(marker) if number else marker.get("color", GUIDE)
    sizes, turns = (
        np.broadcast_to(np.asarray(marker.get(key, standard), dtype=float), count)
        for key, standard in (("size", 6), ("angle", 0))
    )
    looks: dict[tuple[str, float, float], list[int]] = {}
    for i in range(count):
        if np.isfinite(dots.x[i] + dots.y[i]) and sizes[i] > 0:
            shade = shades if isinstance(shades, str) else str(shades[i])
            looks.setdefault((shade, float(sizes[i]), float(turns[i])), []).append(i)
    symbol = str(marker.get("symbol", "circle"))
    faint = {} if (opacity := marker.get("opacity", 1)) == 1 else {"opacity": f"{opacity:g}"}
    return "".join(_alike(dots, which, symbol, *look, faint) for look, which in looks.items())


def _alike(
    dots: Dots, which: list[int], symbol: str, shade: str, size: float, turn: float, faint: dict[str, str]
) -> str:
    spots = [f"M{short(dots.x[i])} {short(dots.y[i])}" for i in which]
    half = short(size / 2)
    look = {"stroke": shade, "fill": "none"} | faint
    if symbol in CORNERS:
        c, s = math.cos(math.radians(turn)) * size, math.sin(math.radians(turn)) * size
        corners = np.array([(c * x - s * y, s * x + c * y) for x, y in CORNERS[symbol]])
        steps = [f"{short(x)} {short(y)}" for x, y in np.diff(corners, axis=0, prepend=0)]
        outline = f"m{steps[0]}l{' '.join(steps[1:])}z"
        look = {"fill": shade} | faint
    elif symbol == "x":
        side = short(0.7 * size)
        outline = f"m-{short(0.35 * size)} -{short(0.35 * size)}l{side} {side}m0 -{side}l-{side} {side}"
        look |= {"stroke-width": "2"}
    elif symbol.endswith("-open"):
        outline = f"m-{half} 0a{half} {half} 0 1 0 {short(size)} 0a{half} {half} 0 1 0 -{short(size)} 0"
    else:
        outline = "h0"  # a line without length, whose round ends are the circle
        look |= {"stroke-width": short(size), "stroke-linecap": "round"}
    return element("path", d="".join(spot + outline for spot in spots), **look)


def _shades(marker: dict[str, Any]) -> list[str]:
    values = np.asarray(marker["color"], dtype=float)
    low, high = marker.get("cmin", np.nanmin(values)), marker.get("cmax", np.nanmax(values))
    rgba = colours(marker, (values - low) / ((high - low) or 1))
    return ["#{:02x}{:02x}{:02x}".format(*c[:3]) for c in rgba]


def colours(trace: dict[str, Any], share: np.ndarray) -> np.ndarray:
    """Red, green, blue and opacity (0 … 255) along a trace's colour scale; nan is transparent."""
    scale = trace.get("colorscale") or SEQUENTIAL
    stops = get_colorscale(scale) if isinstance(scale, str) else scale
    at = [float(stop) for stop, _ in stops]
    rgb = np.array([_rgb(colour) for _, colour in stops])
    if trace.get("reversescale"):
        rgb = rgb[::-1]
    inside = np.clip(np.nan_to_num(share), 0, 1)
    channels = [np.interp(inside, at, rgb[:, c]) for c in range(3)]
    return np.stack([*channels, np.where(np.isfinite(share), 255, 0)], axis=-1).round().astype(np.uint8)


def _rgb(colour: str) -> tuple[float, ...]:
    if colour.startswith("#"):
        return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return unlabel_rgb(colour.replace("rgba", "rgb"))[:3]


def bitmap(
    rgba: np.ndarray, x: float, y: float, width: float, height: float, smooth: bool, opacity: float
) -> str:
    """A map as an image, one dot a cell."""
    source = f"data:image/png;base64,{base64.b64encode(_png(rgba)).decode('ascii')}"
    look = "auto" if smooth else "pixelated"
    box = f'x="{short(x)}" y="{short(y)}" width="{short(width)}" height="{short(height)}"'
    return (
        f'<image {box} preserveAspectRatio="none" opacity="{opacity:g}" '
        f'style="image-rendering:{look}" href="{source}"/>'
    )


def _png(rgba: np.ndarray) -> bytes:
    """The simplest PNG of an image: eight bits a channel, no filter."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = rgba.shape
    rows = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(rgba))
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )
