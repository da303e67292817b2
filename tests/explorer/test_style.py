"""Colours that read on white and on near-black, and figures that start right."""

import itertools
import re
from pathlib import Path

import numpy as np
import plotly.io as pio
import pytest

from implicit_tutorial.explorer import Figure, style

ROOT = Path(__file__).resolve().parents[2]


def luminance(color):
    """Relative luminance of an sRGB colour (WCAG 2)."""
    channel = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("background", ["#ffffff", "#121212", "#14181e"])
@pytest.mark.parametrize("color", [*style.SERIES, style.GUIDE, *style.LAYERS.values()])
def test_every_colour_reads_on_light_and_dark(color, background):
    assert contrast(color, background) >= 3


# What protanopes and deuteranopes see (Viénot, Brettel and Mollon 1999), on linear RGB.
DEFICIENCIES = {
    "protan": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deutan": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
}


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_the_first_four_colours_differ_for_colour_blind_readers(deficiency):
    def seen(color):
        channel = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        return np.clip(np.array(DEFICIENCIES[deficiency]) @ channel**2.2, 0, 1) ** (1 / 2.2) * 255

    gaps = [np.linalg.norm(seen(a) - seen(b)) for a, b in itertools.combinations(style.SERIES[:4], 2)]
    assert min(gaps) > 40, gaps


def test_theory_is_dashed_and_measurement_solid():
    assert style.theory("t")["line"]["dash"] == "dash"
    assert "dash" not in style.measured("m")["line"]
    assert style.theory(color=style.TEST, width=3)["line"] == {
        "color": style.TEST,
        "width": 3,
        "dash": "dash",
    }
    assert style.points()["mode"] == "markers"
    assert style.guide()["line"]["dash"] == "dot"


def test_figures_start_in_the_books_style_and_plotlys_default_stays():
    before = pio.templates.default
    figure = style.figure(title="T", x_title="x", y_log=True, y_range=(1e-12, 1), equal=True)
    assert figure.layout.paper_bgcolor is None
    shown = Figure(figure, name="plain", caption="c", alt="a")
    assert shown.native()["layout"]["template"]["layout"]["paper_bgcolor"] == "rgba(0,0,0,0)"
    assert shown.frames.panels[0]["layout"].keys().isdisjoint({"template"}), "the page applies its own"
    assert figure.layout.yaxis.range == (-12, 0)
    assert figure.layout.yaxis.dtick == 2
    assert figure.layout.yaxis.scaleanchor == "x"
    numbered = style.figure(x_log=True, x_ticks=(16, 4096), y_ticks=[0.5]).layout
    assert numbered.xaxis.tickvals == (16, 4096)
    assert (*numbered.xaxis.ticktext, *numbered.yaxis.ticktext) == ("16", "4096", "0.5")
    short = style.figure(x_log=True, x_range=(0.03, 0.7), y_log=True, y_range=(0.03, 1.2)).layout
    assert short.xaxis.tickvals == (0.05, 0.1, 0.2, 0.5), "one labelled power of ten is no scale"
    assert short.yaxis.tickvals is None
    assert pio.templates.default == before
    assert style.blank().layout.xaxis.visible is False
    with pytest.raises(ValueError, match="cannot reach 0"):
        style.figure(y_log=True, y_range=(0, 1))


def test_only_the_style_names_hues():
    """A figure says what a colour means; which hue that is can be changed in one place."""
    hues = re.compile(r"#[0-9a-fA-F]{6}\b|\b(blue|orange|green|vermillion|purple|sky|ochre|pink)\b", re.I)
    named = {
        f"{path.name}: {found[0]}"
        for folder, kind in (("src", "*.py"), ("notebooks", "*.md"), ("book", "*.md"))
        for path in (ROOT / folder).rglob(kind)
        if path.name != "style.py"
        for found in hues.finditer(path.read_text(encoding="utf-8"))
    }
    assert not named
