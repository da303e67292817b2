"""A chapter says how long it takes to read, and few take longer than a quarter of an hour."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from implicit_tutorial.book import explorers

CHAPTERS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9]*.md"))
#: Minutes; the chapter with the convergence certificate has more to say.
LONGEST, LONGER = 15, {"06_training_the_implicit_layer": 20}
#: Words a minute, formulas counted as words; seconds a line of code; minutes a figure with handles, without.
WORDS, LINE, FIGURE, PICTURE = 200, 4, 0.5, 0.2


def estimate(text: str) -> float:
    """Minutes for all that lies open: without proofs, exercises, and cells that are hidden or folded."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    text = re.sub(r"^## Exercises$.*?(?=^## Summary$|\Z)", "", text, flags=re.S | re.M)
    cells = re.findall(r"^```\{code-cell\}.*?^```$", text, flags=re.S | re.M)
    cells = [cell for cell in cells if not re.search(r"remove-cell|hide-input", cell)]
    drawn = re.findall(r"^fig\.(\w+)\(\)$", "\n".join(cells), flags=re.M)
    kinds = [explorers()[name.replace("_", "-")].__annotations__["return"] for name in drawn]
    figures = sum(PICTURE if kind == "Figure" else FIGURE for kind in kinds)
    apart = re.compile(r"```|:tags:|\s*$|fig\.|it\.verify|import |from ")
    lines = sum(not apart.match(line) for cell in cells for line in cell.splitlines())
    prose = re.sub(r"^```\{code-cell\}.*?^```$", "", text, flags=re.S | re.M)
    prose = re.sub(r"^::::\{dropdown\}.*?^::::$", "", prose, flags=re.S | re.M)
    prose = re.sub(r"</?a\b[^>]*>|^[:`]{3,}.*$|^:\w+:.*$", "", prose, flags=re.M)
    prose = re.sub(r"\$\$.*?\$\$", " formula" * 12, prose, flags=re.S)
    prose = re.sub(r"\$[^$]+\$", " formula" * 2, prose)
    return len(prose.split()) / WORDS + lines * LINE / 60 + figures


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_the_reading_time_is_honest_and_short(chapter: Path) -> None:
    text = chapter.read_text("utf-8")
    said = int(re.search(r"\*\*Reading time\*\* (\d+) minutes", text)[1])
    assert estimate(text) < said + 1, "a reader is told too little"
    assert said <= LONGER.get(chapter.stem, LONGEST)


def test_longer_texts_take_longer() -> None:
    text = CHAPTERS[0].read_text("utf-8")

    def with_more(before: str, more: str) -> float:
        return estimate(text.replace(before, f"{more}\n\n{before}", 1)) - estimate(text)

    assert with_more("## Exercises", "word " * 400) == pytest.approx(2)
    assert with_more("## Summary", "word " * 400) == 0, "this is an exercise"
    assert with_more("## Exercises", "```{code-cell} ipython3\nx = 1\n```") == pytest.approx(LINE / 60)
    assert with_more("## Exercises", "```{code-cell} ipython3\n:tags: [remove-cell]\n\nx = 1\n```") == 0
    assert with_more("## Exercises", "```{code-cell} ipython3\nfig.linear_case()\n```") == FIGURE
