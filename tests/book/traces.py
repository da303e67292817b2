"""What the tests of all chapters ask a figure for."""

from __future__ import annotations

from typing import Any

from implicit_tutorial.explorer import Explorer


def trace(shown: Explorer | dict, name: str, *, panel: int = 0, **values: Any) -> dict:
    """The one trace of that name: in a panel, or in an explorer's panel at these values of its controls."""
    if isinstance(shown, Explorer):
        shown = shown.panels(**values)[panel]
    found = [trace for trace in shown["data"] if trace.get("name") == name]
    assert len(found) == 1, f"{len(found)} traces are called {name!r}"
    return found[0]
