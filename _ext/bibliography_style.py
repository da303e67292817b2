"""Sphinx extension: the bibliography names its entries as the text does, by author and year."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pybtex.plugin
from pybtex.database import Entry
from pybtex.richtext import Text
from pybtex.style.formatting.plain import Style as PlainStyle
from pybtex.style.labels import BaseLabelStyle
from sphinx.application import Sphinx


class AuthorYearLabels(BaseLabelStyle):
    """“Bai et al., 2019”, “Winston and Kolter, 2020”."""

    def format_labels(self, sorted_entries: Iterable[Entry]) -> Iterator[str]:
        for entry in sorted_entries:
            names = [
                Text.from_latex(" ".join(person.prelast_names + person.last_names))
                for person in entry.persons["author"]
            ]
            who = f"{names[0]} et al." if len(names) > 2 else " and ".join(map(str, names))
            yield f"{who}, {entry.fields['year']}"


class AuthorYear(PlainStyle):
    default_label_style = AuthorYearLabels


def setup(app: Sphinx) -> dict:
    pybtex.plugin.register_plugin("pybtex.style.formatting", "author_year", AuthorYear)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
