"""Frames: decode(html) gives back what draw returns, and what does not vary is stored once."""

import itertools

import numpy as np
import plotly.graph_objects as go
import pytest

from implicit_tutorial.explorer import Control, Explorer, Figure, decode
from implicit_tutorial.explorer.stored import document_of


def explorer(draw, *controls, name="x", **more):
    return Explorer(draw, controls, name=name, caption="Move.", alt="A figure.", **more)


def assert_same(stored, drawn, path=""):
    """Equal trees, arrays to the accuracy of float32."""
    if isinstance(drawn, np.ndarray):
        np.testing.assert_allclose(stored, drawn, rtol=1e-6, err_msg=path)
    elif isinstance(drawn, dict):
        assert stored.keys() == drawn.keys(), path
        for key in drawn:
            assert_same(stored[key], drawn[key], f"{path}/{key}")
    elif isinstance(drawn, list):
        assert len(stored) == len(drawn), path
        for i, (a, b) in enumerate(zip(stored, drawn, strict=True)):
            assert_same(a, b, f"{path}/{i}")
    else:
        assert stored == drawn, path


def assert_round_trip(one):
    frames = decode(one.html())
    grid = list(itertools.product(*(c.values for c in one.controls)))
    assert list(frames) == grid
    for values in grid:
        arguments = dict(zip((c.name for c in one.controls), values, strict=True))
        assert_same(frames[values].panels, one.panels(**arguments))
        assert frames[values].readout == (one.readout(**arguments) if one.readout else None)


def test_specimens_come_back(waves, curve, heat):
    for one in (waves, curve, heat):
        assert_round_trip(one)


def awkward(size, kind):
    """Ragged arrays, gaps, text, colours, a missing attribute, nested and mixed values, shapes, ranges."""
    figure = go.Figure()
    figure.add_scatter(
        x=np.arange(size),
        y=[None if i == 1 else float(i) for i in range(size)],
        text=[f"point {i}" for i in range(size)],
        marker={"color": np.linspace(0, 1, size), "size": size}
        | ({"symbol": "square"} if kind == "b" else {}),
        name=kind,
        visible=size > 2 or "legendonly",
        customdata=np.arange(2 * size).reshape(size, 2),
    )
    figure.add_heatmap(z=np.eye(size), colorscale=[[0, "red"], [1, "blue"]])
    figure.add_scatter(x=[np.nan, np.inf, 1e-60, 2**40 + 1], y=np.array([], dtype=float))
    figure.update_layout(title_text=f"size {size}", yaxis_range=[0, size])
    for k in range(size % 3):
        figure.add_annotation(x=k, y=k, text="</script><b>&", showarrow=False)
    return figure


def test_awkward_figures_come_back():
    one = explorer(awkward, Control("size", [1, 2, 3, 5]), Control("kind", ["a", "b"]))
    assert_round_trip(one)
    assert "</script><b>" not in one.html()
    paths = {v.path for v in one.frames.varying}
    assert (0, "data", 0, "marker", "symbol") in paths
    assert (0, "layout", "annotations") in paths
    assert not any(path[:3] == (0, "data", 2) for path in paths)


def test_small_and_large_numbers_survive():
    y = np.array([1e-60, 1e-3, 1e300, 16777217.0])
    stored = decode(Figure(go.Figure(go.Scatter(y=y)), name="x", caption="c", alt="a").html())[()]
    np.testing.assert_array_equal(stored.panels[0]["data"][0]["y"], y)


def test_what_varies_is_found_and_stored_once_a_distinct_value(waves):
    found = {v.path: (v.on, len(v.values)) for v in waves.frames.varying}
    assert found[(0, "data", 0, "y")] == ((0, 1), 90)
    assert found[(0, "data", 1, "y")] == ((0,), 15)
    assert found[(1, "data", 0, "x")] == ((1,), 6)
    assert found[(1, "data", 0, "name")] == ((1,), 6)
    assert found[(1, "layout", "shapes")] == ((0,), 11)  # ten lines, and none
    assert len(found) == 6
    assert waves.frames.panels[0]["data"][0]["name"] == "measured"


def test_equal_arrays_are_stored_once_wherever_they_occur():
    t = np.linspace(0, 1, 50)

    def draw(k):
        moving = go.Scatter(x=t, y=t + k)
        return [go.Figure([moving, go.Scatter(x=t, y=t)]), go.Figure(moving)]

    document = document_of(explorer(draw, Control("k", [0, 1, 2])).html())
    assert document["arrays"]["f4"]["shapes"] == [50, 50, 50]


def test_draw_is_called_once_a_frame():
    calls = []

    def draw(k):
        calls.append(k)
        return go.Figure(go.Scatter(y=[k]))

    one = explorer(draw, Control("k", [3, 1, 2]))
    one.html()
    one.native()
    assert calls == [3, 1, 2]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda k: go.Figure([go.Scatter(y=[1])] * k), r"2 traces .* at \{'k': 2\} but 1"),
        (lambda k: [go.Figure(go.Scatter(y=[1]))] * k, r"2 panels at \{'k': 2\} but 1"),
        (lambda k: go.Figure((go.Scatter, go.Bar)[k - 1](y=[1])), r"\['bar'\] at \{'k': 2\}"),
        (lambda k: go.Figure(layout_title_text="$x$"), "Unicode"),
    ],
)
def test_figures_that_cannot_be_frames_of_one_explorer(draw, message):
    with pytest.raises(ValueError, match=message):
        explorer(draw, Control("k", [1, 2])).html()


def test_an_error_in_draw_names_the_frame():
    with pytest.raises(ZeroDivisionError) as caught:
        explorer(lambda k: go.Figure(go.Scatter(y=[1 / k])), Control("k", [1, 0])).html()
    assert caught.value.__notes__ == ["This happened while drawing the frame {'k': 0}."]
    with pytest.raises(TypeError, match="must return a plotly Figure"):
        explorer(lambda k: [k], Control("k", [1])).html()


def test_decode_finds_an_explorer_by_name(waves, curve):
    page = waves.html() + curve.html()
    assert decode(page, "curve-2").keys() == decode(curve.html()).keys()
    with pytest.raises(ValueError, match=r"No explorer 'other' .*'curve-2', 'waves'"):
        decode(page, "other")
    with pytest.raises(ValueError, match="No explorer None"):
        decode(page)
