"""Tables as text, for a cell that prints one."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Lines with the columns below one another; a rule parts the first row, the head, from the others."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    head, *lines = ("  ".join(x.ljust(w) for x, w in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join([head, "─" * max(map(len, [head, *lines])), *lines])
