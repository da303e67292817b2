"""A sentence is said where it is true, and stops the build where it is not."""

import numpy as np
import pytest

from implicit_tutorial.book.says import UntrueSentenceError, says


def test_a_true_sentence_is_said() -> None:
    assert says("The error falls.", np.all(np.diff([3, 2, 1]) < 0)) == "The error falls."


@pytest.mark.parametrize("holds", [False, np.bool_(False), 0, None, []])
def test_an_untrue_one_is_not(holds) -> None:
    with pytest.raises(UntrueSentenceError, match=r"“The error falls\.” is not"):
        says("The error falls.", holds)
