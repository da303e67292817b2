"""Where a test is dear for each of many cases, each commit tries some of them, and the next one others."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

#: IMPLICIT_TUTORIAL_DRAW=all tries all cases.
EVERYTHING = os.environ.get("IMPLICIT_TUTORIAL_DRAW") == "all"


@cache
def commit() -> str:
    """What decides what is drawn: the same for all who test one commit, another for the next."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return "no repository"


def drawn(cases: Sequence[T], count: int, what: str) -> list[T]:
    """So many of the cases, in their order; `what` keeps the draws of two tests apart."""
    if EVERYTHING or count >= len(cases):
        return list(cases)
    chosen = random.Random(commit() + what).sample(range(len(cases)), count)
    return [cases[k] for k in sorted(chosen)]


def split(items: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The tests that are tried, and those that are left to other commits: with ``pytest.mark.some(k)``, all
    but k cases of a test."""
    cases: dict[tuple[Path, str], list[Any]] = {}
    for item in items:
        if item.get_closest_marker("some"):
            cases.setdefault((item.path, item.originalname), []).append(item)
    left = set()
    for (path, name), of_test in cases.items():
        (count,) = of_test[0].get_closest_marker("some").args
        left |= set(of_test) - set(drawn(of_test, count, f"{path.name} {name}"))
    return [item for item in items if item not in left], [item for item in items if item in left]
