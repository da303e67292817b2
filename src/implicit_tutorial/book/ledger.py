"""The ledger of claims: every statement of the book beside what its check measures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from implicit_tutorial.claims import Verdict, claims
from implicit_tutorial.explorer.page import inline
from implicit_tutorial.prose import plain

_COLUMNS = ("Claim", "Statement and measurements", "Tightest measurement", "Margin")


@dataclass(frozen=True)
class Ledger:
    """The verdicts of a run over all claims; shown as a table in a notebook or a page."""

    verdicts: tuple[Verdict, ...]

    @property
    def frame(self) -> pd.DataFrame:
        """One row a measurement: label, chapter, statement, sentence, measured, margin, holds."""
        return pd.DataFrame(
            [
                {
                    "label": verdict.label,
                    "chapter": claims()[verdict.label].chapter,
                    "statement": plain(verdict.statement),
                    "sentence": plain(m.sentence),
                    "measured": m.measured,
                    "margin": m.margin,
                    "holds": m.holds,
                }
                for verdict in self.verdicts
                for m in verdict.measurements
            ]
        )

    @property
    def holds(self) -> bool:
        """Whether every claim does."""
        return all(verdict.holds for verdict in self.verdicts)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.verdicts))

    def _repr_html_(self) -> str:
        rows = "\n".join(_row(verdict) for verdict in self.verdicts)
        # Styled as blocks, a table keeps its meaning for a screen reader only if the roles are spelt out.
        return (
            '<table class="it-ledger it-cards" role="table">\n'
            "<caption>Each claim with the measurement that comes nearest to refuting it. "
            "The margin is the unused share of what is allowed: 0 % is the edge.</caption>\n"
            f'<thead role="rowgroup"><tr role="row">{"".join(map(_head, _COLUMNS))}</tr></thead>\n'
            f'<tbody role="rowgroup">\n{rows}\n</tbody>\n</table>'
        )


def ledger(labels: Iterable[str] | None = None) -> Ledger:
    """Run the checks of the claims, all by default, and return their verdicts in the order of the book."""
    return Ledger(tuple(claims()[label].check() for label in (claims() if labels is None else labels)))


def _head(column: str) -> str:
    return f'<th role="columnheader" scope="col">{column}</th>'


def _row(verdict: Verdict) -> str:
    chapter = claims()[verdict.label].chapter
    mark = "✓" if verdict.holds else "✗"
    spoken = "holds" if verdict.holds else "refuted"
    measurements = "".join(f"<li>{_sentence(m.sentence)}</li>" for m in verdict.measurements)
    return (
        f'<tr role="row" id="ledger-{verdict.label}"><th role="rowheader" scope="row">'
        f'<a href="../notebooks/{chapter}.html#{verdict.label}">{verdict.label}</a> '
        f'<span role="img" aria-label="{spoken}">{mark}</span></th>'
        f'<td role="cell">{inline(verdict.statement)}<details>'
        f"<summary>{len(verdict.measurements)} measurements</summary><ul>{measurements}</ul></details></td>"
        f"{_cell(2, _sentence(verdict.tightest.sentence))}{_cell(3, f'{100 * verdict.margin:.0f} %')}</tr>"
    )


def _cell(column: int, html: str) -> str:
    return f'<td role="cell" data-label="{_COLUMNS[column]}">{html}</td>'


def _sentence(text: str) -> str:
    """A measurement as a sentence of its own."""
    return f"{inline(text[0].upper() + text[1:])}."
