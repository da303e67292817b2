"""Chapter 8, Generalization error against width (C16, C17)."""

from implicit_tutorial.book.ch08_generalization_error_against_width import said
from implicit_tutorial.book.ch08_generalization_error_against_width.circle_width import circle_width
from implicit_tutorial.book.ch08_generalization_error_against_width.constants import (
    constants,
    law_table,
    laws,
)
from implicit_tutorial.book.ch08_generalization_error_against_width.error_against_width import (
    error_against_width,
    movement,
)
from implicit_tutorial.book.ch08_generalization_error_against_width.same_parameters import (
    TARGETS,
    WAYS,
    same_parameters,
    spent,
)
from implicit_tutorial.book.ch08_generalization_error_against_width.setting import (
    finished,
    infinite,
    lost,
    mean_error,
    rows,
)
from implicit_tutorial.explorer import number

# In the order of the text.
number(
    8,
    "error-against-width",
    "constants",
    "circle-width",
)
