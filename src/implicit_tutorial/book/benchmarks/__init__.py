"""How fast it is: what the page of the benchmarks shows; nothing is measured here."""

from implicit_tutorial.book.benchmarks.above_the_floor import above_the_floor
from implicit_tutorial.book.benchmarks.step_cost import step_cost
from implicit_tutorial.book.benchmarks.table import BENCHMARKS, PATH, Table, table
from implicit_tutorial.explorer import number

# In the order of the text.
number(
    "B",
    "step-cost",
    "above-the-floor",
)
