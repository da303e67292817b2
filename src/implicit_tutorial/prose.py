"""Numbers for the prose: a cell computes one and names it, and the text around shows it by its name."""

from __future__ import annotations

from typing import Any

#: Kinds of output that begin like this are kept and not shown; myst-nb, which makes the pages, finds them.
PREFIX = "application/papermill.record/"


def glue(name: str, value: Any) -> None:
    """Keep ``value`` as ``name`` in the output of the cell, where ``{glue:text}`name:.2f``` finds it.

    Nothing is shown. It is what ``myst_nb.glue(name, value, display=False)`` does, without the packages that
    make the pages, which a notebook's kernel need not have.
    """
    # Imported here: the numbers of a library need no front end.
    from IPython.display import display

    value = value.item() if hasattr(value, "item") else value  # a number of numpy or torch is written as one
    kept = {"scrapbook": {"name": name, "mime_prefix": PREFIX}}
    display({f"{PREFIX}text/plain": repr(value)}, raw=True, metadata=kept)
