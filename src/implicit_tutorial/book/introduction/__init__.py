"""What the introduction shows."""

from implicit_tutorial.book.introduction.watch_it_learn import watch_it_learn
