"""Chapter 10, Real data."""

from implicit_tutorial.book.ch10_real_data import said
from implicit_tutorial.book.ch10_real_data.circle_and_digits import circle_and_digits, compared
from implicit_tutorial.book.ch10_real_data.digit_laws import digit_laws, lazy_movement, runs
from implicit_tutorial.book.ch10_real_data.digit_mistakes import digit_mistakes
from implicit_tutorial.book.ch10_real_data.label_modes import label_modes
from implicit_tutorial.book.ch10_real_data.setting import (
    accuracy,
    kernels,
    networks,
    pair_table,
    pairs,
    prediction,
)
from implicit_tutorial.explorer import number

# In the order of the text.
number(
    10,
    "digit-laws",
    "label-modes",
    "digit-mistakes",
)
