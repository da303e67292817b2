"""A chapter's page and its notebook say the same, word for word, each number included.

The page comes from Sphinx, the notebook from tools/plain_markdown.py; they share nothing but the source.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup, Tag
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from tests.notebooks.compare import Tolerance, text_difference

# The first test builds the book, or waits until another process has.
pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
#: What is no text of the chapter: code with its outputs, and the theme's marks beside headings and folds.
NOT_TEXT = "div.cell, a.headerlink, svg, script"


def words(element: Tag) -> str:
    for other in element.select(NOT_TEXT):
        other.decompose()
    text = element.get_text()
    text = re.sub(r"\\\((.*?)\\\)|\\\[(.*?)\\\]", lambda m: f" {m[1] or m[2]} ", text, flags=re.S)
    text = re.sub(r"\\(begin|end)\{split\}", "", text)  # Sphinx puts it around formulas of several lines
    for typed, printed in (("'", "[‘’]"), ('"', "[“”]"), ("--", "–"), ("...", "…")):
        text = re.sub(printed, typed, text)
    return " ".join(text.split())


def page_text(html: Path, chapter: str) -> str:
    page = BeautifulSoup((html / "notebooks" / f"{chapter}.html").read_text("utf-8"), "html.parser")
    return words(page.select_one("article"))


def notebook_text(notebook: nbformat.NotebookNode) -> str:
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table").use(dollarmath_plugin)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    rendered = "\n".join(markdown.render(source) for source in cells)
    return words(BeautifulSoup(rendered, "html.parser"))


def squeezed(text: str) -> str:
    """Without the spaces that the two renderers set differently around formulas and brackets."""
    return re.sub(r"\s+", "", text)


def difference(page: str, notebook: str) -> str | None:
    return text_difference(squeezed(page), squeezed(notebook), Tolerance())


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_page_and_notebook_say_the_same(html: Path, chapter: str) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / f"{chapter}.ipynb", as_version=4)
    page = page_text(html, chapter)
    assert len(page.split()) > 800
    assert difference(page, notebook_text(notebook)) is None


@pytest.mark.parametrize(
    ("said", "instead"), [("Theorem 8.1", "Theorem 8.2"), ("0.0", "0.1"), ("sixty inputs", "fifty inputs")]
)
def test_another_word_or_number_is_noticed(html: Path, said: str, instead: str) -> None:
    chapter = "09_the_scale_of_the_initialization"
    page = page_text(html, chapter)
    assert said in page
    assert difference(page, page.replace(said, instead, 1)) is not None
