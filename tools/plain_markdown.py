"""MyST for the pages, said in the Markdown and HTML that every notebook front end shows without an extension.

Directives become boxes (`<blockquote>`), folds (`<details>`) and headings; references become links to
notebooks, citations links to the works, and named numbers are written out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from book_labels import Labels
from myst_text import Directive, parse

_ROLE = re.compile(r"\{(?P<role>[\w:]+)\}`(?P<content>[^`]+)`")
_HEADING = re.compile(r"^(?P<marks>#{1,4}) (?P<text>.+)$")

# Translucent, for light and dark themes; a front end that drops the style shows a quotation of its own.
# A formula that is wider than its box scrolls inside of it.
_BOX = (
    "margin: 1em 0; padding: 0.25em 1em; overflow-x: auto; border-left: 4px solid {color}; background: {tint}"
)
_THEOREM = _BOX.format(color="#3c9bd0", tint="rgba(60, 155, 208, 0.09)")
_TIP = _BOX.format(color="#009e73", tint="rgba(0, 158, 115, 0.09)")
_NOTE = _BOX.format(color="#888888", tint="rgba(128, 128, 128, 0.09)")
_FOLD = '<details style="margin: 1em 0">'


@dataclass
class Cell:
    """A Markdown cell; `folded` for a heading under which a front end should hide what follows."""

    source: str
    folded: bool = False


@dataclass
class PlainMarkdown:
    """The cells of one chapter, read in their order.

    Arguments:
        chapter: its name, such as 09_the_scale_of_the_initialization.
        labels: what the book calls its parts.
        numbers: what the chapter's cells have named with `glue`, as text.
    """

    chapter: str
    labels: Labels
    numbers: Mapping[str, str]
    _sections: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    _inside_solution: bool = False

    def cells(self, text: str) -> list[Cell]:
        """A Markdown cell of the source as one or more cells.

        Raises:
            ValueError: for a directive, role, label or number that it does not know.
        """
        cells = [Cell("")]
        for block in parse(text):
            match block:
                case Directive("solution-start", label):
                    title = f"{self._numbered(label)} ({self._inline(self.labels.numbered[label].title)})"
                    cells += [Cell(f"#### Solution to {title}", folded=True), Cell("")]
                    self._inside_solution = True
                case Directive("solution-end"):
                    self._inside_solution = False
                    cells.append(Cell(""))
                case Directive("exercise"):
                    cells.append(Cell(self._block(block)))
                case _:
                    if len(cells) > 1 and not self._inside_solution and not _begins_with_heading(block):
                        # A fold ends at the next heading, and must not swallow what is no solution.
                        raise ValueError(f"{self.chapter}: after an exercise, a heading must stand.")
                    cells[-1].source += ("\n\n" if cells[-1].source else "") + self._block(block)
        return [cell for cell in cells if cell.source]

    def _block(self, block: str | Directive) -> str:
        if isinstance(block, str):
            return self._markdown(block)
        inside = "\n\n".join(self._block(child) for child in block.body)
        argument = self._inline(block.argument)
        match block.name:
            case "admonition":
                style = _TIP if block.options.get("class") == "tip" else _NOTE
                return _box(style, f"**{argument}**\n\n{inside}")
            case "dropdown":
                return (
                    f"{_FOLD}\n<summary><b>{_plain(block.argument)}</b></summary>\n\n{inside}\n\n</details>"
                )
            case "prf:proof":
                return f"*Proof.* {inside}"
            case "exercise":
                return f"### {self._numbered(block.options['label'])} ({argument})\n\n{inside}"
            case name if name.startswith("prf:"):
                label = block.options["label"]
                title = f"**{self._numbered(label)}**" + (f" ({argument})" if argument else "")
                return _box(_THEOREM, f"{title}\n\n{inside}", label)
        raise ValueError(f"{self.chapter}: no plain form is known for the directive {block.name!r}.")

    def _numbered(self, label: str) -> str:
        return self.labels.numbered[label].name

    def _markdown(self, text: str) -> str:
        return "\n".join(map(self._line, text.split("\n")))

    def _line(self, line: str) -> str:
        heading = _HEADING.match(line)
        if heading is None:
            return self._inline(line)
        level = len(heading["marks"])
        self._sections[level - 1] += 1
        self._sections[level:] = [0] * (len(self._sections) - level)
        own = ".".join(map(str, [self.labels.number(self.chapter), *self._sections[1:level]]))
        return f"{heading['marks']} {own}. {self._inline(heading['text'])}"

    def _inline(self, line: str) -> str:
        roles: dict[str, Callable[[str], str]] = {
            "glue:text": self._number,
            "prf:ref": self._reference,
            "doc": self._document,
            "cite:t": self._textual_citation,
            "cite:p": self._parenthetical_citation,
        }

        def say(match: re.Match) -> str:
            if match["role"] not in roles:
                raise ValueError(f"{self.chapter}: no plain form is known for the role {match[0]!r}.")
            return roles[match["role"]](match["content"])

        return _ROLE.sub(say, line)

    def _number(self, content: str) -> str:
        name, _, form = content.partition(":")
        if name not in self.numbers:
            raise ValueError(f"{self.chapter}: no cell names the number {name!r}.")
        value = ast.literal_eval(self.numbers[name])
        return format(value, form)

    def _reference(self, content: str) -> str:
        text, label = _titled(content)
        target = self.labels.numbered[label]
        file = "" if target.chapter == self.chapter else f"{target.chapter}.ipynb"
        return f"[{text or target.name}]({file}#{label})"

    def _document(self, content: str) -> str:
        text, path = _titled(content)
        name = path.removeprefix("/").removeprefix("../").removeprefix("notebooks/")
        if name in self.labels.chapters:
            return f"[{text or self.labels.title(f'notebooks/{name}')}]({name}.ipynb)"
        return f"[{text or self.labels.title(name)}](../{name}.md)"

    def _textual_citation(self, content: str) -> str:
        works = [(key, self._work(key, self.labels.year(key))) for key in self._keys(content)]
        return ", ".join(f"{self.labels.authors(key)} [{work}]" for key, work in works)

    def _parenthetical_citation(self, content: str) -> str:
        return f"[{', '.join(self._work(key, self._label(key)) for key in self._keys(content))}]"

    def _keys(self, content: str) -> list[str]:
        """As on the page, in the order of their labels."""
        return sorted((key.strip() for key in content.split(",")), key=self._label)

    def _label(self, key: str) -> str:
        return f"{self.labels.authors(key)}, {self.labels.year(key)}"

    def _work(self, key: str, text: str) -> str:
        address = self.labels.address(key)
        return f"[{text}]({address})" if address else text


def _titled(content: str) -> tuple[str, str]:
    """“text <target>” as its two parts; a target alone has no text."""
    found = re.fullmatch(r"(.*?)\s*<([^<>]+)>", content)
    return (found[1], found[2]) if found else ("", content)


def _begins_with_heading(block: str | Directive) -> bool:
    return isinstance(block, str) and _HEADING.match(block.partition("\n")[0]) is not None


def _box(style: str, inside: str, label: str = "") -> str:
    name = f' id="{label}"' if label else ""
    return f'<blockquote{name} style="{style}">\n\n{inside}\n\n</blockquote>'


def _plain(text: str) -> str:
    if re.search(r"[$`*{<]", text):
        raise ValueError(f"The title of a fold can only be plain text, not {text!r}.")
    return text
