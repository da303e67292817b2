"""The ledger lists every claim, with the measurement nearest to refuting it, and links to its statement."""

from __future__ import annotations

import dataclasses
import re

import pytest
from bs4 import BeautifulSoup

import implicit_tutorial as it
from implicit_tutorial.book.ledger import Ledger, ledger
from implicit_tutorial.claims import claims


@pytest.fixture(scope="module")
def book() -> Ledger:
    return ledger()


def test_the_frame_has_a_row_for_each_measurement(book):
    frame = book.frame
    assert list(dict.fromkeys(frame.label)) == list(claims())
    assert frame.holds.all()
    assert book.holds
    # Of margins that differ by rounding alone the first, as in a verdict.
    tightest = frame.loc[frame.margin.round(9).groupby(frame.label).idxmin()].set_index("label")
    for verdict in book.verdicts:
        assert tightest.measured[verdict.label] == verdict.measured
        assert tightest.chapter[verdict.label] == claims()[verdict.label].chapter


#: "C6 holds: Picard took 31.2 sweeps; 30.5 was expected, give or take 4 % (the tightest of 9 measurements)."
SENTENCE = re.compile(
    r"C\d+ holds: (?P<measured>[^;]+); (?:(?:less|more) than \S+(?: %)?|\S+(?: %)?) was expected"
    r"(?:, (?:give or take [\d.]+ %|up to rounding))?(?: \(the tightest of \d+ measurements\))?\."
)


@pytest.mark.parametrize("label", claims())
def test_a_verdict_is_a_sentence_that_a_reader_understands(book, label):
    """Each measurement, for any of them may be the one that is shown."""
    verdict = next(v for v in book.verdicts if v.label == label)
    for measurement in verdict.measurements:
        told = repr(dataclasses.replace(verdict, measurements=(measurement, measurement)))
        found = SENTENCE.fullmatch(told)
        assert found, told
        assert len(re.findall(r"[A-Za-z–]{2,}", found["measured"])) >= 4, f"too few words: {told}"
        assert not re.search(r"[_^\\$`{}<>]|\de[-+]?\d|\bnan\b|\binf\b", told), f"as in code: {told}"
        # "x = 1 = 2" and "norm = 0.5": the value is the end of a clause, not of an equation.
        shown = measurement.words.partition("{}")[0].rstrip()
        assert not shown.endswith(("=", "<", ">", ":")), told
        assert not re.match(r"(and|it|its|there|that|these|those|one)\b", measurement.words), (
            f"of what? {told}"
        )


def test_the_table_links_each_claim_to_its_statement(book):
    table = BeautifulSoup(book._repr_html_(), "html.parser")
    assert [row["id"] for row in table.tbody.find_all("tr")] == [f"ledger-{label}" for label in claims()]
    assert [link["href"] for link in table.find_all("a")] == [
        f"../notebooks/{entry.chapter}.html#{label}" for label, entry in claims().items()
    ]
    assert len(table.find_all(attrs={"aria-label": "holds"})) == len(claims())


def test_statements_and_measurements_are_typeset(book):
    """As in the chapters: TeX between the signs for which the page's MathJax looks, and none outside."""
    table = BeautifulSoup(book._repr_html_(), "html.parser")
    for label, entry in claims().items():
        row = table.find(id=f"ledger-{label}")
        formulas = [f"\\({tex}\\)" for tex in re.findall(r"\$([^$]+)\$", entry.statement)]
        assert [span.get_text() for span in row.find_all(class_="math")][: len(formulas)] == formulas
        for span in row.find_all(class_="math"):
            span.extract()
        assert not set("$\\^_{}") & set(row.get_text()), label
        assert all(item.get_text().endswith(".") for item in row.find_all("li"))


def test_a_refuted_claim_is_shown_as_refuted(monkeypatch):
    broken = dataclasses.replace(claims()["C2"], subject=lambda A, b, **k: it.solve(1.05 * A, b, **k))
    monkeypatch.setitem(claims(), "C2", broken)
    some = ledger(["C1", "C2"])
    assert not some.holds
    assert 'aria-label="refuted">✗' in some._repr_html_()
    assert repr(some).splitlines()[1].startswith("C2 fails: ")
