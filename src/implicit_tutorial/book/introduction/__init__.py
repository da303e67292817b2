"""What the introduction shows."""

from implicit_tutorial.book.introduction.watch_it_learn import watch_it_learn
from implicit_tutorial.explorer import number

# In the order of the text.
number("I", "watch-it-learn")
