"""The numbers of a chapter's text: each is told, none is missing, and none is told that is not so."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from implicit_tutorial.book import ch07_a_bound_you_can_compute as bound
from implicit_tutorial.book import ch08_generalization_error_against_width as width
from implicit_tutorial.book import ch09_the_scale_of_the_initialization as scale
from implicit_tutorial.book import ch10_real_data as digits
from implicit_tutorial.book import modules
from implicit_tutorial.book.says import UntrueSentenceError

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def chapter(module: ModuleType) -> str:
    """The text of a room's chapter."""
    room = module.__name__.split(".")[-2]
    return (NOTEBOOKS / f"{room.removeprefix('ch')}.md").read_text("utf-8")


def sections(module: ModuleType) -> set[str]:
    """The public functions that are written in the module itself."""
    found = inspect.getmembers(module, inspect.isfunction)
    return {name for name, f in found if f.__module__ == module.__name__ and not name.startswith("_")}


@pytest.mark.parametrize("module", [*modules("said")], ids=lambda module: module.__name__.split(".")[-2])
def test_every_number_is_told_and_every_number_told_is_there(module: ModuleType) -> None:
    text = chapter(module)
    calls = re.findall(r'^glue_all\("(\w+)", fig\.said\.(\w+)\(\)\)$', text, flags=re.M)
    assert {name for _, name in calls} == sections(module)
    there = {f"{prefix}_{key}" for prefix, name in calls for key in getattr(module, name)()}
    told = set(re.findall(r"\{glue:text\}`(\w+)", text))
    assert there == told


#: Minima next to the start.
NEAR = scale.said.both().assign(within=1e-3)
#: In the gap networks that are above the limit.
HIGH = np.zeros(6), -1.4, -0.4


@pytest.mark.parametrize(
    ("module", "section", "name", "broken"),
    [
        (bound.said, "the_price_of_a_spread", "best", lambda noise: {"training": 0.1, "bound": 0.3}),
        (bound.said, "the_trained_means", "tangent", lambda kappa: {"total": 0.9, "test_error": 0.1}),
        (scale.said, "the_way_and_the_goal", "both", lambda: NEAR),
        (width.said, "against_the_line", "infinite", lambda name: 0.01),
        (width.said, "on_the_circle", "in_the_gap", lambda m, kappa: HIGH),
        (scale.said, "the_map", "border_slope", lambda: (-0.4, -1.7)),
        (scale.said, "on_the_circle", "in_the_gap", lambda m, kappa: HIGH),
        (digits.said, "the_same_laws", "lazy_movement", lambda m, layers: 1e-3),
        (digits.said, "why_digits_can_be_learned", "price", lambda labels: 1.0),
    ],
)
def test_a_sentence_that_is_not_so_is_not_told(monkeypatch, module, section, name, broken) -> None:
    monkeypatch.setattr(module, name, broken)
    with pytest.raises(UntrueSentenceError):
        getattr(module, section)()
