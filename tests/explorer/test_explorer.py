"""Explorer and Figure: names, HTML, the two modes, the live widget, the plotly figure shown before a run."""

import json
from html.parser import HTMLParser

import numpy as np
import plotly.graph_objects as go
import pytest

from implicit_tutorial.explorer import Control, Explorer, Figure, live
from implicit_tutorial.explorer.tree import typed_array
from implicit_tutorial.explorer.widgets import Live

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
    moving, _how = waves._repr_mimebundle_()
    assert set(moving) == {"text/plain", "text/html", WIDGET}
    assert static["text/plain"] == moving["text/plain"]
    assert static["text/plain"].startswith("Explorer waves [implicit_scale, depth]: A wave")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Two Words"}, "no slug"),
        ({"caption": " "}, "needs a caption"),
        ({"alt": ""}, "needs a alt"),
        ({"controls": [Control("k", [1]), Control("k", [2])]}, "one name"),
        ({"controls": [Control("k", [1]), Control("n", [2], label="k")]}, "two controls of one label"),
    ],
)
def test_refused(change, message):
    arguments = {"controls": [], "name": "x", "caption": "c", "alt": "a"} | change
    with pytest.raises(ValueError, match=message):
        Explorer(lambda: None, **arguments)


class Elements(HTMLParser):
    """Start tags of a fragment with their attributes, and a check that tags are balanced."""

    VOID = frozenset({"input", "meta", "link", "br", "img"})

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
    (choice,) = page.all("select")
    assert page.all("label")[0]["for"] == choice["id"]
    assert 'ramp &lt;&amp;&gt; "x"' in curve.html().replace("&quot;", '"')
    plots = [a for a in Elements(waves.html()).all("div") if a.get("role") == "img"]
    assert [p["aria-label"][-14:] for p in plots] == ["(panel 1 of 2)", "(panel 2 of 2)"]
    assert '<p class="it-readout" aria-live="polite">scale × depth = 5.00</p>' in waves.html()


def test_many_stops_are_a_slider_and_few_a_switch(curve, waves):
    page = Elements(waves.html())
    sliders = page.all("input")
    assert [label["for"] for label in page.all("label")] == [s["id"] for s in sliders]
    assert [output["for"] for output in page.all("output")] == [s["id"] for s in sliders]
    assert [(s["type"], s["max"], s["value"], s["aria-valuetext"]) for s in sliders] == [
        ("range", "14", "4", "0.5"),
        ("range", "5", "3", "10"),
    ]
    page = Elements(curve.html())
    buttons = page.all("input")
    assert {(b["type"], b["name"]) for b in buttons} == {("radio", "fig-curve-2-power")}
    assert [b["value"] for b in buttons if "checked" in b] == ["1"]
    assert all(f"<span>{power}</span></label>" in curve.html() for power in (1, 3, 9))
    (switch,) = (a for a in page.all("div") if a.get("role") == "radiogroup")
    assert switch["aria-labelledby"] in [a.get("id") for a in page.all("span")]


def test_number_and_tag_stand_before_the_caption(curve):
    figure = Figure(go.Figure(), name="x", alt="a", caption="C.", tag="measured · *m* = 8")
    assert "<figcaption>C.</figcaption>" in Figure(go.Figure(), caption="C.", alt="a").html()
    figure.number = "6.3"
    told = '<figcaption><span class="it-tag">Figure 6.3 · measured · <em>m</em> = 8</span>C.</figcaption>'
    assert told in figure.html()
    assert told in figure.widget().spec["html"]


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


def assert_shows(widget, panels):
    """What the browser is sent, read as it reads it: its arrays to the last bit, all else as it is."""
    (lengths, flat) = widget.frame["arrays"]["shapes"], np.frombuffer(widget.frame["arrays"]["bytes"])
    sizes = [int(np.prod(shape)) for shape in lengths]
    parts = np.split(flat, np.cumsum(sizes)[:-1])
    arrays = [part.reshape(shape) for part, shape in zip(parts, lengths, strict=True)]

    def same(sent, drawn):
        if isinstance(drawn, np.ndarray):
            np.testing.assert_array_equal(arrays[sent["f8"]], drawn)
        elif isinstance(drawn, dict):
            assert sent.keys() == drawn.keys()
            [same(sent[key], drawn[key]) for key in drawn]
        elif isinstance(drawn, list):
            [same(*pair) for pair in zip(sent, drawn, strict=True)]
        else:
            assert sent == drawn

    same(widget.frame["panels"], panels)


def test_live_values_call_draw_and_change_both_panels(waves):
    widget = waves.widget()
    assert widget.values == waves.start
    assert_shows(widget, waves.panels())
    assert widget.readout == "scale × depth = 5.00"
    for scale, depth in ((0.9, 10), (0.9, 50), (0.2, 1)):
        widget.values = {"implicit_scale": scale, "depth": depth}
        assert_shows(widget, waves.panels(implicit_scale=scale, depth=depth))
        positions = [c.values.index(v) for c, v in zip(waves.controls, (scale, depth), strict=True)]
        assert widget.frame["position"] == widget.frame["drawn"] == positions
        assert widget.frame["readout"] == widget.readout == f"scale × depth = {scale * depth:.2f}"


def test_live_panels_are_drawn_anew_only_where_they_changed(curve):
    def draw(k):
        return [go.Figure(go.Scatter(y=[1.0])), go.Figure(go.Scatter(y=[k]))]

    widget = Explorer(draw, [Control("k", [1, 2])], name="x", caption="c", alt="a").widget()
    before = widget.frame
    widget.values = {"k": 2}
    changed = [a != b for a, b in zip(before["keys"], widget.frame["keys"], strict=True)]
    assert changed == [False, True]


def test_live_choice_is_moved_by_some_of_the_values(curve):
    widget = curve.widget()
    widget.values = {"shape": "cosine"}
    assert widget.values == {"shape": "cosine", "power": 3}
    assert_shows(widget, curve.panels(shape="cosine"))


def test_live_values_that_no_control_has_are_refused(curve):
    widget = curve.widget()
    with pytest.raises(ValueError, match=r"No control \['size'\]; there are \['shape', 'power'\]"):
        widget.values = {"size": 1}
    with pytest.raises(ValueError, match=r"'power' cannot be 2; its values are \[1, 3, 9\]"):
        widget.values = {"power": 2}
    assert widget.values == curve.start


def test_live_figure_is_the_pages_figure(curve, waves, heat):
    for explorer in (curve, waves, heat):
        page, live = Elements(explorer.html()), Elements(explorer.widget().spec["html"])
        elsewhere = {"noscript", "script"}
        not_live = {"it-readout", "it-still"}
        plain = [tag for tag, a in live.found if a.get("class") != "it-readout"]
        assert plain == [
            tag
            for i, (tag, a) in enumerate(page.found)
            if tag not in elsewhere and page.found[i - 1][0] != "noscript" and a.get("class") not in not_live
        ]
        for tag in ("figure", "input", "select", "label"):
            assert live.all(tag) == page.all(tag)


def test_live_mathematics_needs_no_typesetter():
    control = Control("k", [1, 2, 3, 4], label=r"scale $\sigma_A<1$ & more")
    one = Explorer(
        lambda k: go.Figure(), [control], name="x", alt="a", caption=r"$\lVert A\rVert_2$, $\mathbb R$"
    )
    html = one.widget().spec["html"]
    assert html.count("<math") == 4  # the label also stands in the words for paper
    assert "<msub><mi>&#x003C3;</mi><mi>A</mi></msub><mo>&#x0003C;</mo>" in html
    assert "</math> &amp; more</label>" in html
    assert "&#x0211D;" in html
    assert "\\" not in html
    Elements(html)


def test_live_error_is_said_and_not_hidden():
    def draw(k):
        if k == 2:
            raise ValueError("no equilibrium <here>")
        return go.Figure([go.Scatter(y=[k])] * (1 + (k == 4)))

    one = Explorer(draw, [Control("k", [1, 2, 3, 4])], name="x", caption="c", alt="a")
    widget = one.widget()
    widget.values = {"k": 2}
    assert widget.error == widget.frame["error"] == "ValueError: no equilibrium <here>"
    assert (widget.frame["position"], widget.frame["drawn"]) == ([1], [0])
    assert_shows(widget, one.panels(k=1))
    widget.values = {"k": 3}
    assert widget.error == widget.frame["error"] == ""
    assert_shows(widget, one.panels(k=3))
    widget.values = {"k": 4}
    assert "2 traces" in widget.error


def test_live_figures_bring_the_plotting_library_once_a_kernel(monkeypatch, curve):
    monkeypatch.setattr(Live, "_brought", False)
    sizes = [len(curve.widget().plotly) for _ in range(3)]
    assert sizes[0] > 1e6
    assert sizes[1:] == [0, 0]
