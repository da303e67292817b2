"""The number and the tag before each caption: they are there, in the order of the text, and true."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.setting import Setting
from implicit_tutorial import data
from implicit_tutorial.book import explorers
from implicit_tutorial.book.benchmarks.table import SAMPLES
from implicit_tutorial.book.ch06_training_the_implicit_layer.studies import CERTIFIED_ERROR, TRAINED_LAYERS
from implicit_tutorial.book.evidence import MEAN_FIELD, THEOREM, measured
from implicit_tutorial.explorer.registry import NUMBERS

#: Modules, whose names in the room are those of the figures.
certified_width, which_layer = (
    sys.modules[make.__module__] for make in (explorers()["certified-width"], explorers()["which-layer"])
)
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


@cache
def tags() -> dict[str, ast.expr]:
    """By the module of a figure, what it gives as its tag."""
    found = {}
    for make in explorers().values():
        tree = ast.parse(Path(sys.modules[make.__module__].__file__).read_text("utf-8"))
        given = [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "tag"]
        assert len(given) == 1, make.__module__
        found[make.__module__.rpartition(".")[2]] = given[0]
    return found


@pytest.mark.parametrize("module", tags())
def test_no_number_is_typed_into_a_tag(module: str) -> None:
    """But one network or input, and the one or two units of an example."""
    counts = [node.value for node in ast.walk(tags()[module]) if isinstance(node, ast.keyword)]
    typed = {c.value for c in counts if isinstance(c, ast.Constant) and isinstance(c.value, int)}
    assert typed <= {1, 2}


class _Seen(Exception):
    """The network of an experiment is about to be made."""


@pytest.mark.parametrize(
    ("figure", "study", "width"),
    [
        (which_layer, TRAINED_LAYERS, which_layer._WIDTH),
        (certified_width, CERTIFIED_ERROR, CERTIFIED_ERROR.cells[0]["width"]),
    ],
)
def test_what_a_study_does_not_say_is_what_its_experiment_does(monkeypatch, figure, study, width) -> None:
    """Its first network has the width of the tag, and its first sample the number of inputs."""
    samples = []

    def sphere(n: int, *args: int, **options: int):
        samples.append(n)
        return data.sphere(n, *args, **options)

    def network(n_inputs: int, width: int, **options: object):
        raise _Seen(width)

    module = sys.modules[study.experiment.__module__]
    monkeypatch.setattr(module, "data", SimpleNamespace(**vars(data) | {"sphere": sphere}))
    monkeypatch.setattr(module, "EquilibriumNetwork", network)
    with pytest.raises(_Seen) as seen:
        study.compute(0)
    assert (samples[0], seen.value.args[0]) == (figure._SAMPLES, width)


def test_the_benchmarks_are_run_on_the_samples_of_their_tags() -> None:
    assert Setting().n_samples == SAMPLES


def test_a_tag_says_what_it_rests_on() -> None:
    assert str(THEOREM) == "theorem"
    one = measured(width=256, seeds=1, samples=60)
    assert str(one) == "measured · *m* = 256, one seed, *n* = 60"
    many = measured(width=[512, 64, 128, 64], seeds=(5, 8), samples=None)
    assert str(MEAN_FIELD | many) == "mean-field · measured · *m* = 64 … 512, 5 and 8 seeds"
