"""The problem on the circle returns in the chapters before and after it is learned, under one heading."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from implicit_tutorial.book.tasks import CIRCLE_SCALE

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
CHAPTERS = sorted(path for path in NOTEBOOKS.glob("*.md") if path.name[:2] not in ("06", "11"))
#: What has the book's own setting in its room.
ROOMS = tuple(f"fig.circle_{name}()" for name in ("remedies", "bound", "width", "scale", "and_digits"))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_takes_the_problem_one_step_further(chapter: Path) -> None:
    """Its last section but the exercises, short, with the book's own setting."""
    headings = re.findall(r"^## (.+)$", chapter.read_text("utf-8"), flags=re.M)
    passages = [heading for heading in headings if heading.startswith("On the circle")]
    assert len(passages) == 1
    assert headings.index(passages[0]) + 1 == headings.index("Exercises")
    passage = re.search(r"^## On the circle.*?(?=^## )", chapter.read_text("utf-8"), flags=re.S | re.M)[0]
    assert "fig.circle_" in passage or 'task("circle")' in passage
    assert f"implicit_scale={CIRCLE_SCALE:g}" in passage or any(call in passage for call in ROOMS)
    cells = re.findall(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", passage, flags=re.S | re.M)
    shown = [cell for cell in cells if ":tags:" not in cell]
    assert shown
    assert max(len(cell.splitlines()) for cell in shown) <= 6
