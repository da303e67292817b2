"""Docstrings are read as they are written."""

from __future__ import annotations

from types import SimpleNamespace

import api_page


def read(*lines: str, what: str = "function", napoleon: list[str] | None = None) -> list[str]:
    app = SimpleNamespace(env=SimpleNamespace(temp_data={}))
    text = list(lines)
    api_page.as_plain_text(app, what, "f", None, None, text)
    text[:] = napoleon or text
    api_page.whole_lines(app, what, "f", None, None, text)
    return text


def test_bars_are_characters_except_in_code() -> None:
    assert read("ρ(|A|) < 1, ``a | b``") == [r"ρ(\|A\|) < 1, ``a | b``"]


def test_an_indented_formula_is_set_apart() -> None:
    formula = "    z ← relu(Az + b)"
    assert read("The step", formula, "is repeated.") == ["The step", "", formula, "", "is repeated."]


def test_lists_and_sections_stay_as_they_are() -> None:
    lines = [
        "Kinds:",
        "",
        "- one, which",
        "  goes on",
        "- two",
        "",
        "Arguments:",
        "    A: (m, m)",
        "        matrix.",
    ]
    assert [line for line in read(*lines) if line] == [line for line in lines if line]
    assert read(*lines)[-3:] == lines[-3:]


def test_a_colon_in_the_line_about_an_attribute_ends_no_type() -> None:
    split = ["the rate when it holds.", "", ":type: λ₀/4"]
    assert read("λ₀/4: the rate when it holds.", what="property", napoleon=split) == [
        "λ₀/4: the rate when it holds."
    ]
    assert read("The same.", what="function", napoleon=split) == split
