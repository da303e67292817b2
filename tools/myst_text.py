"""MyST text as a tree: what is plain Markdown, and what is a directive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_OPEN = re.compile(r"^(?P<fence>`{3,}|:{3,})(?:\{(?P<name>[\w:-]+)\})?\s*(?P<argument>.*)$")
_OPTION = re.compile(r"^:(?P<key>[\w-]+):\s*(?P<value>.*)$")


@dataclass(frozen=True)
class Directive:
    """One fenced block: `:::{name} argument`, options, and what stands inside."""

    name: str
    argument: str = ""
    options: dict[str, str] = field(default_factory=dict)
    body: list[str | Directive] = field(default_factory=list)


def parse(text: str) -> list[str | Directive]:
    """The blocks of `text` in their order; a string holds Markdown without directives.

    Raises:
        ValueError: for a fence that is never closed, or an indented directive, which would be missed.
    """
    lines = text.split("\n")
    blocks: list[str | Directive] = []
    plain: list[str] = []
    at = 0
    while at < len(lines):
        opened = _OPEN.match(lines[at])
        if opened is None:
            if re.match(r"^[ >]+(`{3,}|:{3,})\{", lines[at]):
                raise ValueError(f"The directive {lines[at].strip()!r} is indented; begin it at the margin.")
            plain.append(lines[at])
            at += 1
            continue
        end = _closing(lines, at, opened["fence"])
        if opened["name"]:
            if text := "\n".join(plain).strip("\n"):
                blocks.append(text)
            plain = []
            options, inside = _options(lines[at + 1 : end])
            blocks.append(Directive(opened["name"], opened["argument"].strip(), options, parse(inside)))
        else:  # code: copied as it is
            plain += lines[at : end + 1]
        at = end + 1
    if text := "\n".join(plain).strip("\n"):
        blocks.append(text)
    return blocks


def _closing(lines: list[str], start: int, fence: str) -> int:
    close = re.compile(rf"^{re.escape(fence[0])}{{{len(fence)},}}\s*$")
    for at in range(start + 1, len(lines)):
        if close.match(lines[at]):
            return at
    raise ValueError(f"The block that begins with {lines[start]!r} is never closed.")


def _options(lines: list[str]) -> tuple[dict[str, str], str]:
    options = {}
    while lines and (found := _OPTION.match(lines[0])):
        options[found["key"]] = found["value"].strip()
        lines = lines[1:]
    return options, "\n".join(lines).strip("\n")


def directives(blocks: list[str | Directive]) -> Iterator[Directive]:
    """All directives, also those inside others, in the order of the text."""
    for block in blocks:
        if isinstance(block, Directive):
            yield block
            yield from directives(block.body)
