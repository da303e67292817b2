"""Chapter 7, A bound you can compute (C15, C21)."""

from implicit_tutorial.book.ch07_a_bound_you_can_compute import said
from implicit_tutorial.book.ch07_a_bound_you_can_compute.bound_terms import bound_terms, least, row
from implicit_tutorial.book.ch07_a_bound_you_can_compute.circle_bound import circle_bound
from implicit_tutorial.book.ch07_a_bound_you_can_compute.digits_bound import (
    digits_bound,
    digits_row,
    digits_rows,
)
from implicit_tutorial.book.ch07_a_bound_you_can_compute.first_networks import fit, wrapped
from implicit_tutorial.book.ch07_a_bound_you_can_compute.posterior_means import posterior_means
from implicit_tutorial.book.ch07_a_bound_you_can_compute.setting import nothing_learned
from implicit_tutorial.book.ch07_a_bound_you_can_compute.spread_price import spread_price
from implicit_tutorial.explorer import number

# In the order of the text.
number(
    7,
    "bound-terms",
    "spread-price",
    "digits-bound",
    "posterior-means",
    "circle-bound",
)
