"""What the pages know of the figures that compute, as the notebooks store it.

To write the functions of a figure down anew takes torch many seconds. nbval does it when it runs the
notebooks again, and objects to one that is not stored so.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import nbformat

from implicit_tutorial.book import explorers
from implicit_tutorial.explorer.stored import document_of

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


@cache
def pages() -> list[str]:
    """The stored outputs that compute."""
    return [
        page
        for path in NOTEBOOKS.glob("*.ipynb")
        for cell in nbformat.read(path, as_version=4).cells
        for output in cell.get("outputs", [])
        if '"computed"' in (page := output.get("data", {}).get("text/html", ""))
    ]


@cache
def stored(name: str) -> dict[str, Any] | None:
    """What a chapter's page knows of a figure beside its frames; None of one in no chapter."""
    for page in pages():
        if f'data-name="{name}"' in page:
            return document_of(page, name)["computed"]
    return None


@cache
def computed(name: str) -> dict[str, Any]:
    """What a page knows of a figure of the book beside its frames; of one in no chapter, made anew."""
    return stored(name) or explorers()[name]().document()


def is_dragged(name: str) -> bool:
    """Whether a figure has points, told without making those that train networks for their captions."""
    document = stored(name)
    return bool(document["points"] if document else explorers()[name]().points)
