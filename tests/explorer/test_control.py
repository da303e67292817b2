"""Controls: values, start, text, and what is refused."""

import numpy as np
import pytest

from implicit_tutorial.explorer import Control


def test_numbers_are_plain_and_start_where_they_are_told():
    control = Control("implicit_scale", np.linspace(0, 1, 11), start=0.3, fmt=".2f")
    assert all(type(v) is float for v in control.values)
    assert control.start == control.values[3] != 0.3  # the neighbour that linspace makes of 0.3
    assert control.start_index == 3
    assert control.texts[3] == "0.30"
    assert control.label == "implicit scale"
    assert not control.is_choice


def test_a_start_is_the_listed_value():
    assert repr(Control("depth", [1, 10], start=10.0).start) == "10"


def test_text_of_values():
    assert Control("depth", [1, 1000000]).texts == ["1", "1e+06"]
    assert Control("depth", [1, 2], fmt=lambda v: f"{v} layers").texts == ["1 layers", "2 layers"]
    choice = Control("solver", ["Picard", "Newton"], label="method")
    assert choice.is_choice
    assert (choice.texts, choice.start, choice.label) == (["Picard", "Newton"], "Picard", "method")


def test_finer_stops_lie_evenly_between_those_that_there_were():
    scale = Control("scale", [0.1, 0.234, 1.0], start=0.234, fmt="g").finer(8)
    assert scale.values == pytest.approx([0.1, 0.1335, 0.167, 0.2005, 0.234, 0.4255, 0.617, 0.8085, 1.0])
    assert scale.start == 0.234
    assert scale.texts[2:7] == ["0.167", "0.201", "0.234", "0.425", "0.617"]
    times = Control("time", [0, 3, 100], fmt=lambda v: f"{v} s").finer(20)
    assert times.values[:6] == (0, 1, 2, 3, 13, 22)  # whole ones, each once
    assert times.texts[2:5] == ["2", "3 s", "13"]
    falling = Control("a", [2.0, 1.0]).finer(4)
    assert falling.values == (2.0, 1.75, 1.5, 1.25, 1.0)


def test_nothing_is_between_words_or_beside_one_value_or_alike_to_a_reader():
    words, one = Control("solver", ["Picard", "Newton"]), Control("a", [1.0])
    assert words.finer(60) is words
    assert one.finer(60) is one
    close = Control("a", [1.0, 1.01], fmt=".2f").finer(60)
    assert len(set(close.texts)) == len(close.texts) == 2  # to three digits nothing is between 1.00 and 1.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "a b", "values": [1]}, "cannot be an argument"),
        ({"name": "a", "values": []}, "no values"),
        ({"name": "a", "values": [1, "x"]}, "mixes"),
        ({"name": "a", "values": [1, 2, 1]}, "twice"),
        (
            {"name": "a", "values": [0.123, 0.1234], "fmt": ".2f"},
            "writes 0.123 and 0.1234 both as '0.12'",
        ),
        ({"name": "a", "values": [1e6, 1e6 + 1]}, r"writes 1000000.0 and 1000001.0 both as '1e\+06'"),
        ({"name": "a", "values": ["one", "one "]}, "writes 'one' and 'one ' both as"),
        ({"name": "a", "values": [1, 2], "fmt": ".2q"}, "fmt='.2q' cannot write 1"),
        ({"name": "a", "values": [1, 2], "start": 3}, "not one of its values"),
        ({"name": "a", "values": ["x"], "start": 1}, "not one of its values"),
        ({"name": "a", "values": [0.1, 0.2], "start": 0.15}, "not one of its values"),
    ],
)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Control(**arguments)
