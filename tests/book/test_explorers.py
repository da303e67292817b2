"""Every explorer that a room registers stands once in its own chapter, fits the page, and can be moved."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from implicit_tutorial.book import explorers
from implicit_tutorial.book.ch11_your_own_data.studies import GRID_WIDTH, MAP_WIDTH
from implicit_tutorial.book.study import FOLDER
from implicit_tutorial.explorer import decode, explorer
from implicit_tutorial.explorer.registry import NUMBERS

ROOT = Path(__file__).resolve().parents[2]
#: The explorers of the chapters; those of other pages have no stored notebook and are looked at when built.
CHAPTERS = {name: make for name, make in explorers().items() if ".book.ch" in make.__module__}


@cache
def shown() -> Mapping[str, list[tuple[str, str]]]:
    """By the name of an explorer, the chapters whose notebooks show it, and how."""
    found = defaultdict(list)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                html = output.get("data", {}).get("text/html", "")
                for figure in BeautifulSoup(html, "html.parser").select("figure.it-explorer"):
                    found[figure["data-name"]].append((path.stem, html))
    return found


def test_the_notebooks_show_what_is_registered() -> None:
    assert set(shown()) == set(CHAPTERS)
    assert len(CHAPTERS) > 30


def tag(name: str) -> str:
    """What stands before the caption in the notebook."""
    return BeautifulSoup(shown()[name][0][1], "html.parser").select_one("figcaption .it-tag").get_text()


@pytest.mark.parametrize("name", CHAPTERS)
def test_it_stands_once_in_its_chapter_under_the_name_of_its_function(name: str) -> None:
    (chapter, html), *others = shown()[name]
    make = CHAPTERS[name]
    assert not others
    assert f".book.ch{chapter}." in f"{make.__module__}."
    assert make.__name__ == name.replace("-", "_")
    assert len(html) < 150_000, "an eighth of what a page may have"


@pytest.mark.parametrize("name", CHAPTERS)
def test_each_handle_moves_the_picture_or_the_line_below(name: str) -> None:
    frames = decode(shown()[name][0][1], name)
    axes = [list(dict.fromkeys(values)) for values in zip(*frames, strict=True)]
    for k in range(len(axes)):
        # The handle through its whole range, for some positions of the others.
        others = itertools.islice(itertools.product(*(axis[::2] for axis in axes[:k] + axes[k + 1 :])), 20)
        looks = [{repr(frames[(*o[:k], v, *o[k:])]) for v in axes[k]} for o in others]
        assert max(map(len, looks)) > 1, f"handle {k} moves nothing"


@pytest.mark.parametrize("name", CHAPTERS)
def test_numbers_and_words_are_as_in_print(name: str) -> None:
    html = shown()[name][0][1]
    caption = BeautifulSoup(html, "html.parser").select_one("figcaption")
    for formula in caption.select(".math"):
        formula.decompose()
    caption = caption.get_text()
    lines = {frame.readout or "" for frame in decode(html, name).values()} | {caption}
    odd = re.compile(
        r"\d[eE][+-]?\d|\b1 (are|sweeps|steps|layers|networks)\b|\bnan\b|\binf\b|-\d|−0\b(?![.,]\d)"
    )
    assert not {line for line in lines if odd.search(line)}
    sides = re.compile(
        r"\b(top|bottom|left|right) (left|right)\b|\b(left|right|upper|lower) (panel|plot)", re.I
    )
    assert not sides.search(caption), "on a phone the plots stand above one another"


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_caption_begins_with_number_and_tag(name: str) -> None:
    said = tag(name).split(" · ")
    assert said[0] == f"Figure {NUMBERS[name]}"
    kinds = [kind for kind in said if kind in ("definition", "theorem", "mean-field", "measured")]
    assert said[1 : 1 + len(kinds)] == kinds
    assert len(kinds) == len(set(kinds)) > 0
    assert "measured" not in kinds or said[1 + len(kinds)].startswith("m = ")


#: A study whose networks are all of one width has no column for it.
_ONE_WIDTH = {"own_scales": MAP_WIDTH, "advice": GRID_WIDTH}
_WIDTHS = ["width", "wide", "width_noise", "width_implicit_scale"]
#: Figures of stored studies: which ones, what their rows have in common, and n where a study does not say it.
STORED: dict[str, tuple[list[str], dict, set[int]]] = {
    "backward-cost": (["backward_cost"], {}, {32}),
    "error-against-width": (_WIDTHS, {}, {60}),
    "constants": (_WIDTHS, {"implicit_scale": {0.3, 0.5, 0.8}}, {60}),
    "circle-width": (["circle"], {"output_scale": {0.5, 1.0, 2.0, 5.0}}, {13}),
    "circle-scale": (["circle"], {"width": {64, 128, 256, 512}}, {13}),
    "kappa-law": (["output_scale"], {}, {60}),
    "learning-curves": (["bound_network", "learning_curve"], {"output_scale": {1.0, 10.0}}, set()),
    "proved-end": (["proved_end"], {}, {20}),
    "existence-map": (["existence"], {}, {60}),
    "digits-bound": (["digits_bound"], {}, set()),
    "posterior-means": (["digits_bound_trained"], {}, set()),
    "phase-diagram": (["phase"], {}, {60}),
    "digit-laws": (["digits"], {"task": {"parity"}}, set()),
    "which-scales": (["own_scales"], {}, {200, 221}),
    "against-others": (["advice"], {"method": {"advised", "default", "grid"}}, {200, 221, 60, 40}),
}


def span(values: set[int]) -> str:
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low} and {high}" if len(values) == 2 else f"{low} … {high}"


@pytest.mark.parametrize("name", STORED)
def test_the_tag_says_what_the_stored_rows_are(name: str) -> None:
    studies, chosen, samples = STORED[name]
    seeds, widths, samples, ends = defaultdict(set), set(), set(samples), Counter()
    for study in studies:
        stored = json.loads((FOLDER / f"{study}.json").read_text("utf-8"))
        for values in stored["rows"]:
            row = stored["fixed"] | dict(zip(stored["columns"], values, strict=True))
            if any(row[key] not in allowed for key, allowed in chosen.items()):
                continue
            widths.add(int(row.get("width") or _ONE_WIDTH.get(study, 0)))
            samples |= {row[key] for key in ("n_samples", "n_train") if key in row}
            # A run that failed before its first step has no end, and proves nothing.
            failed = "end" in row and row.get("status", "finished") != "finished"
            ends[row.get("end") or ("nothing proved" if failed else None)] += 1
            setting = (study, *(str(row[key]) for key in stored["settings"] if key != "seed"))
            seeds[setting].add(row.get("seed"))
    counts = span({len(found) for found in seeds.values()})
    counts = "one seed" if counts == "1" else f"{counts} seeds"
    said = tag(name).split(" · ")
    facts = said.index(f"m = {span(widths)}, {counts}, n = {span(samples)}")
    near = ends["minimum proved"] + ends["certified"]
    asked = near + ends["nothing proved"]
    others = f", {ends['not asked']} more not asked" if ends["not asked"] else ""
    proved = f"a minimum proved at the end of {near} of {asked} stored runs{others}"
    assert said[facts + 1 :] == ([proved] if asked else [])


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_figure_stands_in_a_module_of_its_own(name: str) -> None:
    same = [other for other, make in CHAPTERS.items() if make.__module__ == CHAPTERS[name].__module__]
    assert same == [name]


def test_two_explorers_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        explorer(next(iter(CHAPTERS)))(lambda: None)
