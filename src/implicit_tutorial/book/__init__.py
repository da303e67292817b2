"""The book's own code, a room a chapter: its setting, its studies, its claims, and a module a figure."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType

from implicit_tutorial.explorer import EXPLORERS, Explorer


def rooms() -> list[str]:
    """The names of the rooms; that of a chapter is its notebook's with ``ch`` before it."""
    return [module.name for module in iter_modules(__path__) if module.ispkg]


def modules(name: str) -> Iterator[ModuleType]:
    """The module ``name`` of each room that has one, in the order of the book."""
    for room in rooms():
        if find_spec(f"{__name__}.{room}.{name}"):
            yield import_module(f"{__name__}.{room}.{name}")


def explorers() -> Mapping[str, Callable[[], Explorer]]:
    """What makes each explorer of the book, by its name on the page."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return EXPLORERS
