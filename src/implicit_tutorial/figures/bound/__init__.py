"""The figures of chapter 7, A bound you can compute (C15): each function returns an explorer."""

from collections.abc import Callable

from implicit_tutorial.explorer import Explorer
from implicit_tutorial.figures.bound.disorder import label_disorder
from implicit_tutorial.figures.bound.prices import prediction, two_prices
from implicit_tutorial.figures.bound.samples import bound_samples, by_samples, first_useful
from implicit_tutorial.figures.bound.terms import bound_terms, fit, least, nothing_learned, row, wrapped

#: Every figure of the chapter by its name on the page.
EXPLORERS: dict[str, Callable[[], Explorer]] = {
    "bound-terms": bound_terms,
    "bound-samples": bound_samples,
    "two-prices": two_prices,
    "label-disorder": label_disorder,
}

__all__ = [
    "EXPLORERS",
    "by_samples",
    "first_useful",
    "fit",
    "least",
    "nothing_learned",
    "prediction",
    "row",
    "wrapped",
    *(factory.__name__ for factory in EXPLORERS.values()),
]
