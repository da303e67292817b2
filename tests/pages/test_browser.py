"""Every page as its reader meets it, in a real browser: wide and narrow, light and dark, and by keyboard."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pandas as pd
import pytest

from implicit_tutorial.book import explorers
from implicit_tutorial.explorer.table import table
from tests.browser import GEOMETRY, INSPECT, press, reader
from tests.draw import drawn
from tests.pages.shown import axes, compare, second, stored_figures

# The first test builds the book, or waits until another process has.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# Rule, part of the selector, and why it is not ours to mend.
KNOWN = [
    ("label-content-name-mismatch", "search-button", "the theme's search button is named by its tooltip"),
    ("label-content-name-mismatch", "theme-switch", "the theme's light/dark button is named by its tooltip"),
    ("region", "skip-link", "the theme puts its skip link outside of all landmarks"),
    ("region", "logo__title", "the theme puts the book's name outside of all landmarks"),
    ("empty-table-header", "<th></th>", "pandas leaves the corner above its row names empty"),
    ("empty-table-header", '<th class="head">', "Markdown has no table without a row of headers"),
    ("aria-required-children", "citation-list", "docutils marks a bibliography with an obsolete role"),
    ("aria-deprecated-role", "citation", "docutils marks a bibliography entry with an obsolete role"),
    ("aria-allowed-role", "citation", "docutils marks a bibliography entry with an obsolete role"),
]

AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


#: The numbers that a figure shows, as its button saves them.
TABLE = "async (name) => (await implicitTutorial.saving()).csv(implicitTutorial.explorers.get(name))"

#: For a laptop's window and a large one, it is enough to see where things lie; for each page in one of them,
#: drawn by the commit (IMPLICIT_TUTORIAL_DRAW=all takes both).
WIDTHS = (768, 1600)
#: A phone's window in one theme and a laptop's in the other; which, the commit draws for each page. Where
#: things lie is a matter of the width, how they are coloured one of the theme.
APPEARANCES = [[(375, "light"), (1280, "dark")], [(375, "dark"), (1280, "light")]]
OPEN = (1280, "light")


@pytest.fixture(scope="module")
def tab(browser, html: Path, document: str) -> Iterator[Any]:
    """The page, without a server. It complains of nothing, and asks for nothing that is not of the book."""
    width, theme = OPEN
    with reader(
        browser, html.as_uri(), viewport={"width": width, "height": 900}, color_scheme=theme
    ) as opened:
        opened.add_init_script(path=INSPECT)
        opened.add_init_script(path=GEOMETRY)
        opened.goto(f"{html.as_uri()}/{document}.html")
        yield opened


def look(tab: Any, width: int, theme: str) -> None:
    """Give the window this width and the reader this taste, and wait until page and figures follow."""
    tab.set_viewport_size({"width": width, "height": 900})
    tab.emulate_media(color_scheme=theme)
    # The browser tells of a change of taste with its next frame, which a busy machine draws late.
    tab.wait_for_function("(theme) => document.documentElement.dataset.theme === theme", arg=theme)
    tab.evaluate("inspect.drawAll()")


def violations(tab: Any) -> list[str]:
    """What axe-core finds, by rule and place."""
    tab.evaluate(AXE)
    result = tab.evaluate("inspect.axe")
    assert result["passes"], "axe ran no rule at all"
    return [
        f"{violation['id']} ({violation['impact']}) at {target}: {violation['help']}"
        for violation in result["violations"]
        for node in violation["nodes"]
        for target in [" ".join(map(str, node["target"])) + " " + node["html"][:160]]
        if not any(violation["id"] == rule and part in target for rule, part, _ in KNOWN)
    ]


@pytest.mark.browser
def test_page_is_whole_in_every_appearance(tab, document: str) -> None:
    """Nothing sideways or cut off, each plot drawn and readable, and nothing that axe-core objects to.

    At one of two more widths, drawn by the commit, everything is in its place.
    """
    if tab.locator(".it-plot").count():  # before any of them has been drawn
        assert on_paper(tab) == []
    for width, theme in itertools.chain(*drawn(APPEARANCES, 1, f"appearance {document}")):
        at = f"at {width} px, {theme}"
        look(tab, width, theme)
        assert tab.evaluate("geometry.remaining()") == [], at
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, at
        assert tab.evaluate("inspect.cutOff()") == [], at
        assert tab.evaluate("inspect.sideways()") == [], at
        assert tab.evaluate("inspect.covering()") == [], at
        assert tab.locator(".it-plot:has(.main-svg)").count() == tab.locator(".it-plot").count(), at
        assert min(tab.evaluate("inspect.plotContrasts()"), default=21) >= 4.5, at
        if width == 1280:
            assert tab.evaluate("inspect.wider()") == [], at
        if width > 375:
            assert violations(tab) == [], at
    assert tab.locator("i[class*='fa-']").count() == 0, "an icon of the theme is missing"
    for width in (*drawn(WIDTHS, 1, document), OPEN[0]):  # and back: a window is made wider, too
        look(tab, width, OPEN[1])
        assert tab.evaluate("geometry.remaining()") == [], f"at {width} px"
        assert tab.evaluate("inspect.covering()") == [], f"at {width} px"


def on_paper(tab: Any) -> list[str]:
    """What the page lacks when it goes to paper as it has been opened, by a reader who likes it dark."""
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_function("[...implicitTutorial.explorers.values()].every((one) => one.ready)")
    tab.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    tab.emulate_media(media="print")
    tab.wait_for_function("document.documentElement.classList.contains('it-paper')")
    found = tab.evaluate("inspect.onPaper()")
    tab.emulate_media(media="screen")
    tab.wait_for_function("!document.documentElement.classList.contains('it-paper')")
    return found


class Handle:
    """An explorer on an open page."""

    def __init__(self, tab: Any, name: str) -> None:
        self.figure = tab.locator(f"figure#fig-{name}")
        self.controls = self.figure.locator(".it-control").all()
        self.figure.scroll_into_view_if_needed()
        self.settle()

    def settle(self) -> None:
        self.figure.evaluate("inspect.settled")

    def shown(self) -> dict:
        return self.figure.evaluate("inspect.shown")

    def press(self, control: int, key: str) -> None:
        press(self.controls[control], key)
        self.settle()

    def go(self, control: int, key: str) -> None:
        """Press a key; to the second stop by hand, where a page computes and a key moves by less."""
        slider = self.controls[control].locator("[type=range][step=any]")
        if key == "ArrowRight" and slider.count():
            slider.fill("1")
            self.settle()
        else:
            self.press(control, key)


@pytest.mark.browser
def test_every_handle_shows_what_python_computes(tab, html: Path, document: str) -> None:
    """The address moves every figure's first control to its end. Then each control goes to its end, to its
    start, and one step on; there the page shows the stored frame of these values, and the address follows.
    (All stored frames are compared when the notebooks are run again; in the last place the Python function is
    called here.)"""
    stored = stored_figures(html / f"{document}.html")
    values = {name: axes(frames) for name, frames in stored.items()}
    moving = {name: explorers()[name]() for name in stored if values[name]}
    look(tab, *OPEN)
    ends = [f"fig-{n}:{urlencode({x.controls[0].name: values[n][0][-1]})}" for n, x in moving.items()]
    if moving:
        tab.evaluate("inspect.follow", ";".join(ends))

    for name, frames in stored.items():
        handle = Handle(tab, name)

        def check(step: str, name=name, frames=frames, handle=handle) -> dict:
            shown = handle.shown()
            at = tuple(axis[i] for axis, i in zip(values[name], shown["position"], strict=True))
            where = f"{name} {step}, at {at}"
            wrong = compare(shown["panels"], frames[at].panels, rtol=1e-6)
            assert wrong == [], f"{where}: the page does not show its own stored frame"
            assert shown["readout"] == frames[at].readout, where
            return shown

        opened = check("as it opens")["position"]
        if name not in moving:
            continue
        assert opened[0] == len(values[name][0]) - 1, f"{name} does not stand where the address says"
        for k, axis in enumerate(values[name]):
            seen = []
            for key, stop in (("End", len(axis) - 1), ("Home", 0), ("ArrowRight", min(1, len(axis) - 1))):
                handle.go(k, key)
                seen.append(check(f"after {key} on control {k + 1}"))
                assert seen[-1]["position"][k] == stop, f"{name}: control {k + 1} ignores {key}"
            pictures = [shown["panels"] for shown in seen]
            assert any(panels != pictures[0] for panels in pictures), (
                f"{name}: control {k + 1} changes nothing"
            )
        computed = moving[name].panels(**second(moving[name], values[name]))
        wrong = compare(seen[-1]["panels"], computed, rtol=1e-4)
        assert wrong == [], f"{name}: a fresh run gives something else"
        saved = pd.read_csv(io.StringIO(tab.evaluate(TABLE, name)))
        assert table_differences(saved, table(computed)) == [], f"{name}: the table that the page saves"
    assert tab.evaluate("geometry.remaining()") == [], "where the handles have been left"

    wanted = {name: second(explorer, values[name]) for name, explorer in moving.items()}
    starts = {name: explorer.start for name, explorer in moving.items()}
    for _ in range(30):  # the address follows the last move after a fifth of a second
        if (said := address(tab.url, starts, wanted)) == wanted:
            break
        tab.wait_for_timeout(100)
    assert said == wanted, "this is what the address says"


def table_differences(saved: pd.DataFrame, made: pd.DataFrame) -> list[str]:
    """Where the table that the page saves is not the one that Python makes (the page stores 32 bits)."""
    if list(saved.columns) != list(made.columns) or len(saved) != len(made):
        return [f"{list(saved.columns)} × {len(saved)}, not {list(made.columns)} × {len(made)}"]
    wrong = []
    for column in made.columns:
        a, b = saved[column], made[column].reset_index(drop=True)
        numbers = [pd.to_numeric(values, errors="coerce") for values in (a, b)]
        scale = numbers[1].abs().max()
        near = (numbers[0] - numbers[1]).abs() <= 1e-4 * numbers[1].abs() + 1e-6 * scale
        same = near | (a.astype(str) == b.astype(str)) | (a.isna() & b.isna())
        wrong += [] if same.all() else [f"{column}: {a[~same].iloc[0]!r}, not {b[~same].iloc[0]!r}"]
    return wrong


def address(url: str, starts: dict, wanted: dict) -> dict[str, dict[str, Any]]:
    """What the page's address says of the `wanted` controls; those that it does not name are at the start."""
    parts = dict(part.split(":", 1) for part in urlsplit(url).fragment.split(";") if ":" in part)
    said = {name: start | dict(parse_qsl(parts.get(f"fig-{name}", ""))) for name, start in starts.items()}
    return {
        name: {control: type(value)(said[name][control]) for control, value in values.items()}
        for name, values in wanted.items()
    }


def test_every_live_figure_shows_what_python_computes(html: Path, document: str) -> None:
    """In JupyterLab, what stands in the place of a page's figure follows its handles to the same values."""
    for name, frames in stored_figures(html / f"{document}.html").items():
        if not axes(frames):
            continue
        explorer = explorers()[name]()
        widget = explorer.widget()
        values = second(explorer, axes(frames))
        widget.values = values
        assert widget.error == "", f"{name}: {widget.error}"
        wrong = compare(widget.panels, explorer.panels(**values), rtol=1e-12)
        assert wrong == [], f"{name}: the live figure shows something else"


@pytest.mark.browser
def test_a_server_gives_the_same(browser, served: str) -> None:
    """The book's own address leads to the introduction, and a chapter's figures draw themselves."""
    with reader(browser, served) as tab:
        tab.goto(f"{served}/")
        tab.wait_for_url("**/book/intro.html")
    with reader(browser, served) as tab:
        tab.add_init_script(path=INSPECT)
        tab.goto(f"{served}/notebooks/07_a_bound_you_can_compute.html")
        tab.evaluate("inspect.drawAll()")
        assert tab.locator(".it-plot:has(.main-svg)").count() == tab.locator(".it-plot").count() > 0
        for theme in ("light", "dark"):  # from the disk a page may not read its style sheets
            look(tab, 1280, theme)
            assert tab.evaluate("inspect.asking()") == [], theme


@pytest.mark.browser
@pytest.mark.parametrize("page", ["notation", "claims"])
def test_mathematics_is_typeset(browser, served: str, page: str) -> None:
    """That of the text, and that which a cell shows; and no formula makes a table wider than the column."""
    with reader(browser, served, viewport={"width": 375, "height": 800}) as tab:
        tab.goto(f"{served}/book/{page}.html")
        tab.locator("mjx-container mjx-math").nth(20).wait_for()
        assert tab.locator("mjx-merror").count() == 0
        article = tab.locator(".bd-article")
        assert "\\(" not in article.inner_text()
        for table in article.locator("table.it-cards").all():
            assert table.evaluate("table => table.scrollWidth <= table.parentElement.clientWidth")


@pytest.mark.browser
def test_search_finds_a_page(browser, served: str) -> None:
    with reader(browser, served) as tab:
        tab.goto(f"{served}/search.html?q=adjoint")
        tab.locator("#search-results ul.search a[href*='notation']").first.wait_for()
