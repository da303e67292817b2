"""When two outputs of a cell are the same: numbers within a tolerance, everything else exactly.

Every function here returns None where stored and new output agree, and otherwise says where they do not. A
number is the same when it differs by at most

- `rtol` relative to the larger of the two, or
- ZERO absolutely: what double precision leaves of quantities of order one that are equal;
- in an array also NOISE times the array's largest entry, so that 1e-17 and 3e-17 are both zero beside a 1;
- in print also one unit in the last place, if at least four digits are printed (rounding may go either way).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from implicit_tutorial.explorer.stored import Frame, decode, document_of
from implicit_tutorial.explorer.tree import typed_array

ZERO = 1e-14
NOISE = 1e-10

# Decimal fractions and powers of ten; whole numbers are counts and names, which are compared as text.
NUMBER = re.compile(r"(?<![A-Za-z0-9_.])[-+−]?(?:\d+\.\d*|\.\d+|\d+(?=[eE][-+]?\d))(?:[eE][-+]?\d+)?")
#: Pictures of the first frame, for where nothing moves: they are drawn from the frames, which are compared.
STILL = re.compile(r'(<img class="it-still"[^>]* src=")[^"]*')
SPEC = re.compile(r'(<script type="application/json" class="it-spec">).*?(</script>)', re.S)


@dataclass(frozen=True)
class Tolerance:
    """How far two numbers may lie apart."""

    rtol: float = 1e-4
    atol: float = ZERO


def text_difference(stored: str, new: str, tol: Tolerance) -> str | None:
    """Compare printed text, HTML tables included; runs of blanks count as one: columns widen with a digit."""
    skeletons = [re.sub(r"[ \t]+", " ", NUMBER.sub("#", text)) for text in (stored, new)]
    if skeletons[0] != skeletons[1]:
        at = next(
            (i for i, (a, b) in enumerate(zip(*skeletons, strict=False)) if a != b), min(map(len, skeletons))
        )
        old, now = (s[max(at - 30, 0) : at + 50] for s in skeletons)
        return f"the text differs: stored …{old!r}…, now …{now!r}…"
    for a, b in zip(NUMBER.findall(stored), NUMBER.findall(new), strict=True):
        if not _printed_same(a, b, tol):
            return f"stored {a}, now {b}"
    return None


def _printed_same(a: str, b: str, tol: Tolerance) -> bool:
    x, y = (float(s.replace("−", "-")) for s in (a, b))
    allowed = max(tol.atol, tol.rtol * max(abs(x), abs(y)))
    # "in 1234." may be a count at the end of a sentence.
    if min(_digits(a), _digits(b)) >= 4 and not a.endswith("."):
        allowed = max(allowed, 1.001 * _last_place(a), 1.001 * _last_place(b))
    return abs(x - y) <= allowed


def _digits(number: str) -> int:
    """Significant digits printed."""
    return len(re.sub(r"\D", "", re.split("[eE]", number)[0]).lstrip("0"))


def _last_place(number: str) -> float:
    """One unit in the last printed place."""
    mantissa, exponent = (*re.split("[eE]", number), "0")[:2]
    return 10.0 ** (int(exponent) - len(mantissa.partition(".")[2]))


def array_difference(stored: np.ndarray, new: np.ndarray, tol: Tolerance) -> str | None:
    """Compare arrays: shapes and gaps (nan) exactly, numbers against the array's own scale."""
    if stored.shape != new.shape:
        return f"the shape was {stored.shape} and is {new.shape}"
    a, b = stored.astype(float), new.astype(float)
    finite = np.isfinite(a) & np.isfinite(b)
    size = np.maximum(np.abs(a), np.abs(b))
    scale = size[finite].max(initial=0.0)
    with np.errstate(invalid="ignore"):
        close = np.abs(a - b) <= np.maximum(tol.rtol * size, max(tol.atol, NOISE * scale))
    same = np.where(finite, close, (a == b) | (np.isnan(a) & np.isnan(b)))
    if same.all():
        return None
    first = tuple(int(i) for i in np.argwhere(~same)[0])
    count = f"{(~same).sum()} of {a.size} numbers differ"
    return f"{count}, first at {first}: stored {a[first]:.9g}, now {b[first]:.9g}"


def tree_difference(stored: Any, new: Any, tol: Tolerance, path: str = "") -> str | None:
    """Compare JSON with arrays in it: numpy's, plotly's base64, or lists of numbers."""
    if stored is new:
        return None
    arrays = _array(stored), _array(new)
    if arrays[0] is not None and arrays[1] is not None:
        difference = array_difference(*arrays, tol)
    elif isinstance(stored, dict) and isinstance(new, dict):
        if stored.keys() != new.keys():
            return f"{path or 'top'}: stored keys {sorted(stored)}, now {sorted(new)}"
        pairs = ((tree_difference(stored[k], new[k], tol, f"{path}/{k}")) for k in stored)
        return next(filter(None, pairs), None)
    elif isinstance(stored, (list, tuple)) and isinstance(new, (list, tuple)):
        if len(stored) != len(new):
            return f"{path}: {len(stored)} entries stored, {len(new)} now"
        pairs = (
            tree_difference(a, b, tol, f"{path}/{i}")
            for i, (a, b) in enumerate(zip(stored, new, strict=True))
        )
        return next(filter(None, pairs), None)
    elif isinstance(stored, str) and isinstance(new, str):
        difference = text_difference(stored, new, tol)
    elif _is_number(stored) and _is_number(new) and float in (type(stored), type(new)):
        difference = array_difference(np.array([stored]), np.array([new]), tol)
    else:
        same = type(stored) is type(new) and stored == new
        difference = None if same else f"stored {stored!r}, now {new!r}"
    return difference and f"{path}: {difference}"


def _is_number(node: Any) -> bool:
    return isinstance(node, (int, float)) and not isinstance(node, bool)


def _array(node: Any) -> np.ndarray | None:
    if isinstance(node, dict) and "bdata" in node:
        return typed_array(node)
    if isinstance(node, list) and node and all(_is_number(v) or v is None for v in node):
        return np.array([np.nan if v is None else v for v in node], dtype=float)
    return node if isinstance(node, np.ndarray) else None


def html_difference(stored: str, new: str, tol: Tolerance) -> str | None:
    """Compare HTML; of explorers every frame, decoded."""
    stored, new = (STILL.sub(r"\1", html) for html in (stored, new))
    if difference := text_difference(SPEC.sub(r"\1\2", stored), SPEC.sub(r"\1\2", new), tol):
        return difference
    # The same text outside means as many explorers on both sides.
    for old, now in zip(SPEC.finditer(stored), SPEC.finditer(new), strict=True):
        if difference := _explorer_difference(old.group(), now.group(), tol):
            return difference
    return None


def _explorer_difference(stored: str, new: str, tol: Tolerance) -> str | None:
    heads = [
        {k: document_of(html)[k] for k in ("version", "name", "controls", "template")}
        for html in (stored, new)
    ]
    if difference := tree_difference(*heads, tol):
        return f"explorer {heads[0]['name']}: {difference}"
    # What a page computes with is not measured but written down: it is the same up to rounding.
    programs = [document_of(html).get("computed") for html in (stored, new)]
    if difference := tree_difference(*programs, Tolerance(rtol=1e-10)):
        return f"explorer {heads[0]['name']}: {difference}"
    # Equal controls (their values within tolerance) mean the same frames in the same order.
    frames = zip(decode(stored).items(), decode(new).items(), strict=True)
    for (values, old), (_, now) in frames:
        if difference := _frame_difference(old, now, tol):
            return f"explorer {heads[0]['name']} at {values}: {difference}"
    return None


def _frame_difference(stored: Frame, new: Frame, tol: Tolerance) -> str | None:
    if stored.readout != new.readout:
        if stored.readout is None or new.readout is None:
            return "a readout in one of them only"
        if difference := text_difference(stored.readout, new.readout, tol):
            return f"readout: {difference}"
    return tree_difference(stored.panels, new.panels, tol)


def output_difference(mime: str, stored: Any, new: Any, tol: Tolerance) -> str | None:
    """Compare one form of one output."""
    if mime == "text/html":
        return html_difference(stored, new, tol)
    if isinstance(stored, str) and isinstance(new, str):
        if mime.startswith("image/"):
            return None if stored == new else "the images differ"
        return text_difference(stored, new, tol)
    return tree_difference(stored, new, tol)
