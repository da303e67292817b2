"""Figures and their handles, with the mistakes that are made: each is refused by a sentence that names it."""

from __future__ import annotations

import inspect
from operator import attrgetter
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from implicit_tutorial import explorer as ex
from implicit_tutorial.explorer import EXPLORERS, Control, Explorer, style
from tests.mistakes import FLAG, NO_OBJECTS, NO_STRINGS, Call, Kind, Wrong, mistakes


def draw(depth: int = 1) -> go.Figure:
    return style.figure(x_title="depth").add_scatter(x=[0, depth], y=[0, 1], **style.measured("state"))


DEPTH = Control("depth", [1, 2])
TEXT = Kind(NO_STRINGS).but("unknown")
COUNT = Kind([w for w in NO_OBJECTS if w.what != "a number"]).also(None, 1.5)
NO_FUNCTION = Kind([w for w in NO_OBJECTS if not callable(w.value)]).also("draw", 2.5, (), b"draw", 1j)
RANGE = Kind([w for w in NO_OBJECTS if w.what != "a list"]).or_none.also(
    0.5, "01", {0, 1}, [0], (0.0,), (0.0, 1.0, 2.0), ("a", "b"), (None, 1.0)
)
TICKS = Kind([w for w in NO_OBJECTS if w.what not in ("a list", "numpy", "a tensor", "a dict")]).or_none.also(
    0.5, ["a"], [None], [[1]], b"12"
)
NO_VALUES = Kind(
    [
        *(w for w in NO_OBJECTS if w.what not in ("a list", "numpy")),
        Wrong("a set", {1, 2}),
        Wrong("lists", [[1], [2]]),
        Wrong("truth values", [True, False]),
        Wrong("None in it", [1, None]),
        Wrong("nan", [1.0, float("nan")]),
        Wrong("complex", [1j]),
        Wrong("a matrix", np.ones((2, 2))),
        Wrong("figures", [go.Figure()]),
    ]
)
NO_FORMAT = Kind(
    [
        *(w for w in NO_OBJECTS if not callable(w.value) and w.what != "a string"),
        Wrong("no text", lambda value: value),
        Wrong("always the same text", lambda value: "always"),
    ]
).also(".2q", "z", 2.5, "{}")
SAID = {
    "caption": TEXT.also("", "  "),
    "alt": TEXT.also("", "\n"),
    "name": TEXT.or_none.also("Two Words", "", "tête", "a_b"),
}
LINE = {"name": TEXT.or_none, "color": TEXT}

CALLS: dict[str, Call] = {
    "Control": Call(
        {"name": "depth", "values": [1, 2]},
        {
            "name": TEXT.also("two words", ""),
            "values": NO_VALUES,
            "start": Kind([w for w in NO_OBJECTS if w.what != "numpy"]).or_none.also([1], 3),
            "label": TEXT.or_none,
            "fmt": NO_FORMAT.or_none,
        },
    ),
    "Explorer": Call(
        {"draw": draw, "controls": [DEPTH], "caption": "Depth.", "alt": "A line."},
        {
            "draw": NO_FUNCTION,
            "controls": Kind([w for w in NO_OBJECTS if w.what != "numpy"]).also(
                DEPTH, ["depth"], [Control], [DEPTH, DEPTH], {"depth": DEPTH}, None
            ),
            "readout": NO_FUNCTION.or_none,
            "tag": Kind([]).or_none,  # anything that can be written
            **SAID,
        },
    ),
    "Figure": Call(
        {"figures": draw(), "caption": "Depth.", "alt": "A line."},
        {
            "figures": Kind([w for w in NO_OBJECTS if w.what != "a list"]).also(None, [], [1], {}),
            **SAID,
            "name": Kind(SAID["name"].wrong),
            "tag": Kind([]).or_none,
        },
    ),
    "explorer": Call({"name": "a-name-of-its-own"}, {"name": Kind(SAID["name"].wrong)}),
    "decode": Call(
        {"html": Explorer(draw, [DEPTH], caption="Depth.", alt="A line.").html()},
        {"html": TEXT.also("", "<p>no explorer</p>"), "name": TEXT.or_none.also("another")},
    ),
    "style.figure": Call(
        {},
        {
            **dict.fromkeys(("title", "x_title", "y_title"), TEXT.or_none),
            **dict.fromkeys(("x_log", "y_log", "equal"), FLAG),
            **dict.fromkeys(("x_range", "y_range"), RANGE),
            **dict.fromkeys(("x_ticks", "y_ticks"), TICKS),
            **dict.fromkeys(("height", "legend_rows"), COUNT),
        },
    ),
    "style.blank": Call({}, {"title": TEXT.or_none, "height": COUNT, "equal": FLAG}),
    "style.measured": Call({}, LINE),
    "style.theory": Call({}, LINE),
    "style.guide": Call({}, LINE),
    "style.points": Call(
        {}, {**LINE, "color": Kind([w for w in NO_OBJECTS if w.what != "a string"]).also(None)}
    ),
    "style.marked": Call({}, {**LINE, "size": Kind([]).or_none}),
}
#: A frame that is read back, what takes no argument, and what numbers the figures of the book.
NOT_CALLED = {"Frame", "live", "number", "style.plotly_js"}


def test_every_public_function_and_argument_is_in_the_table() -> None:
    public = {n for n in ex.__all__ if callable(getattr(ex, n))}
    own = (n for n, f in vars(style).items() if inspect.isfunction(f) and f.__module__ == style.__name__)
    public |= {f"style.{name}" for name in own if name[0] != "_"}
    assert public - NOT_CALLED == set(CALLS)
    for name, (_, kinds) in CALLS.items():
        parameters = inspect.signature(attrgetter(name)(ex)).parameters.values()
        # What else a line is to look like goes to plotly, which refuses it by name.
        assert {p.name for p in parameters if p.kind is not p.VAR_KEYWORD} == set(kinds), name


@pytest.mark.parametrize("name", CALLS)
def test_the_right_arguments_are_accepted(name: str) -> None:
    attrgetter(name)(ex)(**CALLS[name].right)
    assert "a-name-of-its-own" not in EXPLORERS


@pytest.mark.parametrize(("name", "argument", "value"), list(mistakes(CALLS)))
def test_a_mistake_is_refused_by_name(name: str, argument: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        attrgetter(name)(ex)(**{**CALLS[name].right, argument: value})
    assert argument in str(caught.value), str(caught.value)
    assert len(str(caught.value)) > len(argument) + 15
