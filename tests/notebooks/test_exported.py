"""A notebook exported as a page (`jupyter nbconvert --to html`): each figure is a picture with words."""

from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook, new_output

from implicit_tutorial.explorer import Control, Explorer, style
from implicit_tutorial.explorer.page import STILL
from tests.browser import reader

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


def draw(depth):
    figure = style.figure(title="the panel", x_title="layer")
    figure.add_scatter(x=[0, depth], y=[0, 1], **style.measured("state"))
    return [figure, style.figure().add_bar(x=["a", "b"], y=[1, depth])]


EXPLORER = Explorer(
    draw,
    [Control("depth", [1, 2, 3], start=2, label=r"depth $L$")],
    name="depth",
    caption="Move it.",
    alt="A line, and two bars.",
    readout=lambda depth: f"{depth} layers",
)


def exported(notebook):
    return HTMLExporter().from_notebook_node(notebook)[0]


def one_cell(live, monkeypatch):
    """What Jupyter stores of a cell with a figure: without a server, or live without its state."""
    monkeypatch.setenv("IMPLICIT_TUTORIAL_LIVE", str(int(live)))
    shown = EXPLORER._repr_mimebundle_()
    data = shown[0] if live else shown
    output = new_output("execute_result", data=data, execution_count=1)
    return new_notebook(cells=[new_code_cell("fig", outputs=[output], execution_count=1)])


@pytest.mark.browser
@pytest.mark.parametrize("live", [False, True], ids=["stored", "saved live"])
def test_a_figure_is_a_picture_and_a_sentence(browser, tmp_path, monkeypatch, live):
    soup = BeautifulSoup(exported(one_cell(live, monkeypatch)), "html.parser")
    for script in soup.select("script[src]"):  # what the exporter fetches from elsewhere
        script.decompose()
    page = tmp_path / "exported.html"
    page.write_text(str(soup), "utf-8")
    with reader(browser, page.as_uri(), console=(), viewport={"width": 375, "height": 900}) as tab:
        tab.on("pageerror", lambda error: None)
        tab.goto(page.as_uri())
        pictures = tab.locator("figure img").all()
        assert len(pictures) == 2
        for image in pictures:
            image.scroll_into_view_if_needed()
            assert image.evaluate("(i) => i.decode().then(() => i.naturalWidth)") > 300
            assert image.bounding_box()["width"] <= 375
        said = tab.locator("figure").inner_text()
        assert STILL in said
        assert "2 layers" in said
        assert "Move it." in said
        assert not tab.locator("figure :is(input, select, button)").filter(visible=True).count()
        described = tab.locator("[role=img]").first.get_attribute("aria-label")
        assert described == "As it opens, unless another state is named: A line, and two bars. (panel 1 of 2)"
        assert tab.locator(".it-state").inner_text().endswith(" 2")


@pytest.mark.filterwarnings("ignore:Your element with mimetype")  # numbers for the text, which show nothing
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_figure_of_a_chapter_has_its_pictures(path):
    """In the form that the exporter chooses. (That they show the stored frames is tested with the pages.)"""
    soup = BeautifulSoup(exported(nbformat.read(path, as_version=4)), "html.parser")
    figures = soup.select("figure.it-explorer")
    made = [
        output
        for cell in nbformat.read(path, as_version=4).cells
        for output in cell.get("outputs", [])
        if "it-explorer" in output.get("data", {}).get("text/html", "")
    ]
    assert len(figures) == len(made) > 0
    for figure in figures:
        assert len(figure.select(".it-plot > img.it-still")) == len(figure.select(".it-plot")), figure["id"]
        assert bool(figure.select("p.it-still")) == bool(figure.select(".it-control")), figure["id"]
