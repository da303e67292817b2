"""The number and the tag before each caption: they are there, in the order of the text, and true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from implicit_tutorial.book import explorers
from implicit_tutorial.book.evidence import MEAN_FIELD, THEOREM, measured
from implicit_tutorial.explorer.registry import NUMBERS

ROOT = Path(__file__).resolve().parents[2]
#: The pages whose rooms number figures, with what stands before the point.
PAGES = {path: str(int(path.name[:2])) for path in sorted((ROOT / "notebooks").glob("*.md"))}
PAGES |= {ROOT / "book" / "benchmarks.md": "B", ROOT / "book" / "intro.md": "I"}


def shown(page: Path) -> list[str]:
    """The names of the figures of a page, in the order of its text."""
    calls = re.findall(r"^fig\.(\w+)\(\)$", page.read_text("utf-8"), flags=re.M)
    return [name for name in (call.replace("_", "-") for call in calls) if name in explorers()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_numbers_follow_the_text(page: Path) -> None:
    explorers()  # the rooms number their figures when they are imported
    mine = {name: number for name, number in NUMBERS.items() if number.split(".")[0] == PAGES[page]}
    assert mine == {name: f"{PAGES[page]}.{i}" for i, name in enumerate(shown(page), start=1)}


def test_every_figure_has_a_number() -> None:
    assert set(explorers()) == set(NUMBERS)


def test_a_tag_says_what_it_rests_on() -> None:
    assert str(THEOREM) == "theorem"
    one = measured(width=256, seeds=1, samples=60)
    assert str(one) == "measured · *m* = 256, one seed, *n* = 60"
    many = measured(width=[512, 64, 128, 64], seeds=(5, 8), samples=None)
    assert str(MEAN_FIELD | many) == "mean-field · measured · *m* = 64 … 512, 5 and 8 seeds"
