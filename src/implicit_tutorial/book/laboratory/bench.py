"""The laboratory as a piece of a page: what the reader handles, and what its scripts need."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import plotly.graph_objects as go
from plotly.utils import PlotlyJSONEncoder

from implicit_tutorial.book.laboratory.examples import EXAMPLES
from implicit_tutorial.book.laboratory.programs import programs
from implicit_tutorial.explorer import Control, style
from implicit_tutorial.explorer.page import control_row, mathjax
from implicit_tutorial.explorer.tree import panels_of

STATIC = Path(__file__).parent / "static"
#: The page's scripts, each after those that it uses, and all after the explorers'.
SCRIPTS = (
    "random.js",
    "table.js",
    "sample.js",
    "experiment.js",
    "python.js",
    "plots.js",
    "words.js",
    "laboratory.js",
)
SHEET = "laboratory.css"

_SCALES = [k / 20 for k in range(2, 27)]
_OUTPUTS = [0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 30]
#: What is chosen. Widths below 16 are not offered: torch draws so few numbers in another way.
SETTINGS = (
    Control("implicit_scale", _SCALES, start=0.5, label="implicit_scale $\\sigma_A$", fmt="g"),
    Control("output_scale", _OUTPUTS, start=1, label="output_scale $\\kappa$", fmt="g"),
    Control("width", [16, 32, 64, 128, 256, 512], start=128, label="width $m$"),
    Control("seed", list(range(10)), label="seed of the draw"),
)  # fmt: skip
#: How a table of the reader's comes to the sphere, and which part of it is put aside.
PREPARING = (
    Control("held", [0.1, 0.2, 0.3, 0.4, 0.5], start=0.3, label="part held out", fmt="g"),
    Control("offset", [0, 1, 2], start=1, label="offset"),
)


def _panels() -> list[go.Figure]:
    """The learned function; predictions over labels, which take its place; error, eigenvalues, movement."""
    function = style.figure(x_title="input angle φ", y_title="output f", legend_rows=3)
    function.add_scatter(x=[], y=[], **style.points("held out", style.TEST, size=4, opacity=0.6))
    function.add_scatter(x=[], y=[], **style.guide("infinite width, at the end"))
    function.add_scatter(x=[], y=[], **style.theory("lazy prediction"))
    function.add_scatter(x=[], y=[], **style.measured("network"))
    function.add_scatter(x=[], y=[], **style.points("samples", style.TRAIN))
    against = style.figure(x_title="label", y_title="output f", legend_rows=2)
    against.add_scatter(x=[], y=[], **style.guide("output = label"))
    against.add_scatter(x=[], y=[], **style.points("samples", style.TRAIN, size=5, symbol="circle-open"))
    against.add_scatter(x=[], y=[], **style.points("held out", style.TEST, size=6))
    error = style.figure(x_title="step", y_title="mean square error", y_log=True, legend_rows=3)
    error.add_scatter(x=[], y=[], **style.guide("held out, infinite width, at the end", style.TEST))
    error.add_scatter(x=[], y=[], **style.theory("samples, lazy", style.TRAIN))
    error.add_scatter(x=[], y=[], **style.theory("held out, lazy", style.TEST))
    error.add_scatter(x=[], y=[], **style.measured("samples", style.TRAIN))
    error.add_scatter(x=[], y=[], **style.measured("held out", style.TEST))
    values = style.figure(x_title="step", y_title="eigenvalue of K", y_log=True)
    values.add_scatter(x=[], y=[], **style.measured("largest", style.SERIES[0]))
    values.add_scatter(x=[], y=[], **style.measured("smallest", style.SERIES[4]))
    moved = style.figure(x_title="step", y_title="‖A − A₀‖")
    moved.add_scatter(x=[], y=[], **style.guide("lazy, infinite width, at the end"))
    moved.add_scatter(x=[], y=[], **style.measured("movement of A"))
    return [function, against, error, values, moved]


#: What the four plots show, for a reader who does not see them.
_ALTS = (
    "What the network has learned: its function and the samples, or its outputs over the labels.",
    "The error over the steps of training, on the samples and on rows held out, with its lazy prediction.",
    "The largest and the smallest eigenvalue of the tangent kernel over the steps of training.",
    "How far the matrix A has moved, over the steps of training.",
)


class Laboratory:
    """A bench on which the reader's own data train a network; shown by a page, silent elsewhere."""

    def document(self) -> dict[str, Any]:
        """What the page's scripts need."""
        panels = json.loads(json.dumps(panels_of(_panels()), cls=PlotlyJSONEncoder))
        controls = {
            c.name: {"values": list(c.values), "texts": list(c.texts)} for c in (*PREPARING, *SETTINGS)
        }
        return {
            "programs": programs(),
            "examples": [example.document() for example in EXAMPLES],
            "panels": panels,
            "template": style.TEMPLATE,
            "controls": controls,
        }

    def html(self) -> str:
        """The page fragment."""
        spec = json.dumps(self.document(), separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
        rows = {c.name: control_row("laboratory", c, mathjax) for c in (*PREPARING, *SETTINGS)}
        options = "".join(
            f'<option value="{k}">{escape(example.name)}</option>' for k, example in enumerate(EXAMPLES)
        )
        plots = "".join(
            f'<div class="it-graph" role="img" aria-label="{escape(alt)}" style="height:340px"></div>'
            for alt in _ALTS
        )
        return Template((Path(__file__).parent / "bench.html").read_text("utf-8")).substitute(
            options=options,
            preparing="".join(rows[c.name] for c in PREPARING),
            settings="".join(rows[c.name] for c in SETTINGS),
            plots=plots,
            spec=spec,
        )

    def _repr_html_(self) -> str:
        return self.html()

    def __repr__(self) -> str:
        return "Laboratory: open the page to use it"
