"""What each remedy guarantees, read from the library and measured on one strong matrix (C8)."""

from __future__ import annotations

import implicit_tutorial as it
from implicit_tutorial.book.ch03_keeping_it_well_posed.setting import METHODS
from implicit_tutorial.book.descent import network

STRONG = 1.4


def rows() -> list[tuple[str, str, str, str]]:
    """Remedy, name of the guaranteed condition, its value at σ_A = 1.4, and a solver for it."""
    found = []
    for name, method in METHODS.items():
        net = network(method.constraint, STRONG)
        promise = None if method.constraint is None else method.constraint(net).guarantees
        if promise is None:
            found.append((name, "none", "", ""))
            continue
        condition = it.certify(net.A.detach(), conditions=[promise])[promise]
        value = f"{condition.formula} = {condition.value:.3f}".replace(" < 1 =", " =")
        found.append((name, promise, value, "Picard" if "Picard" in condition.solvers else "splitting"))
    return found


def guarantees() -> str:
    """The table as text, one remedy a line."""
    table = [("remedy", "guarantees", f"at σ_A = {STRONG:g}", "solver"), *rows()]
    widths = [max(len(row[k]) for row in table) for k in range(4)]
    lines = ["  ".join(x.ljust(w) for x, w in zip(row, widths, strict=True)).rstrip() for row in table]
    return "\n".join([lines[0], "─" * max(map(len, lines)), *lines[1:]])
