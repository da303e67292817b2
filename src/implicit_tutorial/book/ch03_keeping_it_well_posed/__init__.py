"""The figures of chapter 3, Keeping it well-posed (C8): each function returns an explorer."""

from implicit_tutorial.book.ch03_keeping_it_well_posed.circle_remedies import circle_remedies
from implicit_tutorial.book.ch03_keeping_it_well_posed.energy_landscape import energy_landscape
from implicit_tutorial.book.ch03_keeping_it_well_posed.guarantees import guarantees
from implicit_tutorial.book.ch03_keeping_it_well_posed.splitting_paths import splitting_paths
from implicit_tutorial.book.ch03_keeping_it_well_posed.studies import CIRCLE_REMEDIES
from implicit_tutorial.book.ch03_keeping_it_well_posed.training_remedies import training_remedies
from implicit_tutorial.book.descent import task
from implicit_tutorial.explorer import number

# In the order of the text.
number(
    3,
    "training-remedies",
    "energy-landscape",
    "splitting-paths",
)
