"""What the figures of the chapter share: the colour of a count, and words for it."""

from __future__ import annotations

import math

from implicit_tutorial.explorer import style

#: The colour of "no, one, two, three, more equilibria".
COUNT_COLORS = {
    0: style.SERIES[1],
    1: style.SERIES[2],
    2: style.SERIES[0],
    3: style.SERIES[3],
    4: style.SERIES[4],
}


def count_words(count: float) -> str:
    """A number of equilibria in words."""
    if math.isinf(count):
        return "infinitely many equilibria"
    words = {0: "no equilibrium", 1: "exactly one equilibrium", 2: "two equilibria", 3: "three equilibria"}
    return words.get(int(count), f"{count:g} equilibria")
