"""Chapter 01: from a deep weight-tied network to the equilibrium, and back through it."""

from collections.abc import Callable

from implicit_tutorial.explorer import Explorer
from implicit_tutorial.figures.equilibrium_networks.backward import (
    backward_cost,
    break_even,
    kept_for_backward,
    stored_depths,
    stored_times,
)
from implicit_tutorial.figures.equilibrium_networks.deep import (
    infinitely_deep,
    linear_case,
    lost_input,
    truncated_depth,
    truncation,
    unrolled_and_loop,
)
from implicit_tutorial.figures.equilibrium_networks.handwriting import digit_pass, digits
from implicit_tutorial.figures.equilibrium_networks.layers import feed_forward
from implicit_tutorial.figures.equilibrium_networks.rest_points import euler_step, irregular_times

#: The chapter's explorers by the name they have on the page, so that tests can compute again what it shows.
EXPLORERS: dict[str, Callable[[], Explorer]] = {
    "lost-input": lost_input,
    "linear-case": linear_case,
    "infinitely-deep": infinitely_deep,
    "truncated-depth": truncated_depth,
    "feed-forward": feed_forward,
    "euler-step": euler_step,
    "irregular-times": irregular_times,
    "backward-cost": backward_cost,
    "digits": digits,
}

__all__ = [
    "EXPLORERS",
    "backward_cost",
    "break_even",
    "digit_pass",
    "digits",
    "euler_step",
    "feed_forward",
    "infinitely_deep",
    "irregular_times",
    "kept_for_backward",
    "linear_case",
    "lost_input",
    "stored_depths",
    "stored_times",
    "truncated_depth",
    "truncation",
    "unrolled_and_loop",
]
