"""What to choose for data of one's own: scaling, scales, width and time, with the numbers that decide."""

from implicit_tutorial.advice.advise import advise
from implicit_tutorial.advice.result import Advice, Choice
from implicit_tutorial.advice.scaling import Scaling, fit_scaling

__all__ = ["Advice", "Choice", "Scaling", "advise", "fit_scaling"]
