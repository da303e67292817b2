"""C1, C2, …: a claim is a statement of the book with an experiment that could refute it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib import import_module
from typing import Any

from implicit_tutorial.equilibrium.checks import checked
from implicit_tutorial.prose import plain, powers


@dataclass(frozen=True)
class Measurement:
    """One value of an experiment against what the theory says of it."""

    words: str
    """A clause with ``{}`` where the value stands; ``{} %`` shows a share in percent, $…$ is mathematics."""
    measured: float
    expected: str
    """The other half of the sentence: less than 0.5 was expected."""
    margin: float
    """Relative slack: positive when the value agrees with the theory, 1 when it agrees perfectly."""

    def __post_init__(self) -> None:
        if self.words.count("{}") != 1:
            raise ValueError(
                f"A measurement is told in words, with {{}} where its value stands; {self.words!r} has "
                f"{self.words.count('{}')} places for it."
            )

    @property
    def holds(self) -> bool:
        """Whether the value agrees with the theory."""
        return math.isfinite(self.margin) and self.margin > 0

    @property
    def sentence(self) -> str:
        """What was measured and what was expected; $…$ is mathematics."""
        return self.words.replace("{}", _number(self.measured, self.words)) + f"; {self.expected}"


def below(words: str, measured: float, limit: float) -> Measurement:
    """measured < limit; margin 1 − measured/limit."""
    expected = f"less than {_limit(limit, words)} was expected"
    return Measurement(words, float(measured), expected, 1 - float(measured) / limit)


def above(words: str, measured: float, limit: float) -> Measurement:
    """measured > limit > 0; margin 1 − limit/measured."""
    measured = float(measured)
    expected = f"more than {_limit(limit, words)} was expected"
    return Measurement(words, measured, expected, 1 - limit / measured if measured > 0 else -math.inf)


def close(words: str, measured: float, expected: float, *, rtol: float) -> Measurement:
    """|measured − expected| < rtol·|expected|; margin is the unused part of the tolerance."""
    gap = abs(float(measured) - expected) / (rtol * abs(expected))
    slack = f"give or take {100 * rtol:g} %" if rtol > 1e-5 else "up to rounding"
    return Measurement(words, float(measured), f"{_limit(expected, words)} was expected, {slack}", 1 - gap)


def _number(value: float, words: str) -> str:
    """A value as in print, to three digits; a whole number in full."""
    value = 100 * value if "{} %" in words else value
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "∞"
    return powers(value, 3) if value % 1 or abs(value) >= 1e4 else f"{value:.0f}".replace("-", "−")


def _limit(value: float, words: str) -> str:
    """A limit likewise, without zeros at its end, and 10⁻⁵ for 1.00·10⁻⁵."""
    mantissa, times, power = _number(value, words).partition("·")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    number = power if mantissa == "1" and times else mantissa + times + power
    return f"{number} %" if "{} %" in words else number


@dataclass(frozen=True)
class Verdict:
    """What an experiment said of a claim: its tightest measurement, and whether all of them agree."""

    label: str
    statement: str
    """As the claim's; $…$ is mathematics."""
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
        return bool(self.measurements) and all(m.holds for m in self.measurements)

    def __repr__(self) -> str:
        """A sentence: the claim, whether it holds, and the measurement that comes nearest to refuting it."""
        total, wrong = len(self.measurements), sum(not m.holds for m in self.measurements)
        told = f"{self.label} {'holds' if self.holds else 'fails'}: {plain(self.tightest.sentence)}"
        if total == 1:
            return f"{told}."
        return f"{told} ({f'{wrong} of' if wrong else 'the tightest of'} {total} measurements)."

    def _repr_html_(self) -> str:
        """The same as a paragraph, which is broken where a page's column ends."""
        return f"<p>{escape(repr(self))}</p>"


class ClaimRefutedError(AssertionError):
    """An experiment that contradicts its claim."""


@dataclass(frozen=True)
class Claim:
    """A labelled statement, the chapter that proves it, and the experiment that checks a given subject."""

    label: str
    statement: str
    """One sentence or two, in which $…$ is mathematics; ``prose.plain`` makes it one for a terminal."""
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
    """Run the experiment of a claim and return its verdict, a sentence; raise when the claim does not hold.

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
