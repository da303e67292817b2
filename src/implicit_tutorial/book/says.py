"""A sentence stands beside the condition under which it is true."""

from __future__ import annotations


class UntrueSentenceError(AssertionError):
    """A sentence of the book that its own figures contradict."""


def says(sentence: str, holds: object) -> str:
    """``sentence``, for a caption or a text, where it is true; otherwise the page is not made.

    Args:
        sentence: what a reader is told.
        holds: whether it is so in every state that it speaks of, from the data that are drawn.

    Raises:
        UntrueSentenceError: it is not so.
    """
    if not bool(holds):
        raise UntrueSentenceError(f"“{sentence}” is not what the figure shows.")
    return sentence
