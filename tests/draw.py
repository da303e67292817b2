"""Where a test is dear for each of many cases, each commit tries some of them, and the next one others."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

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
