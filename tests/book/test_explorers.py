"""Every control of every explorer, moved by keyboard: the page then shows what Python computes."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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
        found |= getattr(importlib.import_module(f"{figures.__name__}.{module.name}"), "EXPLORERS", {})
    return found


def differences(shown: Any, expected: Any, rtol: float, path: str = "") -> Iterator[str]:
    """Where two figures differ. What only the page sets (its template, its size) is not compared."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            if not isinstance(shown, dict) or key not in shown:
                yield f"{path}.{key} is missing"
            else:
                yield from differences(shown[key], value, rtol, f"{path}.{key}")
    elif isinstance(expected, np.ndarray) and expected.dtype.kind in "iufb":
        got = np.array(shown, dtype=float)
        scale = float(np.nanmax(np.abs(expected), initial=0.0))
        if got.shape != expected.shape:
            yield f"{path} has shape {got.shape}, not {expected.shape}"
        elif not np.allclose(got, expected, rtol=rtol, atol=rtol * scale * 1e-2, equal_nan=True):
            yield f"{path} is off by {np.nanmax(np.abs(got - expected)):.3g}"
    elif isinstance(expected, (list, tuple, np.ndarray)):
        if len(shown) != len(expected):
            yield f"{path} has {len(shown)} entries, not {len(expected)}"
        else:
            for i, (one, other) in enumerate(zip(shown, expected, strict=True)):
                yield from differences(one, other, rtol, f"{path}[{i}]")
    elif isinstance(expected, float) and isinstance(shown, (int, float)):
        if not np.isclose(shown, expected, rtol=rtol, atol=1e-12):
            yield f"{path} is {shown}, not {expected}"
    elif shown != expected:
        yield f"{path} is {shown!r}, not {expected!r}"


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
    """Each control goes to its ends and one step back; at each stop the page shows the stored frame of these
    values, which is what a fresh run of the Python function gives."""
    page = html / f"{document}.html"
    known = registry()
    tab = open_tab()
    tab.goto(f"{served}/{document}.html")
    for name in stored_names(page):
        frames = decode(page.read_text(encoding="utf-8"), name)
        assert len(frames) == 1 or name in known, f"no figure module exports the explorer {name}"
        explorer = known[name]() if name in known else None
        handle = Handle(tab, name)
        axes = [list(dict.fromkeys(key[k] for key in frames)) for k in range(len(handle.inputs()))]

        def look(step: str, name=name, frames=frames, explorer=explorer, handle=handle, axes=axes) -> dict:
            shown = handle.shown()
            values = tuple(axis[i] for axis, i in zip(axes, handle.position(), strict=True))
            where = f"{name} {step}, at {values}"
            wrong = list(differences(shown["panels"], frames[values].panels, rtol=1e-6))
            assert wrong == [], f"{where}: the page does not show its own stored frame"
            assert shown["readout"] == frames[values].readout, where
            if explorer is not None:
                arguments = {c.name: value for c, value in zip(explorer.controls, values, strict=True)}
                wrong = list(differences(shown["panels"], explorer.panels(**arguments), rtol=1e-4))
                assert wrong == [], f"{where}: a fresh run gives something else"
            return shown

        look("at its start")
        for k, axis in enumerate(axes):
            last = len(axis) - 1
            handle.press(k, "Home")
            seen = [look(f"after Home on control {k + 1}")]
            for key, stop in (("ArrowRight", min(1, last)), ("End", last), ("ArrowLeft", max(last - 1, 0))):
                handle.press(k, key)
                assert handle.position()[k] == stop, f"{name}: control {k + 1} ignores {key}"
                seen.append(look(f"after {key} on control {k + 1}"))
            assert any(shown != seen[0] for shown in seen), f"{name}: control {k + 1} changes nothing"


def test_the_address_remembers_a_figure(open_tab, html: Path, served: str, document: str) -> None:
    """A link copied after a move opens the figure as it was left."""
    for name in stored_names(html / f"{document}.html"):
        tab = open_tab()
        tab.goto(f"{served}/{document}.html")
        handle = Handle(tab, name)
        if not handle.inputs():
            continue
        handle.press(0, "End")
        handle.press(0, "ArrowLeft")
        tab.wait_for_function(f"location.hash.includes('fig-{name}')")
        again = open_tab()
        again.goto(tab.url)
        reopened = Handle(again, name)
        assert reopened.position() == handle.position()
        assert list(differences(reopened.shown(), handle.shown(), rtol=0)) == []
