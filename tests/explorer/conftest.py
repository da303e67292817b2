"""Explorers whose figures are formulas, a page as the book makes it, and a Chromium that reads only files."""

import shutil
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import plotly
import pytest

from implicit_tutorial.explorer import STATIC, Control, Explorer, Figure, style
from implicit_tutorial.explorer.scripts import SAVING, scripts_of, served
from implicit_tutorial.explorer.style import SHEETS
from tests.browser import reader

TIMES = np.linspace(0, 1, 121)

# The variables of the book's theme that the style sheet relies on.
THEME = """
html { --pst-color-text-base: #222832; --pst-color-text-muted: #48566b; --pst-color-background: #fff; }
html[data-theme=dark] { --pst-color-text-base: #ced6dd; --pst-color-text-muted: #9ca4af;
                        --pst-color-background: #14181e; }
body { margin: 0 auto; max-width: 46rem; padding: 0 1rem; font: 1rem/1.6 system-ui, sans-serif;
       background: var(--pst-color-background); color: var(--pst-color-text-base); }
"""


def write_page(folder: Path, body: str, names: tuple[str, ...] | None = None) -> Path:
    """A page as the book has it, beside the scripts, the style sheets and plotly; `names`: other scripts."""
    names = scripts_of(body) if names is None else names
    for sheet in SHEETS:
        shutil.copy(STATIC / sheet, folder)
    for script in (*names, SAVING):
        (folder / script).write_text(served(STATIC / script), "utf-8")
    shutil.copy(Path(plotly.__file__).parent / "package_data" / "plotly.min.js", folder)
    sheets = "".join(f'<link rel="stylesheet" href="{name}">' for name in SHEETS)
    scripts = "".join(f'<script defer src="{name}"></script>' for name in names)
    page = folder / "page.html"
    page.write_text(
        '<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">'
        "<title>Explorers</title>"
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{THEME}</style>'
        f"{sheets}{scripts}</head><body>{body}</body></html>",
        encoding="utf-8",
    )
    return page


@pytest.fixture(autouse=True)
def _static(monkeypatch):
    """Explorers are static unless a test says otherwise, also when the tests run under a Jupyter server."""
    monkeypatch.setenv("IMPLICIT_TUTORIAL_LIVE", "0")


def draw_waves(implicit_scale, depth):
    """Two linked panels; in the second, arrays of various lengths and a line that is not always there."""
    left = style.figure(title="A wave", x_title="time t", y_title="z(t)")
    left.add_scatter(x=TIMES, y=np.sin(depth * TIMES) * implicit_scale, **style.measured("measured"))
    left.add_scatter(x=TIMES, y=implicit_scale * TIMES, **style.theory("theory"))
    steps = np.arange(1, depth + 1)
    right = style.figure(title="Decay", x_title="step", y_title="residual", y_log=True)
    right.add_scatter(x=steps, y=(implicit_scale / 2) ** steps, **style.points(f"depth {depth}"))
    if implicit_scale > 0.5:
        right.add_vline(x=implicit_scale * 10, line_dash="dot")
    return [left, right]


def draw_curve(shape, power):
    """One panel whose curve depends on a choice."""
    function = {"sine": np.sin, "cosine": np.cos, 'ramp <&> "x"': np.abs, "parabola": np.square}[shape]
    figure = style.figure(x_title="x", y_title=f"{shape}(x)", height=300)
    return figure.add_scatter(x=TIMES - 0.5, y=function(power * (TIMES - 0.5)), **style.measured(shape))


@pytest.fixture(scope="session")
def waves() -> Explorer:
    """Two controls, two panels, a readout."""
    return Explorer(
        draw_waves,
        [
            Control(
                "implicit_scale", np.arange(1, 16) / 10, start=0.5, label="implicit_scale σ_A", fmt=".1f"
            ),
            Control("depth", [1, 2, 5, 10, 20, 50], start=10),
        ],
        name="waves",
        caption="Move `depth` and watch the residual *fall*: each step multiplies it by half the scale.",
        alt="A wave and a straight line on the left, a geometric decay on the right.",
        readout=lambda implicit_scale, depth: f"scale × depth = {implicit_scale * depth:.2f}",
    )


@pytest.fixture(scope="session")
def curve() -> Explorer:
    """A choice and a switch."""
    shapes = ["sine", "cosine", 'ramp <&> "x"', "parabola"]
    return Explorer(
        draw_curve,
        [Control("shape", shapes), Control("power", [1, 3, 9], start=3)],
        name="curve-2",
        caption="Choose a function.",
        alt="One curve.",
    )


@pytest.fixture(scope="session")
def heat() -> Figure:
    """No controls, a two-dimensional array."""
    figure = style.figure(height=320, equal=True)
    figure.add_heatmap(z=np.outer(np.sin(6 * TIMES[::8]), TIMES[::8]))
    return Figure(
        figure, name="heat", caption="A heat map has no handle.", alt="Stripes that grow to the right."
    )


@pytest.fixture(scope="session")
def page_path(tmp_path_factory, waves, curve, heat) -> Path:
    """A page with three figures."""
    return write_page(
        tmp_path_factory.mktemp("page"),
        f'<h1 id="top">Explorers</h1><p>Some text.</p>{waves.html()}<p>Between.</p>{curve.html()}'
        f'<p>Between.</p>{heat.html()}<p id="end">The end.</p>',
    )


@pytest.fixture
def open_page(browser, page_path):
    """Opens the page, each time as another reader; when the test ends, none of them has an objection."""
    with ExitStack() as readers:

        def opener(fragment: str = "", width: int = 1280):
            size = {"width": width, "height": 800}
            page = readers.enter_context(
                reader(browser, "file:", console=("error", "warning"), viewport=size)
            )
            page.goto(page_path.as_uri() + fragment)
            return page

        yield opener
