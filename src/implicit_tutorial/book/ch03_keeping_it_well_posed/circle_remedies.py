"""On the circle: plain descent, and two of the remedies, printed as a table (C8)."""

from __future__ import annotations

from implicit_tutorial.book.ch03_keeping_it_well_posed.studies import CIRCLE_REMEDIES
from implicit_tutorial.book.tables import aligned

_PROVED = {"not asked": "not asked", "nothing proved": "no"}


def circle_remedies() -> str:
    """The table as text, one remedy a line."""
    head = ("remedy", "sweeps at first", "at the end", "loss left", "a minimum proved near")
    rows = [
        (row.remedy, str(row.first), str(row.last), f"{100 * row.left:.0f} %", _PROVED.get(row.end, "yes"))
        for row in CIRCLE_REMEDIES.table.itertuples()
    ]
    return aligned([head, *rows])
