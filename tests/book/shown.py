"""Every control of every explorer, moved by keyboard: the page then shows what Python computes."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import numpy as np
import pytest
from bs4 import BeautifulSoup

from implicit_tutorial import figures
from implicit_tutorial.explorer import Explorer, decode

pytestmark = pytest.mark.browser


def registry() -> dict[str, Callable[[], Explorer]]:
    """All explorers that the chapters' figure modules export, by name."""
    found: dict[str, Callable[[], Explorer]] = {}
    for module in pkgutil.iter_modules(figures.__path__):
        chapter = getattr(importlib.import_module(f"{figures.__name__}.{module.name}"), "EXPLORERS", {})
        assert not set(found) & set(chapter), "two chapters have explorers of one name"
        found |= chapter
    return found


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
        elif not np.allclose(
            got,
            expected,
            rtol=rtol,
            atol=1e-2 * rtol * np.nanmax(np.abs(expected), initial=0),
            equal_nan=True,
        ):
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


class Handle:
    """An explorer on an open page."""

    def __init__(self, tab: Any, name: str) -> None:
        self.figure = tab.locator(f"figure#fig-{name}")
        self.figure.scroll_into_view_if_needed()
        self.settle()

    def inputs(self) -> list[Any]:
        return self.figure.locator(".it-control input, .it-control select").all()

    def position(self) -> list[int]:
        return [int(control.input_value()) for control in self.inputs()]

    def settle(self) -> None:
        self.figure.evaluate("inspect.settled")

    def shown(self) -> dict:
        return self.figure.evaluate("inspect.shown")

    def press(self, control: int, key: str) -> None:
        self.inputs()[control].focus()
        self.inputs()[control].press(key)
        self.settle()


def stored_names(page: Path) -> list[str]:
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    return [figure["data-name"] for figure in soup.select("figure.it-explorer")]


def test_every_handle_shows_what_python_computes(open_tab, html: Path, served: str, document: str) -> None:
    """Each control goes to its end, to its start, and one step on; there the page shows the stored frame of
    these values. (All stored frames are compared when the notebooks are run again; in the last place the
    Python function is called here.) The address opens a figure in a state and remembers where it is left."""
    page = html / f"{document}.html"
    source = page.read_text(encoding="utf-8")
    stored = {name: decode(source, name) for name in stored_names(page)}
    known = registry()
    axes = {n: [list(dict.fromkeys(k)) for k in zip(*frames, strict=True)] for n, frames in stored.items()}
    moving = {name: known[name]() for name in stored if axes[name]}
    ends = {name: {explorer.controls[0].name: axes[name][0][-1]} for name, explorer in moving.items()}
    tab = open_tab()
    tab.goto(f"{served}/{document}.html#" + ";".join(f"fig-{n}:{urlencode(end)}" for n, end in ends.items()))
    for name, frames in stored.items():
        handle = Handle(tab, name)

        def look(step: str, name=name, frames=frames, handle=handle) -> dict:
            shown = handle.shown()
            values = tuple(axis[i] for axis, i in zip(axes[name], handle.position(), strict=True))
            where = f"{name} {step}, at {values}"
            wrong = compare(shown["panels"], frames[values].panels, rtol=1e-6)
            assert wrong == [], f"{where}: the page does not show its own stored frame"
            assert shown["readout"] == frames[values].readout, where
            return shown

        look("as it opens")
        if name not in moving:
            continue
        assert handle.position()[0] == len(axes[name][0]) - 1, f"{name} does not open as the address says"
        for k, axis in enumerate(axes[name]):
            seen = []
            for key, stop in (("End", len(axis) - 1), ("Home", 0), ("ArrowRight", min(1, len(axis) - 1))):
                handle.press(k, key)
                assert handle.position()[k] == stop, f"{name}: control {k + 1} ignores {key}"
                seen.append(look(f"after {key} on control {k + 1}"))
            assert any(shown != seen[0] for shown in seen), f"{name}: control {k + 1} changes nothing"
        wrong = compare(
            seen[-1]["panels"], moving[name].panels(**second(moving[name], axes[name])), rtol=1e-4
        )
        assert wrong == [], f"{name}: a fresh run gives something else"

    if moving:
        tab.wait_for_timeout(1000)  # the address follows the last move after a fifth of a second
    parts = dict(part.split(":", 1) for part in urlsplit(tab.url).fragment.split(";") if ":" in part)
    for name, explorer in moving.items():
        said = dict(parse_qsl(parts.get(f"fig-{name}", urlencode(explorer.start))))
        for control, value in second(explorer, axes[name]).items():
            assert type(value)(said[control]) == value, f"{name}: the address says {control}={said[control]}"


def second(explorer: Explorer, axes: list[list[Any]]) -> dict[str, Any]:
    """The second value of every control, or its only one."""
    return {control.name: axis[:2][-1] for control, axis in zip(explorer.controls, axes, strict=True)}


def test_every_live_figure_shows_what_python_computes(html: Path, document: str) -> None:
    """What JupyterLab shows in the place of a page's figure follows its handles to the same values."""
    page = html / f"{document}.html"
    source = page.read_text(encoding="utf-8")
    for name in stored_names(page):
        axes = [list(dict.fromkeys(k)) for k in zip(*decode(source, name), strict=True)]
        if not axes:
            continue
        explorer = registry()[name]()
        row, *handles, line, _caption = explorer.widget().children
        values = second(explorer, axes)
        for handle, value in zip(handles, values.values(), strict=True):
            handle.value = value
        assert "<strong>" not in line.value, f"{name}: {line.value}"
        live = [
            {"data": [t.to_plotly_json() for t in plot.data], "layout": plot.layout.to_plotly_json()}
            for plot in row.children
        ]
        wrong = compare(live, explorer.panels(**values), rtol=1e-12)
        assert wrong == [], f"{name}: the live figure shows something else"
