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
