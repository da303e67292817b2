"""What kind of truth a figure shows, as the tag before its caption says it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from implicit_tutorial.book.study import Study

Counts = int | Iterable[int]


@dataclass(frozen=True)
class Evidence:
    """Kinds of truth, and what they rest on; ``|`` joins those of two kinds of curves in one figure."""

    kinds: tuple[str, ...]
    facts: tuple[str, ...] = ()
    ends: str = ""
    """How many runs end with what is proved."""

    def on(
        self, *, width: Counts | None = None, seeds: Counts | None = None, samples: Counts | None = None
    ) -> Evidence:
        """The same with what it rests on: "m = 64 … 512, 5 seeds, n = 60".

        Args:
            width: of the networks, or the sizes of the matrices.
            seeds: how many draws there are of one setting; where that differs, all the numbers of them.
            samples: how many inputs a network is trained on, or its equilibrium found for.
        """
        given = {"*m* = {}": width, "{} seeds": seeds, "*n* = {}": samples}
        said = [text.format(_span(counts)) for text, counts in given.items() if counts is not None]
        facts = (*self.facts, *("one seed" if s == "1 seeds" else s for s in said))
        return replace(self, facts=facts)

    def ending(self, ends: Iterable[str]) -> Evidence:
        """The same with what is proved at the ends of its runs, where it is known (C20)."""
        return replace(self, ends=_ends(Counter(ends)))

    def __or__(self, other: Evidence) -> Evidence:
        return Evidence(self.kinds + other.kinds, self.facts + other.facts, self.ends or other.ends)

    def __str__(self) -> str:
        return " · ".join([*self.kinds, *filter(None, [", ".join(self.facts), self.ends])])


#: What a word or a formula stands for: nothing that could be true or false.
DEFINITION = Evidence(("definition",))
#: What is proved, and drawn as the proof says it.
THEOREM = Evidence(("theorem",))
#: What holds for infinite width, where it is derived and not proved.
MEAN_FIELD = Evidence(("mean-field",))


def measured(*, width: Counts | None, seeds: Counts | None, samples: Counts | None) -> Evidence:
    """What was run, and on what: see :meth:`Evidence.on`. None is what a figure does not have.

    Examples are seeds where nothing is random, and samples where only a matrix is looked at.
    """
    return Evidence(("measured",)).on(width=width, seeds=seeds, samples=samples)


def stored(
    *studies: Study, where: str = "", width: Counts | None = None, samples: Counts | None = None
) -> Evidence:
    """What the tables of studies rest on: their widths, the seeds of each setting, and their samples.

    Args:
        where: which of the rows, as a condition of `pandas.DataFrame.query`.
        width, samples: where the studies leave them to a default.
    """
    chosen = [(study, study.table.query(where) if where else study.table) for study in studies]
    return of_rows(chosen, width=width, samples=samples)


def of_rows(
    rows: Iterable[tuple[Study, pd.DataFrame]], *, width: Counts | None = None, samples: Counts | None = None
) -> Evidence:
    """What rows of studies' tables rest on, as :func:`stored`.

    A run that failed before its first step proves nothing; a row that is none has no end.
    """
    widths, seeds, given, ends = _values(width or ()), set(), _values(samples or ()), []
    for study, table in rows:
        widths |= set(table["width"].dropna()) if "width" in table else set()
        given |= {n for column in ("n_samples", "n_train") for n in table.get(column, ())}
        others = [name for name in study.settings if name != "seed"]
        counts = table.groupby(others, dropna=False)["seed"].nunique() if "seed" in study.settings else [1]
        seeds |= set(counts)
        if "end" in table:
            failed = int((table["end"].isna() & (table["status"] != "finished")).sum())
            ends += [*table["end"].dropna(), *failed * ["nothing proved"]]
    return measured(width=widths, seeds=seeds, samples=given).ending(ends)


def _ends(ends: Counter) -> str:
    """At how many stored runs' ends a global minimum is proved nearby, of those that were asked (C20)."""
    asked = sum(n for end, n in ends.items() if end != "not asked")
    near, silent = asked - ends["nothing proved"], ends["not asked"]
    others = f", {silent} more not asked" if silent else ""
    return f"a minimum proved at the end of {near} of {asked} stored runs{others}" if asked else ""


def _values(counts: Counts) -> set[int]:
    return {int(c) for c in ([counts] if isinstance(counts, int) else counts)}


def _span(counts: Counts) -> str:
    """One number, two of them, or the least and the greatest of more."""
    values = sorted(_values(counts))
    return " and ".join(map(str, values)) if len(values) < 3 else f"{values[0]} … {values[-1]}"
