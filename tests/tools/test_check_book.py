"""The build check names the page and what is wrong with it, for each way in which a page can be wrong."""

from __future__ import annotations

import json
from pathlib import Path

import check_book
import plotly.graph_objects as go
import pytest

from implicit_tutorial.explorer import Control, Explorer, Figure


def curve(power: int) -> go.Figure:
    return go.Figure(go.Scatter(x=[0, 1, 2], y=[0, 1, 2**power]))


GOOD = Explorer(curve, [Control("power", [1, 2, 3])], name="curve", caption="A curve.", alt="A curve.").html()


def complaints(tmp_path: Path, body: str, *outputs: dict) -> list[str]:
    page, notebook = tmp_path / "page.html", tmp_path / "page.ipynb"
    page.write_text(f"<html><body>{body}</body></html>")
    notebook.write_text(json.dumps({"cells": [{"outputs": [{"data": output}]} for output in outputs]}))
    return list(check_book.check_page(page, notebook))


def test_a_good_page_passes(tmp_path: Path) -> None:
    assert complaints(tmp_path, GOOD, {"text/html": GOOD, check_book.PLOTLY: {}}) == []


def test_mathematics_that_nothing_typesets_is_named(tmp_path: Path) -> None:
    formula = '<span class="math notranslate">\\(A\\)</span>'
    assert complaints(tmp_path, formula) == ["has mathematics, and loads nothing that typesets it"]
    assert complaints(tmp_path, f'<script src="_static/mathjax/tex-chtml.js"></script>{formula}') == []


def test_a_lost_figure_is_named(tmp_path: Path) -> None:
    (complaint,) = complaints(tmp_path, "", {"text/plain": ""}, {"text/html": GOOD})
    assert complaint == "cell 2 made the figure fig-curve, which the page lacks"


def test_a_figure_without_a_page_form_is_named(tmp_path: Path) -> None:
    (complaint,) = complaints(tmp_path, "", {check_book.PLOTLY: {}})
    assert complaint.startswith("cell 1 made a plotly figure that no page can show")


def test_a_bare_widget_is_named(tmp_path: Path) -> None:
    (complaint,) = complaints(tmp_path, "", {check_book.WIDGET: {}})
    assert complaint.startswith("cell 1 made a bare widget")


def test_a_lost_image_is_counted(tmp_path: Path) -> None:
    (complaint,) = complaints(tmp_path, "", {"image/png": "…"})
    assert complaint == "its cells made 1 images, and the page shows 0"


@pytest.mark.parametrize("empty", [go.Figure(), go.Figure(go.Scatter(x=[], y=[])), go.Figure(go.Scatter())])
def test_an_empty_panel_is_named(tmp_path: Path, empty: go.Figure) -> None:
    page = Figure([curve(1), empty], name="two-panels", caption="Two.", alt="Two panels.").html()
    (complaint,) = complaints(tmp_path, page)
    assert complaint == "figure fig-two-panels: panel 2 is empty; its function draws no data"


def test_a_diagram_of_shapes_is_not_empty(tmp_path: Path) -> None:
    diagram = go.Figure().add_shape(type="rect", x0=0, x1=1, y0=0, y1=1)
    page = Figure(diagram, name="diagram", caption="A box.", alt="A box.").html()
    assert complaints(tmp_path, page) == []


@pytest.mark.parametrize(
    "body",
    [
        '<script src="https://cdn.example.org/a.js"></script>',
        '<link rel="stylesheet" href="//cdn.example.org/a.css">',
        '<img src="http://cdn.example.org/a.png" alt="">',
        '<iframe src="https://cdn.example.org"></iframe>',
        "<style>@import url(https://cdn.example.org/a.css);</style>",
    ],
)
def test_a_foreign_request_is_named(tmp_path: Path, body: str) -> None:
    (complaint,) = complaints(tmp_path, body)
    assert "cdn.example.org" in complaint


def test_a_link_to_elsewhere_is_the_readers_own_step(tmp_path: Path) -> None:
    assert complaints(tmp_path, '<a href="https://example.org">there</a>') == []


def test_a_heavy_page_is_named(tmp_path: Path) -> None:
    (complaint,) = complaints(tmp_path, "x" * (check_book.MAX_BYTES + 1))
    assert complaint.startswith("holds 1.00 MB of HTML")
