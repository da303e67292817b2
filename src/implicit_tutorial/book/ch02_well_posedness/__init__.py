"""The figures of chapter 2, Well-posedness (C4 … C7): each function returns an explorer or a figure."""

from implicit_tutorial.book.ch02_well_posedness.certified_error import certified_error
from implicit_tutorial.book.ch02_well_posedness.cobweb import cobweb
from implicit_tutorial.book.ch02_well_posedness.counts import counts
from implicit_tutorial.book.ch02_well_posedness.initialization_scale import initialization_scale
from implicit_tutorial.book.ch02_well_posedness.ladder_map import ladder_map
from implicit_tutorial.book.ch02_well_posedness.ladder_thresholds import ladder_thresholds
from implicit_tutorial.book.ch02_well_posedness.rate import predicted_steps, rate
from implicit_tutorial.book.ch02_well_posedness.two_units import two_units
from implicit_tutorial.explorer import number

# In the order of the text.
number(
    2,
    "cobweb",
    "two-units",
    "counts",
    "ladder-map",
    "ladder-thresholds",
    "initialization-scale",
    "rate",
    "certified-error",
)
