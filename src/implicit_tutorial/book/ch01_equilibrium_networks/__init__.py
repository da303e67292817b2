"""Chapter 01: from a deep weight-tied network to the equilibrium, and back through it."""

from implicit_tutorial.book.ch01_equilibrium_networks.backward_cost import (
    backward_cost,
    break_even,
    kept_for_backward,
)
from implicit_tutorial.book.ch01_equilibrium_networks.circle_start import circle_start
from implicit_tutorial.book.ch01_equilibrium_networks.euler_step import euler_step
from implicit_tutorial.book.ch01_equilibrium_networks.feed_forward import feed_forward
from implicit_tutorial.book.ch01_equilibrium_networks.infinitely_deep import infinitely_deep
from implicit_tutorial.book.ch01_equilibrium_networks.linear_case import linear_case
from implicit_tutorial.book.ch01_equilibrium_networks.lost_input import lost_input
from implicit_tutorial.book.ch01_equilibrium_networks.studies import BACKWARD_COST
from implicit_tutorial.book.ch01_equilibrium_networks.truncated_depth import truncated_depth, truncation
from implicit_tutorial.book.ch01_equilibrium_networks.unrolled_and_loop import unrolled_and_loop
from implicit_tutorial.explorer import number

# In the order of the text.
number(
    1,
    "lost-input",
    "linear-case",
    "unrolled-and-loop",
    "infinitely-deep",
    "truncated-depth",
    "feed-forward",
    "euler-step",
    "backward-cost",
    "circle-start",
)
