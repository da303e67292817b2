"""JupyterLab as a learner meets it: each chapter is opened as on Binder, run, looked at, and played with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import nbformat
import pytest

from tests.browser import GEOMETRY, HANDLE, INSPECT, reader
from tests.lab.conftest import OpenNotebook, wait_until

# The environment is made first, if it is not there.
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
#: Where a run leaves a picture of each figure.
PICTURES = ROOT / "_build" / "lab"

#: Markup that only the makers of the pages understand, and what is left where a name stands for a number.
MARKUP = re.compile(r":{3}|`{3}|\{[a-z]+:?[a-z]*\}|\$|\b[a-z]+_\w+:\.\d+[a-z]\b|\\\(|\*\*|\]\(")
#: The window's width, and whether the file browser stands beside the notebook.
WINDOWS = [(1000, True), (1000, False), (1280, True), (1600, False)]

TEXT = """() => [...document.querySelectorAll(".jp-MarkdownCell .jp-MarkdownOutput")].map((cell) => {
  const text = cell.cloneNode(true);
  text.querySelectorAll("mjx-container, code").forEach((formula) => formula.remove());
  return text.textContent;
})"""
BOXES = """() => [...document.querySelectorAll(".jp-MarkdownOutput blockquote")].map(
  (box) => parseFloat(getComputedStyle(box).borderLeftWidth))"""
PICTURE = """(figure) => JSON.stringify(inspect.shown(figure))"""


def text_of(path: str) -> str:
    cells = nbformat.read(ROOT / path, as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.fixture(scope="module", params=CHAPTERS)
def notebook(browser, lab: str, request: pytest.FixtureRequest) -> Iterator[OpenNotebook]:
    """A chapter, all of whose cells have run: the shortest one cell by cell."""
    # What JupyterLab writes on the console is its own affair.
    with reader(browser, lab, console=(), viewport={"width": 1280, "height": 1000}) as tab:
        tab.add_init_script(path=INSPECT)
        tab.add_init_script(path=GEOMETRY)
        opened = OpenNotebook(tab, lab, f"notebooks/{request.param}.ipynb")
        opened.open()
        # A heading that is unfolded by stepping through the cells was folded to begin with.
        solutions = text_of(opened.path).count("#### Solution to")
        wait_until(lambda: opened.folded() == solutions > 1, 30, "all solutions are folded")
        if request.param == CHAPTERS[-1]:
            opened.run_cell_by_cell()
        else:
            opened.run_all()
        yield opened
        opened.close()


def test_the_text_is_without_markup(notebook: OpenNotebook) -> None:
    texts = notebook.tab.evaluate(TEXT)
    assert len(texts) > 10
    assert [found for text in texts for found in MARKUP.findall(text)] == []
    assert notebook.tab.locator(".jp-MarkdownOutput mjx-merror").count() == 0
    assert notebook.tab.locator(".jp-MarkdownOutput mjx-container").count() > 20


def test_boxes_are_boxes_and_answers_are_folded(notebook: OpenNotebook) -> None:
    source = text_of(notebook.path)
    widths = notebook.tab.evaluate(BOXES)
    assert len(widths) == source.count("<blockquote") > 1
    assert min(widths) >= 3
    assert notebook.tab.locator(".jp-MarkdownOutput details").count() == source.count("<details")
    assert notebook.tab.locator(".jp-MarkdownOutput details[open]").count() == 0


def test_figures_are_laid_out_as_on_the_page(notebook: OpenNotebook) -> None:
    """In windows of all widths, with and without the file browser, and in the dark."""
    expected = sum(
        "it-explorer" in output.get("data", {}).get("text/html", "")
        for cell in nbformat.read(ROOT / notebook.path, as_version=4).cells
        for output in cell.get("outputs", [])
    )
    assert notebook.tab.locator(".jp-OutputArea figure.it-explorer").count() == expected > 0
    beside = True
    for width, wanted in WINDOWS:
        notebook.tab.set_viewport_size({"width": width, "height": 1000})
        if wanted != beside:
            notebook.tab.locator(".jp-SideBar [data-id='filebrowser']").click()
            beside = wanted
        assert notebook.faults() == [], f"at {width} px, {'with' if beside else 'without'} the file browser"
    notebook.menu("Settings", "Theme", "JupyterLab Dark")
    notebook.tab.locator("body[data-jp-theme-light='false']").wait_for(state="attached")
    assert notebook.faults() == [], "in the dark"
    assert min(notebook.tab.evaluate("inspect.plotContrasts()")) >= 4.5, "in the dark"
    notebook.menu("Settings", "Theme", "JupyterLab Light")
    notebook.tab.locator("body[data-jp-theme-light='true']").wait_for(state="attached")
    notebook.settle()
    assert min(notebook.tab.evaluate("inspect.plotContrasts()")) >= 4.5, "in the light"


def test_figures_follow_their_handles_and_keep_their_layout(notebook: OpenNotebook) -> None:
    folder = PICTURES / Path(notebook.path).stem
    folder.mkdir(parents=True, exist_ok=True)
    notebook.tab.set_viewport_size({"width": 1280, "height": 1500})  # for the picture of a tall figure
    figures = notebook.tab.locator(".jp-OutputArea figure.it-explorer").all()
    assert figures
    for figure in figures:
        name = figure.get_attribute("data-name")
        figure.screenshot(path=folder / f"{name}.png")
        for handle in figure.locator(HANDLE).all():
            before = figure.evaluate(PICTURE)
            at_the_end = handle.evaluate("(h) => Number(h.value) === Number(h.max ?? h.options.length - 1)")
            handle.press("ArrowLeft" if at_the_end else "ArrowRight")
            figure.evaluate("inspect.settled")
            assert figure.evaluate(PICTURE) != before, f"{name} ignores a handle"
    assert notebook.faults() == [], "after the handles have moved"


def test_links_move_the_figures(notebook: OpenNotebook) -> None:
    """“Show it” sets the handles of a figure and brings it into the window."""
    tab = notebook.tab
    tab.evaluate(
        "document.querySelectorAll('.jp-MarkdownOutput details').forEach((fold) => (fold.open = true))"
    )
    links = tab.locator(".jp-MarkdownOutput a[href*='#fig-']").all()
    for link in links:
        name, _, wanted = link.get_attribute("href").partition("#fig-")[2].partition(":")
        figure = tab.locator(f".jp-OutputArea figure[data-name='{name}']")
        link.click()
        figure.evaluate("inspect.settled")
        shown = parse_qs(figure.evaluate("(figure) => figure.explorer.query"))
        for control, values in parse_qs(wanted).items():
            assert closest(shown[control][0], values[0]), f"{name} shows {shown} where the link says {wanted}"
        box = figure.bounding_box()
        assert -box["height"] < box["y"] < tab.viewport_size["height"], f"{name} is not in the window"
    assert links or "#fig-" not in (ROOT / notebook.path).read_text()


def closest(shown: str, wanted: str) -> bool:
    """Whether a handle stands at a value that an address names to a few digits."""
    try:
        return float(shown) == pytest.approx(float(wanted), rel=0.02)
    except ValueError:
        return shown == wanted


def test_a_link_opens_another_chapter(notebook: OpenNotebook) -> None:
    link = notebook.tab.locator(".jp-MarkdownOutput a[href*='.ipynb']").first
    target = re.search(r"(\d\d_\w+\.ipynb)", link.get_attribute("href"))[1]
    link.click()
    notebook.tab.locator(f".lm-DockPanel-tabBar .lm-TabBar-tabLabel:text-is('{target}')").wait_for()
