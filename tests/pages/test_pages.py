"""The built pages as files: complete, described, small, and asking nothing of strangers."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import check_book
import pytest
from bs4 import BeautifulSoup

from implicit_tutorial.explorer import decode
from implicit_tutorial.explorer.scripts import OPERATION, SAVING, SCRIPTS
from implicit_tutorial.explorer.still import still
from implicit_tutorial.explorer.stored import document_of
from implicit_tutorial.explorer.style import SHEETS
from tests.notebooks.compare import Tolerance, text_difference

# The first test builds the book, or waits until another process has.
pytestmark = pytest.mark.timeout(600)


@cache
def soup_of(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


@pytest.fixture
def page(html: Path, document: str) -> Path:
    return html / f"{document}.html"


def test_page_passes_the_build_check(page: Path, html: Path, document: str) -> None:
    """Figures complete and filled, size within the limit, nothing foreign fetched."""
    executed = html.parent / "jupyter_execute" / f"{document}.ipynb"
    assert list(check_book.check_page(page, executed)) == []


def test_every_notebook_page_was_executed(html: Path, document: str) -> None:
    if document.startswith("notebooks/"):
        assert (html.parent / "jupyter_execute" / f"{document}.ipynb").exists()


def test_local_links_lead_somewhere(page: Path, html: Path) -> None:
    lost = []
    for link in soup_of(page).find_all(["a", "link", "script", "img"]):
        address = urlsplit(link.get("href") or link.get("src") or "")
        if address.scheme or address.netloc or not (address.path or address.fragment):
            continue
        target = (page.parent / unquote(address.path)).resolve() if address.path else page
        found = target.exists()
        if found and address.fragment:
            anchor = unquote(address.fragment).partition(":")[0]  # after a colon: the state of a figure
            found = soup_of(target).find(id=anchor) is not None
        if not found:
            lost.append(address.geturl())
    assert lost == []


def test_figures_are_described(page: Path) -> None:
    soup = soup_of(page)
    mute = [str(image)[:120] for image in soup.find_all("img") if not image.has_attr("alt")]
    told = soup.select(
        "article img:not([role=img] img)"
    )  # an image in a described one says nothing of its own
    mute += [str(image)[:120] for image in told if not image["alt"].strip()]
    mute += [
        str(plot)[:120] for plot in soup.select(".it-plot") if not (plot.get("aria-label") or "").strip()
    ]
    for figure in soup.select("figure.it-explorer"):
        caption = figure.find("figcaption")
        mute += [] if caption and caption.get_text(strip=True) else [figure.get("id")]
        tag = caption and caption.select_one(".it-tag")
        mute += [] if tag and tag.get_text().startswith("Figure ") else [f"{figure.get('id')}: no number"]
    assert mute == []


#: What two roundings to a tenth of a dot may make of one place.
DOT = Tolerance(rtol=0, atol=0.21)


def test_still_pictures_show_the_frame_that_opens(page: Path) -> None:
    """Where nothing moves, a figure shows what its stored frames have at the start."""
    source = page.read_text(encoding="utf-8")
    for figure in soup_of(page).select("figure.it-explorer"):
        name = figure["data-name"]
        start = [c["values"][c["start"]] for c in document_of(source, name)["controls"]]
        shown = [
            unquote(image["src"].partition(",")[2]) for image in figure.select(".it-plot > img.it-still")
        ]
        expected = [still(panel) for panel in decode(source, name)[tuple(start)].panels]
        assert len(shown) == len(expected) > 0, name
        for one, other in zip(shown, expected, strict=True):
            assert picture_difference(one, other.replace('"', "'")) is None, name


def picture_difference(one: str, other: str) -> str | None:
    """Compare two pictures but for the dots of their maps, which are packed, and points that lie together."""
    packed, whole = re.compile(r"base64,[^']*"), re.compile(r"(?<=[ MLHV])(-?\d+)(?=[ LMHVZ'])")
    # 60 may be 59.9 in the other.
    return text_difference(*(whole.sub(r"\1.0", packed.sub("", picture)) for picture in (one, other)), DOT)


def test_every_control_has_a_label(page: Path) -> None:
    soup = soup_of(page)
    for control in soup.select("figure.it-explorer :is([type=range], select)"):
        label = soup.find("label", attrs={"for": control["id"]})
        assert label is not None, control["id"]
        assert label.get_text(strip=True), control["id"]
    for switch in soup.select("figure.it-explorer [role=radiogroup]"):
        assert soup.find(id=switch["aria-labelledby"]).get_text(strip=True), switch["id"]
        assert all(button.parent.name == "label" for button in switch.select("input"))
        assert all(label.get_text(strip=True) for label in switch.select("label")), switch["id"]


def test_few_stops_are_a_switch(page: Path) -> None:
    sliders = soup_of(page).select("figure.it-explorer [type=range]")
    # A page that computes goes between the stops, however few there are.
    assert [s["id"] for s in sliders if int(s["max"]) < 3 and s["step"] != "any"] == []


def test_ids_are_unique(page: Path) -> None:
    ids = [element["id"] for element in soup_of(page).select("figure.it-explorer, figure.it-explorer [id]")]
    assert sorted(ids) == sorted(set(ids))


def test_style_sheets_fetch_nothing_foreign(html: Path) -> None:
    foreign = {
        f"{sheet.name}: {address}"
        for sheet in (html / "_static").rglob("*.css")
        for address in re.findall(
            r"(?:@import\s+|url\()['\"]?((?:https?:)?//[^'\")\s]+)", sheet.read_text(encoding="utf-8")
        )
    }
    assert foreign == set()


def test_plotly_and_mathjax_lie_beside_the_pages(html: Path) -> None:
    for name in ("plotly.min.js", *SCRIPTS, SAVING, *SHEETS, "mathjax/tex-chtml.js"):
        assert (html / "_static" / name).stat().st_size > 0
    assert len(list((html / "_static/mathjax").rglob("*.woff"))) > 10


def test_scripts_of_figures_are_small(page: Path, html: Path) -> None:
    """All that a page loads at once but plotly, and but what the laboratory has for itself."""
    pytest.importorskip("minify", reason="no minifier for this machine; scripts are served as they are")
    linked = [Path(script["src"].partition("?")[0]).name for script in soup_of(page).select("script[src]")]
    ours = [name for name in linked if name in (*SCRIPTS, SAVING)]
    assert set(SCRIPTS) - set(OPERATION) <= set(ours)
    assert sum((html / "_static" / name).stat().st_size for name in ours) <= 40_000


def test_the_address_of_the_book_leads_to_the_introduction(html: Path) -> None:
    """In a page that names its icon: a browser would ask the server for one, and be refused."""
    index = soup_of(html / "index.html")
    assert index.find("meta", attrs={"http-equiv": "Refresh"})["content"] == "0; url=book/intro.html"
    assert (html / index.find("link", rel="icon")["href"]).exists()
