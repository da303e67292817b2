"""Chapter 4, Solving and differentiating fast (C6 … C8): solvers, cheaper gradients, and warm starts."""

from implicit_tutorial.book.ch04_solving_and_differentiating.cheaper_gradients import (
    cheaper_gradients,
    errors,
    milliseconds,
    training,
)
from implicit_tutorial.book.ch04_solving_and_differentiating.comparison import (
    comparison,
    eager_sweeps,
    measured,
)
from implicit_tutorial.book.ch04_solving_and_differentiating.each_sample import each_sample
from implicit_tutorial.book.ch04_solving_and_differentiating.first_distances import first_distances
from implicit_tutorial.book.ch04_solving_and_differentiating.rotating_digit import (
    film,
    network,
    rotating_digit,
    screening,
)
from implicit_tutorial.book.ch04_solving_and_differentiating.solver_plane import solver_plane
from implicit_tutorial.book.ch04_solving_and_differentiating.spectrum import spectrum
from implicit_tutorial.book.ch04_solving_and_differentiating.studies import SOLVER_TIMES
from implicit_tutorial.book.ch04_solving_and_differentiating.warm_training import warm_training
from implicit_tutorial.explorer import number

# In the order of the text.
number(
    4,
    "spectrum",
    "solver-plane",
    "cheaper-gradients",
    "rotating-digit",
    "warm-training",
    "each-sample",
)
