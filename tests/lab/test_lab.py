"""JupyterLab as a learner meets it: all text is read as on Binder; some chapters are run, and played with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs

import nbformat
import pytest

from tests.browser import GEOMETRY, HANDLE, INSPECT, reader
from tests.draw import drawn
from tests.lab.conftest import TEXT_OF_ALL, OpenNotebook, wait_until

# The environment is made first, if it is not there.
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
#: nbval runs all cells of all chapters, and tests/pages plays with their figures. So it is enough here to run
#: one that has every kind of output, at once or cell by cell (the commit draws which). With
#: IMPLICIT_TUTORIAL_DRAW=all the others run, too, cell by cell.
EVERY_KIND = "02_well_posedness"
AT_ONCE = drawn([True, False], 1, "at once")[0]
RUN = [EVERY_KIND, *drawn([c for c in CHAPTERS if c != EVERY_KIND], 0, "Lab")]
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
#: What is folded away takes no key, and no click.
UNFOLD = "(folds) => folds.forEach((fold) => (fold.open = true))"
PICTURE = """(figure) => JSON.stringify(inspect.shown(figure))"""


def cells_of(chapter: str) -> list[nbformat.NotebookNode]:
    return nbformat.read(ROOT / "notebooks" / f"{chapter}.ipynb", as_version=4).cells


def text_of(*chapters: str) -> str:
    cells = [cell for chapter in chapters for cell in cells_of(chapter)]
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@contextmanager
def opened(browser, lab: str, path: str, *chapters: str) -> Iterator[OpenNotebook]:
    # What JupyterLab writes on the console is its own affair.
    with reader(browser, lab, console=(), viewport={"width": 1280, "height": 1000}) as tab:
        tab.add_init_script(path=INSPECT)
        tab.add_init_script(path=GEOMETRY)
        notebook = OpenNotebook(tab, lab, path)
        notebook.open()
        # A heading that is unfolded by stepping through the cells was folded to begin with.
        solutions = text_of(*chapters).count("#### Solution to")
        wait_until(lambda: notebook.folded() == solutions > 1, 30, "all solutions are folded")
        yield notebook
        notebook.close()


@pytest.fixture(scope="module")
def reading(browser, lab: str) -> Iterator[OpenNotebook]:
    """The text of all chapters one after the other: to open each takes JupyterLab twenty seconds."""
    with opened(browser, lab, TEXT_OF_ALL, *CHAPTERS) as notebook:
        yield notebook


@pytest.fixture(scope="module", params=RUN)
def notebook(browser, lab: str, request: pytest.FixtureRequest) -> Iterator[OpenNotebook]:
    """A chapter, all of whose cells have run, one after the other or at once."""
    with opened(browser, lab, f"notebooks/{request.param}.ipynb", request.param) as notebook:
        if request.param == EVERY_KIND and AT_ONCE:
            notebook.run_all()
        else:
            notebook.run_cell_by_cell()
        yield notebook


def test_one_of_the_chapters_that_are_run_has_every_kind_of_output() -> None:
    def kinds(chapter: str) -> set[str]:
        found = set()
        for cell in cells_of(chapter):
            for output in cell.get("outputs", []):
                page = output.get("data", {}).get("text/html", "")
                found.add(f"{output.output_type}: {' '.join(sorted(output.get('data', {})))}")
                if "it-explorer" in page:
                    found.add("computes" if '"computed"' in page else "stored")
                    found.add("moves" if "it-control" in page else "stands still")
        return found

    assert set.union(*map(kinds, CHAPTERS)) - kinds(EVERY_KIND) <= {"execute_result: text/plain"}


def test_the_text_is_without_markup(reading: OpenNotebook) -> None:
    texts = reading.tab.evaluate(TEXT)
    assert len(texts) > 10 * len(CHAPTERS)
    assert [found for text in texts for found in MARKUP.findall(text)] == []
    assert reading.tab.locator(".jp-MarkdownOutput mjx-merror").count() == 0
    assert reading.tab.locator(".jp-MarkdownOutput mjx-container").count() > 20 * len(CHAPTERS)


def test_boxes_are_boxes_and_answers_are_folded(reading: OpenNotebook) -> None:
    source = text_of(*CHAPTERS)
    widths = reading.tab.evaluate(BOXES)
    assert len(widths) == source.count("<blockquote") > len(CHAPTERS)
    assert min(widths) >= 3
    assert reading.tab.locator(".jp-MarkdownOutput details").count() == source.count("<details")
    assert reading.tab.locator(".jp-MarkdownOutput details[open]").count() == 0


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
        figure.locator("details").evaluate_all(UNFOLD)
        for handle in figure.locator(HANDLE).all():
            before = figure.evaluate(PICTURE)
            at_the_end = handle.evaluate("(h) => Number(h.value) === Number(h.max ?? h.options.length - 1)")
            handle.press("ArrowLeft" if at_the_end else "ArrowRight")
            figure.evaluate("inspect.settled")
            at = handle.get_attribute("id")
            assert figure.evaluate(PICTURE) != before, f"{name} ignores {at}"
    assert notebook.faults() == [], "after the handles have moved"


def test_links_move_the_figures(notebook: OpenNotebook) -> None:
    """“Show it” sets the handles of a figure and brings it into the window."""
    tab = notebook.tab
    tab.locator(".jp-MarkdownOutput details").evaluate_all(UNFOLD)
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
