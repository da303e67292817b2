"""A handle the reader can move: a name, the values it takes, and how they are written."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, replace

import numpy as np

from implicit_tutorial.equilibrium.checks import check_fields
from implicit_tutorial.explorer.reading import number

Value = float | int | str


@dataclass(frozen=True)
class Control:
    """One argument of `draw` and the values it may take.

    Numbers become a range slider, strings a drop-down list, and two or three of either a switch.

    Arguments:
        name: the argument of `draw`; also its key in the page's address.
        values: the values in the order of the slider, all numbers or all strings, no two written alike.
        start: the value shown first; the first value if omitted. It must be one of `values`.
        label: what the reader sees; `name` with spaces if omitted.
        fmt: a format specification such as ".2f", or a function from value to text.

    Raises:
        ValueError: for a name that is no identifier; no, equal or mixed values, or two written alike; a start
            not among them; a format that does not fit.
        TypeError: for arguments of another kind, by name.
    """

    name: str
    values: Iterable[Value]
    start: Value | None = None
    label: str | None = None
    fmt: str | Callable[[Value], str] | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.name.isidentifier():
            raise ValueError(f"Control name {self.name!r} cannot be an argument; use letters, digits and _.")
        values = self._plain_values()
        if not values:
            raise ValueError(f"Control {self.name!r} has no values; give at least one.")
        if len({isinstance(v, str) for v in values}) > 1:
            raise ValueError(f"Control {self.name!r} mixes numbers and strings; use one kind.")
        if len(set(values)) < len(values):
            raise ValueError(f"Control {self.name!r} lists a value twice: {list(values)}.")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "start", values[0] if self.start is None else self._nearest(self.start))
        if self.label is None:
            object.__setattr__(self, "label", self.name.replace("_", " "))
        self._check_texts()

    def _plain_values(self) -> tuple[Value, ...]:
        """The values as Python's numbers or strings; what is neither is refused."""
        if isinstance(self.values, Mapping | Set):
            raise TypeError(
                f"Control {self.name!r}: values is a {type(self.values).__name__}, in no order; pass a list."
            )
        values = tuple(v.item() if np.ndim(v) == 0 and hasattr(v, "item") else v for v in self.values)
        for value in values:
            if isinstance(value, bool) or not isinstance(value, Value):
                raise TypeError(f"Control {self.name!r}: values holds {value!r}; give numbers or strings.")
            if value != value:
                raise ValueError(f"Control {self.name!r}: values holds {value}, which is no number.")
        return values

    def _check_texts(self) -> None:
        """Refuse two values that a reader cannot tell apart."""
        written: dict[str, Value] = {}
        for value, text in zip(self.values, self.texts, strict=True):
            same = " ".join(text.split())
            if same in written:
                raise ValueError(
                    f"Control {self.name!r} writes {written[same]!r} and {value!r} both as {text!r}; give a "
                    "fmt that tells them apart, or leave one of them out."
                )
            written[same] = value

    def _nearest(self, start: Value) -> Value:
        """The listed value that `start` stands for: 0.3 means the 0.30000000000000004 of a linspace."""
        if start in self.values:
            return self.values[self.values.index(start)]
        if not self.is_choice and not isinstance(start, str):
            close = min(self.values, key=lambda v: abs(v - start))
            if abs(close - start) <= 1e-9 * max(abs(v) for v in self.values):
                return close
        raise ValueError(
            f"Control {self.name!r} starts at {start!r}, which is not one of its values {list(self.values)}."
        )

    @property
    def is_choice(self) -> bool:
        """Whether the values are strings."""
        return isinstance(self.values[0], str)

    @property
    def is_switch(self) -> bool:
        """Whether there are so few values that all are in sight."""
        return len(self.values) <= 3

    @property
    def start_index(self) -> int:
        """Position of `start` in `values`."""
        return self.values.index(self.start)

    def text(self, value: Value) -> str:
        """How `value` is written beside the slider."""
        if callable(self.fmt):
            text = self.fmt(value)
            if not isinstance(text, str):
                raise TypeError(
                    f"Control {self.name!r}: fmt makes {text!r} of {value!r}, which is not a string."
                )
            return text
        try:
            return format(value, self.fmt or ("" if isinstance(value, str) else "g"))
        except ValueError as error:
            raise ValueError(
                f"Control {self.name!r}: fmt={self.fmt!r} cannot write {value!r}: {error}."
            ) from error

    def finer(self, about: int) -> Control:
        """The same handle with stops in between, evenly from each to the next, ``about`` so many in all.

        Whole numbers stay whole. A value is left out where a reader could not tell it from another.
        """
        if self.is_choice or len(self.values) < 2:
            return self
        whole = all(isinstance(v, int) for v in self.values)
        parts = max(about // (len(self.values) - 1), 1)
        texts = dict(zip(self.values, self.texts, strict=True))
        form, values = "d" if whole else ".3g", []
        seen = {*self.texts, *(number(v, form) for v in self.values)}
        for low, high in itertools.pairwise(self.values):
            values.append(low)
            for k in range(1, parts):
                value = low + k / parts * (high - low)
                value = round(value) if whole else value
                text = number(value, form)
                if text not in seen:
                    texts[value] = text
                    seen.add(text)
                    values.append(value)
        return replace(self, values=[*values, self.values[-1]], fmt=texts.__getitem__)

    @property
    def texts(self) -> list[str]:
        """All values as written."""
        return [self.text(v) for v in self.values]
