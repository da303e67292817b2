"""What the book calls its parts: “Theorem 8.1”, “Feng and Kolter [2023]”, the title of a chapter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from myst_text import directives, parse
from pybtex.database import Entry, parse_file
from pybtex.richtext import Text

#: A cell of code in a chapter's text, and the code in it.
CODE_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", re.M | re.S)
_FRONT = re.compile(r"\A---\n.*?\n---\n", re.S)
NUMBERED = ("prf:theorem", "prf:proposition", "prf:observation", "prf:definition", "exercise")


@dataclass(frozen=True)
class Numbered:
    """A theorem or an exercise: kind and number as a reader sees them, its chapter, its title in MyST."""

    name: str
    chapter: str
    title: str


@dataclass(frozen=True)
class Labels:
    """The names of everything that a text can refer to, read from the sources of the book in `root`."""

    root: Path

    @cached_property
    def chapters(self) -> dict[str, str]:
        """The text of each chapter by its name, without front matter and code."""
        sources = sorted((self.root / "notebooks").glob("[0-9]*.md"))
        return {path.stem: CODE_CELL.sub("", _FRONT.sub("", path.read_text("utf-8"))) for path in sources}

    @staticmethod
    def number(chapter: str) -> int:
        """The number of a chapter, which its name begins with."""
        return int(chapter.partition("_")[0])

    @cached_property
    def numbered(self) -> dict[str, Numbered]:
        """Every theorem and exercise by its label; each kind is counted by itself, anew in each chapter."""
        found: dict[str, Numbered] = {}
        for chapter, text in self.chapters.items():
            counts = dict.fromkeys(NUMBERED, 0)
            for directive in directives(parse(text)):
                if directive.name not in NUMBERED:
                    continue
                counts[directive.name] += 1
                kind = directive.name.removeprefix("prf:").capitalize()
                name = f"{kind} {self.number(chapter)}.{counts[directive.name]}"
                label = directive.options.get("label", "")
                if not label or label in found:
                    raise ValueError(f"{chapter}: {name} needs a label of its own, not {label or 'none'!r}.")
                found[label] = Numbered(name, chapter, directive.argument)
        return found

    def title(self, document: str) -> str:
        """The first heading of a document, named by its path from the root without a suffix."""
        text = (self.root / f"{document}.md").read_text("utf-8")
        return re.search(r"^# (.+)$", _FRONT.sub("", text), re.M)[1].strip()

    @cached_property
    def bibliography(self) -> dict[str, Entry]:
        return dict(parse_file(self.root / "book" / "references.bib").entries)

    def authors(self, key: str) -> str:
        """“Bai et al.”, “Winston and Kolter”."""
        names = [
            str(Text.from_latex(" ".join(person.prelast_names + person.last_names)))
            for person in self.bibliography[key].persons["author"]
        ]
        return f"{names[0]} et al." if len(names) > 2 else " and ".join(names)

    def year(self, key: str) -> str:
        return self.bibliography[key].fields["year"]

    def address(self, key: str) -> str | None:
        """Where the work can be read."""
        fields = self.bibliography[key].fields
        return fields.get("url") or (f"https://doi.org/{fields['doi']}" if "doi" in fields else None)
