"""The figures of chapter 4, Solving and differentiating fast (C6 … C8): each function returns an explorer."""

from implicit_tutorial.book.ch04_solving_and_differentiating.cheaper_gradients import (
    cheaper_gradients,
    errors,
    milliseconds,
    training,
)
from implicit_tutorial.book.ch04_solving_and_differentiating.comparison import (
    comparison,
    first_distances,
    measured,
)
from implicit_tutorial.book.ch04_solving_and_differentiating.reuse import (
    film,
    network,
    rotating_digit,
    warm_training,
)
from implicit_tutorial.book.ch04_solving_and_differentiating.solver_plane import solver_plane
from implicit_tutorial.book.ch04_solving_and_differentiating.spectrum import spectrum
