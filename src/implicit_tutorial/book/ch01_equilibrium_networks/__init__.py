"""Chapter 01: from a deep weight-tied network to the equilibrium, and back through it."""

from implicit_tutorial.book.ch01_equilibrium_networks.backward_cost import (
    backward_cost,
    break_even,
    kept_for_backward,
)
from implicit_tutorial.book.ch01_equilibrium_networks.deep import (
    infinitely_deep,
    linear_case,
    lost_input,
    truncated_depth,
    truncation,
    unrolled_and_loop,
)
from implicit_tutorial.book.ch01_equilibrium_networks.digits import digit_pass, digits
from implicit_tutorial.book.ch01_equilibrium_networks.feed_forward import feed_forward
from implicit_tutorial.book.ch01_equilibrium_networks.rest_points import euler_step, irregular_times
