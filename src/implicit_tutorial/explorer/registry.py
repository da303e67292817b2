"""Where an explorer gets its name and its number, and where pages and tests find all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from implicit_tutorial.equilibrium.checks import checked
from implicit_tutorial.explorer.core import Explorer, check_name

#: The functions that make them, by name.
EXPLORERS: dict[str, Callable[[], Explorer]] = {}

#: The numbers of those that stand in a chapter, by name.
NUMBERS: dict[str, str] = {}


def number(chapter: int | str, *names: str) -> None:
    """Number the explorers of a chapter from one on, in this order, as in ``number(6, "loss-curves", …)``.

    Raises:
        ValueError: one of them has a number.
    """
    for place, name in enumerate(names, start=1):
        if name in NUMBERS:
            raise ValueError(f"Explorer {name!r} is numbered twice; it is Figure {NUMBERS[name]}.")
        NUMBERS[name] = f"{chapter}.{place}"


@checked
def explorer(name: str) -> Callable[[Callable[[], Explorer]], Callable[[], Explorer]]:
    """Name and register the explorer or figure that a function returns, as in ``@explorer("loss-curves")``.

    Raises:
        ValueError: another function makes an explorer of that name, or the name does not fit into an address.
    """
    check_name(name)

    def register(make: Callable[[], Explorer]) -> Callable[[], Explorer]:
        if name in EXPLORERS:
            raise ValueError(f"Explorer {name!r} is registered twice; names are unique in the whole book.")

        @wraps(make)
        def named() -> Explorer:
            made = make()
            made.name, made.number = name, NUMBERS.get(name, "")
            return made

        EXPLORERS[name] = named
        return named

    return register
