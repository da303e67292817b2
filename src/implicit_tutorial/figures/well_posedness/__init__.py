"""The figures of chapter 2, Well-posedness (C4 … C7): each function returns an explorer or a figure."""

from collections.abc import Callable

from implicit_tutorial.explorer import Explorer
from implicit_tutorial.figures.well_posedness.certified import certified_error
from implicit_tutorial.figures.well_posedness.cones import two_units
from implicit_tutorial.figures.well_posedness.ladder import ladder_map, ladder_thresholds
from implicit_tutorial.figures.well_posedness.scalar import cobweb
from implicit_tutorial.figures.well_posedness.scale import initialization_scale
from implicit_tutorial.figures.well_posedness.sweeps import rate
from implicit_tutorial.figures.well_posedness.tally import counts

#: Every figure of the chapter by its name on the page.
EXPLORERS: dict[str, Callable[[], Explorer]] = {
    "cobweb": cobweb,
    "two-units": two_units,
    "counts": counts,
    "ladder-map": ladder_map,
    "ladder-thresholds": ladder_thresholds,
    "initialization-scale": initialization_scale,
    "rate": rate,
    "certified-error": certified_error,
}

__all__ = ["EXPLORERS", *(factory.__name__ for factory in EXPLORERS.values())]
