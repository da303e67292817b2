"""A figure as a file: its table, a page that stands alone, its picture; and what is said where that fails."""

import io
import json
import xml.etree.ElementTree as ET
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest

from implicit_tutorial.explorer import Explorer, Figure, decode, style
from implicit_tutorial.explorer.table import table
from tests.browser import reader
from tests.explorer.conftest import write_page

SVG = "{http://www.w3.org/2000/svg}"


def test_the_table_has_every_number_in_full(tmp_path, waves):
    assert waves.save(tmp_path / "waves.csv", depth=2) == tmp_path / "waves.csv"
    read = pd.read_csv(tmp_path / "waves.csv", dtype=str)
    assert list(read.columns) == ["panel", "trace", "x", "y"]
    for panel, (title, names) in zip(
        waves.panels(depth=2),
        [("A wave", ["measured", "theory"]), ("Decay", ["depth 2"])],
        strict=True,
    ):
        for trace, name in zip(panel["data"], names, strict=True):
            rows = read[(read.panel == title) & (read.trace == name)]
            np.testing.assert_array_equal([float(x) for x in rows.x], trace["x"])
            np.testing.assert_array_equal([float(y) for y in rows.y], trace["y"])
    assert len(read) == 121 + 121 + 2


def test_maps_errors_words_and_what_is_hidden():
    figure = style.figure()
    figure.add_heatmap(z=[[1.0, np.nan]], x=["a", "b"], y=[5])
    error = {"array": np.array([0.5]), "arrayminus": np.array([0.25])}
    figure.add_scatter(
        x=[1.0, None], y=[2.0, 3.0], error_y=error | {"symmetric": False}, name="σ<sub>A</sub>"
    )
    figure.add_scatter(x=[1], y=[2], name="σ<sub>A</sub>", text=["<b>here</b>"], mode="text")
    figure.add_scatter(x=[1], y=[2], name="hidden", visible=False)
    found = table(Figure(figure, caption="c", alt="a").panels())
    expected = """panel,trace,x,y,z,y_low,y_high,text
1,1,a,5,1,,,
1,1,b,5,,,,
1,σ_A,1,2,,1.75,2.5,
1,σ_A (2),1,2,,,,here
"""
    assert found.to_csv(index=False) == expected


def test_other_endings_and_controls_are_refused(tmp_path, waves):
    with pytest.raises(ValueError, match=r"waves.pdf ends in none of .html, .csv, .svg and .png"):
        waves.save(tmp_path / "waves.pdf")
    with pytest.raises(ValueError, match=r"No control \['size'\]; there are \['implicit_scale', 'depth'\]"):
        waves.save(tmp_path / "waves.csv", size=1)
    with pytest.raises(ValueError, match=r"starts at 3.0, which is not one of its values"):
        waves.save(tmp_path / "waves.html", depth=3)
    with pytest.raises(TypeError, match="path"):
        waves.save(3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("named", "said"),
    [(None, "none is on the path"), ("no-such-browser", "BROWSER_PATH names no-such-browser")],
)
def test_a_picture_without_a_browser_says_what_to_do(tmp_path, monkeypatch, curve, named, said):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("BROWSER_PATH", raising=False)
    if named:
        monkeypatch.setenv("BROWSER_PATH", named)
    with pytest.raises(RuntimeError, match=rf"curve.png is drawn by Chromium.*{said}.*save curve.html"):
        curve.save(tmp_path / "curve.png")
    assert list(tmp_path.iterdir()) == []


def test_a_browser_that_draws_nothing_is_said(tmp_path, monkeypatch, curve):
    monkeypatch.setenv("BROWSER_PATH", "false")
    with pytest.raises(RuntimeError, match=r"did not draw curve.svg"):
        curve.save(tmp_path / "curve.svg")


def test_a_page_that_is_printed_too_early_is_no_picture(tmp_path, monkeypatch, curve):
    """Its scripts are still there, and hold brackets."""
    hasty = tmp_path / "hasty"
    page = "<body><figure></figure><script>const a = [[1234], [5]];</script></body>"
    hasty.write_text(f"#!/bin/sh\necho '{page}'\n")
    hasty.chmod(0o755)
    monkeypatch.setenv("BROWSER_PATH", str(hasty))
    with pytest.raises(RuntimeError, match=r"did not draw curve.svg"):
        curve.save(tmp_path / "curve.svg")
    assert list(tmp_path.iterdir()) == [hasty]


@pytest.mark.browser
def test_the_picture_is_the_pages(tmp_path, waves, browser):
    root = ET.parse(waves.save(tmp_path / "waves.svg", depth=2)).getroot()
    left, right = root.findall(SVG + "svg")
    assert float(left.get("x")) + float(left.get("width")) <= float(right.get("x"))
    assert root.find(SVG + "title").text == "waves_implicit_scale=0.5_depth=2"
    said = {"".join(t.itertext()) for t in root.iter(SVG + "text")}
    assert {"A wave", "Decay", "residual", "theory"} <= said
    png = waves.save(tmp_path / "waves.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    width, height = (int.from_bytes(png[at : at + 4]) for at in (16, 20))
    assert (width, height) == (2 * float(root.get("width")), 2 * float(root.get("height")))


@pytest.fixture(scope="module")
def alone(browser, waves, tmp_path_factory):
    """A saved page, opened from a file in the dark at a phone's width; it asks for nothing but itself."""
    file = waves.save(tmp_path_factory.mktemp("saved") / "waves.html", depth=2)
    size = {"width": 375, "height": 800}
    with reader(browser, file.as_uri(), console=("error", "warning"), viewport=size) as tab:
        tab.goto(file.as_uri())
        tab.wait_for_selector("figure[data-shown='4 1']")
        yield tab


@pytest.mark.browser
def test_a_saved_page_stands_alone_and_moves(alone, waves):
    assert alone.evaluate("document.documentElement.scrollWidth") == 375
    alone.focus("#fig-waves-depth")
    alone.keyboard.press("End")
    alone.wait_for_selector("figure[data-shown='4 5']")
    assert alone.locator(".it-readout").inner_text() == "scale × depth = 25.00"
    alone.keyboard.press("Home")
    alone.keyboard.press("ArrowRight")
    alone.wait_for_selector("figure[data-shown='4 1']")
    assert decode(alone.content(), "waves").keys() == decode(waves.html()).keys()


@pytest.mark.browser
def test_the_button_is_small_and_worked_by_keyboard(alone):
    button = alone.get_by_role("button", name="Save this figure")
    choices = alone.get_by_role("button", name="Save the")
    assert choices.count() == 0
    assert button.bounding_box()["height"] >= 24
    button.focus()
    alone.keyboard.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    assert [choice.inner_text() for choice in choices.all()] == ["PNG", "SVG", "CSV"]
    assert alone.evaluate("document.documentElement.scrollWidth") == 375
    for form, begins in (("png", b"\x89PNG"), ("svg", b"<svg"), ("csv", b"panel,trace,x,y")):
        alone.keyboard.press("Tab")
        with alone.expect_download() as saved:
            alone.keyboard.press("Enter")
        assert saved.value.suggested_filename == f"waves_implicit_scale=0.5_depth=2.{form}"
        assert saved.value.path().read_bytes().startswith(begins)
    button.focus()
    alone.keyboard.press("Space")
    assert choices.count() == 0


TABLE = "name => implicitSave.csv(implicitTutorial.explorers.get(name))"


@pytest.mark.browser
def test_the_pages_table_is_pythons(alone, waves):
    """The same rows in the same order; the page holds its numbers to the precision of 32 bits."""
    page = pd.read_csv(io.StringIO(alone.evaluate(TABLE, "waves")))
    python = table(waves.panels(depth=2)).reset_index(drop=True)
    assert list(page.columns) == list(python.columns)
    assert page.panel.tolist() == python.panel.tolist()
    assert page.trace.tolist() == python.trace.tolist()
    for column in ("x", "y"):
        np.testing.assert_allclose(page[column], python[column].astype(float), rtol=1e-6, atol=1e-12)
    assert "0.1\n" not in json.dumps(page.x.tolist())


@pytest.mark.browser
def test_numbers_are_as_short_as_they_are_exact(alone):
    x = [line.split(",")[2] for line in alone.evaluate(TABLE, "waves").splitlines()[1:122]]
    times = np.linspace(0, 1, 121).astype(np.float32)
    assert [np.float32(text) for text in x] == times.tolist()
    assert max(map(len, x)) <= 12
    assert x[12] == "0.1"


@pytest.mark.browser
def test_pictures_are_in_light_colours_whatever_the_page_is(alone):
    def ink():
        svg = alone.evaluate("implicitSave.svg(implicitTutorial.explorers.get('waves'))")
        return svg, alone.evaluate("document.querySelector('.it-plot')._fullLayout.font.color")

    light, _ = ink()
    alone.evaluate("document.documentElement.dataset.theme = 'dark'")
    alone.wait_for_function("document.querySelector('.it-plot')._fullLayout.font.color !== '#222832'")
    dark, shown = ink()
    assert shown != "#222832"
    assert "rgb(34, 40, 50)" in dark
    assert dark.count("rgb(34, 40, 50)") == light.count("rgb(34, 40, 50)")


@pytest.fixture
def beside(browser, page_path):
    """A page of the book, opened from a file, and the names of the files that it has asked for."""
    with reader(
        browser, "file:", console=("error", "warning"), viewport={"width": 375, "height": 800}
    ) as tab:
        asked = []
        tab.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
        tab.goto(page_path.as_uri())
        tab.wait_for_selector("#fig-waves[data-shown]")
        yield tab.locator("#fig-waves"), asked


@pytest.mark.browser
@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_what_saves_is_fetched_when_it_is_asked_for(beside, waves, by):
    figure, asked = beside
    assert "save.js" not in asked
    button, choice = (figure.get_by_role("button", name=f"Save {what}") for what in ("this", "the numbers"))
    for press in (button, choice):
        with figure.page.expect_download() if press is choice else nullcontext() as saved:
            if by == "mouse":
                press.click()
            else:
                press.press("Enter")
        choice.wait_for()
    assert saved.value.path().read_text("utf-8").startswith("panel,trace,x,y\n")
    for count in (0, 3, 0, 3):
        button.press("Space")
        assert figure.get_by_role("button", name="Save the").count() == count
    assert asked.count("save.js") == 1


@pytest.mark.browser
def test_where_it_cannot_be_fetched_a_sentence_says_so(browser, tmp_path, waves):
    url = write_page(tmp_path, waves.html()).as_uri()
    script = tmp_path / "save.js"
    text = script.read_text("utf-8")
    script.unlink()
    with reader(browser, "file:", console=(), viewport={"width": 375, "height": 800}) as tab:
        tab.goto(url)
        button = tab.get_by_role("button", name="Save this figure")
        button.click()
        said = tab.get_by_role("alert")
        said.wait_for()
        assert "not saved: The script that saves figures did not load from file:" in said.inner_text()
        assert tab.evaluate("document.documentElement.scrollWidth") == 375
        script.write_text(text, "utf-8")
        button.click()
        assert button.get_attribute("aria-expanded") == "false"
        button.click()
        tab.get_by_role("button", name="Save the picture").wait_for()
        assert tab.get_by_role("alert").count() == 0


def test_an_explorer_of_choices_saves_what_it_is_asked(tmp_path, curve):
    rows = pd.read_csv(curve.save(tmp_path / "x.csv", shape='ramp <&> "x"', power=9))
    np.testing.assert_allclose(rows.y, np.abs(9 * rows.x))
    assert isinstance(curve, Explorer)
