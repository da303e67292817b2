"""What kind of truth a figure shows, as the tag before its caption says it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Counts = int | Iterable[int]


@dataclass(frozen=True)
class Evidence:
    """Kinds of truth, and what the measured one rests on; ``|`` joins what two kinds of curves show."""

    kinds: tuple[str, ...]
    facts: tuple[str, ...] = ()

    def __or__(self, other: Evidence) -> Evidence:
        return Evidence(self.kinds + other.kinds, self.facts + other.facts)

    def __str__(self) -> str:
        return " · ".join([*self.kinds, *filter(None, [", ".join(self.facts)])])


#: What is proved, and drawn as the proof says it.
THEOREM = Evidence(("theorem",))
#: The limit of infinite width, which is an argument where it is no theorem.
MEAN_FIELD = Evidence(("mean-field",))


def measured(*, width: Counts | None, seeds: Counts | None, samples: Counts | None) -> Evidence:
    """What was run: "measured · m = 64 … 512, 5 seeds, n = 60".

    Args:
        width: of the networks, or the sizes of the matrices.
        seeds: how many networks, or draws, each value rests on; where that differs, all the numbers of them.
        samples: how many inputs a network is trained on, or its equilibrium found for.
            Of all three, None is what the figure does not have, such as seeds where nothing is random.
    """
    facts = {
        "*m* = {}": width,
        "one seed" if seeds == 1 else "{} seeds": seeds,
        "*n* = {}": samples,
    }
    given = (text.format(_span(counts)) for text, counts in facts.items() if counts is not None)
    return Evidence(("measured",), tuple(given))


def _span(counts: Counts) -> str:
    """One number, two of them, or the least and the greatest of more."""
    values = sorted({int(c) for c in ([counts] if isinstance(counts, int) else counts)})
    return " and ".join(map(str, values)) if len(values) < 3 else f"{values[0]} … {values[-1]}"
