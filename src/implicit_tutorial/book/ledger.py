"""The ledger of claims: every statement of the book beside the value that its check measures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

import pandas as pd

from implicit_tutorial.claims import Measurement, Verdict, claims


@dataclass(frozen=True)
class Ledger:
    """The verdicts of a run over all claims; shown as a table in a notebook or a page."""

    verdicts: tuple[Verdict, ...]

    @property
    def frame(self) -> pd.DataFrame:
        """One row a measurement: label, chapter, statement, quantity, measured, expected, margin, holds."""
        return pd.DataFrame(
            [
                {
                    "label": verdict.label,
                    "chapter": claims()[verdict.label].chapter,
                    "statement": verdict.statement,
                    "quantity": m.quantity,
                    "measured": m.measured,
                    "expected": m.expected,
                    "margin": m.margin,
                    "holds": m.margin > 0,
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
        return (
            '<table class="it-ledger">\n'
            "<caption>Each claim with the measurement that comes nearest to refuting it. "
            "The margin is the unused share of what the statement allows: 0 % is the edge.</caption>\n"
            '<thead><tr><th scope="col">Claim</th><th scope="col">Statement and measurements</th>'
            '<th scope="col">Tightest value</th><th scope="col">Expected</th>'
            '<th scope="col">Margin</th></tr></thead>\n'
            f"<tbody>\n{rows}\n</tbody>\n</table>"
        )


def ledger(labels: Iterable[str] | None = None) -> Ledger:
    """Run the checks of the claims, all by default, and return their verdicts in the order of the book."""
    return Ledger(tuple(claims()[label].check() for label in (claims() if labels is None else labels)))


def _row(verdict: Verdict) -> str:
    chapter = claims()[verdict.label].chapter
    mark = "✓" if verdict.holds else "✗"
    spoken = "holds" if verdict.holds else "refuted"
    details = "".join(f"<li>{_measurement(m)}</li>" for m in verdict.measurements)
    return (
        f'<tr id="ledger-{verdict.label}"><th scope="row">'
        f'<a href="../notebooks/{chapter}.html#{verdict.label}">{verdict.label}</a> '
        f'<span role="img" aria-label="{spoken}">{mark}</span></th>'
        f"<td>{escape(verdict.statement)}<details><summary>{len(verdict.measurements)} measurements</summary>"
        f"<ul>{details}</ul></details></td>"
        f"<td>{escape(verdict.tightest.quantity)} = {verdict.measured:.4g}</td>"
        f"<td>{escape(verdict.expected)}</td><td>{100 * verdict.margin:.0f} %</td></tr>"
    )


def _measurement(m: Measurement) -> str:
    return escape(f"{m.quantity} = {m.measured:.4g}, expected {m.expected}")
