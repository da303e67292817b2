"""Explorer and Figure: names, HTML, the two modes, the live widget, the plotly figure shown before a run."""

import json
from html.parser import HTMLParser

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import pytest

from implicit_tutorial.explorer import Control, Explorer, Figure, live
from implicit_tutorial.explorer.tree import typed_array

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.mark.parametrize(
    ("forced", "server", "expected"),
    [("1", None, True), ("0", "x", False), (None, "x", True), (None, None, False)],
)
def test_live_under_a_server_or_as_told(monkeypatch, forced, server, expected):
    for name, value in (("IMPLICIT_TUTORIAL_LIVE", forced), ("JPY_SESSION_NAME", server)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert live() is expected


def test_the_mode_decides_what_a_cell_shows(monkeypatch, waves):
    static = waves._repr_mimebundle_()
    assert set(static) == {"text/plain", "text/html", "application/vnd.plotly.v1+json"}
    monkeypatch.setenv("IMPLICIT_TUTORIAL_LIVE", "1")
    assert set(waves._repr_mimebundle_()) == {"text/plain", WIDGET}
    assert static["text/plain"].startswith("Explorer waves [implicit_scale, depth]: A wave")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Two Words"}, "no slug"),
        ({"caption": " "}, "needs a caption"),
        ({"alt": ""}, "needs a alt"),
        ({"controls": [Control("k", [1]), Control("k", [2])]}, "one name"),
    ],
)
def test_refused(change, message):
    arguments = {"controls": [], "name": "x", "caption": "c", "alt": "a"} | change
    with pytest.raises(ValueError, match=message):
        Explorer(lambda: None, **arguments)


class Elements(HTMLParser):
    """Start tags of a fragment with their attributes, and a check that tags are balanced."""

    VOID = frozenset({"input", "meta", "link", "br"})

    def __init__(self, html):
        super().__init__()
        self.found, self.open = [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def test_html_is_labelled_and_escaped(curve, waves):
    page = Elements(curve.html())
    (figure,) = page.all("figure")
    assert figure == {"class": "it-explorer", "id": "fig-curve-2", "data-name": "curve-2"}
    handles = [a["id"] for a in page.all("select") + page.all("input")]
    assert [label["for"] for label in page.all("label")] == handles
    assert [output["for"] for output in page.all("output")] == handles[1:]
    (slider,) = page.all("input")
    assert (slider["type"], slider["max"]) == ("range", "2")
    assert (slider["value"], slider["aria-valuetext"]) == ("1", "3")
    assert 'ramp &lt;&amp;&gt; "x"' in curve.html().replace("&quot;", '"')
    plots = [a for a in Elements(waves.html()).all("div") if a.get("role") == "img"]
    assert [p["aria-label"][-14:] for p in plots] == ["(panel 1 of 2)", "(panel 2 of 2)"]
    assert '<p class="it-readout" aria-live="polite">scale × depth = 5.00</p>' in waves.html()


def test_captions_know_code_emphasis_and_mathematics():
    figure = Figure(go.Figure(), name="x", alt="a", caption="Move `a_b` *now* & see $x<1$, 2 * 3 * 4.")
    assert (
        "Move <code>a_b</code> <em>now</em> &amp; see "
        '<span class="math notranslate nohighlight">\\(x&lt;1\\)</span>, 2 * 3 * 4.</figcaption>'
    ) in figure.html()


def test_plotly_figure_shown_before_a_run_moves_with_the_first_control(waves):
    native = waves.native()
    json.dumps(native, allow_nan=False)
    go.Figure(native)  # valid
    (slider,) = native["layout"]["sliders"]
    assert (len(native["frames"]), len(slider["steps"]), slider["active"]) == (15, 15, 4)
    frame = native["frames"][8]
    assert [step["args"][0][0] for step in slider["steps"]] == [f["name"] for f in native["frames"]]
    expected = waves.panels(implicit_scale=0.9)[0]["data"]
    for data, trace in zip(frame["data"], frame["traces"], strict=True):
        np.testing.assert_allclose(typed_array(data["y"]), expected[trace]["y"], rtol=1e-6, atol=1e-12)
    assert "sliders" not in Figure(go.Figure(), name="x", caption="c", alt="a").native()["layout"]


def shown(widget):
    row, *handles, line, _caption = widget.children
    return row.children, handles, line


def test_live_sliders_call_draw_and_change_both_panels(waves):
    figures, (scale, depth), line = shown(waves.widget())
    assert isinstance(scale, ipywidgets.SelectionSlider)
    assert scale.continuous_update
    assert (scale.value, depth.value, line.value) == (0.5, 10, "scale × depth = 5.00")
    for values in ((0.9, 10), (0.9, 50), (0.2, 1)):
        scale.value, depth.value = values
        expected = waves.panels(implicit_scale=values[0], depth=values[1])
        for figure, panel in zip(figures, expected, strict=True):
            for trace, data in zip(figure.data, panel["data"], strict=True):
                np.testing.assert_array_equal(trace.x, data["x"])
                np.testing.assert_array_equal(trace.y, data["y"])
                assert trace.name == data["name"]
            assert len(figure.layout.shapes) == len(panel["layout"].get("shapes", []))
        assert line.value == f"scale × depth = {values[0] * values[1]:.2f}"


def test_live_choice_is_a_drop_down(curve):
    (figure,), (shape, _power), _ = shown(curve.widget())
    assert isinstance(shape, ipywidgets.Dropdown)
    shape.value = "cosine"
    np.testing.assert_array_equal(figure.data[0].y, curve.panels(shape="cosine")[0]["data"][0]["y"])
    assert figure.layout.yaxis.title.text == "cosine(x)"


def test_live_error_is_said_and_not_hidden():
    def draw(k):
        if k == 2:
            raise ValueError("no equilibrium <here>")
        return go.Figure(go.Scatter(y=[k]))

    one = Explorer(draw, [Control("k", [1, 2, 3])], name="x", caption="c", alt="a")
    (figure,), (handle,), line = shown(one.widget())
    handle.value = 2
    assert "ValueError: no equilibrium &lt;here&gt;" in line.value
    assert "previous values" in line.value
    handle.value = 3
    assert line.value == ""
    assert list(figure.data[0].y) == [3]
