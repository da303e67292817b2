"""Lines of text with computed numbers, written the same way here and in the page.

``{loss:.2e}``, ``{angle:.1f}``, ``{steps:d}`` are numbers; ``{count?none|one|two}`` is a word for 0, 1, 2,
and words may have fields of their own: ``{found?none|one: {z:.3g}}``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

_FIELD = re.compile(r"\{(\w+)(?::(\.\d+[efg]|d)|\?([^{}]*))\}")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def written(template: str, values: Mapping[str, Tensor]) -> str:
    """The line with its fields filled in."""

    def field(match: re.Match) -> str:
        name, form, words = match.groups()
        value = float(values[name])
        return words.split("|")[int(value)] if form is None else number(value, form)

    # What has no fields in it first, so that words are chosen when their numbers are written.
    while (line := _FIELD.sub(field, template)) != template:
        template = line
    return line


def number(value: float, form: str) -> str:
    """A number as in print: a proper minus sign, powers of ten raised."""
    if value != value:
        return "—"
    if form == "d":
        return f"{round(value)}".replace("-", "−")
    text = format(value + 0.0, form)  # zero has no sign
    mantissa, _, exponent = text.partition("e")
    power = f"·10{str(int(exponent)).translate(_RAISED)}" if exponent and int(exponent) else ""
    return f"{mantissa.replace('-', '−')}{power}"
