"""Sphinx extension: the API page reads docstrings and type hints as they are written.

Docstrings are plain mathematical text: |A| is a matrix of absolute values, not a substitution, an indented
formula needs no blank line around it, and a colon in the line about an attribute does not end a type.
A type hint names a class by the private module that defines it, such as `implicit_tutorial.network.Name`; the
page documents it as `implicit_tutorial.Name`. Classes that are not public are written without a link.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

PACKAGE = "implicit_tutorial"
SECTION = re.compile(r"[A-Z][a-z]+:$")
BAR = re.compile(r"(``.*?``)|\|")


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.Element
) -> nodes.Element | None:
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not target.startswith(PACKAGE + ".") or target.count(".") < 2:
        return None
    domain = env.get_domain("py")
    name = target.rsplit(".", 1)[-1]
    for public in (f"{PACKAGE}.{name}", f"{PACKAGE}.explorer.{name}"):
        if public in domain.objects:
            return domain.resolve_xref(
                env, node["refdoc"], app.builder, node["reftype"], public, node, contnode
            )
    return contnode


def set_apart(lines: list[str]) -> list[str]:
    """A blank line wherever the indentation of plain text changes; Arguments:, Returns: … are left alone."""
    out: list[str] = []
    in_section = False
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent == 0:
            in_section = bool(SECTION.match(line))
        before = out[-1] if out else ""
        if line.strip() and before.strip() and not in_section:
            was = len(before) - len(before.lstrip())
            continues_item = before.lstrip().startswith(("- ", "* ")) and indent == was + 2
            if indent != was and not continues_item:
                out.append("")
        out.append(line)
    return out


def as_plain_text(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Runs before napoleon; autodoc wants the list changed in place. A | outside ``code`` is a character."""
    lines[:] = [BAR.sub(lambda match: match[1] or r"\|", line) for line in set_apart(lines)]
    app.env.temp_data["api_page_lines"] = list(lines)


def whole_lines(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Runs after napoleon, which takes what stands before a colon for the type of an attribute."""
    if what in ("attribute", "property") and any(line.startswith(":type:") for line in lines):
        lines[:] = app.env.temp_data["api_page_lines"]


def setup(app: Sphinx) -> dict:
    app.connect("autodoc-process-docstring", as_plain_text, priority=400)
    app.connect("autodoc-process-docstring", whole_lines, priority=600)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
