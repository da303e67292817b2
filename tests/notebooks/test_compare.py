"""The comparison itself: what counts as the same number, text, table, figure."""

import json
import re

import numpy as np
import plotly.graph_objects as go
import pytest

from implicit_tutorial.explorer import Control, Explorer, style
from tests.notebooks.compare import (
    SPEC,
    Tolerance,
    array_difference,
    html_difference,
    output_difference,
    text_difference,
    tree_difference,
)

TOL = Tolerance()


@pytest.mark.parametrize(
    ("stored", "new"),
    [
        ("loss 3.14159265", "loss 3.14159579"),  # 1e-6
        ("loss 1.2345", "loss 1.2346"),  # rounded the other way
        ("loss 1.234e-05", "loss 1.235e-05"),
        ("error 1.1e-17", "error 3.3e-17"),  # both zero
        ("error −0.00012345", "error −0.00012346"),
        ("a  9.99996\nb 0.5", "a 10.00000\nb 0.5"),  # a column widened
        ("[1. 2.]", "[1. 2.]"),
    ],
)
def test_the_same_print(stored, new):
    assert text_difference(stored, new, TOL) is None


@pytest.mark.parametrize(
    ("stored", "new"),
    [
        ("loss 3.14159265", "loss 3.14473424"),  # 0.1 %
        ("loss 3.14159265", "loss -3.14159265"),
        ("loss 1.23", "loss 1.24"),  # too few digits to forgive the last
        ("loss 1.2345", "loss 1.2347"),
        ("loss 1e-5", "loss 1e-6"),
        ("error 1e-13", "error 3e-13"),
        ("10 steps", "11 steps"),
        ("took 1234.", "took 1235."),
        ("holds", "fails"),
        ("loss 1.5", "loss nan"),
        ("loss 1.5", "loss 1.5 "),
        ("torch 2.13.0", "torch 2.14.0"),
        ("1.5", "1.5\n2.5"),
    ],
)
def test_another_print(stored, new):
    assert text_difference(stored, new, TOL) is not None


def test_an_array_is_compared_on_its_own_scale():
    curve = np.array([1.0, 1e-3, 1e-17, np.nan])
    assert array_difference(curve, np.array([1.0, 1e-3, 3e-17, np.nan]), TOL) is None
    assert array_difference(curve, np.array([1.0, 1.01e-3, 1e-17, np.nan]), TOL) is not None
    assert array_difference(curve, np.array([1.0, 1e-3, 1e-17, 0.0]), TOL) is not None
    assert array_difference(curve[:3], curve, TOL) is not None
    # Small numbers count where there are no large ones beside them.
    assert array_difference(np.array([1e-9]), np.array([1.01e-9]), TOL) is not None
    assert array_difference(np.array([np.inf]), np.array([-np.inf]), TOL) is not None


@pytest.mark.parametrize(("factor", "same"), [(1, True), (1 + 1e-6, True), (1.001, False), (1.01, False)])
def test_plotly_figures_are_unpacked(factor, same):
    def figure(scale):
        y = np.linspace(0, 1, 50)
        y[7] *= scale
        return go.Figure(go.Scatter(y=y)).to_dict()

    assert "bdata" in figure(1)["data"][0]["y"]
    difference = tree_difference(figure(1), figure(factor), TOL)
    assert (difference is None) == same
    assert same or "/data/0/y" in difference


@pytest.mark.parametrize(
    ("stored", "new"),
    [
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": [1, "x"]}, {"a": [1, "y"]}),
        ({"a": 3}, {"a": 4}),
        ({"a": 10001}, {"a": 10002}),
        ({"a": True}, {"a": 1}),
        ({"a": None}, {"a": 0}),
        ({"a": [{"x": 1.0}]}, {"a": [{"x": 1.01}]}),
        ({"a": [{}]}, {"a": [{}, {}]}),
    ],
)
def test_other_json(stored, new):
    assert tree_difference(stored, stored, TOL) is None
    assert tree_difference(stored, new, TOL) is not None


def explorer_html(
    scale=1.0, shift=0.0, readout="gap {:.4f}", values=(1, 2, 3, 4), title="title", alt="A line."
):
    """An explorer whose numbers are off by a factor at the last frame only."""

    def draw(depth):
        y = np.linspace(0, 1, 30) * depth * (scale if depth == values[-1] else 1)
        return style.figure(title=title).add_scatter(x=np.arange(30) + shift, y=y)

    return Explorer(
        draw,
        [Control("depth", values)],
        name="line",
        caption="Move.",
        alt=alt,
        readout=lambda depth: readout.format(depth),
    ).html()


def test_the_same_explorer():
    assert html_difference(explorer_html(), explorer_html(), TOL) is None
    assert html_difference(explorer_html(), explorer_html(scale=1 + 1e-6), TOL) is None
    # What was equal to the last bit in two frames may not be so on another machine.
    assert html_difference(explorer_html(), explorer_html(shift=1e-9), TOL) is None


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"scale": 1.01}, r"\(4,\).*data/0/y"),
        ({"scale": 1.001}, r"\(4,\).*data/0/y"),
        ({"shift": 0.1}, "data/0/x"),
        ({"readout": "hole {:.4f}"}, "readout"),
        ({"values": (1, 2, 3, 5)}, "controls"),
        ({"values": (1, 5, 3, 4)}, "controls"),
        ({"title": "other"}, "title"),
        ({"alt": "A curve."}, "text"),
    ],
)
def test_another_explorer(change, where):
    difference = html_difference(explorer_html(), explorer_html(**change), TOL)
    assert difference is not None
    assert re.search(where, difference), difference


def test_images_and_cells_with_a_tolerance_of_their_own():
    assert output_difference("image/png", "iVBOR", "iVBOS", TOL) == "the images differ"
    assert output_difference("text/plain", "1.000", "1.005", Tolerance(rtol=1e-2)) is None
    assert output_difference("text/plain", "1.000", "1.020", Tolerance(rtol=1e-2)) is not None
    assert output_difference("text/plain", "1e-9", "3e-9", Tolerance(atol=1e-8)) is None


def test_another_program_of_a_figure_that_computes():
    def page(step: str) -> str:
        spec = json.loads(re.search(r'class="it-spec">(.*?)</script>', explorer_html(), re.S)[1])
        spec["computed"] = {"programs": {"observe": {"steps": [["z", step, 0.5]]}}}
        return SPEC.sub(lambda found: found[1] + json.dumps(spec) + found[2], explorer_html())

    assert html_difference(page("mul"), page("mul"), TOL) is None
    assert "/programs/observe/steps" in html_difference(page("mul"), page("add"), TOL)
