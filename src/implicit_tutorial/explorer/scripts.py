"""Scripts as pages, saved figures and widgets get them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

#: What pages load at once, each script after those that it uses; plotly.min.js lies beside them.
SCRIPTS = (
    "product.js",
    "eigenvalues.js",
    "symmetric.js",
    "program.js",
    "computed.js",
    "frames.js",
    "moving.js",
    "explorer.js",
    "play.js",
    "page.js",
    "paper.js",
)
#: Of these, the ones that only programs with a certain operation need.
OPERATION = {"eigenvalues.js": "linalg_eig", "symmetric.js": "_linalg_eigh"}
#: What lies beside them, too, and is loaded when a reader first saves a figure.
SAVING = "save.js"


def scripts_of(html: str) -> tuple[str, ...]:
    """The scripts that a page with this in it must load at once."""
    return tuple(name for name in SCRIPTS if name not in OPERATION or f'"{OPERATION[name]}"' in html)


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
