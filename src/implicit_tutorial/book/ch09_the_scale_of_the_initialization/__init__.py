"""Chapter 9, The scale of the initialization (C18, C19)."""

from implicit_tutorial.book.ch09_the_scale_of_the_initialization import said
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.circle_scale import circle_scale
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.existence_map import existence_map
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.kappa_law import kappa_law
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.learning_curves import (
    kernel_curve,
    learning_curves,
)
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.phase_diagram import (
    border_slope,
    edge,
    phase_diagram,
)
from implicit_tutorial.book.ch09_the_scale_of_the_initialization.setting import prediction, sample
from implicit_tutorial.explorer import number

# In the order of the text.
number(
    9,
    "phase-diagram",
    "existence-map",
    "kappa-law",
    "learning-curves",
    "circle-scale",
)
