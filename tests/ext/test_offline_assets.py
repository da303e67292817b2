"""Pages load what they need, and no more."""

from __future__ import annotations

from types import SimpleNamespace

import offline_assets
import pytest
from docutils.nodes import paragraph, raw
from docutils.utils import new_document


@pytest.mark.parametrize(
    ("html", "loaded"),
    [('<span class="math notranslate">…</span>', True), ("<p>A mathematical table</p>", False)],
)
def test_mathematics_that_a_cell_shows_is_typeset(html: str, loaded: bool) -> None:
    page, has_equations = new_document("page"), {"page": False}
    page += paragraph("", "", raw("", html, format="html"))
    domain = SimpleNamespace(data={"has_equations": has_equations})
    env = SimpleNamespace(docname="page", get_domain={"math": domain}.__getitem__)
    offline_assets.typeset_outputs(SimpleNamespace(env=env), page)
    assert has_equations == {"page": loaded}


@pytest.mark.parametrize(
    ("html", "classes"),
    [
        ('<figure class="it-explorer" id="fig-waves">…</figure>', ["output", "it-output"]),
        ("<table>…</table>", ["output", "text_html"]),
    ],
)
def test_a_figure_is_none_of_the_themes_outputs(html: str, classes: list[str]) -> None:
    """The theme asks what its outputs hold, and the browser would ask again whenever a point moves."""
    page = new_document("page")
    page += raw("", html, format="html", classes=["output", "text_html"])
    offline_assets.name_figures(SimpleNamespace(), page)
    assert page[0]["classes"] == classes
