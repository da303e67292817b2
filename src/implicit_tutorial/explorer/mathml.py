"""Mathematics as MathML, which browsers typeset themselves: for where there is no MathJax to count on."""

from __future__ import annotations

import re
from html import unescape

from latex2mathml.converter import convert


def mathml(tex: str) -> str:
    """MathML of a formula in LaTeX."""

    def letter(match: re.Match) -> str:
        text = unescape(match[1])
        upright = ' mathvariant="normal"' if len(text) == 1 and "Α" <= text <= "Ω" else ""
        return f"<mi{upright}>{match[1]}</mi>"

    html = convert(re.sub(r"\\mathbb (\w)", r"\\mathbb{\1}", tex))
    html = re.sub(
        r"<mo>(\w{2,})</mo>", r"<mi>\1</mi>", html
    )  # names of functions, without a relation's space
    html = re.sub(r"<mi>([^<]+)</mi>", letter, html)  # as TeX sets Greek capitals
    # A bar is taken for an infix that stretches.
    return re.sub(
        r"<mo[^>]*>(&#x02016;|&#x0007C;|\|)</mo>", r'<mo stretchy="false" lspace="0" rspace="0">\1</mo>', html
    )
