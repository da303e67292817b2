"""Scripts as pages, saved figures and widgets get them."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def served(script: Path) -> str:
    """The text of a script without what only its authors need, where the minifier is installed.

    It has no wheel for every machine, and nothing but the size depends on it.
    """
    text = script.read_text("utf-8")
    try:
        import minify
    except ImportError:
        return text
    return minify.string("application/javascript", text)
