"""Sphinx extension: the API page reads docstrings and type hints as they are written.

Docstrings are plain mathematical text: |A| is a matrix of absolute values, not a substitution.
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


def escape_bars(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Write every | outside of ``code`` as a character; autodoc wants the list changed in place."""
    lines[:] = [BAR.sub(lambda match: match[1] or r"\|", line) for line in lines]


def setup(app: Sphinx) -> dict:
    app.connect("autodoc-process-docstring", escape_bars)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
