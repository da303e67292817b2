"""Chapter 8, Generalization error against width (C16, C17)."""

from implicit_tutorial.book.ch08_generalization_error_against_width.constants import (
    constants,
    law_table,
    laws,
)
from implicit_tutorial.book.ch08_generalization_error_against_width.error_against_width import (
    error_against_width,
)
from implicit_tutorial.book.ch08_generalization_error_against_width.learned_curve import (
    SCALES,
    curve_error,
    learned_curve,
    outside,
)
from implicit_tutorial.book.ch08_generalization_error_against_width.learned_curve import (
    prediction as curve_prediction,
)
from implicit_tutorial.book.ch08_generalization_error_against_width.same_parameters import (
    TARGETS,
    WAYS,
    condition,
    limit,
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
    "learned-curve",
    "error-against-width",
    "constants",
    "same-parameters",
)
