"""Every page in a real browser: wide and narrow, light and dark, from a server and from the disk."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

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


def violations(tab: Any, *rules: str) -> list[str]:
    """What these rules find, or all of them, by rule and place. Formulas are MathJax's own; a plot is one
    labelled image."""
    tab.evaluate(AXE)
    # Without its preload, for which axe looks for style sheets in the wrong place.
    options = {"resultTypes": ["violations"], "preload": False} | ({"runOnly": list(rules)} if rules else {})
    where = {"exclude": ["mjx-container", ".it-plot svg"]}
    result = tab.evaluate("([where, options]) => axe.run(where, options)", [where, options])
    assert result["passes"], "axe ran no rule at all"
    return [
        f"{violation['id']} ({violation['impact']}) at {target}: {violation['help']}"
        for violation in result["violations"]
        for node in violation["nodes"]
        for target in [" ".join(map(str, node["target"])) + " " + node["html"][:160]]
        if not any(violation["id"] == rule and part in target for rule, part, _ in KNOWN)
    ]


APPEARANCES = [(375, "light"), (375, "dark"), (1280, "dark"), (1280, "light")]
#: What axe-core looks for: everything once, and in the dark what a theme changes.
RULES = {"dark": ["color-contrast"], "light": []}


def test_page_is_whole_in_every_appearance(open_tab, html: Path, document: str) -> None:
    """The files alone, without a server: no console error, no request elsewhere, nothing sideways or cut off,
    each plot drawn and readable, and in each theme nothing that axe-core objects to."""
    width, theme = APPEARANCES[0]
    tab = open_tab(width=width, theme=theme)
    tab.goto(f"{html.as_uri()}/{document}.html")
    for width, theme in APPEARANCES:
        at = f"at {width} px, {theme}"
        tab.set_viewport_size({"width": width, "height": 900})
        tab.emulate_media(color_scheme=theme)
        tab.evaluate("inspect.drawAll()")

        assert tab.evaluate("document.documentElement.dataset.theme") == theme
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, at
        assert tab.evaluate("inspect.cutOff()") == [], at
        assert tab.locator(".it-plot:has(.main-svg)").count() == tab.locator(".it-plot").count(), at
        assert min(tab.evaluate("inspect.plotContrasts()"), default=21) >= 4.5, at
        if width > 375:
            assert violations(tab, *RULES[theme]) == [], at


def test_mathematics_is_typeset(open_tab, served: str) -> None:
    tab = open_tab()
    tab.goto(f"{served}/book/notation.html")
    tab.evaluate("inspect.drawAll()")
    assert tab.locator("mjx-container mjx-math").count() > 20
    assert tab.locator("mjx-merror").count() == 0


def test_search_finds_a_page(open_tab, served: str) -> None:
    tab = open_tab()
    tab.goto(f"{served}/search.html?q=adjoint")
    tab.locator("#search-results ul.search a[href*='notation']").first.wait_for()
