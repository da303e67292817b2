"""What sentences are made of: named numbers, numbers as in print, and mathematics in plain text."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
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


def glue_all(prefix: str, numbers: Mapping[str, Any]) -> None:
    """Keep each number as its name with the chapter's prefix before it, as in ``"gw_settings"``."""
    for name, value in numbers.items():
        glue(f"{prefix}_{name}", value)


def signed(digits: int) -> Callable[[float], str]:
    """A format with a true minus sign."""
    return lambda value: f"{value:.{digits}f}".replace("-", "−")


def powers(value: float, digits: int = 2) -> str:
    """A number as in print, to so many digits: 7·10⁸, 5.8·10⁻⁴, and 42 or 0.03 where no power is needed."""
    if not math.isfinite(value):
        return "—" if math.isnan(value) else "∞" if value > 0 else "−∞"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if -3 < int(exponent) < 4:
        return signed(max(0, digits - 1 - int(exponent)))(float(f"{mantissa}e{exponent}"))
    return f"{mantissa}·10{str(int(exponent)).translate(_RAISED)}".replace("-", "−")


def plain(text: str) -> str:
    """``text`` for a terminal, its $mathematics$ in Unicode: $\\lVert A\\rVert_2$ becomes ‖A‖₂.

    Raises:
        ValueError: a command that is not in the list of this module.
    """
    return re.sub(r"\$([^$]+)\$", lambda found: _unicode(found[1]), text)


_RAISED = str.maketrans("0123456789-+nLT", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿᴸᵀ")
_LOWERED = str.maketrans("0123456789-+ij", "₀₁₂₃₄₅₆₇₈₉₋₊ᵢⱼ")
#: What a command stands for. Behind a letter a space is kept as it is written; behind a sign there is none.
_LETTERS = dict(
    re.findall(
        r"(\w+)=(\S+)",
        "alpha=α beta=β gamma=γ delta=δ varepsilon=ε zeta=ζ eta=η theta=θ kappa=κ lambda=λ mu=μ nu=ν xi=ξ "
        "pi=π rho=ρ sigma=σ tau=τ phi=φ varphi=φ chi=χ psi=ψ omega=ω Gamma=Γ Delta=Δ Theta=Θ Lambda=Λ Xi=Ξ "
        "Pi=Π Sigma=Σ Phi=Φ Psi=Ψ Omega=Ω infty=∞ max=max min=min",
    )
)
#: Words that are set apart from the letters beside them.
_FUNCTIONS = ("ln", "log", "exp", "det", "sin", "cos")
_BEFORE, _BEHIND = "\ue000", "\ue001"
_SIGNS = {
    "lVert": "‖",
    "rVert": "‖",
    "lvert": "|",
    "rvert": "|",
    "top": "ᵀ",
    "sum": "Σ",
    "int": "∫",
    "cdot": "·",
    "le": " ≤ ",
    "ge": " ≥ ",
    "to": " → ",
    "circ": " ∘ ",
    "bigl": "",
    "bigr": "",
    ",": " ",
}
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|.")


def _unicode(tex: str) -> str:
    written = "".join(_pieces(iter(_TOKEN.findall(tex)))).replace("-", "−")
    written = re.sub(rf"(?<=[\w)]){_BEFORE}|{_BEHIND}(?=[\w{_BEFORE}])", " ", written)
    written = re.sub(r"\s+", " ", re.sub(f"[{_BEFORE}{_BEHIND}]", "", written))
    return unicodedata.normalize("NFC", written.strip())


def _pieces(tokens: Iterator[str]) -> Iterator[str]:
    """What is written for each token up to the end of the group, its arguments included."""
    sign = False
    for token in tokens:
        if token.isspace() and sign:
            continue
        name = token[1:] if token.startswith("\\") else ""
        sign = name in _SIGNS
        if token == "}":
            return
        if token == "{":
            yield "".join(_pieces(tokens))
        elif token in "^_":
            yield _script(token, _argument(tokens))
        elif name in ("operatorname", "text", "mathbb"):
            yield _argument(tokens)
        elif name == "sqrt":
            yield f"√{_closed(_argument(tokens))}"
        elif name == "frac":
            yield f"{_closed(_argument(tokens))}/{_closed(_argument(tokens))}"
        elif name == "dot":
            yield f"{_argument(tokens)}\N{COMBINING DOT ABOVE}"
        elif name:
            yield _named(name)
        else:
            yield token


def _argument(tokens: Iterator[str]) -> str:
    """The group or single sign that comes next."""
    first = next(token for token in tokens if not token.isspace())
    return next(_pieces(chain([first], tokens)))


def _named(name: str) -> str:
    if name in _FUNCTIONS:
        return f"{_BEFORE}{name}{_BEHIND}"
    if name not in _LETTERS | _SIGNS:
        raise ValueError(f"\\{name} has no sign in plain text; add it to prose.py, or say it otherwise.")
    return (_LETTERS | _SIGNS)[name]


def _script(mark: str, what: str) -> str:
    """A sub- or superscript in the letters that there are for it, else behind its mark."""
    small = what.translate(_RAISED if mark == "^" else _LOWERED)
    if what in ("ᵀ", "*") or not set(small) & set(what):
        return small
    return f"{mark}{_closed(what)}"


def _closed(what: str) -> str:
    """In parentheses, where it is more than one thing."""
    return what if re.fullmatch(r"√?\w+|[^\w\s]|‖\w+‖\S?", what) else f"({what})"
