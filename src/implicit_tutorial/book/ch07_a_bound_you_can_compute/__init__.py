"""Chapter 7, A bound you can compute (C15)."""

from implicit_tutorial.book.ch07_a_bound_you_can_compute.bound_samples import (
    bound_samples,
    by_samples,
    first_useful,
    slope,
)
from implicit_tutorial.book.ch07_a_bound_you_can_compute.bound_terms import bound_terms, least, row
from implicit_tutorial.book.ch07_a_bound_you_can_compute.first_networks import fit, wrapped
from implicit_tutorial.book.ch07_a_bound_you_can_compute.label_disorder import label_disorder
from implicit_tutorial.book.ch07_a_bound_you_can_compute.setting import nothing_learned
from implicit_tutorial.book.ch07_a_bound_you_can_compute.two_prices import prediction, two_prices
from implicit_tutorial.explorer import number

# In the order of the text.
number(
    7,
    "bound-terms",
    "bound-samples",
    "two-prices",
    "label-disorder",
)
