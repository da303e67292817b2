"""The axes of a picture drawn without plotly: from data to dots, and the numbers along the line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

TICKS = 5  # about so many numbers along an axis
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass
class Axis:
    """One axis of a plot: what plotly's layout says of it, and where it lies.

    A *coordinate* is a number on a linear axis, its decimal logarithm on a logarithmic one, and a place in
    the list of categories on one of words. `ends` are the coordinates at the two ends, `dots` where they are.
    """

    spec: dict[str, Any]
    words: list[str] = field(default_factory=list)
    ends: tuple[float, float] = (0.0, 1.0)
    dots: tuple[float, float] = (0.0, 1.0)

    @property
    def log(self) -> bool:
        return self.spec.get("type") == "log"

    def learn(self, values: Sequence[Any]) -> None:
        """Words become categories, in the order that the layout names, and then of their first use."""
        known = list(self.spec.get("categoryarray", ()))
        if self.spec.get("type") == "category" or any(isinstance(v, str) for v in values):
            self.words = list(dict.fromkeys([*self.words, *map(str, known), *map(str, values)]))

    def coordinates(self, values: Sequence[Any]) -> np.ndarray:
        """Coordinates of data; nan where there is none."""
        if self.words:
            place = {word: i for i, word in enumerate(self.words)}
            return np.array([place.get(str(v), math.nan) for v in values], dtype=float)
        numbers = np.array([math.nan if v is None else v for v in values], dtype=float)
        if not self.log:
            return numbers
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(numbers > 0, np.log10(numbers), math.nan)

    def fit(self, coordinates: Iterable[np.ndarray], padding: float) -> None:
        """Take the ends from the layout, or else from the data with some room on both sides."""
        given = self.spec.get("range")
        if given is not None and None not in given:
            self.ends = (float(given[0]), float(given[1]))
            return
        found = np.concatenate([np.zeros(0), *coordinates])
        found = found[np.isfinite(found)]
        low, high = (found.min(), found.max()) if found.size else (0.0, 1.0)
        if low == high:
            low, high = low - 1, high + 1
        room = padding * (high - low)
        low, high = low - room, high + room
        self.ends = (high, low) if self.spec.get("autorange") == "reversed" else (low, high)

    def place(self, coordinates: Any) -> Any:
        """Dots of coordinates."""
        (a, b), (p, q) = self.ends, self.dots
        return p + (np.asarray(coordinates, dtype=float) - a) / (b - a) * (q - p)

    def at(self, values: Sequence[Any]) -> np.ndarray:
        """Dots of data."""
        return self.place(self.coordinates(values))

    def narrow(self, share: float) -> None:
        """Keep this share of the length, in the middle."""
        p, q = self.dots
        middle, half = (p + q) / 2, (q - p) * share / 2
        self.dots = (middle - half, middle + half)

    def ticks(self) -> list[tuple[float, str]]:
        """Where the numbers stand, in dots, and what they say."""
        low, high = sorted(self.ends)
        if self.spec.get("tickvals") is not None:
            values = self.spec["tickvals"]
            texts = self.spec.get("ticktext")
            texts = [f"{v:g}" for v in values] if texts is None else [str(t) for t in texts]
            pairs = list(zip(self.coordinates(values), texts, strict=True))
        elif self.words:
            pairs = list(enumerate(self.words))
        elif self.log:
            step = int(self.spec.get("dtick") or max(1, round((high - low) / TICKS)))
            whole = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
            pairs = [(k, power(k)) for k in whole if k % step == 0]
        else:
            step = nice((high - low) / TICKS)
            first = math.ceil(low / step - 1e-9)
            count = math.floor((high - low) / step + 1e-9) + 1
            pairs = [(k * step, number(k * step)) for k in range(first, first + count)]
        inside = [(c, t) for c, t in pairs if low - 1e-9 <= c <= high + 1e-9]
        return [(float(self.place(c)), text) for c, text in inside]


def nice(step: float) -> float:
    """The nearest of 1, 2, 5, 10, … times a power of ten that is not less."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= step * (1 - 1e-9))


def number(value: float) -> str:
    """A round number with a mathematical minus sign; a very large or small one as a power of ten."""
    if value and not 1e-4 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.0e}".split("e")
        lead = {"1": "", "-1": "−"}.get(mantissa, mantissa.replace("-", "−") + "·")
        return lead + "10" + str(int(exponent)).translate(SUPERSCRIPT)
    return f"{round(value, 10) + 0.0:g}".replace("-", "−")


def power(exponent: int) -> str:
    """A power of ten as plotly writes it."""
    return {0: "1", 1: "10"}.get(exponent, "10" + str(exponent).translate(SUPERSCRIPT))
