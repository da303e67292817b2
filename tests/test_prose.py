"""Numbers for the prose are kept as what they are, and mathematics is read without TeX."""

import ast
import math

import IPython.display
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from implicit_tutorial.prose import PREFIX, at_least, at_most, glue, glue_all, plain, powers


@pytest.mark.parametrize(
    "value", [1.5, np.float64(1.5), np.array(1.5), torch.tensor(1.5), 3, np.int64(3), "m"]
)
def test_a_glued_value_can_be_read_again(monkeypatch, value) -> None:
    kept = []
    monkeypatch.setattr(
        IPython.display, "display", lambda data, **rest: kept.append((data, rest["metadata"]))
    )
    glue("name", value)
    [(data, metadata)] = kept
    assert ast.literal_eval(data[f"{PREFIX}text/plain"]) == value
    assert metadata["scrapbook"]["name"] == "name"


def test_the_numbers_of_a_section_are_kept_under_the_prefix_of_its_chapter(monkeypatch) -> None:
    kept = {}

    def keep(data, metadata, **rest):
        kept[metadata["scrapbook"]["name"]] = ast.literal_eval(data[f"{PREFIX}text/plain"])

    monkeypatch.setattr(IPython.display, "display", keep)
    glue_all("gw", {"settings": 14, "fall": "0.001"})
    assert kept == {"gw_settings": 14, "gw_fall": "0.001"}


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (6.96e8, 2, "7.0·10⁸"),
        (-5.84e-4, 2, "−5.8·10⁻⁴"),
        (42.4, 2, "42"),
        (0.0304, 2, "0.030"),
        (9999.6, 3, "1.00·10⁴"),
        (0.0, 3, "0.00"),
        (float("inf"), 3, "∞"),
        (-float("inf"), 3, "−∞"),
        (float("nan"), 3, "—"),
    ],
)
def test_numbers_are_written_as_in_print(value, digits, text) -> None:
    assert powers(value, digits) == text


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"\lVert A\rVert_2 \le \rho < 1", "‖A‖₂ ≤ ρ < 1"),
        (r"\rho^L\,\lVert z^*\rVert", "ρᴸ ‖z*‖"),
        (r"\lambda_{\max}\bigl((A + A^\top)/2\bigr)", "λ_max((A + Aᵀ)/2)"),
        (r"\sqrt{\sum_i\lVert J_i^0\rVert_F^2}", "√(Σᵢ‖Jᵢ⁰‖_F²)"),
        (r"e^{-\lambda_0t/4}", "e^(−λ₀t/4)"),
        (r"\dot e = -K e", "ė = −K e"),
        (r"\frac{2c}{\xi + 1}", "2c/(ξ + 1)"),
        (r"\frac12\ln\det(I + K)", "1/2 ln det(I + K)"),
        (r"\operatorname{relu}(Az + b)", "relu(Az + b)"),
        (r"\kappa^{-2}y^\top K_1^{-1}y", "κ⁻²yᵀ K₁⁻¹y"),
        (r"m \to \infty", "m → ∞"),
        (r"\ln \varepsilon/\ln(\sigma_A/\sqrt2)", "ln ε/ln(σ_A/√2)"),
    ],
)
def test_mathematics_in_plain_text(tex: str, text: str) -> None:
    assert plain(f"here ${tex}$, there ${tex}$.") == f"here {text}, there {text}."


@given(st.floats(min_value=-1e30, max_value=1e30, allow_nan=False), st.integers(1, 5))
def test_what_is_said_to_be_a_bound_is_one_as_printed(value, digits):
    assert printed(at_least(value, digits)) <= value <= printed(at_most(value, digits))
    assert printed(at_most(value, digits)) - value <= 10.0 ** (1 - digits) * abs(value) + 1e-300


def printed(text):
    """The number that a reader sees."""
    mantissa, _, exponent = text.replace("−", "-").partition("·10")
    return float(f"{mantissa}e{exponent.translate(str.maketrans('⁰¹²³⁴⁵⁶⁷⁸⁹⁻', '0123456789-')) or 0}")


def test_a_bound_is_rounded_outwards():
    assert (at_most(0.3221), at_least(0.3229), at_most(11.26), at_least(4.99, 1)) == (
        "0.33",
        "0.32",
        "12",
        "4",
    )
    assert (at_most(9.207e-3, 3), at_most(9.21e-3, 3)) == ("9.21·10⁻³", "9.21·10⁻³")
    assert (at_most(math.inf), at_least(math.nan)) == ("∞", "—")
