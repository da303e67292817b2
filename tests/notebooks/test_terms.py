"""No word and no symbol is used before it is explained, and a letter has no meaning that is kept silent.

The book is read from the introduction to its last chapter. Overviews may promise what their chapter explains;
cells that a reader does not see do not count.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from implicit_tutorial.book.tasks import task

ROOT = Path(__file__).resolve().parents[2]
#: So many words a symbol may stand before what it means: “z = relu(Az + b(x)), where …”.
AHEAD = 60


class Term(NamedTuple):
    """Where something is explained: the chapter, 0 for the introduction, the section, the words there."""

    used: str
    chapter: int
    heading: str
    words: str


#: What is explained in chapters 1 to 5, by what a reader sees of it.
TERMS = {
    "width": Term(r"\$m\$|\\sqrt m\b|\\mathbb R\^m", 1, "What goes wrong with depth", r"\*\*width\*\*"),
    "W": Term(r"(?<![\w_\\])W\b(?!\w)", 1, "What goes wrong with depth", r"and \$W \\in"),
    "Θ": Term(r"\\Theta", 1, "What goes wrong with depth", r"entries of \$\\Theta\$ and \$W\$"),
    "σ_U": Term(r"\\sigma_U|input_scale", 1, "What goes wrong with depth", r"`input_scale` \$\\sigma_U\$"),
    "σ_A": Term(r"\\sigma_A", 1, "What goes wrong with depth", r"`implicit_scale` \$\\sigma_A\$"),
    "injection": Term(r"injection", 1, "What goes wrong with depth", r"\*\*input injection\*\*"),
    "equilibrium": Term(
        r"\b(an|the) equilibrium\b(?! network)", 1, "By hand: one linear unit", r"\*\*equilibrium\*\*"
    ),
    "κ": Term(r"\\kappa|output_scale", 1, "Infinitely many layers", r"scale, `output_scale` \$\\kappa\$"),
    "v": Term(r"v\\cdot z", 1, "Infinitely many layers", r"output weights \$v"),
    "Picard": Term(r"Picard", 1, "Infinitely many layers", r"\*\*Picard's iteration\*\*"),
    "sweep": Term(r"\bsweeps?\b", 1, "Infinitely many layers", r"\*sweep\*"),
    "residual": Term(r"\bresiduals?\b", 1, "Infinitely many layers", r"\*\*residual\*\*"),
    "h": Term(r"pre-activation|\bh_r", 1, "How deep is deep enough?", r"\*\*pre-activation\*\* \$h = "),
    "pattern": Term(r"activation pattern", 1, "How deep is deep enough?", r"\*\*activation pattern\*\* \$D"),
    "ρ": Term(r"spectral radius", 1, "How deep is deep enough?", r"radius \$\\rho\(DA\)\$, the largest"),
    "certificate": Term(r"certif", 1, "How deep is deep enough?", r"\*\*certificate\*\*"),
    "mean-field": Term(r"mean-field", 1, "How deep is deep enough?", r"\*\*mean-field\*\*"),
    "adjoint": Term(r"adjoint", 1, "The gradient, without the layers", r"\*\*adjoint\*\*"),
    "f₀": Term(r"\bf_0\b", 1, "On the circle", r"This function, \$f_0\$"),
    "well-posed": Term(r"well-posed", 0, "", r"well-posed .*, so that it has exactly one solution"),
    "fold": Term(r"(?<![}-])\bfold(s|ed)?\b", 2, "One unit, by hand", r"there is a \*\*fold\*\*"),
    "P-matrix": Term(r"P-matri", 2, "The exact answer", r"\*\*P-matrix\*\*"),
    "ladder": Term(r"\bladder\b", 2, "The ladder of sufficient conditions", r"\*\*ladder\*\*"),
    "rung": Term(r"\brungs?\b", 2, "The ladder of sufficient conditions", r"\*\*rung\*\*"),
    "‖A‖_∞": Term(r"\\rVert_\\infty", 2, "The ladder of sufficient conditions", r"_\\infty = \\max_r"),
    "monotone": Term(r"\bmonoton", 2, "The ladder of sufficient conditions", r"\*\*monotone:\*\*"),
    "Perron": Term(r"Perron", 2, "The ladder of sufficient conditions", r"\*\*Perron–Frobenius:\*\*"),
    "Newton": Term(r"Newton", 2, "Well-posed is not the same", r"\*\*Newton's method\*\*"),
    "μ": Term(r"\\mu\b", 2, "How wrong is a computed equilibrium?", r"If \$\\mu = 1 - "),
    "centered": Term(r"\bcentered\b", 3, "The wrong thing first", r"\*\*centered\*\*"),
    "splitting": Term(r"\bsplittings?\b", 3, "Three kinds of cure", r"a \*\*splitting\*\*"),
    "Peaceman": Term(r"Peaceman", 3, "Three kinds of cure", r"\*\*Peaceman and Rachford\*\*"),
    "one-step": Term(r"one-step", 4, "The wrong thing first", r"\*\*one-step gradient\*\*"),
    "phantom": Term(r"[Pp]hantom", 4, "The wrong thing first", r"\*phantom gradients\*, which stop"),
    "Anderson": Term(r"Anderson", 4, "One unit, by hand", r"\*\*Anderson\*\*"),
    "Broyden": Term(r"Broyden", 4, "One unit, by hand", r"\*\*Broyden\*\*"),
    "SHINE": Term(r"SHINE|\bShine", 4, "One unit, by hand", r"\*\*SHINE\*\*"),
    "warm start": Term(r"\bwarm starts?\b", 4, "Starting from the last one", r"\*\*warm start\*\*"),
    "frozen": Term(r"\bfrozen\b", 4, "On the circle", r"is \*frozen\*"),
    "gradient flow": Term(r"gradient flow", 5, "The wrong thing first", r"\*\*gradient flow\*\*"),
    "ExponentialFlow": Term(r"ExponentialFlow", 5, "The wrong thing first", r"`ExponentialFlow` follows it"),
    "pure noise": Term(r"pure noise", 5, "The wrong thing first", r"\*pure noise\*, standard Gaussian"),
    "tangent kernel": Term(r"tangent kernel(?!/)", 5, "One unit, by hand", r"\*\*tangent kernel\*\*"),
    "mode": Term(r"\bmodes?\b", 5, "One unit, by hand", r"is a \*\*mode\*\*"),
    "Q": Term(r"Q_m\b", 5, "Forward times backward", r"Q_m = \\frac"),
    "Π": Term(r"\\Pi\b", 5, "Forward times backward", r"\\Pi_m = \\frac"),
    "features": Term(r"\bfeatures?\b", 5, "Forward times backward", r"\*\*features\*\*"),
    "lazy": Term(r"\blazy\b", 5, "Forward times backward", r"called \*\*lazy\*\*"),
    "rich": Term(r"\brich\b", 5, "Forward times backward", r"called \*\*rich\*\*"),
    "K^∞": Term(r"K\^\\infty", 5, "Infinitely wide", r"K\^\\infty = "),
    "Σ̇": Term(r"\\dot\\Sigma", 5, "Infinitely wide", r"share of such units is \$\\dot\\Sigma\$"),
}


def visible(text: str) -> str:
    """What a reader sees: without title, overview, hidden cells, the names of targets of links."""
    text = re.sub(r"\A---\n.*?\n---\n+# [^\n]*\n", "", text, flags=re.S)
    text = re.sub(r"^:::\{admonition\} Overview\n.*?^:::$", "", text, count=1, flags=re.S | re.M)
    text = re.sub(r"^```\{code-cell\}[^\n]*\n:tags: \[[^]]*remove-cell.*?^```$", "", text, flags=re.S | re.M)
    text = re.sub(r"^(from|import) .*$|^:label:.*$|</?a\b[^>]*>", "", text, flags=re.M)
    text = re.sub(r"\{doc\}`([^`<]*)<[^`]*`", r"\1", text)
    return re.sub(r"\{[\w:]+\}`[^`]*`", "", text)


@cache
def book() -> tuple[str, dict[int, tuple[int, int]]]:
    """The whole text in the order of reading, and where in it each chapter begins and ends."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    files = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    files = [toc["root"], *(file for file in files if file.startswith("notebooks/"))]
    whole, places = "", {}
    for number, file in enumerate(files):
        begin = len(whole)
        whole += visible((ROOT / f"{file}.md").read_text("utf-8")) + "\n\n"
        places[number] = begin, len(whole)
    return whole, places


def explained(term: Term) -> int | None:
    """Where in the book it is explained; None if not in the section that the table names."""
    text, places = book()
    begin, end = places[term.chapter]
    if term.heading:
        heading = re.compile(rf"^##+ {re.escape(term.heading)}.*$", re.M).search(text, begin, end)
        if heading is None:
            return None
        following = re.compile(r"^## ", re.M).search(text, heading.end(), end)
        begin, end = heading.end(), following.start() if following else end
    found = re.compile(term.words).search(text, begin, end)
    return found and found.start()


@pytest.mark.parametrize("name", TERMS)
def test_nothing_is_used_before_it_is_explained(name: str) -> None:
    term, (text, places) = TERMS[name], book()
    there = explained(term)
    assert there is not None, f"chapter {term.chapter}, “{term.heading}”, does not explain {name}"
    first = re.compile(term.used).search(text, places[min(1, term.chapter)][0])
    early = len(text[first.start() : there].split())
    line = text[max(0, first.start() - 60) : first.start() + 60].replace("\n", " ")
    assert early <= AHEAD, f"{name} is used {early} words before it is explained: …{line}…"


def test_the_rule_sees_a_use_that_comes_too_early() -> None:
    """That the text of the table's places is searched, and in the order of reading."""
    text, places = book()
    assert len(places) == 12
    late = TERMS["lazy"]._replace(used=r"\bkernel\b")
    first = re.compile(late.used).search(text, places[1][0])
    assert len(text[first.start() : explained(late)].split()) > AHEAD
    assert explained(late._replace(heading="Infinitely wide")) is None


NOTATION = (ROOT / "book" / "notation.md").read_text("utf-8")


@pytest.mark.parametrize("word", ["lazy", "rich", "the fold", "centered", "mean-field", "well-posed"])
def test_the_notation_explains_the_words_of_the_chapters(word: str) -> None:
    assert re.search(rf"^\|.*\*\*{word}\*\*.*\|", NOTATION, re.M)


def formulas(chapter: int) -> list[str]:
    """The formulas of a chapter without their indices and words."""
    (path,) = (ROOT / "notebooks").glob(f"{chapter:02d}_*.md")
    text = re.sub(r"^```\{code-cell\}.*?^```$", "", path.read_text("utf-8"), flags=re.S | re.M)
    found = [a or b for a, b in re.findall(r"\$\$(.*?)\$\$|\$([^$]+)\$", text, flags=re.S)]
    found = [re.sub(r"\\(text|mathrm|operatorname|underbrace)\b|\\text\{[^}]*\}", "", f) for f in found]
    found = [re.sub(r"_\{[^{}]*\}|_\\?\w+", "", f).strip() for f in found]
    return [f for f in found if f != "r"]  # “for each r”: an index


def used(letter: str) -> set[int]:
    """The chapters with formulas in which the letter stands for something, and is no index."""
    alone = re.compile(rf"(?<![A-Za-z\\]){re.escape(letter)}(?![A-Za-z])")
    return {n for n in range(1, 12) if any(alone.search(f) for f in formulas(n))}


@pytest.mark.parametrize("letter", ["q", "r", "M", "H", "Q", r"\gamma", r"\Pi"])
def test_the_notation_lists_every_meaning_of_a_letter(letter: str) -> None:
    rows = re.findall(r"^\| (?:\$(\\?\w+)\$)? ?\| chapters? ([\d and,]+?) \| .+\|$", NOTATION, re.M)
    listed, current = set(), ""
    for name, where in rows:
        current = name or current
        listed |= set(map(int, re.findall(r"\d+", where))) if current == letter else set()
    chapters = used(letter)
    expected = chapters if len(chapters) > 1 else set()
    assert listed == expected, f"book/notation.md, “Letters that serve twice”, {letter}"


def test_the_notation_says_what_the_test_labels_of_pure_noise_are() -> None:
    (row,) = re.findall(r"^\| pure noise \| (.+) \| (.+) \|$", NOTATION, re.M)
    assert "standard Gaussian" in row[0]
    assert row[1].startswith("**zero**")
    noise = task("noise", n_samples=1000)
    assert noise.y.std().item() == pytest.approx(1, abs=0.1)
    assert not noise.y_test.any()
