"""C1, C2, …: a claim is a statement of the book with an experiment that could refute it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from implicit_tutorial.equilibrium.checks import checked


@dataclass(frozen=True)
class Measurement:
    """One value of an experiment against what the theory says of it."""

    quantity: str
    measured: float
    expected: str
    margin: float
    """Relative slack: positive when the value agrees with the theory, 1 when it agrees perfectly."""


def below(quantity: str, measured: float, limit: float) -> Measurement:
    """measured < limit; margin 1 − measured/limit."""
    return Measurement(quantity, float(measured), f"< {limit:.4g}", 1 - float(measured) / limit)


def above(quantity: str, measured: float, limit: float) -> Measurement:
    """measured > limit > 0; margin 1 − limit/measured."""
    measured = float(measured)
    return Measurement(
        quantity, measured, f"> {limit:.4g}", 1 - limit / measured if measured > 0 else -math.inf
    )


def close(quantity: str, measured: float, expected: float, *, rtol: float) -> Measurement:
    """|measured − expected| < rtol·|expected|; margin is the unused part of the tolerance."""
    gap = abs(float(measured) - expected) / (rtol * abs(expected))
    return Measurement(quantity, float(measured), f"{expected:.4g} ± {100 * rtol:g} %", 1 - gap)


@dataclass(frozen=True)
class Verdict:
    """What an experiment said of a claim: its tightest measurement, and whether all of them agree."""

    label: str
    statement: str
    measurements: tuple[Measurement, ...]

    @property
    def tightest(self) -> Measurement:
        # Of equal margins the first, whatever rounding says.
        return min(
            self.measurements, key=lambda m: round(m.margin, 9) if math.isfinite(m.margin) else -math.inf
        )

    @property
    def measured(self) -> float:
        return self.tightest.measured

    @property
    def expected(self) -> str:
        return self.tightest.expected

    @property
    def margin(self) -> float:
        return self.tightest.margin

    @property
    def holds(self) -> bool:
        return bool(self.measurements) and all(
            math.isfinite(m.margin) and m.margin > 0 for m in self.measurements
        )

    def __repr__(self) -> str:
        t = self.tightest
        mark = "✓" if self.holds else "✗"
        return f"{mark} {self.label}: {t.quantity} = {t.measured:.4g} (expected {t.expected})"


class ClaimRefutedError(AssertionError):
    """An experiment that contradicts its claim."""


@dataclass(frozen=True)
class Claim:
    """A labelled statement, the chapter that proves it, and the experiment that checks a given subject."""

    label: str
    statement: str
    chapter: str
    subject: Any
    experiment: Callable[[Any], Iterable[Measurement]]

    def check(self, subject: Any = None) -> Verdict:
        """Run the experiment on the library, or on another ``subject`` in its place."""
        measurements = tuple(self.experiment(self.subject if subject is None else subject))
        return Verdict(self.label, self.statement, measurements)


_REGISTERED: dict[str, Claim] = {}


def claim(label: str, statement: str, *, subject: Any) -> Callable:
    """Register an experiment of a chapter's room; ``subject`` is what it tests, and what a test may break."""

    def register(experiment: Callable[[Any], Iterable[Measurement]]) -> Callable:
        if label in _REGISTERED:
            raise ValueError(f"claim {label} is registered twice.")
        chapter = experiment.__module__.split(".")[-2].removeprefix("ch")
        _REGISTERED[label] = Claim(label, statement, chapter, subject, experiment)
        return experiment

    return register


@cache
def claims() -> Mapping[str, Claim]:
    """All claims by label, in the order of the book; each stands in the room of its chapter."""
    rooms = import_module("implicit_tutorial.book")
    list(rooms.modules("claims"))
    return {label: _REGISTERED[label] for label in sorted(_REGISTERED, key=lambda label: int(label[1:]))}


@checked
def verify(label: str) -> Verdict:
    """Run the experiment of a claim and return its verdict; raise when the claim does not hold.

    Raises:
        KeyError: no such claim.
        ClaimRefutedError: the measurements contradict the claim.
    """
    if label not in claims():
        raise KeyError(f"no claim {label!r}; choose from {list(claims())}")
    verdict = claims()[label].check()
    if not verdict.holds:
        raise ClaimRefutedError(repr(verdict))
    return verdict
