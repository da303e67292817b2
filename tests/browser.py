"""A reader with a browser of his own, who notices what a page does behind his back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: What a test asks a page about itself, and where things lie in its figures; for `add_init_script`.
INSPECT, GEOMETRY = (Path(__file__).parent / name for name in ("inspect.js", "geometry.js"))

#: What holds the place of each control of a figure: a slider, a list, or the chosen button of a switch.
HANDLE = ".it-control :is([type=range], select, input:checked)"


def press(control: Any, key: str) -> None:
    """Press a key on a control; a switch has none that lead to its ends, so a button of it is clicked."""
    stops = control.get_by_role("radio")
    if key in ("Home", "End") and stops.count():
        (stops.first if key == "Home" else stops.last).check()
    else:
        control.locator(HANDLE.partition(" ")[2]).press(key)


@contextmanager
def reader(
    browser: Any, *inside: str, console: tuple[str, ...] = ("error",), **context: Any
) -> Iterator[Any]:
    """An empty tab without cookies or a stored theme; `context` is what Playwright calls its options.

    In the end, its pages must not have written on the console (of these kinds), nor raised an error, nor
    asked for anything whose address does not begin like one of `inside`.
    """
    complaints: list[str] = []
    inside = (*inside, "data:", "blob:")
    opened = browser.new_context(**context)
    try:
        tab = opened.new_page()
        tab.on("console", lambda m: complaints.append(m.text) if m.type in console else None)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("request", lambda r: None if r.url.startswith(inside) else complaints.append(r.url))
        yield tab
    except BaseException as error:
        error.add_note(f"Until then, the pages complained of: {complaints}")
        raise
    finally:
        opened.close()
    assert not complaints, f"the pages complain of, or ask for: {complaints}"
