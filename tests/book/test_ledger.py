"""The ledger lists every claim, with the measurement nearest to refuting it, and links to its statement."""

from __future__ import annotations

import dataclasses
from html import escape
from html.parser import HTMLParser

import pytest

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


def test_the_table_links_each_claim_to_its_statement(book):
    links, rows = [], []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attributes):
            attributes = dict(attributes)
            if tag == "a":
                links.append(attributes["href"])
            if tag == "tr" and "id" in attributes:
                rows.append(attributes["id"])

    html = book._repr_html_()
    Reader().feed(html)
    assert rows == [f"ledger-{label}" for label in claims()]
    assert links == [f"../notebooks/{entry.chapter}.html#{label}" for label, entry in claims().items()]
    assert html.count('aria-label="holds"') == len(claims())
    for entry in claims().values():
        assert f"<td>{escape(entry.statement)}<" in html


def test_a_refuted_claim_is_shown_as_refuted(monkeypatch):
    broken = dataclasses.replace(claims()["C2"], subject=lambda A, b, **k: it.solve(1.05 * A, b, **k))
    monkeypatch.setitem(claims(), "C2", broken)
    some = ledger(["C1", "C2"])
    assert not some.holds
    assert 'aria-label="refuted">✗' in some._repr_html_()
    assert repr(some).splitlines()[1].startswith("✗ C2: ")
