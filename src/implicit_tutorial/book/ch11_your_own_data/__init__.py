"""Chapter 11, Your own data."""

from implicit_tutorial.book.ch11_your_own_data.against_others import against_others, ratios, wins
from implicit_tutorial.book.ch11_your_own_data.scaling_steps import angles, scaling_steps, spectrum
from implicit_tutorial.book.ch11_your_own_data.setting import advised, csv, errors, held_out, split
from implicit_tutorial.book.ch11_your_own_data.which_scales import (
    lazy_movement,
    mean_errors,
    networks,
    spread,
    which_scales,
)
from implicit_tutorial.explorer import number

# In the order of the text.
number(11, "scaling-steps", "which-scales", "against-others")
